import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import { type Correction, type Step, toldOf } from '../../../../src/core/replica/index.ts';
import { conflictKey, decodeJournal, entryKey, journalKey, listedKey } from '../../../../src/core/rows/index.ts';
import { versionOf } from '../../../../src/core/state/index.ts';
import { type Bytes, bytesToHex, type Entry, type Fragment, type Sibling } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, outcomesOf, rootOf, type TestReplica } from './support.ts';

const T = 1_700_000_000_000;

const hashOf = (key: string): Bytes => keyHash(key, hasher);
const versionsOf = (entry: Entry | undefined): string[] | undefined => entry?.siblings.map(versionOf);

/** Each key with the versions that it had before and has after. */
const toVersions = (step: Step) =>
  step.changed.map(({ key, before, after }) => [key, versionsOf(before), versionsOf(after)]);

/** Takes out one operation of a key; with a signature: mends it. */
function correctionOf(entry: Entry | undefined, at = 0, signature?: Bytes): Correction {
  const { commit, index, operation } = (entry as Entry).siblings[at] as Sibling;
  return { key: operation.key, commit, index, ...(signature === undefined ? {} : { signature }) };
}

/** Two values of `k`, written apart: `b` has both. */
function createConflict(): { b: TestReplica; mine: string; theirs: string; step: Step } {
  const [a, b] = [createTestReplica(1), createTestReplica(2)];
  const mine = b.put('k', 'b', T);
  const theirs = a.put('k', 'a', T + 1);
  return { b, mine: `${mine.id}.0`, theirs: `${theirs.id}.0`, step: b.step({ fragments: [theirs] }, T + 2) };
}

describe('what a step changed', () => {
  it('is a new key without a before', () => {
    const a = createTestReplica(1);
    const step = a.step({ writes: [{ operations: [{ kind: 'put', key: 'k', value: 1 }] }] }, T);
    expect(toVersions(step)).toEqual([['k', undefined, [`${step.commits[0]?.id}.0`]]]);
    expect(step.changed[0]?.keyHash).toEqual(hashOf('k'));
  });

  it('is a deleted key with the value before and the tombstone after', () => {
    const a = createTestReplica(1);
    const created = a.put('k', 1, T);
    const step = a.step({ writes: [{ operations: [{ kind: 'delete', key: 'k' }] }] }, T + 1);
    expect(toVersions(step)).toEqual([['k', [`${created.id}.0`], [`${step.commits[0]?.id}.0`]]]);
    expect(toldOf(step).map(({ shown }) => shown.operation.kind)).toEqual(['delete']);
  });

  it('is a key in conflict with both values, of which the later is shown', () => {
    const { mine, theirs, step } = createConflict();
    expect(toVersions(step)).toEqual([['k', [mine], [theirs, mine]]]);
    expect(toldOf(step).map(({ shown }) => versionOf(shown))).toEqual([theirs]);
  });

  it('has a key that changed twice once, as it was at the beginning and is at the end', () => {
    const a = createTestReplica(1);
    const first = a.put('k', 0, T);
    const put = (key: string, value: number) => ({ operations: [{ kind: 'put' as const, key, value }] });
    const step = a.step({ writes: [put('k', 1), put('other', 1), put('k', 2)] }, T + 1);
    expect(step.commits).toHaveLength(2);
    expect(toVersions(step)).toEqual([
      ['k', [`${first.id}.0`], [`${step.commits[1]?.id}.0`]],
      ['other', undefined, [`${step.commits[0]?.id}.1`]],
    ]);
    expect(step.changed.map((c) => bytesToHex(c.keyHash))).toEqual(['k', 'other'].map((k) => bytesToHex(hashOf(k))));
  });

  it('is nothing when everything was held, and then there are no rows', () => {
    const a = createTestReplica(1);
    const created = a.put('k', 1, T);
    const step = a.step({ fragments: [created] }, T + 1);
    expect([step.changed, step.rows, step.sequence]).toEqual([[], [], 1]);
  });
});

describe('what became of the fragments of a step', () => {
  it('stands beside each, in the order given', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    const old = b.put('k', 1, T);
    const newer = b.put('k', 2, T + 1);
    const future = b.put('k', 3, T + 100_000);
    const step = a.step({ fragments: [newer, future, old, newer] }, T + 2);
    expect(step.applied.map(({ fragment }) => fragment.id)).toEqual([newer.id, future.id, old.id, newer.id]);
    expect(outcomesOf(step)).toEqual([['added'], ['future'], ['superseded'], ['held']]);
  });
});

