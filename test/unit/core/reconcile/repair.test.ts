import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDifferences, RefusedDifferences, type Steps, sideBySide } from '../../../../src/core/reconcile/index.ts';
import { bytesToHex, LatticeError } from '../../../../src/core/types/index.ts';
import { keyHash, type SyncMessage } from '../../../../src/core/wire/index.ts';
import { encodeCbor } from '../cbor/reference.ts';
import { createTestReplica, hasher, rootOf, type TestReplica } from '../replica/support.ts';
import { type Door, fill, session, T } from './support.ts';

describe('repair by trie descent', () => {
  it('finds nothing between equal trees, in one small round trip', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fill(a, 'k', 300);
    session(a, b);
    const again = session(a, b);
    expect(again).toMatchObject({ outcome: 'equal', found: 0, requests: 1 });
    expect(again.bytes).toBeLessThanOrEqual(300);
  });

  it('is symmetric: the side that opens it fetches what it lacks and pushes what the other lacks [S11]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fill(a, 'a', 40);
    fill(b, 'b', 60);
    expect(session(a, b)).toMatchObject({ outcome: 'repaired', found: 100, fetched: 60, pushed: 40, refused: 0 });
    expect(rootOf(a)).toBe(rootOf(b));
  });

  it('brings a late joiner with an empty store to the same root, and an empty peer likewise', () => {
    const [a, b, c] = [createTestReplica(1), createTestReplica(2), createTestReplica(3)];
    fill(a, 'k', 1500);
    session(b, a);
    session(b, c);
    expect([b, c].map(rootOf)).toEqual([rootOf(a), rootOf(a)]);
  });

  it('keeps conflicts and tombstones', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    a.put('k', 'a', T);
    b.put('k', 'b', T);
    a.put('gone', 1, T);
    a.del('gone', T + 1);
    session(a, b);
    expect(rootOf(a)).toBe(rootOf(b));
    expect(a.entry('k')?.siblings).toHaveLength(2);
    expect(b.replica.meta).toMatchObject({ conflicts: 1, live: 1, entries: 2 });
  });

  it('costs in proportion to the difference, not to the state', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fill(a, 'k', 5000);
    session(b, a);
    fill(a, 'n', 5);
    fill(b, 'm', 5);
    const run = session(b, a);
    expect(run).toMatchObject({ found: 10, fetched: 5, pushed: 5 });
    expect(run.bytes).toBeLessThan(30_000);
  });

  it('ends in equal roots for any two states (property) [S8, S11]', () => {
    const write = fc.record({
      side: fc.constantFrom(0, 1),
      key: fc.integer({ min: 0, max: 30 }),
      del: fc.boolean(),
      sync: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 80 }), (writes) => {
        const sides = [createTestReplica(1), createTestReplica(2)] as const;
        writes.forEach(({ side, key, del, sync }, i) => {
          const r = sides[side];
          if (del) r.del(`k${key}`, T + i);
          else r.put(`k${key}`, i, T + i);
          if (sync === 0) session(sides[0], sides[1]);
        });
        session(sides[1], sides[0]);
        expect(rootOf(sides[0])).toBe(rootOf(sides[1]));
        expect(session(sides[0], sides[1]).outcome).toBe('equal');
      }),
      { numRuns: 40 },
    );
  });
});

