import type { Multiaddr } from '@multiformats/multiaddr';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { backoff } from '../../timing/index.ts';
import type { BootstrapPeer } from './addresses.ts';
import {
  ANNOUNCED_FIRST_MS,
  ANNOUNCED_REDIAL_MAX_MS,
  ANNOUNCED_REDIAL_MIN_MS,
  MAX_ANNOUNCED_DIALS,
  REDIAL_MAX_MS,
  REDIAL_MIN_MS,
  STABLE_MS,
} from './limits.ts';
import { toReason } from './reasons.ts';

const wait = backoff({ minMs: REDIAL_MIN_MS, maxMs: REDIAL_MAX_MS, jitter: 'full' });
const announcedWait = backoff({ minMs: ANNOUNCED_REDIAL_MIN_MS, maxMs: ANNOUNCED_REDIAL_MAX_MS, jitter: 'equal' });

interface Target extends BootstrapPeer {
  addresses: readonly Multiaddr[];
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
 * Keeps the peers connected that are configured, and those that announced themselves. Each `tick` compares the connections with the list of peers, so no lost event
 * can leave a peer unconnected. A peer that is missing, due and not banned is dialled. After a failed dial or a lost
 * connection it is due again after a backoff with full jitter. The dials never end.
 */
export function createRedial(
  deps: RedialDeps,
  peers: readonly BootstrapPeer[],
): { tick(): void; set(peers: readonly BootstrapPeer[]): void } {
  const { clock, random, log } = deps;
  const targetOf = (peer: BootstrapPeer, configured: readonly BootstrapPeer[]): Target => ({
    ...peer,
    failures: 0,
    dialling: false,
    connectedAt: undefined,
    // The addresses that are configured for a peer have their turn before those that it announced.
    dueAt:
      clock.monotonic() +
      (peer.announced && configured.some(({ peerId, announced }) => !announced && peerId === peer.peerId)
        ? ANNOUNCED_FIRST_MS
        : 0),
    lastReason: undefined,
  });
  let targets = peers.map((peer) => targetOf(peer, peers));
  /**
   * Members that announce no address at present. Their failures stay for one longest wait more, so that a member that
   * announces one address of somebody else after the other has each dialled as seldom as one that it leaves there.
   */
  const gone = new Map<string, Target>();

  /** The target of a member that announces other addresses, with what its former ones have cost. */
  function moved(peer: BootstrapPeer): Target | undefined {
    if (peer.announced !== true) return undefined;
    const former = targets.find((one) => one.announced && one.peerId === peer.peerId) ?? gone.get(peer.peerId);
    if (former !== undefined) {
      former.addresses = peer.addresses;
      former.lastReason = undefined;
    }
    return former;
  }

  const postpone = (target: Target): void => {
    target.failures++;
    target.dueAt = clock.monotonic() + (target.announced ? announcedWait : wait)(target.failures, random.fraction());
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
      else if (target.announced) log.info(fields, 'a member does not answer at an address that it announced');
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
        a.peerId === b.peerId &&
        a.announced === b.announced &&
        a.addresses.map(String).join() === b.addresses.map(String).join();
      const former = targets;
      targets = next.map((peer) => former.find((target) => same(target, peer)) ?? moved(peer) ?? targetOf(peer, next));
      for (const target of former)
        if (target.announced && !targets.includes(target)) {
          target.connectedAt = undefined;
          gone.set(target.peerId, target);
        }
      const now = clock.monotonic();
      for (const [peerId, target] of gone)
        if (targets.includes(target) || now > target.dueAt + ANNOUNCED_REDIAL_MAX_MS) gone.delete(peerId);
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
        if (target.announced && targets.filter((one) => one.announced && one.dialling).length >= MAX_ANNOUNCED_DIALS)
          continue;
        void dial(target);
      }
    },
  };
}
