/**
 * The middle one of our own clock and of the clocks of others: their median, and of an even number the earlier of the
 * two middle ones. The numbers are in any one unit and from any one origin; `others` ascend, and our own is not among
 * them.
 *
 * As long as fewer than half of all clocks are wrong, there are right ones on either side of the median or at it, so
 * wrong clocks and invented times cannot move it beyond the right ones (after Lamport and Melliar-Smith,
 * "Synchronizing Clocks in the Presence of Faults", 1985). Where two halves disagree, nobody can tell which is right.
 * The earlier one is taken, because commits of a clock behind are taken in everywhere, while those of a clock ahead are
 * deferred by all others.
 */
export function middleClock(own: number, others: readonly number[]): number {
  const upper = others.length >> 1;
  const low = others[upper - 1] ?? Number.NEGATIVE_INFINITY;
  const high = others[upper] ?? Number.POSITIVE_INFINITY;
  return Math.min(Math.max(own, low), high);
}
