import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, equalBytes, type Hasher } from '../../../../src/core/types/index.ts';
import { createCheckedPaths, isOfCommit } from '../../../../src/core/wire/checked-paths.ts';
import { NO_PROOF, singleProofs, singleRootInto, treeFromOperations } from '../../../../src/core/wire/ops-tree.ts';
import { hasher } from './commits.ts';

/** The operations of a commit, its root and the proof of each. */
function commitOf(count: number) {
  const operations = Array.from({ length: count }, (_, i) => Uint8Array.of(i, count & 0xff, 7));
  const indices = operations.map((_, i) => i);
  const tree = treeFromOperations(count, indices, operations, NO_PROOF, hasher);
  return { count, opsRoot: tree.hashes.slice(0, 32), operations, proofs: singleProofs(tree, indices) };
}

/** What the check without memory says. */
function isRight(count: number, opsRoot: Bytes, index: number, operation: Bytes, proof: Bytes): boolean {
  const root = new Uint8Array(32);
  singleRootInto(count, index, operation, proof, hasher, root);
  return equalBytes(root, opsRoot);
}

const flipped = (bytes: Bytes, bit: number): Bytes => {
  const other = bytes.slice();
  const at = (bit >>> 3) % other.length;
  other[at] = (other[at] as number) ^ (1 << (bit & 7));
  return other;
};

describe('what was checked of a commit [N12]', () => {
  it('says of each operation and proof, right or wrong and in any order, what the check without memory says', () => {
    const attempt = fc.record({
      index: fc.nat(),
      other: fc.nat(),
      bit: fc.nat(),
      kind: fc.constantFrom('right', 'right', 'right', 'operation', 'proof', 'exchanged', 'index'),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 256 }),
        fc.array(attempt, { minLength: 1, maxLength: 120 }),
        (size, attempts) => {
          const { count, opsRoot, operations, proofs } = commitOf(size);
          const paths = createCheckedPaths({ count, opsRoot });
          for (const { kind, bit, ...chosen } of attempts) {
            const [index, other] = [chosen.index % count, chosen.other % count];
            let [operation, proof] = [operations[index] as Bytes, proofs[index] as Bytes];
            if (kind === 'operation') operation = flipped(operation, bit);
            if (kind === 'proof' && proof.length > 0) proof = flipped(proof, bit);
            if (kind === 'exchanged') operation = operations[other] as Bytes;
            if (kind === 'index' && proofs[other]?.length === proof.length) proof = proofs[other];
            const expected = isRight(count, opsRoot, index, operation, proof);
            expect(isOfCommit(paths, index, operation, proof, hasher)).toBe(expected);
            if (kind === 'right') expect(expected).toBe(true);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('hashes each node of the tree once, however many operations are checked', () => {
    const { count, opsRoot, operations, proofs } = commitOf(250);
    let hashes = 0;
    const counting: Hasher = {
      ...hasher,
      hashInto(bytes, out, offset) {
        hashes++;
        hasher.hashInto(bytes, out, offset);
      },
    };
    const paths = createCheckedPaths({ count, opsRoot });
    for (let i = 0; i < count; i++) {
      const index = (i * 97) % count;
      expect(isOfCommit(paths, index, operations[index] as Bytes, proofs[index] as Bytes, counting)).toBe(true);
    }
    // Each operation, and the 249 nodes above them, some of which were proofs before.
    expect(hashes).toBeLessThanOrEqual(2 * count - 1);
    expect(hashes).toBeGreaterThanOrEqual(count);
    expect(paths.isKnown.every((one) => one === 1)).toBe(true);
  });

  it('a wrong operation is not believed of what it left behind', () => {
    const { count, opsRoot, operations, proofs } = commitOf(8);
    const paths = createCheckedPaths({ count, opsRoot });
    const wrong = Uint8Array.of(1, 2, 3);
    for (let i = 0; i < 2; i++) expect(isOfCommit(paths, 3, wrong, proofs[3] as Bytes, hasher)).toBe(false);
    expect([...paths.isKnown].filter((one) => one === 1)).toHaveLength(1);
    expect(isOfCommit(paths, 3, operations[3] as Bytes, proofs[3] as Bytes, hasher)).toBe(true);
    expect(isOfCommit(paths, 3, wrong, proofs[3] as Bytes, hasher)).toBe(false);
  });

  it('throws `malformed` for an index beyond the commit, and for a proof of another size', () => {
    const { count, opsRoot, operations, proofs } = commitOf(5);
    const paths = createCheckedPaths({ count, opsRoot });
    const [operation, proof] = [operations[0] as Bytes, proofs[0] as Bytes];
    for (const index of [5, -1, 0.5, Number.NaN])
      expect(() => isOfCommit(paths, index, operation, proof, hasher)).toThrow('of a commit with 5 operations');
    for (const other of [NO_PROOF, proof.subarray(1), new Uint8Array(proof.length + 32)])
      expect(() => isOfCommit(paths, 0, operation, other, hasher)).toThrow('a proof of 3 hashes has');
  });
});
