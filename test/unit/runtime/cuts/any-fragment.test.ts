import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../../src/adapters/system/index.ts';
import { CutTracker } from '../../../../src/core/cut/index.ts';
import { createMerkleTree } from '../../../../src/core/merkle/index.ts';
import { LiveCells } from '../../../../src/core/reconcile/index.ts';
import { type Context, type Fragment, type Hlc, LatticeError } from '../../../../src/core/types/index.ts';
import { createCommit, encodeOperation, pickOperations } from '../../../../src/core/wire/index.ts';
import { appliedToStep } from '../../../../src/runtime/cuts/cut-steps.ts';
import { createTestReplica, hasher, NETWORK } from '../../core/replica/support.ts';
import { FOUND } from '../support.ts';

const T = 1_700_000_000_000;
const NOW = BigInt(T) << 16n;
const signers = Array.from({ length: 5 }, (_, i) => createSigner(new Uint8Array(32).fill(i + 1)));

/** What an author may sign: any time, any context, the same key and time as before, in any fragments. */
const arbitraryCommit = fc.record({
  by: fc.nat(signers.length - 1),
  hlc: fc.oneof(
    fc.nat(4).map((n) => NOW + BigInt(n)),
    fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
    fc.constantFrom(1n, NOW + (59_999n << 16n), NOW + (60_001n << 16n), 2n ** 64n - 1n),
  ),
  keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }),
  dots: fc.uniqueArray(fc.tuple(fc.nat(signers.length - 1), fc.bigInt({ min: 1n, max: NOW + 4n })), {
    maxLength: 4,
    selector: ([author]) => author,
  }),
  only: fc.nat(2),
});

function fragmentOf(made: typeof arbitraryCommit extends fc.Arbitrary<infer C> ? C : never): Fragment | undefined {
  const { author, sign } = signers[made.by] as (typeof signers)[number];
  const context: Context = made.dots
    .map(([n, hlc]) => ({ author: (signers[n] as (typeof signers)[number]).author, hlc: hlc as Hlc }))
    .filter((dot) => dot.author !== author)
    .sort((a, b) => (a.author < b.author ? -1 : 1));
  try {
    const operations = made.keys.map((key) => encodeOperation({ kind: 'put', key, value: made.only, context }));
    const commit = createCommit({ network: NETWORK, author, hlc: made.hlc as Hlc, operations }, hasher, sign);
    return made.only < made.keys.length ? pickOperations(commit, [made.only], hasher) : commit;
  } catch (error) {
    // The door refuses what breaks a rule of the wire.
    if (error instanceof LatticeError) return undefined;
    throw error;
  }
}

describe('whatever trusted authors sign', () => {
  it('makes no step throw, nor the trailing tree, nor the writes after it (property) [R1, R3, R5, C4, D2]', () => {
    fc.assert(
      fc.property(fc.array(fc.array(arbitraryCommit, { maxLength: 6 }), { maxLength: 8 }), (batches) => {
        const a = createTestReplica(1);
        const tracker = new CutTracker({
          hasher,
          periodMs: 10_000,
          tree: createMerkleTree(hasher),
          cells: new LiveCells({ hasher, network: NETWORK }),
          at: T - 20_000,
        });
        batches.forEach((batch, i) => {
          const fragments = batch.map(fragmentOf).filter((fragment) => fragment !== undefined);
          const writes = ['a', 'b'].map((key) => ({ operations: [{ kind: 'put' as const, key, value: i }] }));
          const step = a.step({ fragments, writes }, T + i);
          for (const outcome of step.writes) if (!outcome.ok) expect(outcome.error.code).toBe('clock-ahead');
          const taken = step.applied.map((one) => ({ ...one, origin: FOUND }));
          tracker.apply(appliedToStep({ step, taken, amended: false }));
        });
        tracker.begin(T - 10_000);
        while (tracker.advance(1) === undefined);
        for (const key of ['a', 'b', 'c']) {
          const siblings = a.entry(key)?.siblings ?? [];
          expect(new Set(siblings.map(({ author }) => author)).size).toBe(siblings.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});
