import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, bytesToHex, concatBytes } from '../../../../src/core/types/index.ts';
import { operationLeafHash, opsRoot, proveOperations, rootFromOperations } from '../../../../src/core/wire/index.ts';
import { NO_PROOF, singleProofs, treeFromOperations } from '../../../../src/core/wire/ops-tree.ts';
import { bytesOf, codeOf, hasher } from './commits.ts';

/** RFC 9162 §2.1.1, as written there. */
function reference(ops: readonly Bytes[]): Bytes {
  if (ops.length === 1) return hasher.hash(concatBytes(Uint8Array.of(0), ops[0] as Bytes));
  let k = 1;
  while (2 * k < ops.length) k *= 2;
  return hasher.hash(concatBytes(Uint8Array.of(1), reference(ops.slice(0, k)), reference(ops.slice(k))));
}

/** Hashes of the maximal subtrees without a chosen index, by definition. */
function referenceProof(ops: readonly Bytes[], chosen: ReadonlySet<number>, low = 0): Bytes[] {
  if (!ops.some((_, i) => chosen.has(low + i))) return [reference(ops)];
  if (ops.length === 1) return [];
  let k = 1;
  while (2 * k < ops.length) k *= 2;
  return [...referenceProof(ops.slice(0, k), chosen, low), ...referenceProof(ops.slice(k), chosen, low + k)];
}

const operations = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 256, size: 'max' });
const withSubset = operations.chain((ops) =>
  fc.tuple(
    fc.constant(ops),
    fc.subarray(
      ops.map((_, i) => i),
      { minLength: 1 },
    ),
  ),
);

describe('operations tree', () => {
  it('has the roots that Certificate Transparency publishes for its eight test leaves [H3]', () => {
    const leaves = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ].map(bytesOf);
    const roots: [number, string][] = [
      [1, '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
      [2, 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
      [3, 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
      [8, '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328'],
    ];
    for (const [n, root] of roots) expect(bytesToHex(opsRoot(leaves.slice(0, n), hasher))).toBe(root);
  });

  it('equals the definition for every size [H3]', () => {
    const ops = Array.from({ length: 256 }, (_, i) => Uint8Array.of(i));
    for (let n = 1; n <= 256; n++)
      expect(bytesToHex(opsRoot(ops.slice(0, n), hasher))).toBe(bytesToHex(reference(ops.slice(0, n))));
    expect(codeOf(() => opsRoot([], hasher))).toBe('malformed');
    expect(codeOf(() => opsRoot([...ops, Uint8Array.of(0)], hasher))).toBe('malformed');
  });

  it('proves any subset, with the hashes of the definition (property) [F2]', () => {
    fc.assert(
      fc.property(withSubset, ([ops, indices]) => {
        const leaves = ops.map((op) => operationLeafHash(op, hasher));
        const proof = proveOperations(leaves, indices, hasher);
        expect(bytesToHex(proof)).toBe(bytesToHex(concatBytes(...referenceProof(ops, new Set(indices)))));
        const chosen = indices.map((i) => ops[i] as Bytes);
        expect(bytesToHex(rootFromOperations(ops.length, indices, chosen, proof, hasher))).toBe(
          bytesToHex(reference(ops)),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('proves each operation alone with the same hashes (property) [F2]', () => {
    fc.assert(
      fc.property(withSubset, ([ops, indices]) => {
        const all = ops.map((_, i) => i);
        const tree = treeFromOperations(ops.length, all, ops, NO_PROOF, hasher);
        const proofs = singleProofs(tree, indices);
        expect(proofs.map(bytesToHex)).toEqual(
          indices.map((index) => bytesToHex(concatBytes(...referenceProof(ops, new Set([index]))))),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('needs no hash for all and at most eight for one [F2]', () => {
    const leaves = Array.from({ length: 256 }, (_, i) => operationLeafHash(Uint8Array.of(i), hasher));
    for (const n of [1, 2, 3, 100, 255, 256]) {
      const some = leaves.slice(0, n);
      expect(
        proveOperations(
          some,
          Array.from({ length: n }, (_, i) => i),
          hasher,
        ),
      ).toHaveLength(0);
      for (let i = 0; i < n; i++) expect(proveOperations(some, [i], hasher).length).toBeLessThanOrEqual(8 * 32);
    }
  });

  it('leads elsewhere for another operation or place; the size is vouched for by the header, not by the tree [F3]', () => {
    const ops = Array.from({ length: 5 }, (_, i) => Uint8Array.of(i));
    const leaves = ops.map((op) => operationLeafHash(op, hasher));
    const root = bytesToHex(opsRoot(ops, hasher));
    const proof = proveOperations(leaves, [1], hasher);
    const lead = (count: number, index: number, op: Bytes) =>
      bytesToHex(rootFromOperations(count, [index], [op], proof, hasher));
    expect(lead(5, 1, Uint8Array.of(1))).toBe(root);
    expect(lead(5, 1, Uint8Array.of(2))).not.toBe(root);
    expect(lead(5, 2, Uint8Array.of(1))).not.toBe(root);
    expect(lead(8, 1, Uint8Array.of(1))).toBe(root);
  });

  it('refuses missing, left-over and short hashes, and bad indices [F1, F2]', () => {
    const op = Uint8Array.of(1);
    const hash = new Uint8Array(32);
    const attempt = (count: number, indices: number[], proof: Bytes[]) =>
      codeOf(() =>
        rootFromOperations(
          count,
          indices,
          indices.map(() => op),
          concatBytes(...proof),
          hasher,
        ),
      );
    expect(attempt(4, [0], [hash, hash])).toBe('none');
    expect(attempt(4, [0], [hash])).toBe('malformed');
    expect(attempt(4, [0], [hash, hash, hash])).toBe('malformed');
    expect(attempt(4, [0], [hash, hash.slice(1)])).toBe('malformed');
    expect(attempt(4, [4], [hash, hash])).toBe('malformed');
    expect(attempt(4, [-1], [hash, hash])).toBe('malformed');
    expect(attempt(4, [0.5], [hash, hash])).toBe('malformed');
    expect(attempt(4, [], [hash])).toBe('malformed');
    expect(attempt(4, [1, 0], [hash])).toBe('malformed');
    expect(attempt(4, [1, 1], [hash])).toBe('malformed');
    expect(attempt(0, [0], [])).toBe('malformed');
    expect(
      attempt(
        257,
        [0],
        Array.from({ length: 9 }, () => hash),
      ),
    ).toBe('malformed');
    expect(codeOf(() => rootFromOperations(2, [0, 1], [op], new Uint8Array(), hasher))).toBe('malformed');
  });
});
