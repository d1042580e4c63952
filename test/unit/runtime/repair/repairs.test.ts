import { beforeEach, describe, expect, it } from 'vitest';
import { type Author, type Bytes, bytesToHex, type Hlc } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync } from '../../../../src/core/wire/index.ts';
import { createDoor, type Door } from '../../../../src/runtime/commit/door.ts';
import { createResponder, type Responder } from '../../../../src/runtime/exchange/responder.ts';
import type { LatticeEvent, SyncMode } from '../../../../src/runtime/facade/index.ts';
import { noteReachesUs, setConnected, setPath } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable, type Peer, type PeerTable, takeAgain } from '../../../../src/runtime/peers/peers.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import { beginRepair, endRepair, serve, waitUntil } from '../../../../src/runtime/peers/repairing.ts';
import { restartAgreement } from '../../../../src/runtime/peers/view.ts';
import { createRepairs, type Repairs } from '../../../../src/runtime/repair/repairs.ts';
import type { HttpPeer } from '../../../../src/runtime/transport/http-peer.ts';
import { createLinks } from '../../../../src/runtime/transport/links.ts';
import type { HttpSupervisor } from '../../../../src/runtime/transport/lung-http.ts';
import type { P2pSupervisor } from '../../../../src/runtime/transport/lung-p2p.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  deferred,
  FOUND,
  type HandClock,
  hasher,
  log,
  metrics,
  NETWORK,
  openTestState,
  put,
  type TestAuthor,
  type TestState,
  turns,
  until,
  verifier,
} from '../support.ts';

const [smaller, greater] = [createAuthor(1), createAuthor(2)].sort((a, b) => (a.author < b.author ? -1 : 1)) as [
  TestAuthor,
  TestAuthor,
];
const stranger = createAuthor(9);
const TICK_MS = 250;

/** Lines of the log: level and message. */
let said: string[];
let clock: HandClock;
let random: ReturnType<typeof createRandom>;
let ours: TestState;
let peers: PeerTable;
let repairs: Repairs;
let mode: SyncMode;
let p2pRuns: boolean;
let url: HttpPeer | undefined;
let link: (peer: Author | undefined, message: Bytes, lung: 'p2p' | 'http') => Promise<Bytes>;
/** Requests sent, with their time. */
let requests: {
  readonly at: number;
  readonly peer: Author | undefined;
  readonly lung: 'p2p' | 'http';
  readonly type: string;
}[];
let heads: number;
let events: LatticeEvent[];
/** A snapshot is being taken over. */
let held: boolean;

const notUsed = (): never => {
  throw new Error('not used');
};

function doorOf(state: TestState, isTrusted: (author: Author) => boolean): Door {
  return createDoor({
    hasher,
    network: NETWORK,
    isTrusted,
    isFull: () => false,
    verifier,
    writer: state.writer,
    clock,
    metrics,
  });
}

function send(peer: Author | undefined, message: Bytes, lung: 'p2p' | 'http'): Promise<Bytes> {
  requests.push({ at: clock.monotonic(), peer, lung, type: decodeSync(message).type });
  return link(peer, message, lung);
}

function createAll(self: TestAuthor): void {
  const p2p: P2pSupervisor = {
    start: notUsed,
    settingsChanged: notUsed,
    stop: notUsed,
    status: notUsed,
    publish: notUsed,
    get running() {
      return p2pRuns;
    },
    request: (peer, message) => send(peer, message, 'p2p'),
  };
  const http: Pick<HttpSupervisor, 'find' | 'request'> = {
    find: () => url,
    request: (_url, message, expect_) => send(expect_, message, 'http'),
  };
  const { replica, writer, entries } = ours;
  repairs = createRepairs({
    nameOf: (author) => author,
    replica,
    hasher,
    writer,
    door: doorOf(ours, (author) => author !== stranger.author),
    clock,
    random,
    log: {
      ...log,
      debug: (_, message) => void said.push(`debug ${message}`),
      info: (_, message) => void said.push(`info ${message}`),
      warn: (_, message) => void said.push(`warn ${message}`),
    },
    metrics,
    self: self.author,
    entries,
    linkTo: createLinks({ p2p, http, mode: () => mode }),
    peerIdOf: (author) => `id of ${author}`,
    onEvent: (event) => events.push(event),
    root: () => bytesToHex(replica.tree.root()),
    isBlocked: () => held,
    peers,
  });
}

