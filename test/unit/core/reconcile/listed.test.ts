import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTreeLoader, type MerkleTree } from '../../../../src/core/merkle/index.ts';
import { answerDigests, findDifferences, type KeyDifference } from '../../../../src/core/reconcile/index.ts';
import { bytesToHex, MAX_QUERIES, MAX_SYNC_BYTES } from '../../../../src/core/types/index.ts';
import { encodeSync, type SyncMessage } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher, rootOf } from '../replica/support.ts';
import { fill, session, T } from './support.ts';

const NO_SALT = new Uint8Array(0);

/** Leaf hashes by key hash, hex. */
type Leaves = Readonly<Record<string, Uint8Array>>;

const textHash = (text: string): Uint8Array => hasher.hash(new TextEncoder().encode(text));

function leavesOf(names: Iterable<string | number>, version = ''): Leaves {
  return Object.fromEntries(
    Array.from(names, (name) => [bytesToHex(textHash(`${name}`)), textHash(`${name}${version} leaf`)]),
  );
}

function treeOf(leaves: Leaves): MerkleTree {
  const loader = createTreeLoader(hasher);
  for (const [key, leaf] of Object.entries(leaves)) loader.add(Uint8Array.from(Buffer.from(key, 'hex')), leaf);
  return loader.finish();
}

/** Runs a search against a peer's tree; what it told, what it returned, and its requests. */
function search(mine: MerkleTree, theirs: MerkleTree, theirEntries: number | undefined, limit = 65_536) {
  const told: KeyDifference[] = [];
  const running = findDifferences(mine, limit, { theirEntries, tell: (keys) => told.push(...keys) });
  let step = running.next();
  let requests = 0;
  let largest = 0;
  while (step.done !== true) {
    const { queries } = step.value as Extract<SyncMessage, { type: 'digests' }>;
    const answer = answerDigests(queries, theirs);
    requests++;
    largest = Math.max(largest, encodeSync(answer).length);
    step = running.next(answer);
  }
  return { told, ...step.value, requests, largest };
}

const names = (keys: readonly KeyDifference[]): string[] =>
  keys
    .map(({ keyHash, theirs, mine }) =>
      [keyHash, theirs, mine].map((b) => (b === undefined ? '' : bytesToHex(b))).join(':'),
    )
    .sort();

describe('the descent against a peer with many more keys', () => {
  it('lists its leaves at once, and notes what only we have [S8]', () => {
    const range = Array.from({ length: 5_000 }, (_, i) => i);
    const mine = treeOf({
      ...leavesOf(range.slice(0, 150)),
      ...leavesOf(['only', 'ours']),
      ...leavesOf([7], 'changed'),
    });
    const theirs = treeOf(leavesOf(range));
    const run = search(mine, theirs, theirs.size);
    expect(run).toMatchObject({ complete: true, requests: 1 });
    expect(run.keys).toHaveLength(4_850 + 2 + 1);
    expect(run.keys.filter((k) => k.theirs === undefined)).toHaveLength(2);
    expect(run.keys.filter((k) => k.theirs !== undefined && k.mine !== undefined)).toHaveLength(1);
  });

  it('finds the same as level by level, and tells each key once, for any two states (property) [S8]', () => {
    const set = fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { maxLength: 120 });
    fc.assert(
      fc.property(set, set, set, fc.boolean(), (both, ours, other, list) => {
        const mine = treeOf({ ...leavesOf(both), ...leavesOf(ours, 'm') });
        const theirs = treeOf({ ...leavesOf(both), ...leavesOf(other, 't') });
        const known = search(mine, theirs, undefined);
        const run = search(mine, theirs, list ? 1_000_000 : theirs.size);
        expect(names(run.keys)).toEqual(names(known.keys));
        expect(names(run.told)).toEqual(names(run.keys));
      }),
      { numRuns: 60 },
    );
  });

  it('gets answers that fit into a message, however much there is to list [S8]', () => {
    const theirs = treeOf(leavesOf(Array.from({ length: 60_000 }, (_, i) => i)));
    const run = search(treeOf(leavesOf([1])), theirs, theirs.size);
    expect(run.keys).toHaveLength(59_999);
    expect(run.largest).toBeLessThanOrEqual(MAX_SYNC_BYTES);
    expect(run.requests).toBeLessThan(30);
    const prefixes = Array.from({ length: MAX_QUERIES }, (_, i) => ({
      prefix: Uint8Array.of(i),
      bits: 8,
      bitmap: 0,
      digests: NO_SALT,
    }));
    expect(encodeSync(answerDigests(prefixes, theirs)).length).toBeLessThanOrEqual(MAX_SYNC_BYTES);
  });

  it('stops at its limit, and says that it is not all', () => {
    const theirs = treeOf(leavesOf(Array.from({ length: 60_000 }, (_, i) => i)));
    const run = search(treeOf({}), theirs, theirs.size, 10_000);
    expect([run.complete, run.keys.length, run.told.length]).toEqual([false, 10_000, 10_000]);
  });

  it('finds at most as many keys as it may, and says that they are all only where they are (property)', () => {
    const set = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 30 });
    fc.assert(
      fc.property(set, set, fc.integer({ min: 1, max: 40 }), fc.boolean(), (ours, other, limit, list) => {
        const [mine, theirs] = [treeOf(leavesOf(ours)), treeOf(leavesOf(other))];
        const whole = search(mine, theirs, undefined);
        const run = search(mine, theirs, list ? 1_000_000 : undefined, limit);
        expect(run.keys).toHaveLength(Math.min(limit, whole.keys.length));
        expect(names(run.told)).toEqual(names(run.keys));
        if (run.complete) expect(names(run.keys)).toEqual(names(whole.keys));
        if (whole.keys.length < limit) expect(run.complete).toBe(true);
      }),
    );
  });
});

describe('a repair by descent', () => {
  it('settles what one answer brought while it waits for the next, in pages that grow [S13]', () => {
    const [a, b] = [createTestReplica(1), createTestReplica(2)];
    fill(a, 'ours', 3);
    fill(b, 'theirs', 2_000, T + 100);
    const pages: number[] = [];
    const tamper = (m: SyncMessage): SyncMessage => {
      if (m.type === 'entries') pages.push(m.answered);
      return m;
    };
    const run = session(a, b, { cells: NO_SALT, tamper });
    expect(run).toMatchObject({
      outcome: 'repaired',
      method: 'descent',
      found: 2_003,
      fetched: 2_000,
      pushed: 3,
      mostUnderWay: 2,
    });
    expect(rootOf(a)).toBe(rootOf(b));
    expect(pages[0]).toBeLessThanOrEqual(256);
    expect(Math.max(...pages)).toBeGreaterThan(512);
    expect(session(a, b)).toMatchObject({ outcome: 'equal', requests: 1 });
  });
});
