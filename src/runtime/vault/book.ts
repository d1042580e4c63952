import { LatticeError } from '../../core/types/index.ts';
import { MAX_HAVE } from '../../core/wire/index.ts';
import type { Clock, Random } from '../../ports/index.ts';
import { backoff } from '../../timing/index.ts';
import type { Inventory } from './inventory.ts';
import { createWanted, type Waiter, type Wanted } from './wanted.ts';

/** Objects that peers are asked after at a time, which is one message to each peer. */
const MAX_WINDOW = MAX_HAVE;
/** How long an object rests, and how long a peer is not asked after one that it did not have. */
export const restAfter = backoff({ minMs: 1_000, maxMs: 60_000, jitter: 'equal' });

/** What is to be fetched and rests, because no peer had it or it did not fit. */
export interface Rest {
  readonly hash: string;
  /** Monotonic ms. */
  readonly until: number;
  readonly failures: number;
  readonly reason: string;
}

/** Which objects are to be fetched at present, which rest, and who waits for them. It alone writes that. */
export interface Book {
  get(hash: string): Wanted | undefined;
  all(): Iterable<Wanted>;
  /** How many are wanted. */
  readonly size: number;
  /** Whether more may be wanted. */
  readonly hasPlaces: boolean;
  rests(): Iterable<Rest>;
  want(hash: string): Wanted;
  /** Wants what the policy asks for and what is to be mended, and does not rest. */
  fill(): void;
  /** Has what is here and damaged fetched anew. */
  mend(hash: string): void;
  /**
   * Lets an object rest, for longer each time; as after `atLeast` times where that is more. Whoever waits for it is told
   * `error`, without one that it could not be fetched.
   */
  rest(
    wanted: Wanted,
    reason: string,
    how?: { readonly atLeast?: number; readonly error?: LatticeError | undefined },
  ): void;
  /** Ends the rest of one object, or of all. */
  stir(hash: string | undefined): void;
  /** The object is here. */
  arrived(hash: string): void;
  /** Wants the object no more; whoever waits for it is told `error`, without one that it is here. */
  drop(hash: string, error: LatticeError | undefined): Wanted | undefined;
  /** Has `waiter` told what becomes of the object. */
  wait(hash: string, waiter: Waiter): void;
  /** Tells `error` to everybody who waits, and wants nothing more. */
  close(error: LatticeError): void;
}

export function createBook(deps: {
  readonly inventory: Pick<Inventory, 'missing'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Told when an object is wanted no more, because it is here or nothing names it. */
  readonly onDone: (hash: string) => void;
}): Book {
  const { inventory, clock } = deps;
  const wanteds = new Map<string, Wanted>();
  const rests = new Map<string, Rest>();
  /** What is here and damaged, until it has been fetched anew. */
  const mending = new Set<string>();
  const now = (): number => clock.monotonic();

  function want(hash: string): Wanted {
    let wanted = wanteds.get(hash);
    if (wanted === undefined) wanteds.set(hash, (wanted = createWanted(hash, now())));
    return wanted;
  }

  function tell({ waiters }: Wanted, error: LatticeError | undefined): void {
    for (const waiter of waiters) {
      if (error === undefined) waiter.resolve();
      else waiter.reject(error);
    }
    waiters.clear();
  }

  function end(hash: string, error: LatticeError | undefined): Wanted | undefined {
    const wanted = wanteds.get(hash);
    wanteds.delete(hash);
    rests.delete(hash);
    mending.delete(hash);
    deps.onDone(hash);
    if (wanted !== undefined) tell(wanted, error);
    return wanted;
  }

  return {
    get: (hash) => wanteds.get(hash),
    all: () => wanteds.values(),
    get size() {
      return wanteds.size;
    },
    get hasPlaces() {
      return wanteds.size < MAX_WINDOW / 2;
    },
    rests: () => rests.values(),
    want,
    fill() {
      const rested = (hash: string): boolean => (rests.get(hash)?.until ?? 0) <= now();
      for (const hash of mending) if (wanteds.size < MAX_WINDOW && rested(hash)) want(hash).mends = true;
      if (wanteds.size >= MAX_WINDOW) return;
      for (const hash of inventory.missing()) {
        if (wanteds.size >= MAX_WINDOW) return;
        if (rested(hash)) want(hash);
      }
    },
    mend: (hash) => void mending.add(hash),
    rest(wanted, reason, { atLeast = 0, error } = {}) {
      const { hash } = wanted;
      wanteds.delete(hash);
      const failures = Math.max(atLeast, (rests.get(hash)?.failures ?? 0) + 1);
      rests.set(hash, { hash, until: now() + restAfter(failures, deps.random.fraction()), failures, reason });
      tell(
        wanted,
        error ??
          new LatticeError('object-missing', `Object ${hash} could not be fetched: ${reason}`, {
            next: 'Try again later, or put the content at this node.',
          }),
      );
    },
    stir(hash) {
      if (hash === undefined) rests.clear();
      else rests.delete(hash);
    },
    arrived: (hash) => void end(hash, undefined),
    drop: end,
    wait(hash, waiter) {
      rests.delete(hash);
      const wanted = want(hash);
      wanted.lastProgressAt = now();
      wanted.waiters.add(waiter);
    },
    close(error) {
      for (const wanted of wanteds.values()) tell(wanted, error);
      wanteds.clear();
    },
  };
}
