import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMerkleTree, emptyRoot } from '../../../../src/core/merkle/index.ts';
import { chunkOf, chunkStart, manifestToPlan, rootOfSubtrees } from '../../../../src/core/snapshot/index.ts';
import {
  type Bytes,
  bytesToHex,
  concatBytes,
  type Entry,
  equalBytes,
  LatticeError,
} from '../../../../src/core/types/index.ts';
import { type ChunkPart, chunkBits, decodeSync, encodeEntry, encodeSync } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, rootOf } from '../replica/support.ts';
import {
  AT,
  certificateOf,
  check,
  type Item,
  itemsOf,
  LEAF_BYTES,
  manifestOf,
  partsOf,
  planOf,
  someState,
  T,
} from './support.ts';

const BITS = 2;
const state = someState(1100);
const plan = planOf(state, BITS);

const refused = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof LatticeError) return error.code;
    throw error;
  }
  return 'none';
};

describe('snapshot: manifest', () => {
  it('cuts a state by the first bits of the key hash, about 512 keys a chunk, at most 16,384 chunks [W1]', () => {
    expect([0, 1, 512, 513, 1024, 1025, 1_000_000, 2 ** 40].map(chunkBits)).toEqual([0, 0, 0, 1, 1, 2, 11, 14]);
    const hash = new Uint8Array(32);
    [hash[0], hash[1]] = [0b1011_0000, 0b0000_0011];
    expect([0, 1, 4, 14].map((bits) => chunkOf(hash, bits))).toEqual([0, 1, 0b1011, 0b1011_0000_0000_00]);
    expect(bytesToHex(chunkStart(3, 2) as Bytes)).toBe(`c0${'00'.repeat(31)}`);
    expect(chunkStart(4, 2)).toBeUndefined();
  });

  it('leads from the hashes of subtrees to the root of the tree, for any leaves and any number of bits (property) [W4]', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.uint8Array({ minLength: 2, maxLength: 2 }), { maxLength: 40, selector: String }),
        fc.integer({ min: 0, max: 9 }),
        (starts, bits) => {
          const tree = createMerkleTree(hasher);
          for (const start of starts) tree.set(concatBytes(start, new Uint8Array(30).fill(7)), hasher.hash(start));
          expect(bytesToHex(rootOfSubtrees(tree.subtreeHashes(bits), hasher))).toBe(bytesToHex(tree.root()));
        },
      ),
    );
    expect(bytesToHex(rootOfSubtrees(new Uint8Array(64), hasher))).toBe(bytesToHex(emptyRoot(hasher)));
  });

  it('with a changed byte, or hashes of another number of chunks, is refused [W2, W4]', () => {
    const manifest = manifestOf(state, BITS);
    expect(rootOf(state)).toBe(bytesToHex(plan.root));
    expect(plan).toMatchObject({ at: AT, entries: 1100, bits: BITS });
    for (let i = 0; i < manifest.hashes.length; i++) {
      const hashes = manifest.hashes.slice();
      hashes[i] = (hashes[i] as number) ^ 1;
      expect(refused(() => manifestToPlan({ ...manifest, hashes }, hasher))).toBe('malformed');
    }
    for (const bits of [1, 3]) {
      expect(refused(() => manifestToPlan(manifestOf(state, bits), hasher))).toBe('malformed');
    }
    const certificate = certificateOf(hasher.hash(Uint8Array.of(1)), 1100);
    expect(refused(() => manifestToPlan({ ...manifest, certificate }, hasher))).toBe('malformed');
  });

  it('messages are read back as they were written, and bounded [W2, W3]', () => {
    const [part] = partsOf(itemsOf(state, BITS, 1, (n) => n % 5 === 0)) as [ChunkPart];
    for (const message of [
      { type: 'snapshot', root: new Uint8Array(0) },
      { type: 'snapshot', root: plan.root },
      manifestOf(state, BITS),
      { type: 'chunk', root: plan.root, index: 3, after: new Uint8Array(0) },
      { type: 'chunk', root: plan.root, index: 3, after: new Uint8Array(32) },
      part,
    ] as const) {
      expect(decodeSync(encodeSync(message))).toEqual(message);
    }
    for (const bad of [
      { type: 'snapshot', root: new Uint8Array(31) },
      { type: 'manifest', certificate: plan.certificateBytes, hashes: new Uint8Array(96) },
      { type: 'manifest', certificate: plan.certificateBytes, hashes: new Uint8Array(32 * 2 ** 15) },
      { type: 'chunk', root: plan.root, index: 2 ** 14, after: new Uint8Array(0) },
      { type: 'chunk', root: plan.root, index: 0, after: new Uint8Array(8) },
      { type: 'part', next: new Uint8Array(0), entries: [], leaves: new Uint8Array(LEAF_BYTES + 1) },
    ] as const) {
      expect(() => encodeSync(bad)).toThrow(RangeError);
    }
  });
});

