import type { Replica, RowWrite } from '../../core/replica/index.ts';
import { metaKey } from '../../core/rows/index.ts';
import { LatticeError } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';

const SAVED_CELLS = metaKey('cells');
/** Below this many entries, computing the cells is faster than writing and reading their 3 MiB. */
const WORTH_SAVING = 32_768;

/** The row that keeps the coded symbols of the state for the next start; no row where computing them is faster. */
export function savedCells({ cells, tree }: Pick<Replica, 'cells' | 'tree'>, leastEntries = WORTH_SAVING): RowWrite[] {
  if (tree.size < leastEntries) return [];
  return [{ type: 'put', key: SAVED_CELLS, value: cells.save(tree.root()) }];
}

/**
 * Gives a state that was loaded its coded symbols: those that were saved for exactly its root, or else computed ones
 * (as after a crash, or when the row is damaged). The state must not change meanwhile.
 */
export async function loadCells(
  store: Pick<Store, 'get'>,
  { cells, tree }: Pick<Replica, 'cells' | 'tree'>,
): Promise<'kept' | 'computed'> {
  const row = await store.get(SAVED_CELLS).catch((error: unknown) => {
    if (error instanceof LatticeError && error.code === 'store-damaged') return undefined;
    throw error;
  });
  if (row !== undefined && cells.restore(row, tree.root())) return 'kept';
  cells.rebuild(tree);
  return 'computed';
}
