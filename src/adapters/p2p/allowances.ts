import type { Clock } from '../../ports/index.ts';
import type { BucketSize } from '../../timing/index.ts';
import { MAX_ADDRESSES, NEWS_FACTOR } from './limits.ts';

/**
 * What peers may send, by the name of who is counted. An allowance is a token bucket that fills with time, and with
 * what was news to this node: whoever brought it, each honest peer of a mesh may send the same once more.
 */
export interface Allowances {
  /** Adds NEWS_FACTOR × `bytes` to every allowance. */
  earn(bytes: number): void;
  /** Takes `amount` and returns true, or takes nothing where there is less. An allowance is full at first. */
  take(name: string, size: BucketSize, amount: number): boolean;
}

interface Allowance {
  tokens: number;
  /** Monotonic ms. */
  at: number;
  /** What all had earned when this one was filled last. */
  earned: number;
  readonly size: BucketSize;
}

export function createAllowances(clock: Clock): Allowances {
  const all = new Map<string, Allowance>();
  let earned = 0;

  const fill = (one: Allowance): void => {
    const now = clock.monotonic();
    const more = ((now - one.at) / 1000) * one.size.perSecond + (earned - one.earned);
    one.tokens = Math.min(one.size.burst, one.tokens + more);
    one.at = now;
    one.earned = earned;
  };

  const makeRoom = (): void => {
    if (all.size < MAX_ADDRESSES) return;
    for (const [name, one] of all) {
      fill(one);
      if (one.tokens >= one.size.burst) all.delete(name);
    }
    if (all.size >= MAX_ADDRESSES) all.delete(all.keys().next().value ?? '');
  };

  return {
    earn(bytes) {
      earned += NEWS_FACTOR * bytes;
    },
    take(name, size, amount) {
      let one = all.get(name);
      if (one === undefined) {
        makeRoom();
        one = { tokens: size.burst, at: clock.monotonic(), earned, size };
        all.set(name, one);
      }
      fill(one);
      if (one.tokens < amount) return false;
      one.tokens -= amount;
      return true;
    },
  };
}