describe('snapshot: chunk', () => {
  it('all chunks together are the state, whatever parts they come in and whatever stands there by its leaf alone [W3, W5]', () => {
    for (const [size, every] of [
      [400, 2],
      [6, 9],
      [37, 3],
    ] as const) {
      let keys = 0;
      for (let index = 0; index < 2 ** BITS; index++) {
        const { entries, left } = check(
          plan,
          index,
          partsOf(
            itemsOf(state, BITS, index, (n) => n % every === 0),
            size,
          ),
        );
        keys += entries.length + left;
        const wrong = entries.filter(
          ({ entry, bytes, keyHash, leaf }) =>
            !equalBytes(bytes, encodeEntry(state.entry(entry.key) as Entry)) ||
            !equalBytes(leaf, state.replica.tree.get(keyHash) as Bytes),
        );
        expect(wrong).toEqual([]);
        expect(entries[0]?.entry).toEqual(state.entry(entries[0]?.entry.key ?? ''));
      }
      expect(keys).toBe(1100);
    }
  });

  it('with any byte changed but one of a signature is refused (property) [W5]', () => {
    const items = itemsOf(state, BITS, 2);
    const { entries } = check(plan, 2, partsOf(items));
    fc.assert(
      fc.property(fc.nat(items.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, where, change) => {
        const { bytes, entry } = entries[which] as (typeof entries)[number];
        const at = where % bytes.length;
        const signed = entry.siblings.some(
          ({ signature }) =>
            at >= signature.byteOffset - bytes.byteOffset && at < signature.byteOffset - bytes.byteOffset + 64,
        );
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ change;
        const parts = partsOf(items.map((item, i) => (i === which ? { keyHash: item.keyHash, entry: changed } : item)));
        expect(refused(() => check(plan, 2, parts)) === 'none').toBe(signed);
      }),
      { numRuns: 150 },
    );
  });

  it('with an entry dropped, repeated, moved, or taken from another chunk or state is refused [W5]', () => {
    const items = itemsOf(state, BITS, 1);
    const other = itemsOf(state, BITS, 3);
    const foreign = createTestReplica(9);
    foreign.put('key/0', 'else', T);
    const entry = encodeEntry(foreign.entry('key/0') as Entry);
    const [first, second, ...rest] = items as [Item, Item, ...Item[]];
    for (const wrong of [
      [second, ...rest],
      [first, first, second, ...rest],
      [second, first, ...rest],
      [...items, other.at(-1) as Item],
      [{ keyHash: first.keyHash, entry }, second, ...rest],
      other,
      [],
    ]) {
      expect(refused(() => check(plan, 1, partsOf(wrong)))).toBe('malformed');
    }
    expect(refused(() => check(plan, 1, partsOf(items)))).toBe('none');
  });

  it('with a leaf changed, or parts that do not go on where the last ended, is refused [W3, W5]', () => {
    const items = itemsOf(state, BITS, 0, (n) => n % 2 === 0);
    const [part] = partsOf(items) as [ChunkPart];
    for (const at of [32, 40, part.leaves.length - 1]) {
      const leaves = part.leaves.slice();
      leaves[at] = (leaves[at] as number) ^ 4;
      expect(refused(() => check(plan, 0, [{ ...part, leaves }]))).toBe('malformed');
    }
    const parts = partsOf(items, 100);
    expect(parts.length).toBeGreaterThan(2);
    expect(refused(() => check(plan, 0, parts))).toBe('none');
    const [one, two, ...more] = parts as [ChunkPart, ChunkPart, ...ChunkPart[]];
    expect(refused(() => check(plan, 0, [two, one, ...more]))).toBe('malformed');
    expect(refused(() => check(plan, 0, [{ ...one, next: two.next }]))).toBe('malformed');
    expect(refused(() => check(plan, 0, [one]))).toBe('malformed');
    expect(refused(() => check(plan, 0, [{ ...one, entries: [], leaves: new Uint8Array(0) }]))).toBe('malformed');
  });

  it('with commits later than the cut is refused [W5]', () => {
    expect(refused(() => check({ ...plan, at: T - 1 }, 0, partsOf(itemsOf(state, BITS, 0))))).toBe('malformed');
  });

  it('leaves what an untrusted author wrote to repair, and is no fault of its source [W5]', () => {
    const items = partsOf(itemsOf(state, BITS, 0));
    const isTrusted = (author: string): boolean => author !== createTestReplica(2).author;
    const [all, some] = [check(plan, 0, items), check(plan, 0, items, isTrusted)];
    expect(some.entries).toEqual(
      all.entries.filter(({ entry }) => entry.siblings.every(({ author }) => isTrusted(author))),
    );
    expect(some.entries.length).toBeGreaterThan(0);
    expect(some.left).toBe(all.left + all.entries.length - some.entries.length);
    expect(some.left).toBeGreaterThan(all.left);
  });

  it('with siblings in another order than the register holds them is refused, though the leaf is the same [W5]', () => {
    const items = itemsOf(state, BITS, 0);
    const several = items.findIndex(({ keyHash }) => (state.entryByHash(keyHash) as Entry).siblings.length > 1);
    const entry = state.entryByHash((items[several] as Item).keyHash) as Entry;
    const swapped = encodeEntry({ key: entry.key, siblings: entry.siblings.toReversed() });
    expect(
      refused(() =>
        check(
          plan,
          0,
          partsOf(items.map((item, i) => (i === several ? { keyHash: item.keyHash, entry: swapped } : item))),
        ),
      ),
    ).toBe('malformed');
  });

  it('of a prefix without keys is empty, and only that [W5]', () => {
    const small = createTestReplica(1);
    small.put('only', 1, T);
    const none = { ...planOf(small, 0), bits: 1, hashes: small.replica.tree.subtreeHashes(1) };
    const full = none.hashes.subarray(0, 32).some((byte) => byte !== 0) ? 0 : 1;
    expect(check(none, 1 - full, partsOf([])).entries).toEqual([]);
    expect(refused(() => check(none, full, partsOf([])))).toBe('malformed');
    expect(check(none, full, partsOf(itemsOf(small, 1, full))).entries.length).toBe(1);
  });
});