describe('a correction', () => {
  it('that takes out the only operation of a key takes out the key, and shows a deletion of it', () => {
    const a = createTestReplica(1);
    const empty = rootOf(a);
    const created = a.put('k', 1, T);
    const step = a.correct([correctionOf(a.entry('k'))]);
    const version = `${created.id}.0`;
    expect(toVersions(step)).toEqual([['k', [version], undefined]]);
    expect(toldOf(step).map(({ shown }) => [versionOf(shown), shown.operation])).toEqual([
      [version, { kind: 'delete', key: 'k', context: [] }],
    ]);
    const journal = decodeJournal(a.rows.get(bytesToHex(journalKey(2))) as Bytes);
    expect(journal.changes).toMatchObject([{ key: 'k', commit: created.idBytes, deleted: true, alone: false }]);
    expect([entryKey(hashOf('k')), listedKey('k')].map((key) => a.rows.has(bytesToHex(key)))).toEqual([false, false]);
    expect(a.replica.meta).toMatchObject({ entries: 0, live: 0, conflicts: 0, sequence: 2 });
    expect(rootOf(a)).toBe(empty);
  });

  it('that takes out one of two values leaves the other, and ends the conflict', () => {
    const { b, mine, theirs } = createConflict();
    const conflict = bytesToHex(conflictKey('k'));
    expect([b.rows.has(conflict), b.replica.meta.conflicts]).toEqual([true, 1]);
    expect(toVersions(b.correct([correctionOf(b.entry('k'))]))).toEqual([['k', [theirs, mine], [mine]]]);
    expect([b.rows.has(conflict), b.replica.meta.conflicts]).toEqual([false, 0]);
  });

  it('of both values of a key is one change, and takes out the conflict too; what is gone is not mended', () => {
    const { b, mine, theirs } = createConflict();
    const entry = b.entry('k');
    const late = correctionOf(entry, 0, new Uint8Array(64).fill(7));
    const step = b.correct([correctionOf(entry, 0), correctionOf(entry, 1), late]);
    expect(toVersions(step)).toEqual([['k', [theirs, mine], undefined]]);
    expect(b.rows.has(bytesToHex(conflictKey('k')))).toBe(false);
    expect(b.replica.meta).toMatchObject({ entries: 0, live: 0, conflicts: 0 });
  });

  it('that brings the real signature changes the entry and not the root', () => {
    const a = createTestReplica(1);
    a.put('k', 1, T);
    const before = rootOf(a);
    const step = a.correct([correctionOf(a.entry('k'), 0, new Uint8Array(64).fill(7))]);
    expect(step.changed.map(({ after }) => after?.siblings[0]?.signature)).toEqual([new Uint8Array(64).fill(7)]);
    expect(a.entry('k')?.siblings[0]?.signature).toEqual(new Uint8Array(64).fill(7));
    expect(rootOf(a)).toBe(before);
  });

  it('of what is not there changes nothing', () => {
    const a = createTestReplica(1);
    a.put('k', 1, T);
    const gone = correctionOf(a.entry('k'));
    a.put('k', 2, T + 1);
    const step = a.correct([gone, { ...gone, key: 'missing' }]);
    expect([step.changed, step.rows]).toEqual([[], []]);
  });
});

describe('a snapshot taken over', () => {
  it('changes what was not here or not all here, and keeps what is later here', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    const shared = a.put('later', 1, T);
    b.step({ fragments: [shared] }, T);
    const entries = ['later', 'new', 'apart'].map((key) => {
      if (key !== 'later') a.put(key, 'a', T + 1);
      return a.entry(key) as Entry;
    });
    b.put('later', 2, T + 2);
    const apart = b.put('apart', 'b', T + 3);
    const step = b.adopt(entries);
    expect(toVersions(step)).toEqual([
      ['new', undefined, versionsOf(entries[1])],
      ['apart', [`${apart.id}.0`], [`${apart.id}.0`, ...(versionsOf(entries[2]) ?? [])]],
    ]);
    expect(step.changed.map((c) => bytesToHex(c.keyHash))).toEqual(['new', 'apart'].map((k) => bytesToHex(hashOf(k))));
  });
});

describe('what steps changed, one after the other', () => {
  it('makes over nothing the very entries that the tree has leaves of (property)', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const node = fc.integer({ min: 0, max: 2 });
    const action = fc.oneof(
      fc.record({ type: fc.constantFrom('put', 'delete'), node, key }),
      fc.record({ type: fc.constant('fragments'), node, which: fc.array(fc.nat(), { maxLength: 4 }) }),
      fc.record({ type: fc.constant('adopt'), node, from: node }),
      fc.record({ type: fc.constant('correct'), node, key, at: fc.nat(2) }),
    );
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 40 }), (actions) => {
        const nodes = [1, 2, 3].map((id) => ({ state: createTestReplica(id), replayed: new Map<string, Entry>() }));
        const made: Fragment[] = [];
        actions.forEach((one, i) => {
          const { state, replayed } = nodes[one.node] as (typeof nodes)[number];
          let step: Step;
          if ('which' in one) {
            const fragments = made.length === 0 ? [] : one.which.map((n) => made[n % made.length] as Fragment);
            step = state.step({ fragments }, T + i);
          } else if ('from' in one) {
            step = state.adopt([...(nodes[one.from] as (typeof nodes)[number]).replayed.values()]);
          } else if ('at' in one) {
            const entry = state.entry(one.key);
            step = state.correct(entry?.siblings[one.at] === undefined ? [] : [correctionOf(entry, one.at)]);
          } else {
            const operation =
              one.type === 'delete'
                ? { kind: 'delete' as const, key: one.key }
                : { kind: 'put' as const, key: one.key, value: i };
            step = state.step({ writes: [{ operations: [operation] }] }, T + i);
            made.push(...step.commits);
          }
          for (const { key: changed, keyHash: hash, before, after } of step.changed) {
            expect(hash).toEqual(hashOf(changed));
            expect(versionsOf(before)).toEqual(versionsOf(replayed.get(changed)));
            if (after === undefined) replayed.delete(changed);
            else replayed.set(changed, after);
          }
        });
        for (const { state, replayed } of nodes) {
          const { tree } = state.replica;
          const leaves = Array.from(tree.eachLeaf(new Uint8Array(0), 0), ({ keyHash: hash }) => [
            bytesToHex(hash),
            bytesToHex(tree.get(hash) as Bytes),
          ]);
          const expected = Array.from(replayed.values(), ({ key: of, siblings }) => [
            bytesToHex(hashOf(of)),
            bytesToHex(leafHash(hashOf(of), siblings, hasher)),
          ]);
          expect(leaves).toEqual(expected.sort(([x = ''], [y = '']) => (x < y ? -1 : 1)));
        }
      }),
      { numRuns: 100 },
    );
  });
});
