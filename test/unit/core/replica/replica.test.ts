import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeHlc } from '../../../../src/core/clock/index.ts';
import { STATE_META } from '../../../../src/core/replica/index.ts';
import { BUCKETS, decodeStateMeta } from '../../../../src/core/rows/index.ts';
import { versionOf, winner } from '../../../../src/core/state/index.ts';
import { bytesToHex, type Entry, type Fragment, LatticeError, MAX_AHEAD_MS } from '../../../../src/core/types/index.ts';
import { keyHash, pickOperations } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, ok, outcomesOf, rootOf } from './support.ts';

const T = 1_700_000_000_000;
const put = (key: string, value: unknown = 1) => ({ operations: [{ kind: 'put' as const, key, value }] });
const siblingsOf = (entry: Entry | undefined): string[] => entry?.siblings.map(versionOf) ?? [];

describe('group commit', () => {
  it('signs writes that arrive together as one commit [R8]', () => {
    const a = createTestReplica(1);
    const step = a.step({ writes: [put('x'), put('y'), put('z')] }, T);
    expect(step.commits).toHaveLength(1);
    expect(step.commits[0]?.operations.map((o) => o.operation.key)).toEqual(['x', 'y', 'z']);
    expect(step.writes.map((w) => ok(w).results[0]?.version)).toEqual(
      [0, 1, 2].map((i) => `${step.commits[0]?.id}.${i}`),
    );
  });

  it('starts the next commit at a repeated key, which then sees the first write [R8]', () => {
    const a = createTestReplica(1);
    const step = a.step({ writes: [put('x', 1), put('x', 2)] }, T);
    expect(step.commits).toHaveLength(2);
    expect(winner(a.entry('x') as Entry).operation.value).toBe(2);
    expect(ok(step.writes[0]).results[0]?.created).toBe(true);
    expect(ok(step.writes[1]).results[0]?.created).toBe(false);
    expect(a.entry('x')?.siblings).toHaveLength(1);
  });

  it("never splits one client's batch [R8]", () => {
    const a = createTestReplica(1);
    const batch = (prefix: string, n: number) => ({
      operations: Array.from({ length: n }, (_, i) => ({ kind: 'put' as const, key: `${prefix}${i}`, value: i })),
    });
    const step = a.step({ writes: [batch('a', 200), batch('b', 200)] }, T);
    expect(step.commits.map((c) => c.operations.length)).toEqual([200, 200]);
  });

  it('evaluates each precondition against the writes before it, and leaves failures out of the commit [R8, A3]', () => {
    const a = createTestReplica(1);
    const created = a.put('x', 1, T);
    const version = `${created.id}.0`;
    const cas = (value: number) => ({ operations: [{ kind: 'put' as const, key: 'x', value, ifMatch: version }] });
    const step = a.step({ writes: [cas(2), put('y'), cas(3)] }, T + 1);
    expect(step.writes.map((w) => w.ok)).toEqual([true, true, false]);
    expect((step.writes[2] as { error: LatticeError }).error.code).toBe('precondition-failed');
    expect(winner(a.entry('x') as Entry).operation.value).toBe(2);
    expect(step.commits.flatMap((c) => c.operations.map((o) => o.operation.key))).toEqual(['x', 'y']);
  });

  it('refuses a write that presumes siblings which the key has no more, shown or not [R8, RO14]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    a.put('x', 'shown', T + 10);
    const found = { keyHash: keyHash('x', hasher), entry: a.entry('x') as Entry };
    const write = (value: number) => ({ operations: [{ kind: 'put' as const, key: 'x', value, found }] });
    // The same siblings in other objects are the same.
    const copy = { ...found, entry: { key: 'x', siblings: found.entry.siblings.map((one) => ({ ...one })) } };
    const same = { operations: [{ kind: 'delete' as const, key: 'x', found: copy }] };
    expect(a.step({ writes: [same] }, T + 11).writes.map(({ ok: isDone }) => isDone)).toEqual([true]);
    const refused = a.step({ writes: [write(2)] }, T + 12).writes[0] as { error: LatticeError };
    expect([refused.error.code, refused.error.details['key']]).toEqual(['precondition-failed', 'x']);
    // A sibling beside it, which no reader sees.
    const second = createTestReplica(3);
    second.put('x', 'shown', T + 10);
    const before = { keyHash: found.keyHash, entry: second.entry('x') as Entry };
    const beside = { operations: [{ kind: 'put' as const, key: 'x', value: 2, found: before }] };
    const step = second.step({ fragments: [b.put('x', 'hidden', T)], writes: [beside] }, T + 12);
    expect(step.writes.map(({ ok: isDone }) => isDone)).toEqual([false]);
    expect(second.entry('x')?.siblings.map(({ operation }) => operation.value)).toEqual(['shown', 'hidden']);
    // And where the key is not there at all.
    const gone = { operations: [{ kind: 'put' as const, key: 'y', value: 1, found }] };
    expect(b.step({ writes: [gone] }, T).writes.map(({ ok: isDone }) => isDone)).toEqual([false]);
  });

  it('refuses all of a batch when one operation fails [R8]', () => {
    const a = createTestReplica(1);
    const before = rootOf(a);
    const step = a.step(
      {
        writes: [
          {
            operations: [
              { kind: 'put', key: 'x', value: 1 },
              { kind: 'delete', key: 'gone', mustExist: true },
            ],
          },
        ],
      },
      T,
    );
    expect(step.writes[0]?.ok).toBe(false);
    expect(step.rows).toEqual([]);
    expect(rootOf(a)).toBe(before);
  });

  it.each([
    ['no operation', { operations: [] }, 'invalid-commit'],
    [
      '257 operations',
      { operations: Array.from({ length: 257 }, (_, i) => ({ kind: 'put' as const, key: `k${i}`, value: 1 })) },
      'commit-too-large',
    ],
    [
      'more than 64 KiB',
      {
        operations: Array.from({ length: 5 }, (_, i) => ({
          kind: 'put' as const,
          key: `k${i}`,
          value: 'x'.repeat(16_000),
        })),
      },
      'commit-too-large',
    ],
    [
      'a key twice',
      {
        operations: [
          { kind: 'put' as const, key: 'x', value: 1 },
          { kind: 'delete' as const, key: 'x' },
        ],
      },
      'duplicate-key',
    ],
    ['an empty key', put(''), 'invalid-key'],
    ['NaN', put('x', Number.NaN), 'invalid-value'],
  ])('refuses %s and changes nothing', (_name, write, code) => {
    const a = createTestReplica(1);
    const step = a.step({ writes: [write] }, T);
    expect((step.writes[0] as { error: LatticeError }).error.code).toBe(code);
    expect(step.rows).toEqual([]);
  });
});

