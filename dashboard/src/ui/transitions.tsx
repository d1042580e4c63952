import { isHeard, memberOf } from '../lib/fleet.ts';
import { clockTime, dateTime, sinceTime } from '../lib/format.ts';
import { nodeNow } from '../lib/live.ts';
import type { Transition } from '../lib/types.ts';
import { Ago, Badge, Empty, NodeName, type Tone } from './parts.tsx';

const STATES: Readonly<Record<string, readonly [Tone, string]>> = {
  p2p: ['ok', 'P2P'],
  http: ['info', 'HTTP'],
  none: ['bad', 'None'],
  OPTIMAL: ['ok', 'Both lungs'],
  PARTIAL: ['warn', 'Not all nodes'],
  P2P_ONLY: ['info', 'P2P only'],
  HTTP_ONLY: ['info', 'HTTP only'],
  ISOLATED: ['warn', 'No lung'],
};

/** Tones of a lung's own states, which have the form `p2p running`. */
const LUNG_TONES: Readonly<Record<string, Tone>> = { running: 'ok', failed: 'bad', starting: 'info' };

function State({ name }: { readonly name: string }) {
  const [tone, text] = STATES[name] ?? [
    LUNG_TONES[name.split(' ').at(-1) ?? ''] ?? 'mute',
    name.replace(/^p2p /, 'P2P '),
  ];
  return <Badge tone={tone}>{text}</Badge>;
}

/**
 * Says of the last transition of a node that is not heard that the lung it led to does not reach the node either. The
 * lung is the one that is tried; whether it reaches the node is the verdict's to say.
 */
function Unheard({ transition: { peer, to } }: { readonly transition: Transition }) {
  const member = peer === undefined ? undefined : memberOf(peer);
  if (member === undefined || isHeard(member) || to === 'none') return null;
  return (
    <span class="cause">
      <span class="bad-text">
        {member.lastHeardAt === undefined
          ? 'Never heard over it either.'
          : `Not heard over it either, since ${sinceTime(member.lastHeardAt, nodeNow.value)}.`}
      </span>
    </span>
  );
}

/** Shows the newest `limit` transitions, newest first. */
export function Transitions({ items, limit }: { readonly items: readonly Transition[]; readonly limit: number }) {
  const shown = items.toSorted((a, b) => b.at - a.at).slice(0, limit);
  const last = new Set(shown.filter((t, i) => shown.findIndex(({ peer }) => peer === t.peer) === i));
  if (shown.length === 0) return <Empty>No transition since this node started.</Empty>;
  return (
    <ol class="timeline">
      {shown.map((t) => (
        <li key={`${t.at} ${t.peer ?? ''} ${t.from} ${t.to}`}>
          <span class="at">
            <time dateTime={new Date(t.at).toISOString()} title={dateTime(t.at)}>
              {clockTime(t.at)}
            </time>
            <span class="aside">
              <Ago at={t.at} />
            </span>
          </span>
          <span class="what">
            <span class="who">{t.peer === undefined ? 'This node' : <NodeName id={t.peer} />}</span>{' '}
            <State name={t.from} />
            <span aria-hidden="true"> → </span>
            <span class="unseen">to</span> <State name={t.to} />
            <span class="cause">{t.cause}</span>
            {last.has(t) && <Unheard transition={t} />}
          </span>
        </li>
      ))}
    </ol>
  );
}