describe('pages side by side', () => {
  it('fetches the next page while the last is taken in, no more than two at a time, whichever is done first [S13]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fill(a, 'a', 2500);
    fill(b, 'b', 2500);
    const remaining: number[] = [];
    let turn = 0;
    const run = session(a, b, { pick: (count) => turn++ % count, onProgress: (at) => remaining.push(at.remaining) });
    expect(run).toMatchObject({
      outcome: 'repaired',
      found: 5000,
      fetched: 2500,
      pushed: 2500,
      remaining: 0,
      mostUnderWay: 2,
    });
    expect(rootOf(a)).toBe(rootOf(b));
    expect(remaining[0]).toBe(5000);
    expect(remaining.at(-1)).toBe(0);
    expect([...remaining].sort((x, y) => y - x)).toEqual(remaining);
  });

  it('ends in the same whatever order answers come in (property) [S13]', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(1)), fc.boolean(), (order, cells) => {
        const [a, b] = [createTestReplica(1), createTestReplica(2)];
        const c = createTestReplica(3);
        fill(a, 'both', 300);
        session(b, a);
        fill(a, 'a', 60);
        fill(b, 'b', 60);
        fill(c, 'c', 3);
        session(b, c);
        const refused = new RefusedDifferences();
        const door: Door = (author) => (author === c.author ? 'untrusted-author' : undefined);
        const run = session(a, b, {
          refused,
          doorA: door,
          pick: (count) => (order.next().value ?? 0) % count,
          ...(cells ? { cells: new Uint8Array(0) } : {}),
        });
        expect(run).toMatchObject({
          outcome: 'repaired',
          found: 123,
          fetched: 60,
          pushed: 60,
          refused: 3,
          remaining: 0,
        });
        expect(refused.reasons()).toEqual({ 'untrusted-author': 3 });
      }),
      { numRuns: 10 },
    );
  });

  it('an answer to nothing ends the session', () => {
    const parts = function* (): Generator<Steps<number>> {
      yield (function* (): Steps<number> {
        yield { type: 'entries', keyHashes: [] };
        return 1;
      })();
    };
    const run = sideBySide(parts(), 2, function* () {});
    run.next();
    expect(() => run.next({ type: 'done', id: 7, answer: { type: 'entries', entries: [] } })).toThrow(
      /answer to nothing/,
    );
  });
});

describe('named refusals', () => {
  const third = (): { a: TestReplica; b: TestReplica; c: TestReplica; door: Door } => {
    const [a, b, c] = [createTestReplica(1), createTestReplica(2), createTestReplica(3)];
    fill(c, 'c', 7);
    session(b, c);
    fill(b, 'b', 3);
    return { a, b, c, door: (author) => (author === c.author ? 'untrusted-author' : undefined) };
  };

  it('ends as "equal except refused", and waits before it asks again [S11, S12]', () => {
    const { a, b, door } = third();
    const refused = new RefusedDifferences();
    expect(session(a, b, { refused, doorA: door })).toMatchObject({ outcome: 'repaired', fetched: 3, refused: 7 });
    const second = session(a, b, { refused, doorA: door });
    expect(second).toMatchObject({ outcome: 'equal-except-refused', found: 7, fetched: 0, refused: 7 });
    expect(refused.reasons()).toEqual({ 'untrusted-author': 7 });
    const later = session(a, b, { refused, doorA: door, now: 3_600_000 });
    expect(later.requests).toBeGreaterThan(second.requests);
  });

  it('remembers what the peer refuses from us in the same way [S12]', () => {
    const { a, b, door } = third();
    const refused = new RefusedDifferences();
    session(b, a, { refused, doorB: door });
    expect(session(b, a, { refused, doorB: door })).toMatchObject({
      outcome: 'equal-except-refused',
      pushed: 0,
      refused: 7,
    });
  });

  it('knows which side refused whose commits [S12, J4]', () => {
    const { a, b, c, door } = third();
    const [ours, theirs] = [new RefusedDifferences(), new RefusedDifferences()];
    session(a, b, { refused: ours, doorA: door });
    expect(ours.groups()).toEqual([{ reason: 'untrusted-author', by: 'us', author: c.author, keys: 7 }]);
    session(b, a, { refused: theirs, doorB: door });
    expect(theirs.groups()).toEqual([{ reason: 'untrusted-author', by: 'peer', author: c.author, keys: 7 }]);
  });

  it('takes the peer at its word again when the refusal is gone [S12]', () => {
    const { a, b, door } = third();
    const refused = new RefusedDifferences();
    session(a, b, { refused, doorA: door });
    refused.forget();
    session(a, b, { refused });
    expect(rootOf(a)).toBe(rootOf(b));
  });

  it('does not loop over a write that only a refused operation supersedes', () => {
    const [a, b, c] = [createTestReplica(1), createTestReplica(2), createTestReplica(3)];
    a.put('k', 1, T);
    session(b, a);
    session(c, b);
    c.put('k', 2, T + 1);
    session(c, b);
    const door: Door = (author) => (author === c.author ? 'untrusted-author' : undefined);
    const refused = new RefusedDifferences();
    session(a, b, { refused, doorA: door });
    expect(session(a, b, { refused, doorA: door })).toMatchObject({
      outcome: 'equal-except-refused',
      found: 1,
      requests: 1,
    });
  });

  it('names commits of a later version and goes on with the rest [S12]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fill(b, 'b', 5);
    const refused = new RefusedDifferences();
    const later = encodeCbor([encodeCbor([3, 'a header of another form']), 'more']);
    const tamper = (m: SyncMessage): SyncMessage =>
      m.type === 'entries' ? { ...m, fragments: [later, ...m.fragments.slice(1)] } : m;
    expect(session(a, b, { refused, tamper })).toMatchObject({ outcome: 'repaired', fetched: 4, refused: 1 });
    expect(refused.reasons()).toEqual({ 'unknown-version': 1 });
  });

  it('stays within its bound [S12, L2]', () => {
    const refused = new RefusedDifferences();
    for (let i = 0; i < 5000; i++)
      refused.add(keyHash(`k${i}`, hasher), undefined, undefined, { reason: 'untrusted-author' }, 0);
    expect(refused.size).toBe(4096);
  });
});

