import { count, plural } from '../lib/format.ts';
import type { Peer, Status } from '../lib/types.ts';
import { Ago, Badge, type Tone } from './parts.tsx';

export function LungBadge({ lung }: { readonly lung: Peer['lung'] }) {
  if (lung === 'p2p') return <Badge tone="ok">P2P</Badge>;
  if (lung === 'http') return <Badge tone="info">HTTP</Badge>;
  return <Badge tone="bad">None</Badge>;
}

interface LungStateProps {
  readonly status: Status;
  readonly lung: 'p2p' | 'http';
  /** How many nodes it carries at present. */
  readonly carried: number;
}

/**
 * Shows the state of a lung in one line. Whether somebody is missing is the verdict's to say: a lung that carries nobody
 * stands by where another one carries them, and lacks nothing where nobody is expected.
 */
export function LungState({ status, lung, carried }: LungStateProps) {
  const { enabled, state, error, retryAt } = status[lung];
  if (!enabled) return <Badge tone="mute">Not configured</Badge>;
  if (state === 'starting') return <Badge tone="info">Starting</Badge>;
  if (state === 'off') return <Badge tone="mute">Off</Badge>;
  if (state === 'failed') {
    return (
      <>
        <Badge tone="bad">Failed</Badge>{' '}
        <span class="aside">
          {error ?? ''}
          {retryAt !== undefined && ' (it starts again by itself)'}
        </span>
      </>
    );
  }
  if (carried === 0) {
    const { members } = status.verdict;
    const reached = members.length === 0 || members.some((member) => member.lung !== 'none');
    return <Badge tone="mute">{reached ? 'Stands by' : 'Reaches nobody'}</Badge>;
  }
  return <Badge tone="ok">carries {plural(carried, 'node')}</Badge>;
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
