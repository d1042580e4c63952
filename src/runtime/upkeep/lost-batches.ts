import type { Replica } from '../../core/replica/index.ts';
import type { Author } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Guard } from '../commit/guard.ts';
import type { Warning } from '../facade/codes.ts';
import type { PeerTable } from '../peers/peers.ts';
import type { EndKeeper, EndOfStore } from '../storage/witness.ts';

/** How often the node looks whether what it lost is here again. */
const LOOK_MS = 1_000;

export interface LostBatches {
  start(): void;
  stop(): void;
  warnings(): readonly Warning[];
}

/**
 * Keeps a node read-only whose store lost its newest batches, until they are here again: a peer has the same state, and
 * the newest commit that the node ever made is in it, or what replaced that commit (SPEC N15). The node fetches them as
 * it fetches whatever it misses. Without them it would give other values to clients that saw the lost ones, and could
 * contradict its own lost commits.
 */
export function createLostBatches(deps: {
  readonly end: EndOfStore;
  readonly keeper: Pick<EndKeeper, 'missing' | 'recovered'>;
  readonly replica: Pick<Replica, 'seen'>;
  readonly self: Author;
  readonly peers: Pick<PeerTable, 'all'>;
  readonly guard: Pick<Guard, 'set'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether there are other nodes, as things stand, from which this one could fetch anything. */
  readonly expectsOthers: () => boolean;
  /** The directory of the store. */
  readonly directory: string;
}): LostBatches {
  const { end, keeper, guard, clock, log, directory } = deps;
  let looks: Repetition | undefined;
  const batches = end.missing === 1 ? 'The last batch' : `The last ${end.missing} batches`;
  const what = `${batches} that this node had made durable ${end.missing === 1 ? 'is' : 'are'} missing in its store`;
  const accept = `stop it, keep a copy of ${directory}, remove the file "witness" in it, and start it again`;

  if (end.short) log.error({ missing: end.missing, clean: end.clean, directory }, 'the end of the store is lost');
  if (end.unwitnessed) log.warn({ directory }, 'the witness of the store is lost');
  if (keeper.missing > 0) tell();

  function tell(): void {
    const way = deps.expectsOthers()
      ? '; what its peers have of them is being fetched'
      : ', and it has no peers to fetch them from';
    guard.set('lost-batches', `${what}${way}. To go on without them, ${accept}`);
  }

  function look(): void {
    if (keeper.missing === 0) return;
    tell();
    if (!Array.from(deps.peers.all()).some(({ view }) => view.agreement === 'equal')) return;
    // What others have replaced meanwhile comes back from nobody, but the context of what replaced it names it.
    if (deps.replica.seen(deps.self) < end.committed) {
      guard.set(
        'lost-batches',
        `${what}, and the peers that answer do not have them all either. To go on without them, ${accept}`,
      );
      return;
    }
    keeper.recovered();
    guard.set('lost-batches', undefined);
    log.info({ missing: end.missing }, 'what the end of the store lost was fetched from a peer');
  }

  return {
    start() {
      if (keeper.missing === 0) return;
      looks = every(clock, LOOK_MS, look, {
        onError: (err) => log.error({ err }, 'a look for the lost batches failed'),
      });
    },
    stop() {
      looks?.stop();
    },
    warnings() {
      if (end.missing > 0) {
        const fetched = keeper.missing === 0 ? '; they were fetched from a peer' : '';
        return [{ code: 'lost-batches', text: `${what}${fetched}: check the disk of ${directory}` }];
      }
      if (!end.unwitnessed) return [];
      const text = `the witness in ${directory} was lost: whether the newest batches are missing cannot be told`;
      return [{ code: 'no-witness', text }];
    },
  };
}