describe('clock', () => {
  it('gives every commit of an author a greater HLC, also when the wall clock steps back [C2]', () => {
    const a = createTestReplica(1);
    const times = [T, T - 5000, T - 5000, T + 1].map((now, i) => a.put(`k${i}`, i, now).header.hlc);
    expect(times.toSorted((x, y) => (x < y ? -1 : 1))).toEqual(times);
    expect(new Set(times).size).toBe(4);
  });

  it('refuses a write that would run too far ahead of a wall clock that was set back [C3]', () => {
    const a = createTestReplica(1);
    a.put('x', 1, T + MAX_AHEAD_MS + 1);
    const step = a.step({ writes: [put('y')] }, T);
    expect((step.writes[0] as { error: LatticeError }).error.code).toBe('clock-ahead');
    expect(ok(a.step({ writes: [put('y')] }, T + 2).writes[0]).commit.header.author).toBe(a.author);
  });

  it('takes a write whatever commit of a clock ahead it has taken in [C5]', () => {
    const [bad, a] = [createTestReplica(2), createTestReplica(1)];
    // The HLC that is furthest ahead of those that are not deferred: a write must carry its counter.
    bad.replica.observeTime(makeHlc(T + MAX_AHEAD_MS - 1, 65_534));
    const ahead = bad.put('x', 1, T);
    expect(ahead.header.hlc).toBe(makeHlc(T + MAX_AHEAD_MS - 1, 65_535));
    expect(outcomesOf(a.step({ fragments: [ahead] }, T))).toEqual([['added']]);
    expect(ok(a.step({ writes: [put('x')] }, T).writes[0]).commit.header.hlc).toBe(makeHlc(T + MAX_AHEAD_MS, 0));
  });

  it('defers a commit 20 s ahead and takes it once its time has come [C4, C5]', () => {
    const bad = createTestReplica(2);
    const a = createTestReplica(1);
    const future = bad.put('x', 1, T + MAX_AHEAD_MS);
    expect(outcomesOf(a.step({ fragments: [future] }, T))).toEqual([['future']]);
    expect(a.entry('x')).toBeUndefined();
    expect(outcomesOf(a.step({ fragments: [future] }, T + 1))).toEqual([['added']]);
  });

  it('does not regress after a restart [C2]', () => {
    const a = createTestReplica(1);
    const before = a.put('x', 1, T + 10_000).header.hlc;
    const again = createTestReplica(1);
    again.replica.restore(decodeStateMeta(a.rows.get(bytesToHex(STATE_META)) as Uint8Array));
    expect(again.put('y', 1, T).header.hlc > before).toBe(true);
  });
});

