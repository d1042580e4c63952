import { beforeEach, describe, expect, it } from 'vitest';
import { answerDigests, createCellServer } from '../../../../src/core/reconcile/index.ts';
import { type Bytes, bytesToHex, LatticeError } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync } from '../../../../src/core/wire/index.ts';
import { createPeerTable, type Peer, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import { beginRepair, endRepair } from '../../../../src/runtime/peers/repairing.ts';
import { type Comparison, createComparison } from '../../../../src/runtime/repair/compare-peer.ts';
import {
  createHandClock,
  createRandom,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  log,
  openTestState,
  puts,
  type TestState,
  turns,
  until,
} from '../support.ts';

let clock: HandClock;
let ours: TestState;
let theirs: TestState;
let peers: PeerTable;
let peer: Peer;
let comparison: Comparison;
/** Types of the requests that reached the peer. */
let asked: string[];
let reachable: boolean;
let heads: number;

beforeEach(async () => {
  clock = createHandClock();
  ours = await openTestState({ clock });
  theirs = await openTestState({ id: 2, clock });
  peers = createPeerTable(clock);
  asked = [];
  reachable = true;
  heads = 0;
  const made = peers.ensure(theirs.self.author);
  if (made === undefined) throw new Error('no room');
  peer = made;
  const cells = createCellServer({ state: () => theirs.replica, now: () => clock.monotonic() });
  const link = async (bytes: Bytes): Promise<Bytes> => {
    const message = decodeSync(bytes);
    asked.push(message.type);
    if (message.type === 'cells') return encodeSync(cells.answer(message));
    if (message.type === 'digests') return encodeSync(answerDigests(message.queries, theirs.replica.tree));
    throw new Error(`a comparison sends no ${message.type}`);
  };
  comparison = createComparison({
    replica: ours.replica,
    writer: ours.writer,
    clock,
    random: createRandom(),
    log,
    peers,
    entries: ours.entries,
    linkTo: () => (reachable ? { lung: 'p2p', link } : undefined),
    peerIdOf: (author) => `id-${author}`,
    names: { of: () => 'oslo', label: () => 'oslo' },
  });
  // The same 300 keys on both sides.
  const commits = [];
  for (let i = 0; i < 300; i++) commits.push(ours.self.commit({ [`shared/${i}`]: i }));
  for (const commit of commits)
    await Promise.all([ours.writer.apply(commit, FOUND), theirs.writer.apply(commit, FOUND)]);
});

const keyHashOf = (key: string): string => bytesToHex(hasher.hash(new TextEncoder().encode(key)));

/** The peer's head comes, and both are compared. */
function hear(): void {
  const root = theirs.replica.tree.root();
  peers.hear(peer, theirs.self.head({ sequence: ++heads, root, entries: theirs.replica.tree.size }), 'p2p', true);
  peers.compare(peer, {
    root: bytesToHex(ours.replica.tree.root()),
    recent: new RecentRoots(),
    seenHlc: 0n,
    trustHash: new Uint8Array(32),
  });
}

async function pass(ms: number): Promise<void> {
  for (let t = 0; t < ms; t += 250) {
    await clock.advance(250);
    comparison.consider(peer);
    await turns();
  }
}

describe('how much differs', () => {
  it('is counted by one request, exactly where that decodes, without entries changing hands [Y11]', async () => {
    await theirs.writer.apply(theirs.self.commit({ 'theirs/1': 1, 'theirs/2': 2, 'shared/7': 'changed' }), FOUND);
    await ours.writer.apply(ours.self.commit({ 'ours/1': 1 }), FOUND);
    hear();
    await pass(1_250);
    expect(asked).toEqual([]);
    await pass(500);
    await until('the answer has come', () => peer.repair.differing !== undefined);
    expect(peer.repair.differing).toEqual({ keys: 4, exact: true, at: EPOCH_MS + 1_500 });
    expect(asked).toEqual(['cells']);
  });

  it('is estimated where more differs, and asked no more than once in 5 s [Y11]', async () => {
    for (let i = 0; i < 4; i++) await theirs.writer.write(puts(`theirs/${i}`, 100));
    hear();
    await pass(2_000);
    await until('the answer has come', () => peer.repair.differing !== undefined);
    expect(peer.repair.differing?.exact).toBe(false);
    expect(peer.repair.differing?.keys).toBeGreaterThan(300);
    expect(peer.repair.differing?.keys).toBeLessThan(520);
    await pass(4_250);
    expect(asked).toHaveLength(1);
    await pass(1_000);
    expect(asked).toHaveLength(2);
  });

  it('is not asked while roots are equal or a repair runs', async () => {
    hear();
    await pass(10_000);
    await theirs.writer.apply(theirs.self.commit({ 'theirs/1': 1 }), FOUND);
    hear();
    beginRepair(peer.repair);
    await pass(10_000);
    expect(asked).toEqual([]);
    endRepair(peer.repair);
    await pass(250);
    expect(asked).toEqual(['cells']);
  });
});

describe('which keys differ', () => {
  it('tells side and hash, and the name of keys that we hold', async () => {
    await theirs.writer.apply(theirs.self.commit({ 'theirs/1': 1, 'shared/7': 'changed' }), FOUND);
    await ours.writer.apply(ours.self.commit({ 'ours/1': 1 }), FOUND);
    hear();
    const found = await comparison.differences(`id-${theirs.self.author}`, {});
    expect(found).toMatchObject({
      peer: `id-${theirs.self.author}`,
      ourRoot: bytesToHex(ours.replica.tree.root()),
      theirRoot: bytesToHex(theirs.replica.tree.root()),
      complete: true,
      method: 'cells',
    });
    const wanted = [
      { keyHash: keyHashOf('theirs/1').slice(0, 16), side: 'theirs' },
      { keyHash: keyHashOf('ours/1'), key: 'ours/1', side: 'ours' },
      { keyHash: keyHashOf('shared/7'), key: 'shared/7', side: 'both' },
    ];
    expect([...found.keys].sort((a, b) => (a.side < b.side ? 1 : -1))).toEqual(wanted);
    expect(asked).toEqual(['cells']);
  });

  it('ends at the limit and says so, also where the tree is descended', async () => {
    for (let i = 0; i < 6; i++) await theirs.writer.write(puts(`theirs/${i}`, 100));
    hear();
    const found = await comparison.differences(theirs.self.author, { limit: 50 });
    expect(found).toMatchObject({ complete: false, method: 'descent' });
    expect(found.keys).toHaveLength(50);
    expect(found.keys.every(({ side, key }) => side === 'theirs' && key === undefined)).toBe(true);
  });

  it('refuses what it cannot do by name, and does one at a time', async () => {
    const codeOf = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'done',
        (error: unknown) => (error instanceof LatticeError ? error.code : String(error)),
      );
    expect(await codeOf(comparison.differences('nobody', {}))).toBe('not-found');
    expect(await codeOf(comparison.differences(theirs.self.author, { limit: 1001 }))).toBe('invalid-limit');
    const both = [comparison.differences(theirs.self.author, {}), comparison.differences(theirs.self.author, {})].map(
      codeOf,
    );
    expect(await Promise.all(both)).toEqual(['done', 'overloaded']);
    reachable = false;
    expect(await codeOf(comparison.differences(theirs.self.author, {}))).toBe('peer-unreachable');
  });
});
