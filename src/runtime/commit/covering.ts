import { dropOldest } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Guard } from './guard.ts';
import type { Writer } from './writer.ts';

/** How often covering writes are made, and how many keys one of them takes. */
const EVERY_MS = 1_000;
const MAX_KEYS_AT_ONCE = 16;
/**
 * A key is not covered again within this time: an author that lies could otherwise drive the node to as many writes as
 * it makes itself.
 */
const AGAIN_MS = 10_000;
/** How many keys are remembered as noted, and as covered of late. Beyond it a later repair notes them again. */
const MAX_KEYS = 1_024;

export interface Covering {
  /** To be called when a peer shows an operation of this node's own that had been replaced here. */
  note(key: string): void;
  /** The keys to cover now. They count as covered. */
  take(): readonly string[];
}

/**
 * The keys that are to be written once more, because a peer still shows what this node had written and others had
 * replaced (SPEC N16). Bounded in number and rate.
 */
export function createCovering(clock: Pick<Clock, 'monotonic'>): Covering {
  const noted = new Set<string>();
  const covered = new Map<string, number>();

  function isRecent(key: string): boolean {
    const at = covered.get(key);
    return at !== undefined && clock.monotonic() - at < AGAIN_MS;
  }

  return {
    note(key) {
      if (noted.size < MAX_KEYS && !isRecent(key)) noted.add(key);
    },
    take() {
      const keys = [...noted].slice(0, MAX_KEYS_AT_ONCE);
      for (const key of keys) {
        noted.delete(key);
        covered.delete(key);
        dropOldest(covered, MAX_KEYS);
        covered.set(key, clock.monotonic());
      }
      return keys;
    },
  };
}

/** Makes the covering writes while this node may write. What cannot be written now is noted again by a repair. */
export function createCoveringWrites(deps: {
  readonly covering: Pick<Covering, 'take'>;
  readonly writer: Pick<Writer, 'write'>;
  readonly guard: Pick<Guard, 'ready' | 'reasons'>;
  readonly clock: Clock;
  readonly log: Log;
}): { start(): void; stop(): void } {
  const { covering, writer, guard, clock, log } = deps;
  let turns: Repetition | undefined;

  async function turn(): Promise<void> {
    const keys = covering.take();
    if (keys.length === 0) return;
    await guard.ready();
    if (guard.reasons().length > 0) return;
    log.warn(
      { keys },
      'a peer still shows what this node had written and others had replaced: it is written once more',
    );
    const outcome = await writer.write({ operations: keys.map((key) => ({ kind: 'renew', key })) });
    if (!outcome.ok) log.warn({ keys, error: outcome.error.message }, 'the keys could not be written once more');
  }

  return {
    start() {
      turns = every(clock, EVERY_MS, turn, {
        onError: (error) => log.debug({ error: String(error) }, 'no covering write'),
      });
    },
    stop() {
      turns?.stop();
    },
  };
}
