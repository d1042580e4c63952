import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { dropOldest, LatticeError } from '../../core/types/index.ts';
import type { Cost, RouteContract } from '../contract/index.ts';
import type { Addresses } from './addresses.ts';
import { addressOf } from './requests.ts';

/** A limit counts within windows of this length: a burst is forgiven within seconds. */
const WINDOW_MS = 10_000;
/** Clients remembered for each limit; beyond it those are forgotten whose windows end first. */
const MAX_CLIENTS = 4096;

/** Requests of one client within a window. */
export type Limits = Readonly<Record<Exclude<Cost, 'free'>, number>>;

/**
 * A reading dashboard or script stays far below `read`; it bounds what one client can take of a core (a read costs
 * about 0.06 ms). Writers hold the token, so `write` only stops loops that run wild. A `costly` request reads much of
 * the store or asks other nodes. `bulk`: a snapshot of a million keys has two thousand chunks.
 */
export const DEFAULT_LIMITS: Limits = { read: 3000, write: 5000, costly: 60, bulk: 2000 };

export interface RateLimits {
  /** Undefined: the route has no limit. */
  of(route: RouteContract): onRequestHookHandler | undefined;
  /** Counts a request that turns out to cost more than its route does. LatticeError `rate-limited`. */
  take(cost: keyof Limits, request: FastifyRequest, reply: FastifyReply): void;
}

interface Window {
  readonly endsAt: number;
  count: number;
}

/**
 * Counts requests per client and cost. Loopback and trusted proxies are exempt: many clients stand behind one of those.
 */
export function createRateLimits(addresses: Addresses, limits: Limits): RateLimits {
  const windowsOf: Readonly<Record<keyof Limits, Map<string, Window>>> = {
    read: new Map(),
    write: new Map(),
    costly: new Map(),
    bulk: new Map(),
  };

  function take(cost: keyof Limits, request: FastifyRequest, reply: FastifyReply): void {
    const address = addressOf(request);
    if (addresses.isExempt(address)) return;
    const now = performance.now();
    const client = addresses.keyOf(address);
    const windows = windowsOf[cost];
    let window = windows.get(client);
    if (window === undefined || window.endsAt <= now) {
      windows.delete(client);
      dropOldest(windows, MAX_CLIENTS);
      window = { endsAt: now + WINDOW_MS, count: 0 };
      windows.set(client, window);
    }
    const limit = limits[cost];
    if (++window.count <= limit) return;
    const retryAfterMs = window.endsAt - now;
    reply
      .header('ratelimit-limit', limit)
      .header('ratelimit-remaining', 0)
      .header('ratelimit-reset', Math.ceil(retryAfterMs / 1000));
    throw new LatticeError(
      'rate-limited',
      `more than ${limit} ${cost} requests from this address within ${WINDOW_MS / 1000} s`,
      {
        next: 'go on after the time that Retry-After names',
        details: { retryAfterMs },
      },
    );
  }

  return {
    take,
    of({ cost }) {
      if (cost === 'free') return undefined;
      return (request, reply, done) => {
        try {
          take(cost, request, reply);
        } catch (error) {
          return done(error as LatticeError);
        }
        done();
      };
    },
  };
}