beforeEach(async () => {
  clock = createHandClock();
  random = createRandom(1);
  ours = await openTestState({ clock });
  peers = createPeerTable(clock);
  mode = 'auto';
  p2pRuns = true;
  url = undefined;
  requests = [];
  said = [];
  heads = 0;
  events = [];
  held = false;
  link = () => Promise.reject(new Error('connection reset'));
  createAll(smaller);
});

/** A connected peer whose head names `root`. */
function meet(author: TestAuthor, root: Uint8Array = new Uint8Array(32).fill(7), entries?: number): Peer {
  const peer = peers.ensure(author.author);
  if (peer === undefined) throw new Error('no room');
  setConnected(peer.link, true);
  peers.hear(
    peer,
    author.head({ sequence: ++heads, root, ...(entries === undefined ? {} : { entries }) }),
    'p2p',
    true,
  );
  return peer;
}

/** As after a first repair that found nothing to do: differences settle before the next. */
function settled({ repair }: Peer): void {
  beginRepair(repair);
  endRepair(repair);
}

function reachableUrl({ author }: TestAuthor): HttpPeer {
  return {
    url: 'http://a.test',
    author,
    self: false,
    announced: false,
    reachable: true,
    streaming: false,
    error: undefined,
    errorCode: undefined,
    lastHeardAt: 0,
  };
}

function look(): void {
  const own = {
    root: bytesToHex(ours.replica.tree.root()),
    recent: new RecentRoots(),
    seenHlc: 0n as Hlc,
    trustHash: new Uint8Array(32),
  };
  for (const peer of peers.all()) {
    peers.compare(peer, own);
    repairs.consider(peer);
  }
}

async function pass(ms: number): Promise<void> {
  for (let t = 0; t < ms; t += TICK_MS) {
    await clock.advance(TICK_MS);
    look();
    await turns();
  }
}

/** When repairs began: a failing one sends a single request. */
const begun = (): number[] => requests.map((r) => r.at);

