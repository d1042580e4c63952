import { createTreeLoader, leafHash } from '../../core/merkle/index.ts';
import { entryKey, entryKeyToHash, entryRange, entryRowToEntry } from '../../core/rows/index.ts';
import type { Bytes, Hasher } from '../../core/types/index.ts';
import type { Row, Store } from '../../ports/index.ts';
import type { Hold } from './holds.ts';

/** Rows handed over at a time: decoding them takes a few milliseconds. */
const CHUNK = 256;

export interface HeldRow {
  readonly keyHash: Bytes;
  readonly row: Bytes;
  /** It is what the hold kept; the store has a newer one. */
  readonly changed: boolean;
}

/** Every entry row of the present, in the order of key hashes. */
export async function* entryRows(store: Pick<Store, 'iterate'>): AsyncGenerator<readonly Row[]> {
  for await (const rows of store.iterate(entryRange())) {
    for (let at = 0; at < rows.length; at += CHUNK) yield rows.slice(at, at + CHUNK);
  }
}

/**
 * What a hold of rows makes of rows read since: those of its moment. What is not changed is as in the tree until the
 * next await.
 */
export function heldRows(rows: readonly Row[], hold: Hold): HeldRow[] {
  const held: HeldRow[] = [];
  for (const [rowKey, row] of rows) {
    const keyHash = entryKeyToHash(rowKey);
    const since = hold.since(keyHash);
    if (since === undefined) held.push({ keyHash, row, changed: false });
    else if (since.was !== undefined) held.push({ keyHash, row: since.was, changed: true });
    hold.passed(keyHash);
  }
  return held;
}

/** The root that the rows of a moment make by themselves. */
export async function rootOf(
  store: Pick<Store, 'iterate'>,
  hold: Hold,
  hasher: Hasher,
): Promise<{ readonly root: Bytes; readonly entries: number }> {
  const loader = createTreeLoader(hasher);
  for await (const rows of entryRows(store)) {
    for (const { keyHash, row } of heldRows(rows, hold)) {
      loader.add(keyHash, leafHash(keyHash, entryRowToEntry(entryKey(keyHash), row, hasher).siblings, hasher));
    }
  }
  const tree = loader.finish();
  return { root: tree.root(), entries: tree.size };
}
