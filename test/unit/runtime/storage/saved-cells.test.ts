import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { LiveCells } from '../../../../src/core/reconcile/index.ts';
import { metaKey } from '../../../../src/core/rows/index.ts';
import { loadCells, savedCells } from '../../../../src/runtime/storage/saved-cells.ts';
import { createState, fill, NETWORK } from '../../core/reconcile/cells/support.ts';
import { hasher } from '../support.ts';

const NO_SALT = new Uint8Array(0);
const state = createState();
fill(state, 'k', 500);
const wanted = state.cells.version(state.tree, NO_SALT)?.cells;
const empty = (network = NETWORK): LiveCells => new LiveCells({ hasher, network });

async function saved() {
  const store = createMemoryStore();
  await store.batch(savedCells(state, 500));
  return store;
}

describe('coded symbols kept for the next start', () => {
  it('are kept where computing them anew takes longer', () => {
    expect([savedCells(state), savedCells(state, 501)]).toEqual([[], []]);
    expect(savedCells(state, 500)).toHaveLength(1);
  });

  it('are taken over for exactly their root, and go on from there', async () => {
    const cells = empty();
    expect(await loadCells(await saved(), { cells, tree: state.tree })).toBe('kept');
    expect(cells.version(state.tree, NO_SALT)?.cells).toEqual(wanted);
    const [keyHash, leaf] = [hasher.hash(NO_SALT), hasher.hash(Uint8Array.of(1))];
    cells.replace(keyHash, undefined, leaf);
    cells.replace(keyHash, leaf, undefined);
    expect(cells.version(state.tree, NO_SALT)?.cells).toEqual(wanted);
  });

  it.each([
    ['nothing was kept', async () => createMemoryStore()],
    [
      'a bit of them went bad',
      async () => {
        const store = await saved();
        const row = (await store.get(metaKey('cells')))?.slice() ?? NO_SALT;
        row[100_000] = (row[100_000] as number) ^ 1;
        await store.batch([{ type: 'put', key: metaKey('cells'), value: row }]);
        return store;
      },
    ],
  ] as const)('are computed anew when %s', async (_, storeOf) => {
    const cells = empty();
    expect(await loadCells(await storeOf(), { cells, tree: state.tree })).toBe('computed');
    expect(cells.version(state.tree, NO_SALT)?.cells).toEqual(wanted);
  });

  it('are computed anew for another root or network', async () => {
    const store = await saved();
    const later = createState();
    fill(later, 'k', 501);
    const cells = empty();
    expect(await loadCells(store, { cells, tree: later.tree })).toBe('computed');
    expect(cells.version(later.tree, NO_SALT)?.cells).toEqual(later.cells.version(later.tree, NO_SALT)?.cells);
    expect(await loadCells(store, { cells: empty('another'), tree: state.tree })).toBe('computed');
  });
});