describe('a repair', () => {
  it('begins at once the first time roots differ, and later when they have differed for 1.5 s [N10]', async () => {
    const peer = meet(greater);
    look();
    await turns();
    expect(begun()).toEqual([0]);
    // Equal for a while, then different again.
    waitUntil(peer.repair, 0);
    await clock.advance(60_000);
    meet(greater, ours.replica.tree.root());
    look();
    await clock.advance(4_000);
    meet(greater);
    await clock.advance(4_000);
    const from = clock.monotonic();
    await pass(3_000);
    expect(begun()[1]).toBe(from + TICK_MS + 1_500);
  });

  it('begins half a second later on the side with the greater key [N10]', async () => {
    createAll(greater);
    const peer = meet(smaller);
    settled(peer);
    look();
    await pass(4_000);
    expect(begun()[0]).toBe(2_000);
  });

  it('begins without that half second where only this side reaches the other [N10]', async () => {
    createAll(greater);
    const peer = meet(smaller);
    setConnected(peer.link, false);
    url = reachableUrl(smaller);
    look();
    await turns();
    expect(begun()).toEqual([0]);
    // It has asked us something meanwhile: it can begin as well.
    noteReachesUs(peer.link);
    peers.repairSoon(smaller.author);
    restartAgreement(peer.view, clock.monotonic());
    look();
    await pass(1_000);
    expect(begun()).toEqual([0, 500]);
  });

  it('does not begin while roots are equal, unknown, or what differs comes and goes [N10]', async () => {
    const peer = meet(greater, ours.replica.tree.root());
    peers.ensure(stranger.author);
    await pass(10_000);
    settled(peer);
    for (let i = 0; i < 5; i++) {
      meet(greater);
      await clock.advance(4_000);
      look();
      await pass(1_000);
      meet(greater, ours.replica.tree.root());
      look();
    }
    expect(requests).toEqual([]);
  });

  it('waits while the peer repairs with us, and begins when nothing has come of that for 2 s [S13]', async () => {
    const peer = meet(greater);
    const first = serve(peer.repair, clock.monotonic);
    await pass(30_000);
    expect(begun()).toEqual([]);
    first();
    await pass(1_500);
    serve(peer.repair, clock.monotonic)();
    const quietFrom = clock.monotonic();
    await pass(3_000);
    expect(begun()).toEqual([quietFrom + 2_000]);
  });

  it('does not wait for a peer that goes on asking for longer than a session may last [S13]', async () => {
    const peer = meet(greater);
    for (let i = 0; i < 125; i++) {
      serve(peer.repair, clock.monotonic)();
      await pass(1_000);
    }
    expect(begun()[0]).toBe(120_000);
  });

  it('that fails is tried again later and later, up to a minute [N10]', async () => {
    meet(greater);
    look();
    await pass(300_000);
    const gaps = begun()
      .slice(1)
      .map((at, i) => at - (begun()[i] as number));
    expect(gaps).toEqual([1_500, 2_500, 4_500, 8_500, 16_500, 32_500, 60_500, 60_500, 60_500]);
    expect(peers.get(greater.author)?.repair.last).toMatchObject({
      outcome: 'failed',
      lung: 'p2p',
      error: 'connection reset',
    });
  });

  it('that the peer refuses tells the code of its answer; one that takes over a snapshot is no trouble [N10]', async () => {
    const outcomes: unknown[] = [];
    for (const code of ['bootstrapping', 'overloaded', 'never-heard-of']) {
      said = [];
      link = async () => encodeSync({ type: 'error', code, message: 'a sentence that says nothing of bootstrapping' });
      const peer = meet(greater);
      peers.repairSoon(greater.author);
      look();
      await turns();
      const { outcome, errorCode } = peer.repair.last ?? {};
      outcomes.push([outcome, errorCode, said]);
    }
    expect(outcomes).toEqual([
      ['failed', 'bootstrapping', ['debug repair']],
      ['failed', 'overloaded', ['warn repair']],
      // A code of another version is told in the sentence.
      ['failed', 'peer-error', ['warn repair']],
    ]);
    expect(peers.get(greater.author)?.repair.last?.error).toContain('never-heard-of');
  });

  it('is due at once when the lung changed or a stream lost its place, whatever the backoff [X8, N10]', async () => {
    meet(greater);
    look();
    await pass(10_000);
    const before = requests.length;
    peers.repairSoon(greater.author);
    look();
    await turns();
    expect(requests.length).toBe(before + 1);
    // Once.
    look();
    await turns();
    expect(requests.length).toBe(before + 1);
  });

  it('does not begin while a snapshot is taken over, and begins at once when that is over [Y4]', async () => {
    held = true;
    meet(greater);
    await pass(10_000);
    expect(begun()).toEqual([]);
    held = false;
    await pass(TICK_MS);
    expect(begun()).toHaveLength(1);
  });

  it('is one of two at a time, and one with each peer [N10]', async () => {
    const pending = deferred<Bytes>();
    link = () => pending.promise;
    for (const id of [11, 12, 13, 14]) meet(createAuthor(id));
    await pass(10_000);
    expect(requests).toHaveLength(2);
    pending.reject(new Error('connection reset'));
    link = () => deferred<Bytes>().promise;
    await pass(500);
    expect(requests).toHaveLength(4);
    expect(new Set(requests.map((r) => r.peer)).size).toBe(4);
  });

  it('goes over the lung that carries the peer, or the one that reaches it [N10, N5]', async () => {
    const peer = meet(greater);
    const lungs: (string | undefined)[] = [];
    const now = async (): Promise<void> => {
      const before = requests.length;
      peers.repairSoon(greater.author);
      look();
      await turns();
      lungs.push(requests[before]?.lung);
    };
    const reachable = reachableUrl(greater);
    url = reachable;
    setPath(peer.link, { ...peer.link.path, lung: 'http' });
    await now(); // HTTP carries it
    setPath(peer.link, { ...peer.link.path, lung: 'p2p' });
    await now(); // P2P carries it
    setPath(peer.link, { ...peer.link.path, lung: 'http' });
    url = { ...reachable, reachable: false };
    await now(); // its URL does not answer, P2P is connected
    url = reachable;
    mode = 'p2p';
    await now();
    setPath(peer.link, { ...peer.link.path, lung: 'p2p' });
    mode = 'http';
    await now();
    mode = 'auto';
    p2pRuns = false;
    await now(); // the lung is down whatever the path says
    url = undefined;
    await now(); // nothing reaches it
    expect(lungs).toEqual(['http', 'p2p', 'p2p', 'p2p', 'http', 'http', undefined]);
  });
});

