import type { Hlc } from '../types/index.ts';

/**
 * Most bytes of operations that are kept outside the tree: 10,000 overwrites a second with 300 bytes each, for the 20 s
 * that the floor is behind in a healthy fleet.
 */
export const MAX_HIDDEN_BYTES = 64 * 1024 * 1024;

/**
 * What has to go so that the hidden operations keep within `limit` bytes: the oldest of them. `oldestFirst` is all of
 * them, and `total` their bytes. Whoever lets them go lists them, because they could not be put back.
 */
export function beyondBudget<O extends { readonly hlc: Hlc; readonly bytes: number }>(
  oldestFirst: Iterable<O>,
  total: number,
  limit: number = MAX_HIDDEN_BYTES,
): readonly O[] {
  const gone: O[] = [];
  let left = total;
  if (left <= limit) return gone;
  for (const one of oldestFirst) {
    gone.push(one);
    left -= one.bytes;
    if (left <= limit) break;
  }
  return gone;
}
