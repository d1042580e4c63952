import { type Author, bytesToHex } from '../../core/types/index.ts';
import type { Head } from '../../core/wire/index.ts';
import type { Peer } from '../peers/peers.ts';
import { isServed } from '../peers/repairing.ts';

/** A difference must last this long before it is repaired, because gossip is often still bringing what is missing. */
export const SETTLE_MS = 1_500;
/**
 * Of two nodes that reach each other, the one with the greater author waits this much longer. The other's first request
 * comes meanwhile, so the two seldom repair at the same time.
 */
const YIELD_MS = 500;
/**
 * How often a peer that rests is probed, once its head is another one than when the rest began. A head costs a liar
 * nothing, so this bounds what it gains.
 */
const PROBE_EVERY_MS = 60_000;
/** How often a repair looks again at a peer with which only refused items differ, when neither side has changed. */
export const REFUSED_EVERY_MS = 60_000;

/** What a peer says of its state: its root, and the incarnation that has it. */
export function nameOfState({ incarnation, root }: Head): string {
  return `${bytesToHex(incarnation)}.${bytesToHex(root)}`;
}

/** Whether the peer can begin a repair itself, so that only one of the two needs to. */
const mayBegin = ({ connected, reachesUs }: Peer['link']): boolean => connected || reachesUs;

/**
 * Whether a repair with the peer is due (SPEC N10, S14), and of which kind. `still`: one look tells what differs.
 * `flowing`: both roots keep changing, so only what differs at two looks alike is more than a commit on its way.
 * `probe`: the peer rests, and a few requests find out whether it delivers again (SPEC S15). Undefined: none is due. `now`: monotonic ms.
 */
export function repairDue(
  { author, link, view, repair }: Peer,
  self: Author,
  now: number,
): 'still' | 'flowing' | 'probe' | undefined {
  if (repair.running || view.head === undefined || now < repair.nextAt || isServed(repair, now)) return undefined;
  const rests = now < repair.restUntil;
  // A rest that ends soon is not probed.
  const mayProbe = Math.min(now - repair.restedAt, repair.restUntil - now) >= PROBE_EVERY_MS;
  if (rests && (!mayProbe || nameOfState(view.head) === repair.restedWith)) return undefined;
  const since = now - view.agreementAt;
  if (view.agreement === 'equal-except-refused') {
    if (since < REFUSED_EVERY_MS) return undefined;
  } else {
    if (view.agreement !== 'different') return undefined;
    const settle = (repair.urgent ? 0 : SETTLE_MS) + (self > author && mayBegin(link) ? YIELD_MS : 0);
    if (since < settle) return undefined;
  }
  if (rests) return 'probe';
  return !repair.urgent && now - view.pair.at < SETTLE_MS ? 'flowing' : 'still';
}
