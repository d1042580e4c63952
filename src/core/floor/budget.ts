import type { Hlc } from '../types/index.ts';

/**
 * Most bytes of operations that are kept outside the tree, with what they take in memory: some 100,000 small ones. Of an
 * author's overwrites of one key there is one in 10 s, so these are as many keys that are overwritten within 20 s, by
 * which the floor is behind in a healthy fleet.
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
