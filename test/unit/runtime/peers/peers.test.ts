import { beforeEach, describe, expect, it } from 'vitest';
import { bytesToHex, type Hlc } from '../../../../src/core/types/index.ts';
import type { Head } from '../../../../src/core/wire/index.ts';
import type { LungName } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable, type Peer, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import { beginRepair, endRepair, waitUntil } from '../../../../src/runtime/peers/repairing.ts';
import { agreeExceptRefused } from '../../../../src/runtime/peers/view.ts';
import { createAuthor, createHandClock, EPOCH_MS, type HandClock } from '../support.ts';

const author = createAuthor(2);
const life = (n: number): Uint8Array => new Uint8Array(8).fill(n);
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n);

let clock: HandClock;
let peers: PeerTable;
let peer: Peer;

beforeEach(() => {
  clock = createHandClock();
  peers = createPeerTable(clock);
  peer = peers.ensure(author.author) as Peer;
});

const hear = (lung: LungName, head: Partial<Head>, direct = true): boolean =>
  peers.hear(peer, author.head(head), lung, direct);

describe('heads of one life', () => {
  it('count for each lung by what it brings itself [E5]', async () => {
    expect(hear('http', { sequence: 7 })).toBe(true);
    await clock.advance(100);
    // Late, and yet the newest that P2P has brought: it shows that P2P lives.
    expect(hear('p2p', { sequence: 6 }, false)).toBe(true);
    expect(peer.view.heardAt).toEqual({ p2p: 100, http: 0 });
    expect(peer.view.head?.sequence).toBe(7);
    await clock.advance(100);
    expect(hear('p2p', { sequence: 6 })).toBe(false);
    expect(hear('http', { sequence: 7 })).toBe(false);
    expect(peer.view.heardAt).toEqual({ p2p: 100, http: 0 });
    expect(hear('p2p', { sequence: 7 })).toBe(true);
    expect(peer.view.heardAt).toEqual({ p2p: 200, http: 0 });
  });

  it('tell of a clock only when the node speaks itself', () => {
    hear('p2p', { sequence: 1, wallMs: EPOCH_MS + 400 }, false);
    expect(peer.view.clockOffsetMs).toBeUndefined();
    hear('p2p', { sequence: 2, wallMs: EPOCH_MS + 400 }, true);
    expect(peer.view.clockOffsetMs).toBe(400);
  });
});

describe('a head of another life', () => {
  beforeEach(() => {
    hear('p2p', { incarnation: life(1), sequence: 50, wallMs: EPOCH_MS });
  });

  it('counts at once when the node speaks itself, whatever its clock says [E5]', () => {
    expect(hear('http', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS - 60_000 })).toBe(true);
    expect(peer.view.head?.incarnation).toEqual(life(2));
  });

  it('counts by relay when its clock is later [E5]', () => {
    expect(hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 }, false)).toBe(true);
    expect(peer.view.head?.incarnation).toEqual(life(2));
  });

  it('counts by relay without a later clock only after 10 s without the former life [E5]', async () => {
    const earlier = { incarnation: life(2), wallMs: EPOCH_MS };
    await clock.advance(9_999);
    expect(hear('p2p', { ...earlier, sequence: 1 }, false)).toBe(false);
    expect(peer.view.head?.incarnation).toEqual(life(1));
    await clock.advance(1);
    expect(hear('p2p', { ...earlier, sequence: 2 }, false)).toBe(true);
  });

  it('begins to count from its own first number on both lungs [E5]', () => {
    hear('http', { incarnation: life(1), sequence: 50, wallMs: EPOCH_MS });
    expect(hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 })).toBe(true);
    expect(peer.view.head).toMatchObject({ incarnation: life(2), sequence: 1 });
    expect(hear('http', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 })).toBe(true);
  });

  it('does not come back by a late relay [E5]', () => {
    hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 });
    expect(hear('http', { incarnation: life(1), sequence: 51, wallMs: EPOCH_MS }, false)).toBe(false);
    expect([peer.view.head?.sequence, peer.view.twin]).toEqual([1, false]);
  });

  it('that had been replaced and speaks again shows that two nodes run with this key', () => {
    hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 });
    expect(peer.view.twin).toBe(false);
    hear('p2p', { incarnation: life(1), sequence: 51, wallMs: EPOCH_MS + 2 });
    expect(peer.view.twin).toBe(true);
  });
});

