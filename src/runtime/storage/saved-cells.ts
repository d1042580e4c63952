import type { Replica, RowWrite } from '../../core/replica/index.ts';
import { metaKey } from '../../core/rows/index.ts';
import type { Store } from '../../ports/index.ts';

const SAVED_CELLS = metaKey('cells');
/** Below this many entries they are computed faster than 3 MiB are written and read. */
const WORTH_SAVING = 32_768;

/** The row that keeps the coded symbols of the state for the next start; none where they are computed faster. */
export function savedCells({ cells, tree }: Pick<Replica, 'cells' | 'tree'>, leastEntries = WORTH_SAVING): RowWrite[] {
  if (tree.size < leastEntries) return [];
  return [{ type: 'put', key: SAVED_CELLS, value: cells.save(tree.root()) }];
}

/**
 * Gives a state that was loaded without its coded symbols those kept for exactly its root, else computes them anew:
 * after a crash, or on damage. The state may not change meanwhile.
 */
export async function loadCells(
  store: Pick<Store, 'get'>,
  { cells, tree }: Pick<Replica, 'cells' | 'tree'>,
): Promise<'kept' | 'computed'> {
  const row = await store.get(SAVED_CELLS);
  if (row !== undefined && cells.restore(row, tree.root())) return 'kept';
  cells.rebuild(tree);
  return 'computed';
}
