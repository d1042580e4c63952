import { decodeEntry, entryKeyToKey, keyHash } from '../core/codec/index.ts';
import { createTreeLoader, leafHash } from '../core/merkle/index.ts';
import type { Bytes, Hasher } from '../core/types/index.ts';
import type { Row } from '../ports/index.ts';

/** The root that rows make by themselves: `first` and what follows it of an iteration over all entries. */
export async function rootOfRows(
  first: IteratorResult<readonly Row[]>,
  rows: AsyncIterator<readonly Row[]>,
  hasher: Hasher,
): Promise<{ readonly root: Bytes; readonly entries: number }> {
  const loader = createTreeLoader(hasher);
  for (let next = first; next.done !== true; next = await rows.next()) {
    for (const [rowKey, row] of next.value) {
      const entry = decodeEntry(row, entryKeyToKey(rowKey));
      const hash = keyHash(entry.key, hasher);
      loader.add(hash, leafHash(hash, entry.siblings, hasher));
    }
  }
  const tree = loader.finish();
  return { root: tree.root(), entries: tree.size };
}