describe('a lying peer', () => {
  const pair = (): [TestReplica, TestReplica] => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fill(a, 'a', 50);
    fill(b, 'b', 50);
    return [a, b];
  };

  it('that answers prefixes nobody asked for ends the session [S8]', () => {
    const [a, b] = pair();
    const tamper = (m: SyncMessage): SyncMessage =>
      m.type === 'differences'
        ? {
            ...m,
            differences: [
              ...m.differences,
              { kind: 'leaves', prefix: new Uint8Array([0xab, 0xc0]), bits: 12, leaves: [] },
            ],
          }
        : m;
    expect(() => session(a, b, { tamper })).toThrow(LatticeError);
  });

  it('that answers with something else ends the session', () => {
    const [a, b] = pair();
    expect(() => session(a, b, { tamper: () => ({ type: 'pushed', verdicts: [] }) })).toThrow(/expected differences/);
  });

  it('that answers no wants ends the session instead of being asked forever', () => {
    const [a, b] = pair();
    const tamper = (m: SyncMessage): SyncMessage =>
      m.type === 'entries' ? { type: 'entries', answered: 0, fragments: [] } : m;
    expect(() => session(a, b, { tamper })).toThrow(/answered 0/);
  });

  it('that gives too few verdicts ends the session', () => {
    const [a, b] = pair();
    const tamper = (m: SyncMessage): SyncMessage =>
      m.type === 'pushed' ? { type: 'pushed', verdicts: m.verdicts.slice(1) } : m;
    expect(() => session(a, b, { tamper })).toThrow(/verdicts/);
  });

  it('that invents differences for ever is found out where a key hash ends [S8, S11]', () => {
    const { tree } = createTestReplica(1).replica;
    const search = findDifferences(tree, 1000);
    let step = search.next();
    let requests = 0;
    const digests = new Uint8Array(16 * 16).fill(7);
    const descend = (): void => {
      while (step.done !== true && requests < 200) {
        const message = step.value;
        if (message.type !== 'digests') throw new Error('unexpected');
        requests++;
        const differences = message.queries
          .flatMap((q) =>
            Array.from({ length: 16 }, (_, i) => ({ nibble: i, bits: q.bits + 4, prefix: q.prefix })).map(
              ({ nibble, bits, prefix }) => {
                const out = new Uint8Array((bits + 7) >> 3);
                out.set(prefix.subarray(0, out.length));
                const at = (bits - 4) >> 3;
                out[at] = (bits - 4) % 8 === 0 ? nibble << 4 : ((out[at] as number) & 0xf0) | nibble;
                return { kind: 'children' as const, prefix: out, bits, bitmap: 0xffff, digests };
              },
            ),
          )
          .slice(0, 16);
        step = search.next({ type: 'differences', differences });
      }
    };
    expect(descend).toThrowError(expect.objectContaining({ code: 'malformed' }));
    expect(requests).toBeLessThan(70);
    expect(bytesToHex(tree.root())).toHaveLength(64);
  });
});
