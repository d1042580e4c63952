import { beforeEach, describe, expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import type { Head } from '../../../../src/core/wire/index.ts';
import { createOwnState } from '../../../../src/runtime/commit/own-state.ts';
import type { SyncMode, Transition } from '../../../../src/runtime/facade/index.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { setUrl } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable, type Peer, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { beginRepair, endRepair, waitUntil } from '../../../../src/runtime/peers/repairing.ts';
import { createSupervision, type Supervision } from '../../../../src/runtime/upkeep/supervision.ts';
import { createAuthor, hasher, log, NETWORK, openTestState, type TestState } from '../support.ts';

const GRACE_MS = 3_000;
const friend = createAuthor(2);
const other = createAuthor(3);

let state: TestState;
let peers: PeerTable;
let peer: Peer;
let supervision: Supervision;
let mode: SyncMode;
let heartbeatMs: number;
/** Whether the peer is a member. */
let isMember: boolean;
let sequence: number;
/** What was set off, in order. */
let done: (readonly [what: string, author?: Author])[];
let transitions: Omit<Transition, 'at'>[];
/** How often the guard was told to look. */
let ticks: number;

function open(): void {
  const { self, clock, replica } = state;
  const roster = createRoster([], self.author, hasher);
  const own = createOwnState({
    about: () => ({ name: '', condition: { serves: true, readOnly: [] } }),
    replica,
    software: '1.0.0',
    self: self.author,
    network: NETWORK,
    incarnation: new Uint8Array(8),
    roster,
    clock,
    signer: self,
  });
  supervision = createSupervision({
    log,
    clock,
    peers,
    roster,
    own,
    guard: { tick: () => void ticks++ },
    isMember: () => isMember,
    repairs: { consider: ({ author }) => void done.push(['repair', author]) },
    comparison: { consider: ({ author }) => void done.push(['comparison', author]) },
    http: { wake: (author) => void done.push(author === undefined ? ['wake'] : ['wake', author]) },
    heartbeatMs,
    graceMs: GRACE_MS,
    mode: () => mode,
    onTransition: (transition) => void transitions.push(transition),
    beat: () => void done.push(['beat']),
  });
}

beforeEach(async () => {
  state = await openTestState();
  peers = createPeerTable(state.clock);
  peer = peers.ensure(friend.author) as Peer;
  mode = 'auto';
  heartbeatMs = 1_000;
  isMember = true;
  sequence = 0;
  done = [];
  transitions = [];
  ticks = 0;
  open();
});

const hear = (head: Partial<Head> = {}, lung: 'p2p' | 'http' = 'p2p'): boolean =>
  peers.hear(peer, friend.head({ sequence: ++sequence, wallMs: state.clock.now(), ...head }), lung, true);

/** As after a first repair that found nothing to do. */
function settled({ repair }: Peer = peer): void {
  beginRepair(repair);
  endRepair(repair);
}

const times = (what: string): number => done.filter(([name]) => name === what).length;

describe('the clockwork', () => {
  it('beats at once and at every heartbeat, and looks four times a second until it is stopped', async () => {
    supervision.start();
    expect([times('beat'), ticks]).toEqual([1, 1]);
    await state.clock.advance(999);
    expect([times('beat'), ticks]).toEqual([1, 4]);
    await state.clock.advance(1_001);
    expect([times('beat'), ticks]).toEqual([3, 9]);
    supervision.stop();
    await state.clock.advance(10_000);
    expect([times('beat'), ticks]).toEqual([3, 9]);
  });

  it('leaves alone whoever is known and no member any more [S9]', () => {
    isMember = false;
    hear();
    supervision.look();
    expect([done, transitions]).toEqual([[], []]);
    isMember = true;
    supervision.look();
    expect([times('repair') > 0, transitions.length]).toEqual([true, 1]);
  });

  it('looks at every beat where those come more often', async () => {
    heartbeatMs = 100;
    open();
    supervision.start();
    await state.clock.advance(1_000);
    expect([times('beat'), ticks]).toEqual([11, 11]);
  });

  it('does not begin once it was stopped', async () => {
    supervision.stop();
    supervision.start();
    await state.clock.advance(1_000);
    expect(done).toEqual([]);
  });
});

describe('a look', () => {
  it('compares every peer, then considers a repair with it, then how much differs', () => {
    settled();
    settled(peers.ensure(other.author));
    hear({ root: state.replica.tree.root() });
    supervision.look();
    expect(peer.view.agreement).toBe('equal');
    expect(done.filter(([what]) => what !== 'wake')).toEqual([
      ['repair', friend.author],
      ['comparison', friend.author],
      ['repair', other.author],
      ['comparison', other.author],
    ]);
  });

  it('tells of a peer that its head names commits which have not come, until they have [N4]', async () => {
    const commit = friend.commit({ a: 1 });
    hear({ hlc: commit.header.hlc });
    supervision.look();
    expect(peer.view.behindSince).toBe(0);
    await state.writer.apply(commit, { lung: 'p2p', peer: friend.author, live: true });
    supervision.look();
    expect(peer.view.behindSince).toBeUndefined();
  });
});

describe('the lung that carries a peer', () => {
  it('is changed with its cause told, HTTP woken, and the next difference repaired at once [N5, N10]', async () => {
    setUrl(peer.link, 'http://a.test');
    hear();
    supervision.look();
    expect(peer.link.path.lung).toBe('p2p');
    settled();
    waitUntil(peer.repair, 60_000);
    await state.clock.advance(GRACE_MS);
    done = [];
    supervision.look();
    expect(done.filter(([what]) => what === 'wake')).toEqual([]);
    await state.clock.advance(1);
    supervision.look();
    expect(peer.link.path.lung).toBe('http');
    expect(transitions).toEqual([
      { peer: friend.author, from: 'none', to: 'p2p', cause: expect.any(String) as string, code: 'heard' },
      { peer: friend.author, from: 'p2p', to: 'http', cause: 'silent over P2P for 3.0 s', code: 'silent' },
    ]);
    expect(done.filter(([what]) => what === 'wake')).toEqual([['wake', friend.author]]);
    expect([peer.repair.urgent, peer.repair.nextAt, peer.view.agreementAt]).toEqual([true, 0, GRACE_MS + 1]);
    // Nothing more is said while it stays so.
    supervision.look();
    expect(transitions).toHaveLength(2);
  });

  it('is judged by what P2P brings: heads over HTTP keep nobody on it [N4]', async () => {
    setUrl(peer.link, 'http://a.test');
    hear();
    supervision.look();
    await state.clock.advance(GRACE_MS + 1);
    hear({}, 'http');
    supervision.look();
    expect(transitions.at(-1)).toMatchObject({ to: 'http', code: 'silent' });
  });

  it('is none where a silent peer has no URL, and what the operator says where one is named [N5]', async () => {
    hear();
    supervision.look();
    await state.clock.advance(GRACE_MS + 1);
    supervision.look();
    expect(peer.link.path.lung).toBe('none');
    setUrl(peer.link, 'http://a.test');
    hear();
    mode = 'http';
    supervision.look();
    expect(transitions.at(-1)).toMatchObject({ to: 'http', code: 'manual-mode' });
  });
});

describe('a head that has just come', () => {
  it('is compared at once, and repaired at once where that cannot wait', () => {
    hear();
    supervision.compare(friend.author);
    expect(peer.view.agreement).toBe('different');
    expect(done).toEqual([['repair', friend.author]]);
  });

  it('is left to the next look where it can', () => {
    settled();
    hear();
    supervision.compare(friend.author);
    expect(peer.view.agreement).toBe('different');
    expect(done).toEqual([]);
  });

  it('of an author who is not known is nothing', () => {
    supervision.compare(other.author);
    expect([done, peers.get(other.author)]).toEqual([[], undefined]);
  });
});
