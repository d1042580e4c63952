import type { Multiaddr } from '@multiformats/multiaddr';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { backoff } from '../../timing/index.ts';
import type { BootstrapPeer } from './addresses.ts';
import { REDIAL_MAX_MS, REDIAL_MIN_MS, STABLE_MS } from './limits.ts';
import { toReason } from './reasons.ts';

const wait = backoff({ minMs: REDIAL_MIN_MS, maxMs: REDIAL_MAX_MS, jitter: 'full' });

interface Target extends BootstrapPeer {
  /** The number of failed dials and short connections in a row. */
  failures: number;
  dialling: boolean;
  /** Monotonic ms. Undefined while the peer is not connected. */
  connectedAt: number | undefined;
  dueAt: number;
  lastReason: string | undefined;
}

export interface RedialDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  isConnected(peerId: string): boolean;
  isBanned(peerId: string): boolean;
  dial(addresses: readonly Multiaddr[]): Promise<unknown>;
}

/**
 * Keeps the configured peers connected. Each `tick` compares the connections with the list of peers, so no lost event
 * can leave a peer unconnected. A peer that is missing, due and not banned is dialled. After a failed dial or a lost
 * connection it is due again after a backoff with full jitter. The dials never end.
 */
export function createRedial(
  deps: RedialDeps,
  peers: readonly BootstrapPeer[],
): { tick(): void; set(peers: readonly BootstrapPeer[]): void } {
  const { clock, random, log } = deps;
  const targetOf = (peer: BootstrapPeer): Target => ({
    ...peer,
    failures: 0,
    dialling: false,
    connectedAt: undefined,
    dueAt: clock.monotonic(),
    lastReason: undefined,
  });
  let targets = peers.map(targetOf);

  const postpone = (target: Target): void => {
    target.failures++;
    target.dueAt = clock.monotonic() + wait(target.failures, random.fraction());
  };

  const dial = async (target: Target): Promise<void> => {
    target.dialling = true;
    try {
      await deps.dial(target.addresses);
    } catch (cause) {
      const reason = toReason(cause);
      const fields = { peer: target.peerId, addresses: target.addresses.map(String), reason };
      // One warning for each reason is enough: an operator wants to read why, not how often.
      if (reason === target.lastReason) log.debug(fields, 'dial failed');
      else log.warn(fields, 'dial failed, trying again until the peer answers');
      target.lastReason = reason;
      postpone(target);
    } finally {
      target.dialling = false;
    }
  };

  return {
    set(next) {
      const same = (a: BootstrapPeer, b: BootstrapPeer): boolean =>
        a.peerId === b.peerId && a.addresses.map(String).join() === b.addresses.map(String).join();
      targets = next.map((peer) => targets.find((target) => same(target, peer)) ?? targetOf(peer));
    },
    tick() {
      const now = clock.monotonic();
      for (const target of targets) {
        if (deps.isConnected(target.peerId)) {
          target.connectedAt ??= now;
          if (now - target.connectedAt >= STABLE_MS) {
            target.failures = 0;
            target.lastReason = undefined;
          }
          continue;
        }
        if (target.connectedAt !== undefined) {
          target.connectedAt = undefined;
          postpone(target);
        }
        if (target.dialling || now < target.dueAt || deps.isBanned(target.peerId)) continue;
        void dial(target);
      }
    },
  };
}
