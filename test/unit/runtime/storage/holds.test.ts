import { describe, expect, it } from 'vitest';
import { createMerkleTree, leafHash } from '../../../../src/core/merkle/index.ts';
import { type Bytes, bytesToHex } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import type { EntryView, Lattice } from '../../../../src/runtime/facade/index.ts';
import { createWholeState } from '../../../../src/runtime/read/whole-state.ts';
import { hasher, openTestState, put, puts, type TestState } from '../support.ts';

const KEYS = 3000;

async function filled(
  options: Parameters<typeof openTestState>[0] = {},
): Promise<{ readonly state: TestState; readonly reads: Pick<Lattice, 'wholeState' | 'verifyIntegrity'> }> {
  const state = await openTestState(options);
  for (let i = 0; i < KEYS; i += 250) await state.writer.write(puts(`k${i}`, 250));
  const reads = createWholeState(state);
  return { state, reads };
}

const hashOf = (key: string): Bytes => keyHash(key, hasher);
/** Keys in the order in which a whole state is read. */
const byHash = (keys: readonly string[]): string[] => [...keys].sort((a, b) => Buffer.compare(hashOf(a), hashOf(b)));

describe('the state of one moment', () => {
  it('is read as it was, whatever is written before and behind the reader meanwhile [N13]', async () => {
    const { state, reads } = await filled();
    const root = bytesToHex(state.replica.tree.root());
    const names = byHash(
      Array.from({ length: KEYS / 250 }, (_, c) => Array.from({ length: 250 }, (__, i) => `k${c * 250}/${i}`)).flat(),
    );
    const snapshot = await reads.wholeState();
    expect(snapshot).toMatchObject({ root, live: KEYS });
    const seen: EntryView[] = [];
    let chunks = 0;
    for await (const chunk of snapshot.chunks) {
      seen.push(...chunk);
      chunks++;
      // What was read, what comes next, what comes last, and what was not there.
      await state.writer.write(put(names[0] as string, `changed in ${chunks}`));
      await state.writer.write(put(names[seen.length] ?? 'none', `changed in ${chunks}`));
      await state.writer.write(put(names.at(-1) as string, `changed in ${chunks}`));
      await state.writer.write(puts(`new in ${chunks}`, 20));
    }
    expect(chunks).toBeGreaterThan(5);
    expect(seen.map(({ key }) => key)).toEqual(names);
    expect(seen.every(({ key, value }) => value === Number(key.split('/')[1]))).toBe(true);
    expect(await reads.verifyIntegrity()).toMatchObject({ valid: true, root: bytesToHex(state.replica.tree.root()) });
    expect(bytesToHex(state.replica.tree.root())).not.toBe(root);
  });

  it('is read by a prefix without the rest, whatever is written and deleted meanwhile [A31]', async () => {
    const state = await openTestState();
    const del = (key: string): Promise<unknown> => state.writer.write({ operations: [{ kind: 'delete', key }] });
    for (const name of ['a', 'b', 'c']) await state.writer.write(puts(name, 250));
    await del('b/7');
    let read = 0;
    const many: typeof state.entries.many = async (wanted, between) => {
      read += wanted.length;
      return await state.entries.many(wanted, between);
    };
    const reads = createWholeState({ ...state, entries: { ...state.entries, many } });
    const { chunks } = await reads.wholeState({ prefix: 'b/' });
    const seen: EntryView[] = [];
    let round = 0;
    for await (const chunk of chunks) {
      seen.push(...chunk);
      if (round++ > 0) continue;
      // Read already, still to come, deleted before, and new under the prefix and beside it.
      for (const key of ['b/0', 'b/99', 'b/7', 'b/', 'b/zzz', 'a/0', 'c/0']) await state.writer.write(put(key, 'new'));
      for (const key of ['b/1', 'b/98', 'a/1']) await del(key);
    }
    expect(round).toBeGreaterThan(1);
    const expected = Array.from({ length: 250 }, (_, i) => `b/${i} ${i}`).filter((one) => one !== 'b/7 7');
    expect(seen.map(({ key, value }) => `${key} ${JSON.stringify(value)}`).toSorted()).toEqual(expected.toSorted());
    expect(read).toBeLessThan(260);
  });

  it('is kept under a prefix for what was written there alone, and ends where that is too much [A31, L2]', async () => {
    const state = await openTestState({ maxHeldBytes: 60_000 });
    for (const name of ['a', 'b']) await state.writer.write(puts(name, 250));
    const { chunks } = await createWholeState(state).wholeState({ prefix: 'b/' });
    const iterator = chunks[Symbol.asyncIterator]();
    await iterator.next();
    await state.writer.write(puts('a', 250));
    expect((await iterator.next()).done).toBe(false);
    const again = (await createWholeState(state).wholeState({ prefix: 'b/' })).chunks[Symbol.asyncIterator]();
    await state.writer.write(puts('b', 250));
    await expect(again.next()).rejects.toMatchObject({ code: 'moved-on' });
  });

  it('is found sound while it changes', async () => {
    const { state, reads } = await filled();
    const found = reads.verifyIntegrity();
    const writes = Array.from({ length: 40 }, (_, n) =>
      state.writer.write(puts(n % 2 === 0 ? `k${250 * (n % 12)}` : `new ${n}`, 100)),
    );
    const { valid, entries } = await found;
    await Promise.all(writes);
    expect({ valid, entries }).toEqual({ valid: true, entries: KEYS });
  });

  it('ends where too much has changed, and says so [N13, L2]', async () => {
    const { state, reads } = await filled({ maxHeldBytes: 200_000 });
    const { chunks } = await reads.wholeState();
    const read = async (): Promise<void> => {
      for await (const _ of chunks) await state.writer.write(puts('k0', 250));
    };
    // The same keys again and again are kept once.
    await read();
    const again = await reads.wholeState();
    const iterator = again.chunks[Symbol.asyncIterator]();
    await iterator.next();
    for (let i = 0; i < KEYS; i += 250) await state.writer.write(puts(`k${i}`, 250));
    await expect(iterator.next()).rejects.toMatchObject({ code: 'moved-on' });
  });

  it('costs nothing for what has been read', async () => {
    const state = await openTestState({ maxHeldBytes: 100_000 });
    await state.writer.write(puts('a', 256));
    const hold = state.holds.hold('leaf');
    await state.writer.write(puts('a', 256));
    for (const key of byHash(Array.from({ length: 256 }, (_, i) => `a/${i}`))) hold.passed(hashOf(key));
    // What the second keeps, 90 kB, would not fit beside the 49 kB that the first kept.
    const other = state.holds.hold('leaf');
    await state.writer.write(puts('a', 256));
    await state.writer.write(puts('b', 256));
    expect([hold.ended, other.ended]).toEqual([false, false]);
  });

  it('costs nothing once its reader has closed it, and of several readers the one that holds most is ended', async () => {
    const state = await openTestState({ maxHeldBytes: 120_000 });
    await state.writer.write(puts('a', 256));
    const [first, second] = [state.holds.hold('row'), state.holds.hold('leaf')];
    await state.writer.write(puts('a', 100));
    expect(first.ended).toBe(false);
    await state.writer.write(puts('a', 200));
    expect([first.ended, second.ended]).toEqual([true, false]);
    expect(() => first.since(hashOf('a/1'))).toThrow(expect.objectContaining({ code: 'moved-on' }));
    expect(second.since(hashOf('a/1'))?.was).toHaveLength(32);
    expect(second.since(hashOf('a/201'))).toBeUndefined();
    second.end();
    const third = state.holds.hold('leaf');
    await state.writer.write(puts('a', 256));
    expect(third.ended).toBe(false);
  });

  it('makes the root of then: leaves of the present, and what was kept of those that changed', async () => {
    const { state } = await filled();
    const root = state.replica.tree.root();
    const hold = state.holds.hold('leaf');
    for (let n = 0; n < 5; n++) await state.writer.write(puts(`k${n * 500}`, 250));
    await state.writer.write(puts('new', 100));
    const tree = createMerkleTree(hasher);
    for (const { keyHash: hash } of state.replica.tree.eachLeaf(new Uint8Array(0), 0)) {
      const since = hold.since(hash);
      if (since === undefined) tree.set(hash, state.replica.tree.get(hash) as Bytes);
      else if (since.was !== undefined) tree.set(hash, since.was);
    }
    expect(tree.root()).toEqual(root);
    const kept = hold.since(hashOf('k0/1'))?.was;
    const [entry] = await state.entries.many([{ keyHash: hashOf('k0/1') }], (read) => read());
    expect(kept).not.toEqual(leafHash(hashOf('k0/1'), entry?.siblings ?? [], hasher));
  });
});
