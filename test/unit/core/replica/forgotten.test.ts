import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../../src/adapters/system/index.ts';
import type { Context, Fragment, Hlc } from '../../../../src/core/types/index.ts';
import { createCommit } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, NETWORK, outcomesOf } from './support.ts';

const T = 1_700_000_000_000;
const liar = createSigner(new Uint8Array(32).fill(9));
const other = createSigner(new Uint8Array(32).fill(8));

function by(signer: typeof liar, at: number, value: string, context: Context = []): Fragment {
  const hlc = ((BigInt(T) << 16n) + BigInt(at)) as Hlc;
  const operations = [{ kind: 'put' as const, key: 'k', value, context }];
  return createCommit({ network: NETWORK, author: signer.author, hlc, operations }, hasher, signer.sign);
}
const dotOf = ({ header: { author, hlc } }: Fragment) => ({ author, hlc });

const replaced = by(other, 1, 'replaced');
const earlier = by(liar, 2, 'earlier', [dotOf(replaced)]);
const later = by(liar, 3, 'later');

function valuesOf(node: ReturnType<typeof createTestReplica>): unknown[] {
  return (node.entry('k')?.siblings ?? []).map(({ operation }) => operation.kind === 'put' && operation.value);
}

describe('what the later commit of a liar leaves out', () => {
  it.each([
    ['the earlier one first', [earlier, later]],
    ['the later one first', [later, earlier]],
  ])('is covered by the next write of a node that has both, %s [R3, R5]', (_, order) => {
    const both = createTestReplica(1);
    for (const fragment of order) both.step({ fragments: [fragment] }, T);
    // This node has the write that the earlier commit had replaced, and never gets that commit.
    const one = createTestReplica(2);
    one.step({ fragments: [later, replaced] }, T);
    expect(valuesOf(one)).toEqual(['later', 'replaced']);

    const own = both.put('k', 'own', T + 1);
    expect(own.operations[0]?.operation.context).toEqual(
      [dotOf(later), dotOf(replaced)].sort((a, b) => (a.author < b.author ? -1 : 1)),
    );
    expect(outcomesOf(one.step({ fragments: [own] }, T + 1))).toEqual([['added']]);
    expect(valuesOf(one)).toEqual(['own']);
    expect(outcomesOf(one.step({ fragments: [replaced] }, T + 1))).toEqual([['superseded']]);
    // The operation itself hands it on from here, so nothing more has to be remembered.
    expect(both.put('k', 'again', T + 2).operations[0]?.operation.context).toHaveLength(2);
  });

  it('is covered where another author’s operation had replaced it, too [R3, R5]', () => {
    const third = createSigner(new Uint8Array(32).fill(7));
    const honest = by(third, 2, 'honest', [dotOf(replaced)]);
    const node = createTestReplica(1);
    node.step({ fragments: [honest, by(liar, 3, 'lie', [dotOf(honest)])] }, T);
    const [operation] = node.put('k', 'own', T + 1).operations;
    expect(operation?.operation.context).toContainEqual(dotOf(replaced));
  });

  it('of authors that were never known is not remembered [R5]', () => {
    const node = createTestReplica(1, (author) => author === liar.author);
    node.step({ fragments: [earlier, later] }, T);
    expect(node.put('k', 'own', T + 1).operations[0]?.operation.context).toEqual([dotOf(later)]);
  });

  it('is remembered of a bounded number of keys, the oldest forgotten first [R5, L2]', () => {
    const node = createTestReplica(1);
    const lie = (key: string, at: number, context: Context): Fragment =>
      createCommit(
        {
          network: NETWORK,
          author: liar.author,
          hlc: ((BigInt(T) << 16n) + BigInt(at)) as Hlc,
          operations: [{ kind: 'put', key, value: at, context }],
        },
        hasher,
        liar.sign,
      );
    for (let i = 0; i < 1_100; i++)
      node.step({ fragments: [lie(`k${i}`, 2 + 2 * i, [dotOf(replaced)]), lie(`k${i}`, 3 + 2 * i, [])] }, T);
    const names = (key: string): boolean =>
      node.put(key, 'own', T + 1).operations[0]?.operation.context.some(({ author }) => author === other.author) ===
      true;
    expect([names('k0'), names('k1099')]).toEqual([false, true]);
  });
});
