import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMerkleTree } from '../../src/core/merkle/index.ts';
import { toggle } from '../../src/core/reconcile/cells/cells.ts';
import { ItemHash, wordAt } from '../../src/core/reconcile/cells/item-hash.ts';
import { createCellServer, LiveCells } from '../../src/core/reconcile/index.ts';
import type { Bytes } from '../../src/core/types/index.ts';
import { CELL_BYTES } from '../../src/core/wire/index.ts';
import { hasher, hex, sha256, text, unhex } from '../unit/core/merkle/reference.ts';
import {
  referenceCellBytes,
  referenceCells,
  referenceHash,
  referenceIndices,
} from '../unit/core/reconcile/cells/reference.ts';

/**
 * Coded symbols, pinned. UPDATE_VECTORS=1 writes the file anew from the plain reference: only for a new version of the
 * protocol.
 */
const FILE = new URL('cells.json', import.meta.url);

interface SetText {
  readonly network: string;
  readonly salt: string;
  readonly hashKey: string;
  readonly leaves: readonly {
    readonly keyHash: string;
    readonly leafHash: string;
    readonly item: string;
    readonly hash: string;
    readonly indices: readonly number[];
  }[];
  readonly cells: string;
}

const SIZE = 24;
const range = (from: number, length: number): Bytes => Uint8Array.from({ length }, (_, i) => from + i);

function reference(network: string, salt: string, keys: readonly string[]): SetText {
  const hashKey = sha256(
    text('diotec360/lattice/cells/v1:'),
    salt === '' ? new Uint8Array(8) : unhex(salt),
    text(network),
  ).subarray(0, 8);
  const leaves = keys.map((key) => {
    const keyHash = sha256(text(key));
    const leafHash = sha256(text(`leaf of ${key}`));
    const item = Uint8Array.of(...keyHash.subarray(0, 8), ...leafHash.subarray(0, 8));
    const [h0, h1] = referenceHash(hashKey, item);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, h0, true);
    new DataView(bytes.buffer).setUint32(4, h1, true);
    return {
      keyHash: hex(keyHash),
      leafHash: hex(leafHash),
      item: hex(item),
      hash: hex(bytes),
      indices: referenceIndices(h0, h1, 131_072),
    };
  });
  const cells = referenceCells(
    hashKey,
    leaves.map(({ item }) => unhex(item)),
    SIZE,
  );
  return {
    network,
    salt,
    hashKey: hex(hashKey),
    leaves,
    cells: cells.map((cell) => hex(referenceCellBytes(cell))).join(''),
  };
}

const generated = {
  note: `Hex. cells: the first ${SIZE}, ${CELL_BYTES} bytes each.`,
  halfSipHash: { key: hex(range(0, 8)), message: hex(range(0, 16)), hash: '7336aad25f7bf3b5' },
  sets: [
    reference('vectors', '', []),
    reference('vectors', '', ['k0']),
    reference(
      'vectors',
      '',
      Array.from({ length: 20 }, (_, i) => `k${i}`),
    ),
    reference('vectors', '0102030405060708', ['k0', 'k1', 'k2']),
    reference('other', '', ['k0', 'k1', 'k2']),
  ],
};
if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(FILE, `${JSON.stringify(generated, null, 2)}\n`);
const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as typeof generated;

const words = (item: Bytes): [number, number, number, number] => [
  wordAt(item, 0),
  wordAt(item, 4),
  wordAt(item, 8),
  wordAt(item, 12),
];

describe('golden vectors: coded symbols', () => {
  it('put an item into the cells that its hash leads to, up to the last [Y3]', () => {
    for (const { hash, indices } of vectors.sets.flatMap((set) => set.leaves)) {
      const bytes = Buffer.from(hash, 'hex');
      const touched: number[] = [];
      toggle(
        new Int32Array(131_072 * 6),
        0,
        131_072,
        { a: 1, b: 2, c: 3, d: 4 },
        bytes.readInt32LE(0),
        bytes.readInt32LE(4),
        1,
        touched,
      );
      expect(touched).toEqual(indices);
    }
  });

  it('are what the plain reference gives [Y1, Y2, Y3, Y4]', () => {
    expect(generated).toEqual(vectors);
  });

  it('hash as the published vector of HalfSipHash-2-4 with 64 bits says [Y2]', () => {
    const { key, message, hash } = vectors.halfSipHash;
    const own = new ItemHash(unhex(key));
    own.hash(...words(unhex(message)));
    const out = Buffer.alloc(8);
    out.writeInt32LE(own.h0, 0);
    out.writeInt32LE(own.h1, 4);
    expect(hex(out)).toBe(hash);
    const [h0, h1] = referenceHash(unhex(key), unhex(message));
    expect([own.h0 >>> 0, own.h1 >>> 0]).toEqual([h0, h1]);
  });

  it.each(vectors.sets.map((set, i) => ({ name: `set ${i}`, set })))(
    'are the cells that a state answers: $name [Y1, Y2, Y3, Y4, Y7, Y10]',
    ({ set }) => {
      const tree = createMerkleTree(hasher);
      const cells = new LiveCells({ hasher, network: set.network });
      for (const leaf of set.leaves) {
        // There and back: what was taken out leaves no trace.
        cells.replace(unhex(leaf.keyHash), undefined, sha256(text(leaf.item)));
        cells.replace(unhex(leaf.keyHash), sha256(text(leaf.item)), unhex(leaf.leafHash));
        tree.set(unhex(leaf.keyHash), unhex(leaf.leafHash));
      }
      const server = createCellServer({ state: () => ({ tree, cells }), now: () => 0 });
      const none = new Uint8Array(0);
      const answer = server.answer({
        type: 'cells',
        root: none,
        mine: none,
        salt: unhex(set.salt),
        from: 0,
        count: SIZE,
      });
      expect(hex(answer.cells)).toBe(set.cells);
      expect(answer).toMatchObject({ root: tree.root(), entries: set.leaves.length, from: 0 });
      const counts = Array.from({ length: SIZE }, (_, i) => Buffer.from(answer.counts).readUInt32BE(4 * i));
      expect(counts).toEqual(
        Array.from({ length: SIZE }, (_, i) => set.leaves.filter(({ indices }) => indices.includes(i)).length),
      );
      expect(counts[0]).toBe(set.leaves.length);
    },
  );
});
