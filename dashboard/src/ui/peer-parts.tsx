import { count, plural } from '../lib/format.ts';
import type { Peer, Status } from '../lib/types.ts';
import { isSilent } from '../lib/verdict.ts';
import { Ago, Badge, type Tone } from './parts.tsx';

export function LungBadge({ lung }: { readonly lung: Peer['lung'] }) {
  if (lung === 'p2p') return <Badge tone="ok">P2P</Badge>;
  if (lung === 'http') return <Badge tone="info">HTTP</Badge>;
  return <Badge tone="bad">None</Badge>;
}

/** Shows in words how the peer's root compares with the node's. */
export function AgreementBadge({ peer, root }: { readonly peer: Peer; readonly root: string }) {
  if (isSilent(peer)) return <Badge tone="warn">Cannot tell</Badge>;
  if (peer.agreement === 'equal' && peer.root === root) return <Badge tone="ok">Equal</Badge>;
  if (peer.agreement === 'equal-except-refused') return <Badge tone="warn">Equal except refused</Badge>;
  return <Badge tone="bad">Differs</Badge>;
}

const HEALTH: Readonly<Record<Status['health'], readonly [Tone, string]>> = {
  OPTIMAL: ['ok', 'both lungs carry'],
  PARTIAL: ['warn', 'a node is reached over neither lung'],
  P2P_ONLY: ['info', 'only P2P carries'],
  HTTP_ONLY: ['warn', 'only HTTP carries'],
  ISOLATED: ['bad', 'no peer is reached'],
};

export function HealthBadge({ health }: { readonly health: Status['health'] }) {
  const [tone] = HEALTH[health];
  return <Badge tone={tone}>{health}</Badge>;
}

export const healthText = (health: Status['health']): string => HEALTH[health][1];

/** Shows the state of a lung in one line. */
export function LungState({ status, lung }: { readonly status: Status; readonly lung: 'p2p' | 'http' }) {
  const { enabled, state, error, retryAt } = status[lung];
  const { peers } = status[lung];
  if (!enabled) return <Badge tone="mute">Not configured</Badge>;
  const tone: Tone = state === 'running' ? (peers > 0 ? 'ok' : 'warn') : state === 'failed' ? 'bad' : 'mute';
  const streaming = lung === 'http' && status.http.streaming > 0 ? `, ${count(status.http.streaming)} streaming` : '';
  return (
    <>
      <Badge tone={tone}>
        {state === 'running' ? 'Running' : state === 'failed' ? 'Failed' : state === 'starting' ? 'Starting' : 'Off'}
      </Badge>{' '}
      <span class="aside">
        {state === 'running' ? `${plural(peers, 'peer')}${streaming}` : (error ?? '')}
        {retryAt !== undefined && state === 'failed' && <> (retries by itself)</>}
      </span>
    </>
  );
}

const OUTCOMES: Readonly<Record<string, readonly [Tone, string]>> = {
  equal: ['ok', 'Nothing differed'],
  repaired: ['ok', 'Repaired'],
  'equal-except-refused': ['warn', 'Equal except refused'],
  partial: ['warn', 'Partial'],
  failed: ['bad', 'Failed'],
};

export function RepairCell({ peer }: { readonly peer: Peer }) {
  const { repair, lastRepair: last } = peer;
  if (repair !== undefined) {
    const done = repair.fetched + repair.pushed;
    return (
      <>
        <Badge tone="info">Running</Badge>{' '}
        <span class="aside">{`${count(done)} done, ${count(repair.remaining)} to go`}</span>
        <progress aria-label="Repair" max={Math.max(1, done + repair.remaining)} value={done} />
      </>
    );
  }
  if (last === undefined) return <span class="aside">none yet</span>;
  const [tone, text] = OUTCOMES[last.outcome] ?? ['mute', last.outcome];
  return (
    <>
      <Badge tone={tone}>{text}</Badge>{' '}
      <span class="aside">
        <Ago at={last.at} />
      </span>
    </>
  );
}
