import { clockTime, dateTime, peerName, tail } from '../lib/format.ts';
import { peers } from '../lib/live.ts';
import type { Transition } from '../lib/types.ts';
import { Ago, Badge, Empty, type Tone } from './parts.tsx';

const STATES: Readonly<Record<string, readonly [Tone, string]>> = {
  p2p: ['ok', 'P2P'],
  http: ['info', 'HTTP'],
  none: ['bad', 'None'],
  OPTIMAL: ['ok', 'OPTIMAL'],
  PARTIAL: ['warn', 'PARTIAL'],
  P2P_ONLY: ['info', 'P2P_ONLY'],
  HTTP_ONLY: ['warn', 'HTTP_ONLY'],
  ISOLATED: ['bad', 'ISOLATED'],
};

/** Tones of a lung's own states, which have the form `p2p running`. */
const LUNG_TONES: Readonly<Record<string, Tone>> = { running: 'ok', failed: 'bad', starting: 'info' };

function State({ name }: { readonly name: string }) {
  const [tone, text] = STATES[name] ?? [LUNG_TONES[name.split(' ').at(-1) ?? ''] ?? 'mute', name];
  return <Badge tone={tone}>{text}</Badge>;
}

/** The name to show for a peer, which a transition names by its author, its peer id or its URL. */
function nameOf(peer: string): string {
  const known = peers.value.find((p) => p.author === peer || p.peerId === peer || p.url === peer);
  return known === undefined ? tail(peer) : peerName(known);
}

/** Shows the newest `limit` transitions, newest first. */
export function Transitions({ items, limit }: { readonly items: readonly Transition[]; readonly limit: number }) {
  const shown = items.toSorted((a, b) => b.at - a.at).slice(0, limit);
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
            <span class="who">{t.peer === undefined ? 'This node' : `Peer ${nameOf(t.peer)}`}</span>{' '}
            <State name={t.from} />
            <span aria-hidden="true"> → </span>
            <span class="unseen">to</span> <State name={t.to} />
            <span class="cause">{t.cause}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
