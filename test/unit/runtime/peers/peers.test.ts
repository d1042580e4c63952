import { beforeEach, describe, expect, it } from 'vitest';
import { type Author, bytesToHex } from '../../../../src/core/types/index.ts';
import type { Head } from '../../../../src/core/wire/index.ts';
import { createPeerTable, forgetRefused, type Peer, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import { beginRepair, endRepair, waitUntil } from '../../../../src/runtime/peers/repairing.ts';
import { agreeExceptRefused } from '../../../../src/runtime/peers/view.ts';
import { createAuthor, createHandClock, EPOCH_MS, type HandClock } from '../support.ts';

const author = createAuthor(2);
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const OURS = bytesToHex(root(9));

let clock: HandClock;
let peers: PeerTable;
let peer: Peer;

beforeEach(() => {
  clock = createHandClock();
  peers = createPeerTable(clock);
  peer = peers.ensure(author.author) as Peer;
});

const hear = (head: Partial<Head>): boolean => peers.hear(peer, author.head(head), 'p2p', true);
const compare = (): void =>
  peers.compare(peer, { root: OURS, recent: new RecentRoots(), seenHlc: 0n, trustHash: new Uint8Array(32) });

/** As after a repair that failed: the next one waits for a minute. */
function backOff(): void {
  beginRepair(peer.repair);
  waitUntil(peer.repair, 60_000);
  endRepair(peer.repair);
}
const due = () => [peer.repair.nextAt, peer.repair.urgent];

describe('the table', () => {
  it('has one record for each author, made when it is first asked for', async () => {
    expect(peers.get(createAuthor(3).author)).toBeUndefined();
    await clock.advance(500);
    const other = peers.ensure(createAuthor(3).author);
    expect(other?.link.path.since).toBe(500);
    expect(other?.view.agreementSince).toBe(EPOCH_MS + 500);
    expect(peers.ensure(createAuthor(3).author)).toBe(other);
    expect([...peers.all()]).toEqual([peer, other]);
  });

  it('remembers 512 peers, and no stranger beyond them [L2]', () => {
    for (let i = 0; i < 511; i++) expect(peers.ensure(i.toString(16).padStart(64, '0') as Author)).toBeDefined();
    expect(peers.ensure(createAuthor(3).author)).toBeUndefined();
    expect(peers.ensure(author.author)).toBe(peer);
  });

  it('dates what it hears and compares by its clock', async () => {
    await clock.advance(300);
    expect(hear({ sequence: 1, wallMs: EPOCH_MS })).toBe(true);
    expect(hear({ sequence: 1, wallMs: EPOCH_MS })).toBe(false);
    compare();
    expect(peer.view).toMatchObject({
      heardAt: { p2p: 300, http: undefined },
      clockSamples: [{ ms: EPOCH_MS - 300, at: 300 }],
      agreement: 'different',
      agreementAt: 300,
      agreementSince: EPOCH_MS + 300,
    });
  });
});

describe('the next difference', () => {
  beforeEach(() => {
    hear({ sequence: 1, root: root(1) });
    compare();
    backOff();
  });

  it('is repaired without settling when the peer has started anew, and a backoff stays [N10]', () => {
    hear({ sequence: 2, root: root(1) });
    expect(due()).toEqual([60_000, false]);
    hear({ sequence: 1, root: root(1), incarnation: new Uint8Array(8).fill(9) });
    expect(due()).toEqual([60_000, true]);
  });

  it('is repaired at once, whatever the backoff, when that is asked for, and counts from then on [N10]', async () => {
    await clock.advance(700);
    peers.repairSoon(createAuthor(3).author);
    expect(due()).toEqual([60_000, false]);
    peers.repairSoon(author.author);
    expect(due()).toEqual([0, true]);
    expect(peer.view.agreementAt).toBe(700);
    expect(peers.get(createAuthor(3).author)).toBeUndefined();
  });
});

describe('refusals', () => {
  beforeEach(() => {
    hear({ sequence: 1, root: root(1) });
    peer.repair.refused.add(root(5), root(6), undefined, { reason: 'untrusted-author' }, 0);
  });

  it('are open again, and looked at at once, when the peer comes with another trust list [S12]', () => {
    agreeExceptRefused(peer.view, OURS, { now: 0, wall: EPOCH_MS });
    backOff();
    compare();
    hear({ sequence: 2, root: root(1) });
    expect([peer.repair.refused.size, ...due()]).toEqual([1, 60_000, false]);
    hear({ sequence: 3, root: root(1), trustHash: root(7) });
    compare();
    expect([peer.repair.refused.size, peer.view.agreement, ...due()]).toEqual([0, 'different', 0, true]);
  });

  it('that were not all that was left are forgotten, and a backoff stays [S12]', () => {
    backOff();
    forgetRefused(peer);
    expect([peer.repair.refused.size, ...due()]).toEqual([0, 60_000, false]);
  });
});
