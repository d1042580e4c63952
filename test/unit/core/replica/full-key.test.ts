import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../../src/adapters/system/index.ts';
import { type Fragment, type Hlc, MAX_SIBLINGS } from '../../../../src/core/types/index.ts';
import { createCommit } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, NETWORK, ok, outcomesOf, rootOf } from './support.ts';

const T = 1_700_000_000_000;

/** A write of one key by an author of its own who has seen nothing of the key; ids above 255 are authors too. */
function aloneBy(id: number, key = 'k'): Fragment {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, 0xa0000000 + id);
  const { author, sign } = createSigner(seed);
  const hlc = ((BigInt(T) << 16n) + BigInt(id)) as Hlc;
  return createCommit(
    { network: NETWORK, author, hlc, operations: [{ kind: 'put', key, value: id, context: [] }] },
    hasher,
    sign,
  );
}

const writers = Array.from({ length: MAX_SIBLINGS + 1 }, (_, i) => aloneBy(i + 1));

describe('a key with as many siblings as it can have', () => {
  it('refuses one more author by name, time after time, and the rest of the batch goes on [R9]', () => {
    const a = createTestReplica(1);
    const [last] = writers.slice(-1) as [Fragment];
    expect(outcomesOf(a.step({ fragments: writers.slice(0, -1) }, T)).flat()).toEqual(
      writers.slice(0, -1).map(() => 'added'),
    );
    const root = rootOf(a);
    expect(outcomesOf(a.step({ fragments: [last] }, T))).toEqual([['key-full']]);
    expect(rootOf(a)).toBe(root);
    const other = aloneBy(7, 'other');
    expect(outcomesOf(a.step({ fragments: [last, other, last] }, T))).toEqual([['key-full'], ['added'], ['key-full']]);
    expect(a.entry('k')?.siblings).toHaveLength(MAX_SIBLINGS);
  });

  it('takes whatever does not raise the number: a later write of one of the authors, and a write that has seen all [R9, D4]', () => {
    const a = createTestReplica(1);
    a.step({ fragments: writers.slice(0, -1) }, T);
    const again = createTestReplica(1);
    again.step({ fragments: writers.slice(0, -1) }, T);
    const [first] = writers as [Fragment];
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(0, 0xa0000001);
    const { author, sign } = createSigner(seed);
    expect(author).toBe(first.header.author);
    const later = createCommit(
      {
        network: NETWORK,
        author,
        hlc: ((BigInt(T) << 16n) + 5_000n) as Hlc,
        operations: [{ kind: 'put', key: 'k', value: 'later', context: [] }],
      },
      hasher,
      sign,
    );
    expect(outcomesOf(a.step({ fragments: [later] }, T))).toEqual([['added']]);
    expect(a.entry('k')?.siblings).toHaveLength(MAX_SIBLINGS);

    const written = ok(
      again.step({ writes: [{ operations: [{ kind: 'put', key: 'k', value: 'all' }] }] }, T).writes[0],
    );
    expect(again.entry('k')?.siblings).toHaveLength(1);
    expect(written.commit.operations[0]?.operation.context).toHaveLength(MAX_SIBLINGS);
    expect(outcomesOf(a.step({ fragments: [written.commit] }, T))).toEqual([['added']]);
    // What was refused has room from then on.
    expect(outcomesOf(a.step({ fragments: writers.slice(-1) }, T))).toEqual([['added']]);
  });

  it('does not count what it refused as applied, so nobody is told that it is here [R9, S2]', () => {
    const a = createTestReplica(1);
    a.step({ fragments: writers.slice(0, -1) }, T);
    const [last] = writers.slice(-1) as [Fragment];
    a.step({ fragments: [last] }, T);
    expect(a.replica.committed(last.header.author)).toBe(0n);
  });

  it('ends in one root on two nodes that were filled by different authors, with the first write that has seen either [R9]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    a.step({ fragments: writers.slice(0, -1) }, T);
    b.step({ fragments: writers.slice(1) }, T);
    const exchange = (): void => {
      const siblingsOf = (r: typeof a): Fragment[] =>
        writers.filter(({ id }) =>
          r.entry('k')?.siblings.some(({ commit }) => Buffer.from(commit).toString('hex') === id),
        );
      const [fromA, fromB] = [siblingsOf(a), siblingsOf(b)];
      b.step({ fragments: fromA }, T);
      a.step({ fragments: fromB }, T);
    };
    exchange();
    expect(rootOf(a)).not.toBe(rootOf(b));
    const written = a.put('k', 'seen by a', T);
    b.step({ fragments: [written] }, T);
    exchange();
    expect(rootOf(a)).toBe(rootOf(b));
    expect(a.entry('k')?.siblings).toHaveLength(2);
  });
});

describe('a snapshot', () => {
  it('leaves to repair what a full key has no room for [R9, W7]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    a.step({ fragments: writers.slice(0, -1) }, T);
    b.step({ fragments: writers.slice(-1) }, T);
    const entry = b.entry('k');
    if (entry === undefined) throw new Error('not written');
    expect(a.adopt([entry]).changed).toEqual([]);
    expect(a.entry('k')?.siblings).toHaveLength(MAX_SIBLINGS);
  });
});
