import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RefusedDifferences } from '../../../../../src/core/reconcile/index.ts';
import { createTestReplica, rootOf, type TestReplica } from '../../replica/support.ts';
import { type Door, fill, session, T } from '../support.ts';

const NO_SALT = new Uint8Array(0);

/** Two replicas of the same n entries. */
function twins(n: number): [TestReplica, TestReplica] {
  const [a, b] = [createTestReplica(1), createTestReplica(2)];
  fill(a, 'k', n);
  session(b, a);
  return [a, b];
}

describe('repair by coded symbols', () => {
  it('is symmetric, and costs in proportion to the difference [S11, Y9]', () => {
    const [a, b] = twins(1000);
    fill(a, 'a', 5, T + 5000);
    fill(b, 'b', 7, T + 5000);
    a.put('k1', 'changed', T + 6000);
    b.del('k2', T + 6000);
    const run = session(a, b, { cells: NO_SALT });
    expect(run).toMatchObject({
      outcome: 'repaired',
      method: 'cells',
      undecoded: false,
      found: 14,
      fetched: 8,
      pushed: 6,
      refused: 0,
    });
    expect(run.requests).toBe(3);
    expect(rootOf(a)).toBe(rootOf(b));
  });

  it('keeps both values of a conflict [S11]', () => {
    const [a, b] = twins(150);
    a.put('k7', 'a', T + 5000);
    b.put('k7', 'b', T + 5000);
    expect(session(a, b, { cells: NO_SALT })).toMatchObject({ outcome: 'repaired', method: 'cells', found: 1 });
    expect(rootOf(a)).toBe(rootOf(b));
    expect(a.entry('k7')?.siblings).toHaveLength(2);
  });

  it('while commits flow settles only what differs alike at two looks, on either side [S14]', () => {
    const [a, b] = twins(300);
    const arriving = [b.put('arrives', 1, T + 5000), b.put('k1', 'arrives', T + 5001)];
    const leaving = [a.put('leaves', 1, T + 5000), a.put('k2', 'leaves', T + 5001)];
    b.put('lost', 1, T + 5002);
    a.put('lost too', 1, T + 5002);
    a.put('k3', 'lost', T + 5003);
    b.put('k4', 'again and again', T + 5003);
    const waits: number[] = [];
    const onWait = (ms: number): void => {
      waits.push(ms);
      for (const fragment of arriving) a.step({ fragments: [fragment] }, T + 6000);
      for (const fragment of leaving) b.step({ fragments: [fragment] }, T + 6000);
      b.put('k4', 'and again', T + 6001);
      b.put('new', 1, T + 6002);
    };
    const run = session(a, b, { cells: NO_SALT, onWait });
    expect(waits).toEqual([1_500]);
    expect(run).toMatchObject({ outcome: 'repaired', method: 'cells', found: 3, fetched: 1, pushed: 2 });
    const values = (r: TestReplica) =>
      ['lost', 'lost too', 'k3'].map((key) => r.entry(key)?.siblings[0]?.operation.value);
    expect(values(a)).toEqual([1, 1, 'lost']);
    expect(values(b)).toEqual([1, 1, 'lost']);
    // What began to differ in between is the next session's, if it lasts.
    expect(['new', 'k4'].map((key) => a.entry(key)?.siblings[0]?.operation.value)).toEqual([undefined, 4]);
    expect(session(a, b, { cells: NO_SALT })).toMatchObject({ outcome: 'repaired', found: 2, fetched: 2 });
  });

  it('while commits flow is equal where nothing lasts, and does not wait where nothing differs [S14]', () => {
    const [a, b] = twins(300);
    const fragment = b.put('arrives', 1, T + 5000);
    const run = session(a, b, { cells: NO_SALT, onWait: () => void a.step({ fragments: [fragment] }, T + 6000) });
    expect(run).toMatchObject({ outcome: 'equal', found: 0, fetched: 0, requests: 2 });
    const waits: number[] = [];
    expect(session(a, b, { cells: NO_SALT, onWait: (ms) => waits.push(ms) })).toMatchObject({
      outcome: 'equal',
      requests: 1,
    });
    expect(waits).toEqual([]);
  });

  it('finds nothing between equal states, in one small round trip [Y6]', () => {
    const [a, b] = twins(150);
    const run = session(a, b, { cells: NO_SALT });
    expect(run).toMatchObject({ outcome: 'equal', method: 'cells', found: 0, requests: 1 });
    expect(run.bytes).toBeLessThanOrEqual(150);
  });

  it('descends where there is little to compare, or most differs [Y9]', () => {
    const [a, b] = twins(50);
    fill(b, 'b', 20, T + 5000);
    expect(session(a, b, { cells: NO_SALT })).toMatchObject({
      outcome: 'repaired',
      method: 'descent',
      undecoded: false,
      found: 20,
    });
    fill(b, 'c', 200, T + 6000);
    expect(session(a, b, { cells: NO_SALT })).toMatchObject({
      outcome: 'repaired',
      method: 'descent',
      undecoded: false,
      found: 200,
    });
    expect(rootOf(a)).toBe(rootOf(b));
  });

  it('ends in equal roots for any two states, changes in mid-session included, once those are repaired too (property) [S11, Y5]', () => {
    const write = fc.record({
      side: fc.constantFrom(0, 1),
      key: fc.integer({ min: 0, max: 250 }),
      del: fc.boolean(),
      during: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 60 }), (writes) => {
        const sides = twins(200);
        const apply = ({ side, key, del }: (typeof writes)[number], i: number): void => {
          const r = sides[side];
          if (del) r.del(`k${key}`, T + 5000 + i);
          else r.put(`k${key}`, i, T + 5000 + i);
        };
        writes.filter((w) => !w.during).forEach(apply);
        const later = writes.filter((w) => w.during);
        session(sides[1], sides[0], { cells: NO_SALT, meanwhile: (n) => later.splice(0, n).forEach(apply) });
        later.splice(0).forEach(apply);
        session(sides[0], sides[1], { cells: NO_SALT });
        expect(rootOf(sides[0])).toBe(rootOf(sides[1]));
      }),
      { numRuns: 25 },
    );
  });

  it('knows a refused difference again, whichever way it was found [S12, Y8]', () => {
    const [a, b] = twins(200);
    const c = createTestReplica(3);
    fill(c, 'c', 7, T + 5000);
    session(b, c);
    const door: Door = (author) => (author === c.author ? 'untrusted-author' : undefined);
    const refused = new RefusedDifferences();
    expect(session(a, b, { refused, doorA: door, cells: NO_SALT })).toMatchObject({
      method: 'cells',
      found: 7,
      refused: 7,
    });
    const byDescent = session(a, b, { refused, doorA: door });
    expect(byDescent).toMatchObject({
      outcome: 'equal-except-refused',
      method: 'descent',
      found: 7,
      refused: 7,
      fetched: 0,
    });
    const byCells = session(a, b, { refused, doorA: door, cells: NO_SALT });
    expect(byCells).toMatchObject({
      outcome: 'equal-except-refused',
      method: 'cells',
      found: 7,
      refused: 7,
      fetched: 0,
      requests: 1,
    });
    expect(refused.size).toBe(7);
    const other = new RefusedDifferences();
    session(b, a, { refused: other, doorB: door });
    expect(session(b, a, { refused: other, doorB: door, cells: NO_SALT })).toMatchObject({
      method: 'cells',
      pushed: 0,
      requests: 1,
    });
  });

  it('repairs under a salt [Y10]', () => {
    const [a, b] = twins(200);
    fill(b, 'b', 20, T + 5000);
    expect(session(a, b, { cells: new Uint8Array(8).fill(5) })).toMatchObject({
      outcome: 'repaired',
      method: 'cells',
      fetched: 20,
    });
    expect(rootOf(a)).toBe(rootOf(b));
  });
});