describe('conflicts', () => {
  it('keeps both of two writes made apart, with the same winner and list everywhere, until a write that has seen both [R3, R4, D4]', () => {
    const [a, b, c] = [createTestReplica(1), createTestReplica(2), createTestReplica(3)];
    const [x, y] = [a.put('k', 'a', T), b.put('k', 'b', T + 1)];
    a.step({ fragments: [y] }, T + 2);
    b.step({ fragments: [x] }, T + 2);
    c.step({ fragments: [y, x] }, T + 2);
    expect(siblingsOf(a.entry('k'))).toEqual([`${y.id}.0`, `${x.id}.0`]);
    expect(siblingsOf(b.entry('k'))).toEqual(siblingsOf(a.entry('k')));
    expect(siblingsOf(c.entry('k'))).toEqual(siblingsOf(a.entry('k')));
    expect(new Set([a, b, c].map(rootOf)).size).toBe(1);
    expect(a.replica.meta.conflicts).toBe(1);

    const resolved = c.put('k', 'both', T + 3);
    for (const r of [a, b]) r.step({ fragments: [resolved] }, T + 4);
    expect([a, b, c].map((r) => siblingsOf(r.entry('k')))).toEqual([
      [`${resolved.id}.0`],
      [`${resolved.id}.0`],
      [`${resolved.id}.0`],
    ]);
    expect(a.replica.meta.conflicts).toBe(0);
  });

  it('never brings a deleted key back by an operation that the delete had seen [R6]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    const created = a.put('k', 1, T);
    b.step({ fragments: [created] }, T);
    const deleted = b.del('k', T + 1);
    a.step({ fragments: [deleted] }, T + 2);
    expect(outcomesOf(a.step({ fragments: [created] }, T + 3))).toEqual([['superseded']]);
    expect(winner(a.entry('k') as Entry).operation.kind).toBe('delete');
    expect(a.replica.meta.live).toBe(0);
  });

  it('ends in the same root and rows in whatever order and pieces operations come (property) [R3, T5, D2]', () => {
    const action = fc.record({
      node: fc.integer({ min: 0, max: 2 }),
      key: fc.constantFrom('a', 'b', 'c'),
      del: fc.boolean(),
      pull: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 25 }), fc.infiniteStream(fc.nat()), (actions, noise) => {
        const nodes = [createTestReplica(1), createTestReplica(2), createTestReplica(3)];
        const made: Fragment[] = [];
        actions.forEach(({ node, key, del, pull }, i) => {
          const r = nodes[node] as (typeof nodes)[number];
          if (pull && made.length > 0)
            r.step({ fragments: [made[(noise.next().value as number) % made.length] as Fragment] }, T + i);
          const write = {
            operations: [
              del ? { kind: 'delete' as const, key } : { kind: 'put' as const, key, value: i },
              { kind: 'put' as const, key: `${key}2`, value: i },
            ],
          };
          made.push(ok(r.step({ writes: [write] }, T + i).writes[0]).commit);
        });
        const pieces = made.flatMap((f) => [pickOperations(f, [0], hasher), pickOperations(f, [1], hasher)]);
        const roots = [1, 2, 3].map((id) => {
          const fresh = createTestReplica(id + 10);
          const order = pieces.map((f) => ({ f, at: noise.next().value as number })).sort((p, q) => p.at - q.at);
          for (const { f } of order) fresh.step({ fragments: [f, f] }, T + 1000);
          return rootOf(fresh);
        });
        for (const r of nodes) r.step({ fragments: made }, T + 1000);
        expect(new Set([...roots, ...nodes.map(rootOf)]).size).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
});

describe('rows', () => {
  it('writes entry, key by hash, journal and state of one step together, and keeps the journal short', () => {
    const a = createTestReplica(1);
    for (let i = 0; i < 10; i++) a.put(`k${i}`, i, T + i);
    const buckets = [...a.rows.keys()].map((k) => Number.parseInt(k.slice(0, 2), 16));
    expect(buckets.filter((b) => b === BUCKETS.entry)).toHaveLength(10);
    expect(buckets.filter((b) => b === BUCKETS.key)).toHaveLength(10);
    expect(buckets.filter((b) => b === BUCKETS.journal)).toHaveLength(4);
    const meta = decodeStateMeta(a.rows.get(bytesToHex(STATE_META)) as Uint8Array);
    expect({ ...meta, root: bytesToHex(meta.root) }).toMatchObject({
      root: rootOf(a),
      entries: 10,
      live: 10,
      conflicts: 0,
      sequence: 10,
    });
  });

  it('rebuilds the same root from its entries', () => {
    const a = createTestReplica(1);
    for (let i = 0; i < 50; i++) a.put(`k${i % 20}`, i, T + i);
    const again = createTestReplica(1);
    for (let i = 0; i < 20; i++) again.replica.load(a.entry(`k${i}`) as Entry);
    again.replica.loaded();
    expect(rootOf(again)).toBe(rootOf(a));
    expect(again.replica.meta).toMatchObject({ entries: 20, live: 20, conflicts: 0 });
  });
});
