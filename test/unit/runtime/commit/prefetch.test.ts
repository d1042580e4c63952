import { beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import { keysOf, type PrefetchDeps, prefetch } from '../../../../src/runtime/commit/prefetch.ts';
import { wantedKeys } from '../../../../src/runtime/storage/entries.ts';
import type { Wanted } from '../../../../src/runtime/storage/entry-rows.ts';
import { createAuthor, FOUND, hasher, openTestState, put, puts, type TestState } from '../support.ts';

const KEYS = 600;
const waiter = { done: () => undefined, failed: () => undefined, bytes: 0 };

let state: TestState;
/** What was asked of the store, call by call. */
let asked: string[][];
let deps: PrefetchDeps;

beforeEach(async () => {
  state = await openTestState();
  for (let i = 0; i < KEYS; i += 200) await state.writer.write(puts(`k${i}`, 200));
  asked = [];
  deps = {
    replica: state.replica,
    hasher,
    known: () => undefined,
    entries: {
      isPresent: state.entries.isPresent,
      many(wanted: readonly Wanted[], between) {
        asked.push(wanted.map(({ key }) => String(key)));
        return state.entries.many(wanted, between);
      },
    },
  };
});

const valueOf = (entry: Entry | undefined) => entry?.siblings[0]?.operation.value;

describe('the entries that a step needs', () => {
  it('are what was found before, where that is in the state still', async () => {
    const [old, same] = await state.entries.many(wantedKeys(['k0/1', 'k0/2'], hasher), (read) => read());
    await state.writer.write(put('k0/1', 'new'));
    asked = [];
    const view = await prefetch(deps, (want) => {
      for (const [key, entry] of [
        ['k0/1', old],
        ['k0/2', same],
      ] as const)
        want(key, keyHash(key, hasher), { keyHash: keyHash(key, hasher), entry: entry as Entry });
    });
    expect([valueOf(view.get('k0/1')), view.get('k0/2')]).toEqual(['new', same]);
    expect(asked).toEqual([['k0/1']]);
  });

  it('are those of all keys of a batch, read once each', async () => {
    const fragment = createAuthor(2).commit({ 'k0/1': 'a', 'k0/2': 'b' });
    const batch = {
      fragments: [{ ...waiter, fragment, origin: FOUND }],
      writes: [
        { ...waiter, intent: put('k0/2', 'c') },
        { ...waiter, intent: put('k0/3', 'd') },
      ],
    };
    const view = await prefetch(deps, keysOf(batch));
    expect([...view].map(([key, entry]) => [key, valueOf(entry)])).toEqual([
      ['k0/1', 1],
      ['k0/2', 2],
      ['k0/3', 3],
    ]);
    expect(asked).toEqual([['k0/1', 'k0/2', 'k0/3']]);
  });

  it('are taken from what is known without the store first: it is newer', async () => {
    const [known] = await state.entries.many([{ key: 'k0/5', keyHash: keyHash('k0/5', hasher) }], (read) => read());
    const view = await prefetch({ ...deps, known: (key) => (key === 'k0/1' ? known : undefined) }, (want) => {
      want('k0/1');
      want('k0/2');
    });
    expect([view.get('k0/1'), valueOf(view.get('k0/2'))]).toEqual([known, 2]);
    expect(asked).toEqual([['k0/2']]);
  });

  it('cost no read for keys that the tree does not have, nor for what is no key', async () => {
    const view = await prefetch(deps, (want) => {
      want('new');
      want(7 as unknown as string);
    });
    expect([view.size, asked]).toEqual([0, []]);
  });

  it('are found by a hash that is known, and read 256 at a time', async () => {
    const keys = Array.from({ length: 3 }, (_, c) => Array.from({ length: 200 }, (__, i) => `k${c * 200}/${i}`)).flat();
    const view = await prefetch(deps, (want) => {
      for (const key of keys) want(key, keyHash(key, hasher));
    });
    expect(keys.filter((key) => valueOf(view.get(key)) !== Number(key.split('/')[1]))).toEqual([]);
    expect(asked.map((chunk) => chunk.length)).toEqual([256, 256, 88]);
    expect(new Set(asked.flat())).toEqual(new Set(keys));
  });

  it('fail the step when one is not the entry in the tree [N12]', async () => {
    const replica = { tree: state.replica.tree.copy() };
    await state.writer.write(put('k0/1', 'changed'));
    const early = { ...deps, replica, entries: state.entries };
    // The tree has the key, the row is another than the tree's.
    state.replica.tree.set(keyHash('k0/1', hasher), new Uint8Array(32));
    await expect(prefetch(early, (want) => want('k0/1'))).rejects.toMatchObject({ code: 'store-damaged' });
  });
});
