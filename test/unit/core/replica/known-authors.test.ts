import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../../src/adapters/system/index.ts';
import { BUCKETS, decodeJournal } from '../../../../src/core/rows/index.ts';
import {
  type Author,
  type Context,
  type Fragment,
  type Hlc,
  hexToBytes,
  MAX_CONTEXT_DOTS,
} from '../../../../src/core/types/index.ts';
import { createCommit } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, NETWORK, outcomesOf } from './support.ts';

const T = 1_700_000_000_000;
const liar = createSigner(new Uint8Array(32).fill(9));
const friend = createSigner(new Uint8Array(32).fill(8));
const friendsDot = { author: friend.author, hlc: 77n as Hlc };

/** A commit of the liar whose context names as many authors as it can, of whom none was ever seen. */
function inventing(round: number, real: Context = []): Fragment {
  const invented = Array.from({ length: MAX_CONTEXT_DOTS - real.length }, (_, i) => ({
    author: `${String(round).padStart(32, 'a')}${String(i).padStart(32, '0')}` as Author,
    hlc: 5n as Hlc,
  }));
  const context = [...invented, ...real].sort((a, b) => (a.author < b.author ? -1 : 1));
  const hlc = ((BigInt(T) << 16n) + BigInt(round)) as Hlc;
  const operations = [{ kind: 'put' as const, key: `k${round % 3}`, value: round, context }];
  return createCommit({ network: NETWORK, author: liar.author, hlc, operations }, hasher, liar.sign);
}

const onlyFriends = (author: Author): boolean => author === liar.author || author === friend.author;

describe('what a node remembers of authors', () => {
  it('is bounded by those it knows, in memory and in the store, whatever contexts name [R5, L2]', () => {
    const a = createTestReplica(1, onlyFriends);
    const fragments = Array.from({ length: 40 }, (_, i) => inventing(i, [friendsDot]));
    const step = a.step({ fragments }, T);
    expect(outcomesOf(step).flat()).toEqual(fragments.map(() => 'added'));
    const authors = [liar.author, friend.author].sort();
    expect(
      a.replica
        .authors()
        .map(({ author }) => author)
        .sort(),
    ).toEqual(authors);
    expect(a.replica.seen(friend.author)).toBe(77n);
    const clocks = Array.from(a.rows)
      .filter(([key]) => hexToBytes(key)?.[0] === BUCKETS.journal)
      .flatMap(([, row]) => decodeJournal(row).clocks);
    expect(clocks.map(({ author }) => author).sort()).toEqual(authors);
    // Nor does it hand them on in what it writes.
    const written = a.put('k0', 'mine', T + 1);
    expect(written.operations[0]?.operation.context.map(({ author }) => author).sort()).toEqual(authors);
  });

  it('leaves at the next start those whom an earlier version had stored though it never knew them [R5]', () => {
    const a = createTestReplica(1, onlyFriends);
    const stored = inventing(1).operations[0]?.operation.context.map(({ author, hlc }) => ({
      author,
      seen: hlc,
      committed: 0n as Hlc,
    }));
    a.replica.loadClocks([...(stored ?? []), { author: friend.author, seen: 7n as Hlc, committed: 0n as Hlc }]);
    expect(a.replica.authors().map(({ author }) => author)).toEqual([friend.author]);
  });

  it('has every author whose commits are here, on the trust list or not [R5]', () => {
    const a = createTestReplica(1, (author) => author === liar.author);
    const hlc = ((BigInt(T) << 16n) + 1n) as Hlc;
    const operations = [{ kind: 'put' as const, key: 'x', value: 1, context: [] }];
    const commit = createCommit({ network: NETWORK, author: friend.author, hlc, operations }, hasher, friend.sign);
    a.step({ fragments: [commit, inventing(1, [friendsDot])] }, T);
    expect(
      a.replica
        .authors()
        .map(({ author }) => author)
        .sort(),
    ).toEqual([liar.author, friend.author].sort());
    const written = a.put('k1', 'mine', T + 1);
    expect(written.operations[0]?.operation.context).toContainEqual(friendsDot);
  });
});
