import { beforeEach, describe, expect, it } from 'vitest';
import { STATE_META } from '../../../../src/core/replica/index.ts';
import { keyToEntryKey } from '../../../../src/core/rows/index.ts';
import { bytesToHex, type Entry, LatticeError } from '../../../../src/core/types/index.ts';
import { encodeEntry } from '../../../../src/core/wire/index.ts';
import { openState } from '../../../../src/runtime/storage/startup.ts';
import {
  createAuthor,
  createRandom,
  FOUND,
  type GatedStore,
  gateStore,
  hasher,
  NETWORK,
  openTestState,
  put,
} from '../support.ts';

let store: GatedStore;
let root: string;
let entries: ReadonlyMap<string, Entry>;

/** A store of three keys, one of them deleted, one in conflict. */
beforeEach(async () => {
  store = gateStore();
  const { writer, replica, applied } = await openTestState({ store });
  await writer.write(put('a', 1));
  await writer.write(put('b', 2));
  await writer.apply(createAuthor(2).commit({ b: 'theirs' }), FOUND);
  await writer.write(put('c', 3));
  await writer.write({ operations: [{ kind: 'delete', key: 'c' }] });
  root = bytesToHex(replica.tree.root());
  const changed = applied.flatMap(({ step }) => step.changed);
  entries = new Map(changed.flatMap(({ key, after }) => (after === undefined ? [] : [[key, after]])));
});

const open = (network = NETWORK) =>
  openState({
    store,
    hasher,
    random: createRandom(),
    network,
    self: createAuthor(1).author,
    isKnown: () => true,
    directory: '/state',
  });

/** Opening must fail, name directory and next step, and write nothing. */
async function refusal(network?: string): Promise<LatticeError> {
  const before = store.batches;
  const error = await open(network).then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof LatticeError)) throw new Error(`it opened, or failed otherwise: ${String(error)}`);
  expect(error.message).toContain('/state');
  expect(error.next).toBeDefined();
  expect(store.batches).toBe(before);
  return error;
}

describe('opening the state', () => {
  it('rebuilds the tree that was stored, and goes on with its clock, sequence and life [N2, C2]', async () => {
    const first = await open();
    const second = await open();
    expect(bytesToHex(second.replica.tree.root())).toBe(root);
    expect(second.incarnation).toEqual(first.incarnation);
    expect(second.replica.meta).toMatchObject({ entries: 3, live: 2, conflicts: 1, sequence: 5 });
    const greatest = [...entries.values()]
      .flatMap((e) => e.siblings)
      .reduce((max, s) => (s.hlc > max ? s.hlc : max), 0n);
    expect(second.replica.meta.hlc).toBe(greatest);
  });

  it('refuses a store of another network, and says which it is [N1]', async () => {
    const error = await refusal('elsewhere');
    expect(error.code).toBe('other-network');
    expect(error.message).toContain(NETWORK);
    expect(error.message).toContain('elsewhere');
    expect(error.next).toContain('DIOTEC360_NETWORK');
  });

  it('refuses a store that lost an entry, with both roots [N2]', async () => {
    await store.batch([{ type: 'del', key: keyToEntryKey('a', hasher) }]);
    const error = await refusal();
    expect(error).toMatchObject({ code: 'root-mismatch', details: { stored: root, entries: 2 } });
    expect(error.details['rebuilt']).not.toBe(root);
  });

  it('refuses a store with an entry too many, or an older one [N2]', async () => {
    const b = entries.get('b') as Entry;
    await store.batch([
      {
        type: 'put',
        key: keyToEntryKey('b', hasher),
        value: encodeEntry({ key: 'b', siblings: b.siblings.slice(0, 1) }),
      },
    ]);
    expect((await refusal()).code).toBe('root-mismatch');
    await store.batch([{ type: 'put', key: keyToEntryKey('b', hasher), value: encodeEntry(b) }]);
    expect(bytesToHex((await open()).replica.tree.root())).toBe(root);
    const stray = { key: 'stray', siblings: (entries.get('a') as Entry).siblings };
    await store.batch([{ type: 'put', key: keyToEntryKey('stray', hasher), value: encodeEntry(stray) }]);
    expect(['root-mismatch', 'damaged-row']).toContain((await refusal()).code);
  });

  it('refuses a store whose rows cannot be read, or whose own record is gone or broken [N2]', async () => {
    const meta = (await store.get(STATE_META)) as Uint8Array;
    await store.batch([{ type: 'put', key: STATE_META, value: meta.slice(0, -1) }]);
    expect((await refusal()).code).toBe('damaged-row');
    await store.batch([{ type: 'del', key: STATE_META }]);
    expect(await refusal()).toMatchObject({ code: 'root-mismatch', details: { stored: 'none' } });
    await store.batch([{ type: 'put', key: STATE_META, value: meta }]);
    await store.batch([{ type: 'put', key: keyToEntryKey('a', hasher), value: Uint8Array.of(1, 2, 3) }]);
    expect((await refusal()).code).toBe('damaged-row');
  });

  it('begins an empty store with a life of its own', async () => {
    const one = await openState({
      store: gateStore(),
      hasher,
      random: createRandom(),
      network: NETWORK,
      self: createAuthor(1).author,
      isKnown: () => true,
      directory: '/state',
    });
    expect(one.replica.meta).toMatchObject({ entries: 0, sequence: 0 });
    expect(one.incarnation).toHaveLength(8);
  });
});
