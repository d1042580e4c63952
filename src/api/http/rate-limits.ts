import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { dropOldest, LatticeError } from '../../core/types/index.ts';
import type { Cost, RouteContract } from '../contract/index.ts';
import type { Addresses } from './addresses.ts';
import { addressOf } from './requests.ts';

/** The length of the windows in which requests are counted. It is short, so that a burst is forgiven within seconds. */
const WINDOW_MS = 10_000;
/** Clients that are remembered for each limit. Beyond that number those are forgotten whose windows end first. */
const MAX_CLIENTS = 4096;

/** How many requests of each cost one client may make within a window. */
export type Limits = Readonly<Record<Exclude<Cost, 'free'>, number>>;

/**
 * `read` bounds what one client can take of a processor core, since a read costs about 0.06 ms; dashboards and scripts
 * stay far below it. Clients that write have the API token, so that `write` only stops loops that run wild. `costly` is
 * small, because such a request reads much of the store or asks other nodes. `bulk` is the two thousand chunks of a
 * snapshot of a million keys.
 */
export const DEFAULT_LIMITS: Limits = { read: 3000, write: 5000, costly: 60, bulk: 2000 };

export interface RateLimits {
  /** The hook that counts the requests of a route; undefined for a route without a limit. */
  of(route: RouteContract): onRequestHookHandler | undefined;
  /** Counts a request that turns out to cost more than its route says. Throws LatticeError `rate-limited`. */
  take(cost: keyof Limits, request: FastifyRequest, reply: FastifyReply): void;
}

interface Window {
  readonly endsAt: number;
  count: number;
}

/**
 * Counts requests per client and cost (SPEC A18). Loopback and trusted proxies are exempt, because many clients share
 * one of these.
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
