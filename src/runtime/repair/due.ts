import type { Author } from '../../core/types/index.ts';
import type { Peer } from '../peers/peers.ts';
import { isServed } from '../peers/repairing.ts';

/** A difference must last this long before it is repaired: what gossip is still carrying is no difference. */
export const SETTLE_MS = 1_500;
/**
 * Of two peers that reach each other the one with the greater key waits this much longer: the other's first request
 * comes meanwhile, so that seldom both repair at once.
 */
const YIELD_MS = 500;
/** How often "equal except refused" is looked at again when neither side changed. */
export const REFUSED_EVERY_MS = 60_000;

/** Whether the peer can begin a repair by itself, so that of the two only one needs to. */
const mayBegin = ({ connected, reachesUs }: Peer['link']): boolean => connected || reachesUs;

/**
 * Whether a repair with the peer is due (SPEC N10, S14). `still`: one look tells what differs. `flowing`: both roots keep
 * changing, so that only what differs alike at two looks is no commit on its way. Undefined: not yet. `now`: monotonic ms.
 */
export function repairDue(
  { author, link, view, repair }: Peer,
  self: Author,
  now: number,
): 'still' | 'flowing' | undefined {
  if (repair.running || view.head === undefined || now < repair.nextAt || isServed(repair, now)) return undefined;
  const since = now - view.agreementAt;
  if (view.agreement === 'equal-except-refused') {
    if (since < REFUSED_EVERY_MS) return undefined;
  } else {
    if (view.agreement !== 'different') return undefined;
    const settle = (repair.urgent ? 0 : SETTLE_MS) + (self > author && mayBegin(link) ? YIELD_MS : 0);
    if (since < settle) return undefined;
  }
  return !repair.urgent && now - view.pair.at < SETTLE_MS ? 'flowing' : 'still';
}