describe('with a peer that answers', () => {
  let theirs: TestState;
  let responder: Responder;

  beforeEach(async () => {
    theirs = await openTestState({ id: 2, clock });
    const { replica, writer, entries } = theirs;
    responder = createResponder({
      replica,
      hasher,
      writer,
      door: doorOf(theirs, () => true),
      clock,
      log,
      isMember: () => true,
      hello: notUsed,
      peers: createPeerTable(clock),
      onHello: notUsed,
      onAttest: notUsed,
      onNews: notUsed,
      onComplete: notUsed,
      onAddresses: notUsed,
      onAwait: notUsed,
      snapshots: { manifest: notUsed, chunk: notUsed },
      entries,
      isBootstrapping: () => false,
    });
    link = (_, message) => responder.answer(ours.self.author, message, 'p2p');
    for (let i = 0; i < 3; i++) await theirs.writer.write(put(`theirs/${i}`, i));
    await ours.writer.write(put('ours', 1));
  });

  const meetThem = (): Peer => meet(theirs.self, theirs.replica.tree.root(), theirs.replica.tree.size);

  it('makes what one answer brings durable in one batch', async () => {
    for (let i = 0; i < 200; i++) await theirs.writer.write(put(`more/${i}`, i));
    const before = ours.replica.meta.sequence;
    const peer = meetThem();
    look();
    await ended(peer, undefined);
    expect(peer.repair.last).toMatchObject({ outcome: 'repaired', fetched: 203 });
    expect(ours.replica.meta.sequence).toBe(before + 1);
  });

  /** Waits for the repair under way with the peer to end. */
  const ended = (peer: Peer, before: unknown): Promise<void> =>
    until('the repair ends', () => !peer.repair.running && peer.repair.last !== before);

  it('one repair makes both equal, and the next difference is looked at a second later [S11, N10]', async () => {
    const peer = meetThem();
    look();
    await ended(peer, undefined);
    expect(peer.repair.last).toMatchObject({ outcome: 'repaired', fetched: 3, pushed: 1, refused: 0 });
    expect(bytesToHex(theirs.replica.tree.root())).toBe(bytesToHex(ours.replica.tree.root()));
    expect(peer.repair.nextAt).toBe(clock.monotonic() + 1_000);
  });

  it('looks twice where commits flow, and settles what differs alike both times [N10, S14]', async () => {
    for (let i = 0; i < 200; i++) {
      const commit = theirs.self.commit({ [`base/${i}`]: i });
      await theirs.writer.apply(commit, FOUND);
      await ours.writer.apply(commit, FOUND);
    }
    const peer = meetThem();
    settled(peer);
    look();
    await pass(1_000);
    // Within a second and a half both write on: their roots differ all the time, and are never the same two.
    await ours.writer.write(put('flowing', 1));
    meetThem();
    for (let i = 0; i < 8 && !peer.repair.running; i++) await pass(TICK_MS);
    expect(peer.repair.running).toBe(true);
    await until('it has looked', () => requests.length > 0);
    await turns();
    expect([...new Set(requests.map(({ type }) => type))]).toEqual(['cells']);
    const asked = requests.length;
    await clock.advance(1_499);
    await turns();
    expect(requests.length).toBe(asked);
    await clock.advance(1);
    await ended(peer, undefined);
    expect(peer.repair.last).toMatchObject({ outcome: 'repaired', fetched: 3 });
    expect(requests.slice(asked)[0]?.type).toBe('cells');
  });

  it('is one of two at a time after the wait too [N10, S14]', async () => {
    for (let i = 0; i < 200; i++) {
      const commit = theirs.self.commit({ [`base/${i}`]: i });
      await theirs.writer.apply(commit, FOUND);
      await ours.writer.apply(commit, FOUND);
    }
    const answered = link;
    const looks = new Map<Author | undefined, number>();
    let held = 0;
    const end: (() => void)[] = [];
    link = async (peer, ...request) => {
      looks.set(peer, (looks.get(peer) ?? 0) + 1);
      if ((looks.get(peer) ?? 0) > 1) {
        held++;
        await new Promise<void>((resolve) => end.push(resolve));
        held--;
        throw new Error('enough');
      }
      return answered(theirs.self.author, ...request);
    };
    const authors = [11, 12, 13, 14].map((n) => createAuthor(n));
    const speak = (): void => {
      for (const author of authors) settled(meet(author, theirs.replica.tree.root(), theirs.replica.tree.size));
    };
    speak();
    look();
    await pass(1_000);
    await ours.writer.write(put('flowing', 1));
    speak();
    for (let i = 0; i < 16; i++) {
      await pass(TICK_MS);
      await until('requests are answered', () => true);
    }
    expect(looks.size).toBe(4);
    expect(held).toBe(2);
    for (const go of end.splice(0)) go();
    await turns();
    await pass(TICK_MS);
    await turns();
    expect(held).toBe(2);
    for (const go of end.splice(0)) go();
  });

  it('tells how far it has come, then how it ended, by peer id', async () => {
    const peer = meetThem();
    const seen: unknown[] = [];
    const answered = link;
    link = async (...request) => {
      seen.push(peer.repair.progress);
      return answered(...request);
    };
    look();
    await ended(peer, undefined);
    expect(seen[0]).toMatchObject({ running: true, lung: 'p2p', found: 0, remaining: 0 });
    expect(seen.at(-1)).toMatchObject({ running: true, found: 4, fetched: 0, remaining: 4 });
    expect(peer.repair.progress).toBeUndefined();
    expect(peer.repair.differing).toMatchObject({ keys: 0, exact: true });
    const id = `id of ${theirs.self.author}`;
    expect(events).toMatchObject([
      { type: 'progress', what: 'repair', peer: id, lung: 'p2p', found: 4, remaining: 4 },
      { type: 'repair', peer: id, report: { outcome: 'repaired', found: 4, fetched: 3, pushed: 1 } },
    ]);
  });

  it('goes on in the next session where a cut link ended it, at whatever request [S11, S13]', async () => {
    for (let i = 0; i < 2500; i++) await theirs.writer.apply(theirs.self.commit({ [`bulk/${i}`]: i }), FOUND);
    const peer = meetThem();
    const answered = link;
    let left = 0;
    let sent = 0;
    link = async (...request) => {
      if (left-- <= 0) throw new Error('the link is cut');
      sent++;
      return answered(...request);
    };
    // One request more before each cut: every request of the whole is the last one once.
    let cuts = 0;
    for (; cuts < 60 && (peer.repair.last === undefined || peer.repair.last.outcome === 'failed'); cuts++) {
      left = cuts;
      waitUntil(peer.repair, 0);
      const last = peer.repair.last;
      await repairs.all();
      expect(peer.repair.last).not.toBe(last);
    }
    expect(bytesToHex(theirs.replica.tree.root())).toBe(bytesToHex(ours.replica.tree.root()));
    // A list, three pages of wants and a push.
    expect(cuts).toBeGreaterThanOrEqual(5);
    // What was settled before a cut is not fetched again: without that the wants alone would be some twenty pages.
    expect(requests.filter((r) => r.type === 'want').length).toBeLessThan(3 * cuts);
    expect(sent).toBeGreaterThan(cuts);
  });

  it('what is refused is told, and looked at again after a minute, or when either state changes [S11, S12]', async () => {
    await theirs.writer.apply(stranger.commit({ strange: 1 }), FOUND);
    let peer = meetThem();
    look();
    await ended(peer, undefined);
    expect(peer.repair.last).toMatchObject({ outcome: 'repaired', fetched: 3, pushed: 1, refused: 1 });
    expect(peer.repair.refused.reasons()).toEqual({ 'untrusted-author': 1 });
    // Nothing but that is left.
    peer = meetThem();
    peers.repairSoon(theirs.self.author);
    let last = peer.repair.last;
    look();
    await ended(peer, last);
    expect(peer.repair.last).toMatchObject({ outcome: 'equal-except-refused', fetched: 0, pushed: 0, refused: 1 });
    expect(peer.view.agreement).toBe('equal-except-refused');

    const before = requests.length;
    look();
    await pass(59_000);
    expect(peer.view.agreement).toBe('equal-except-refused');
    expect(requests.length).toBe(before);
    last = peer.repair.last;
    await pass(2_000);
    await ended(peer, last);
    expect(requests.length).toBeGreaterThan(before);
    expect(peer.repair.last?.outcome).toBe('equal-except-refused');

    await theirs.writer.write(put('news', 1));
    meetThem();
    look();
    expect(peer.view.agreement).toBe('different');
    last = peer.repair.last;
    // The second one in a row has come to nothing, so this one waits for twice five seconds.
    const from = clock.monotonic();
    const sent = requests.length;
    while (requests.length === sent && clock.monotonic() - from < 30_000) await pass(TICK_MS);
    await ended(peer, last);
    expect(peer.repair.last).toMatchObject({ outcome: 'repaired', fetched: 1, refused: 1 });
    expect((requests[sent]?.at ?? Infinity) - from).toBeLessThan(12_000);
  });

  it('that ends while the reason for its refusals goes is followed by the next one at once [S12]', async () => {
    await theirs.writer.apply(stranger.commit({ strange: 1 }), FOUND);
    const peer = meetThem();
    look();
    await ended(peer, undefined);
    const { last } = peer.repair;
    peers.repairSoon(theirs.self.author);
    meetThem();
    const answer = link;
    let asked = 0;
    link = (author, message, lung) => {
      if (asked++ === 0) takeAgain(peers);
      return answer(author, message, lung);
    };
    look();
    await ended(peer, last);
    expect(peer.repair.last).toMatchObject({ outcome: 'equal-except-refused' });
    const before = requests.length;
    meetThem();
    await pass(1_000);
    expect(requests.length).toBeGreaterThan(before);
  });
});