describe('how a peer compares', () => {
  const ours = (n: number, seenHlc = 0n as Hlc, recent = new RecentRoots()) => ({
    root: bytesToHex(root(n)),
    recent,
    seenHlc,
    trustHash: new Uint8Array(32),
  });

  it('is equal when the roots of both were the same within three seconds', async () => {
    const recent = new RecentRoots();
    recent.add(bytesToHex(root(1)), clock.monotonic());
    hear('p2p', { sequence: 1, root: root(1) });
    await clock.advance(1_000);
    hear('p2p', { sequence: 2, root: root(2) });
    // We have gone on to a root of our own; theirs of a second ago was ours.
    peers.compare(peer, ours(1, 0n as Hlc, recent));
    expect(peer.view.agreement).toBe('equal');
    await clock.advance(2_001);
    hear('p2p', { sequence: 3, root: root(3) });
    peers.compare(peer, ours(1, 0n as Hlc, recent));
    expect(peer.view.agreement).toBe('different');
    // Theirs is a root that we had.
    recent.add(bytesToHex(root(3)), clock.monotonic());
    peers.compare(peer, ours(4, 0n as Hlc, recent));
    expect(peer.view.agreement).toBe('equal');
    await clock.advance(3_001);
    peers.compare(peer, ours(4, 0n as Hlc, recent));
    expect(peer.view.agreement).toBe('different');
  });

  it('is unknown before anything was heard', () => {
    peers.compare(peer, ours(1));
    expect([peer.view.agreement, peer.view.trustMatches]).toEqual(['unknown', undefined]);
  });

  it('dates a difference from when it began, and an equality from when it was last seen', async () => {
    hear('p2p', { sequence: 1, root: root(1) });
    await clock.advance(100);
    peers.compare(peer, ours(9));
    await clock.advance(100);
    peers.compare(peer, ours(9));
    expect([peer.view.agreementAt, peer.view.agreementSince]).toEqual([100, EPOCH_MS + 100]);
    peers.compare(peer, ours(1));
    await clock.advance(100);
    peers.compare(peer, ours(1));
    expect([peer.view.agreementAt, peer.view.agreementSince]).toEqual([300, EPOCH_MS + 200]);
  });

  it('is equal except refused for the very pair of roots that a repair left so [S11]', async () => {
    hear('p2p', { sequence: 1, root: root(1) });
    agreeExceptRefused(peer.view, bytesToHex(root(9)), { now: 0, wall: EPOCH_MS });
    peers.compare(peer, ours(9));
    expect(peer.view.agreement).toBe('equal-except-refused');
    peers.compare(peer, ours(8));
    expect(peer.view.agreement).toBe('different');
    hear('p2p', { sequence: 2, root: root(2) });
    await clock.advance(5_000);
    peers.compare(peer, ours(9));
    expect(peer.view.agreement).toBe('different');
  });

  it('opens every refusal again, at once, when the peer comes with another trust list [S12]', () => {
    hear('p2p', { sequence: 1, root: root(1) });
    peer.repair.refused.add(root(5), root(6), undefined, 'untrusted-author', 0);
    agreeExceptRefused(peer.view, bytesToHex(root(9)), { now: 0, wall: EPOCH_MS });
    beginRepair(peer.repair);
    waitUntil(peer.repair, 60_000);
    endRepair(peer.repair);
    peers.compare(peer, ours(9));
    hear('p2p', { sequence: 2, root: root(1) });
    expect([peer.repair.refused.size, peer.repair.nextAt]).toEqual([1, 60_000]);
    hear('p2p', { sequence: 3, root: root(1), trustHash: root(7) });
    peers.compare(peer, ours(9));
    expect([peer.repair.refused.size, peer.view.agreement, peer.repair.nextAt, peer.repair.urgent]).toEqual([
      0,
      'different',
      0,
      true,
    ]);
  });

  it('tells whether the trust lists are the same', () => {
    hear('p2p', { sequence: 1, trustHash: root(1) });
    peers.compare(peer, ours(1));
    expect(peer.view.trustMatches).toBe(false);
    hear('p2p', { sequence: 2 });
    peers.compare(peer, ours(1));
    expect(peer.view.trustMatches).toBe(true);
  });

  it('is behind since its head first named commits that we lack, until we hold them [N4]', async () => {
    hear('p2p', { sequence: 1, hlc: 5n as Hlc });
    await clock.advance(100);
    peers.compare(peer, ours(1, 4n as Hlc));
    await clock.advance(100);
    hear('p2p', { sequence: 2, hlc: 6n as Hlc });
    peers.compare(peer, ours(1, 5n as Hlc));
    expect(peer.view.behindSince).toBe(100);
    peers.compare(peer, ours(1, 6n as Hlc));
    expect(peer.view.behindSince).toBeUndefined();
  });
});

it('remembers 512 peers, and no stranger beyond them [L2]', () => {
  for (let i = 0; i < 511; i++)
    expect(peers.ensure(bytesToHex(root(0)).replace(/^.{4}/, i.toString(16).padStart(4, '0')) as never)).toBeDefined();
  expect(peers.ensure(createAuthor(3).author)).toBeUndefined();
  expect(peers.ensure(author.author)).toBe(peer);
});
