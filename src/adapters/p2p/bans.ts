import type { Clock } from '../../ports/index.ts';
import { backoff } from '../../timing/index.ts';
import { BAN_MS, MAX_BAN_MS, MAX_BANS } from './limits.ts';

interface Ban {
  readonly count: number;
  /** Monotonic ms. */
  readonly until: number;
}

/**
 * Which peers are banned because they misbehaved, and until when. It lasts as long as the process, so a restart of the
 * lung ends no ban.
 */
export interface Bans {
  /**
   * Bans `peerId` for `firstMs` (default: BAN_MS), doubled for every earlier ban, at most 24 hours. Returns the length,
   * ms.
   */
  add(peerId: string, firstMs?: number): number;
  has(peerId: string): boolean;
  /** Time until the ban ends, ms. 0 when there is none. */
  remainingMs(peerId: string): number;
}

export function createBans(clock: Clock): Bans {
  const bans = new Map<string, Ban>();

  const current = (peerId: string): Ban | undefined => {
    const ban = bans.get(peerId);
    if (ban !== undefined && clock.monotonic() >= ban.until + MAX_BAN_MS) {
      bans.delete(peerId);
      return undefined;
    }
    return ban;
  };

  const makeRoom = (): void => {
    if (bans.size < MAX_BANS) return;
    let first: string | undefined;
    let earliest = Number.POSITIVE_INFINITY;
    for (const [peerId, ban] of bans) {
      if (ban.until < earliest) {
        earliest = ban.until;
        first = peerId;
      }
    }
    if (first !== undefined) bans.delete(first);
  };

  return {
    add(peerId, firstMs = BAN_MS) {
      const count = (current(peerId)?.count ?? 0) + 1;
      const length = backoff({ minMs: firstMs, maxMs: MAX_BAN_MS, jitter: 'none' })(count);
      if (!bans.has(peerId)) makeRoom();
      bans.set(peerId, { count, until: clock.monotonic() + length });
      return length;
    },
    has(peerId) {
      const ban = current(peerId);
      return ban !== undefined && clock.monotonic() < ban.until;
    },
    remainingMs(peerId) {
      const ban = current(peerId);
      return ban === undefined ? 0 : Math.max(0, ban.until - clock.monotonic());
    },
  };
}
