import { beforeEach, describe, expect, it } from 'vitest';
import { type Author, type Bytes, type Hlc, LatticeError } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeGossip, encodeSync, type SyncMessage } from '../../../../src/core/wire/index.ts';
import type { FrameHandler, HttpIdentity, HttpLung } from '../../../../src/ports/index.ts';
import type { SyncMode } from '../../../../src/runtime/facade/index.ts';
import type { HttpPeer } from '../../../../src/runtime/transport/http-peer.ts';
import {
  createHttpSupervisor,
  type HttpPeerHandlers,
  type HttpSupervisor,
} from '../../../../src/runtime/transport/lung-http.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  deferred,
  EPOCH_MS,
  type HandClock,
  log,
  outcomeOf,
  turns,
} from '../support.ts';

const self = createAuthor(1);
const peer = createAuthor(2);
const OWN_LIFE = '0101010101010101';
const URL_A = 'http://a.test';
const HEARTBEAT_MS = 1_000;
const POLL_MS = 10_000;

interface OpenStream {
  readonly url: string;
  readonly cursor: string | undefined;
  readonly idleMs: number;
  readonly frame: FrameHandler;
  readonly signal: AbortSignal;
  end(): void;
  fail(error: Error): void;
}

let clock: HandClock;
let random: ReturnType<typeof createRandom>;
let http: HttpSupervisor;
let mode: SyncMode;
let active: boolean;
let covered: boolean;
/** When a head of the peer came by a request of its own. */
let toldAt: number | undefined;
let streamsToUs: boolean;
let identify: () => Promise<HttpIdentity>;
let answer: (message: SyncMessage, signal: AbortSignal | undefined) => Promise<SyncMessage>;
/** When the peer was asked who it is, and what it was sent, in ms of the clock. */
let asked: number[];
/** URLs at which nothing answers. */
let down: Set<string>;
let sent: {
  readonly url: string;
  readonly at: number;
  readonly type: SyncMessage['type'];
  readonly expect: Author | undefined;
}[];
let streams: OpenStream[];
let twins: string[];
/** Which URL the node was told for whom, in order. */
let primaries: string[];
/** The authors that left a URL at which they had answered. */
let left: Author[];
let resets: number;
let frames: string[];

const hello = (author: typeof peer): SyncMessage => ({
  type: 'hello',
  software: '1.0.0',
  head: author.head(),
  yourHlc: 0n as Hlc,
});

const handlers: HttpPeerHandlers = {
  onLeft: (author) => left.push(author),
  onIdentity: (author, url) => void primaries.push(`${author === peer.author ? 'peer' : 'other'} ${url}`),
  onTwin: (url) => twins.push(url),
  onHello: () => Promise.resolve(),
  onFrame: async (_, message) => {
    if (message.type === 'commits') throw new LatticeError('malformed', 'a forged commit');
    frames.push(message.type);
  },
  onReset: () => void resets++,
};

const lung: HttpLung = {
  identify(url) {
    asked.push(clock.monotonic());
    if (down.has(url)) return Promise.reject(new Error('connection refused'));
    return identify();
  },
  async request(url, bytes, { expect: author, signal }) {
    const message = decodeSync(bytes);
    sent.push({ url, at: clock.monotonic(), type: message.type, expect: author });
    if (down.has(url)) throw new Error('connection refused');
    return encodeSync(await answer(message, signal));
  },
  stream(url, { cursor, idleMs, signal }, frame) {
    const { promise, resolve, reject } = deferred<void>();
    streams.push({ url, cursor, idleMs, frame, signal, end: () => resolve(), fail: reject });
    return promise;
  },
};

beforeEach(() => {
  clock = createHandClock();
  random = createRandom(0.5);
  mode = 'auto';
  active = true;
  covered = false;
  streamsToUs = false;
  toldAt = undefined;
  asked = [];
  sent = [];
  streams = [];
  twins = [];
  primaries = [];
  down = new Set();
  left = [];
  resets = 0;
  frames = [];
  identify = () => Promise.resolve({ author: peer.author, incarnation: '0202020202020202' });
  answer = (message) =>
    Promise.resolve(message.type === 'hello' ? hello(peer) : { type: 'pushed', verdicts: ['held'] });
  http = createHttpSupervisor({
    lung,
    urls: [URL_A],
    self: self.author,
    incarnation: OWN_LIFE,
    clock,
    random,
    log,
    heartbeatMs: HEARTBEAT_MS,
    graceMs: 3_000,
    heardAt: () => toldAt,
    pollMs: POLL_MS,
    mode: () => mode,
    isActive: () => active,
    isCovered: () => covered,
    streamsToUs: () => streamsToUs,
    hello: () => hello(self),
  });
});

const only = (): HttpPeer => http.peers()[0] as HttpPeer;
const newest = (): OpenStream => streams.at(-1) as OpenStream;
const hellos = (): number[] => sent.filter((m) => m.type === 'hello').map((m) => m.at);
const gaps = (times: readonly number[]): number[] => times.slice(1).map((at, i) => at - (times[i] as number));

describe('a configured URL', () => {
  it('that is this node itself is found out once and left alone [X9]', async () => {
    identify = () => Promise.resolve({ author: self.author, incarnation: OWN_LIFE });
    http.start(handlers);
    await clock.advance(120_000);
    expect(only()).toMatchObject({ self: true, reachable: false, author: undefined, error: undefined });
    expect([asked.length, sent.length, streams.length, twins.length]).toEqual([1, 0, 0, 0]);
    http.wake();
    await clock.advance(1_000);
    expect(asked).toHaveLength(1);
  });

  it('that answers with our key in another life is a twin, is told so, and stays no peer [X9, N7]', async () => {
    identify = () => Promise.resolve({ author: self.author, incarnation: 'ffffffffffffffff' });
    http.start(handlers);
    await turns();
    expect(twins).toEqual([URL_A]);
    expect(sent).toEqual([{ url: URL_A, at: 0, type: 'hello', expect: self.author }]);
    expect(only()).toMatchObject({ self: false, reachable: false, author: undefined });
    await clock.advance(10_000);
    expect(twins.length).toBeGreaterThan(1);
    // The twin is gone: another node answers there now.
    identify = () => Promise.resolve({ author: peer.author, incarnation: 'ffffffffffffffff' });
    await clock.advance(10_000);
    expect(only()).toMatchObject({ author: peer.author, reachable: true });
  });

  it('is asked again who it is when another key answers, and not for other failures', async () => {
    http.start(handlers);
    await clock.advance(1_000);
    answer = () => Promise.reject(new Error('connection refused'));
    await clock.advance(5_000);
    expect([asked.length, only().reachable, only().error]).toEqual([1, false, 'connection refused']);
    answer = () => Promise.reject(new LatticeError('identity-mismatch', 'another key'));
    await clock.advance(10_000);
    expect(asked.length).toBeGreaterThan(1);
  });

  it('is told as having left when another one answers at its URL, and not while nobody does [S9]', async () => {
    const other = createAuthor(3);
    http.start(handlers);
    await turns();
    down.add(URL_A);
    await clock.advance(60_000);
    down.clear();
    answer = () => Promise.reject(new LatticeError('identity-mismatch', 'another key'));
    await clock.advance(20_000);
    // The very same one proves itself again: something in between had answered.
    expect(left).toEqual([]);
    identify = () => Promise.resolve({ author: other.author, incarnation: '0303030303030303' });
    await clock.advance(20_000);
    expect([left, primaries.at(-1)]).toEqual([[peer.author], `other ${URL_A}`]);
    http.remove(URL_A);
    expect(left).toEqual([peer.author, other.author]);
  });

  it('is told as having left when the URL turns out to be this node itself [S9, X9]', async () => {
    http.start(handlers);
    await turns();
    answer = () => Promise.reject(new LatticeError('identity-mismatch', 'another key'));
    identify = () => Promise.resolve({ author: self.author, incarnation: OWN_LIFE });
    await clock.advance(20_000);
    expect([left, new Set(primaries)]).toEqual([[peer.author], new Set([`peer ${URL_A}`])]);
    http.remove(URL_A);
    expect(left).toHaveLength(1);
  });

  it('tells by a code why it is not reached, the one that the peer answered with where it did', async () => {
    const good = answer;
    http.start(handlers);
    await clock.advance(1_000);
    const codes: unknown[] = [];
    for (const error of [
      new Error('a fault without code'),
      new LatticeError('timeout', 'no answer within 10 s'),
      new LatticeError('http-status', 'status 403', { details: { status: 403, peerCode: 'sync-forbidden' } }),
      new LatticeError('http-status', 'status 418', { details: { status: 418, peerCode: 'never-heard-of' } }),
    ]) {
      answer = () => Promise.reject(error);
      await clock.advance(10_000);
      codes.push(only().errorCode);
    }
    answer = good;
    await clock.advance(10_000);
    codes.push(only().errorCode);
    expect(codes).toEqual([undefined, 'timeout', 'sync-forbidden', 'http-status', undefined]);
  });
});

describe('a peer that does not answer', () => {
  beforeEach(() => {
    random.fractionIs = 1;
  });

  it('is tried less and less often, at least every 5.5 s while no lung reaches it', async () => {
    identify = () => Promise.reject(new Error('connection refused'));
    http.start(handlers);
    await clock.advance(60_000);
    expect(gaps(asked).slice(0, 6)).toEqual([1_500, 2_500, 4_500, 5_500, 5_500, 5_500]);
    expect(new Set(gaps(asked).slice(6))).toEqual(new Set([5_500]));
  });

  it('is tried at least every minute while P2P covers it', async () => {
    http.start(handlers);
    await turns();
    answer = () => Promise.reject(new Error('connection refused'));
    active = false;
    covered = true;
    http.wake();
    await clock.advance(400_000);
    expect(gaps(hellos()).slice(-4)).toEqual([60_500, 60_500, 60_500, 60_500]);
  });

  it('is tried at once when something changed', async () => {
    identify = () => Promise.reject(new Error('connection refused'));
    http.start(handlers);
    await clock.advance(30_000);
    const before = asked.length;
    http.wake();
    expect(asked.length).toBe(before + 1);
    // One look at a time.
    http.wake();
    expect(asked.length).toBe(before + 1);
  });

  it('that is not reached is looked at out of turn when who may answer there speaks to us, once in 5 s [X10]', async () => {
    identify = () => Promise.reject(new Error('connection refused'));
    http.start(handlers);
    await clock.advance(10);
    const before = asked.length;
    http.knocked(peer.author);
    http.knocked(peer.author);
    expect(asked.length).toBe(before + 1);
    await clock.advance(10);
    http.knocked(peer.author);
    expect(asked.length).toBe(before + 1);
    await clock.advance(5_000);
    const later = asked.length;
    http.knocked(createAuthor(3).author);
    expect(asked.length).toBe(later + 1);
  });

  it('is left alone when it is reached, or another key answers there [X10]', async () => {
    http.start(handlers);
    await clock.advance(10);
    expect(only()).toMatchObject({ reachable: true, author: peer.author });
    const before = hellos().length;
    http.knocked(peer.author);
    await turns();
    answer = () => Promise.reject(new Error('connection refused'));
    await clock.advance(HEARTBEAT_MS);
    expect(only().reachable).toBe(false);
    const failed = hellos().length;
    expect(failed).toBe(before + 1);
    http.knocked(createAuthor(3).author);
    expect(hellos().length).toBe(failed);
    http.knocked(peer.author);
    expect(hellos().length).toBe(failed + 1);
  });

  it('begins anew with short waits once it has answered', async () => {
    identify = () => Promise.reject(new Error('connection refused'));
    http.start(handlers);
    await clock.advance(30_000);
    identify = () => Promise.resolve({ author: peer.author, incarnation: '0202020202020202' });
    await clock.advance(6_000);
    expect(only()).toMatchObject({ reachable: true, error: undefined, lastHeardAt: expect.any(Number) });
    answer = () => Promise.reject(new Error('connection refused'));
    await clock.advance(1_000);
    const failedAt = hellos().at(-1) as number;
    await clock.advance(1_500);
    expect(hellos().at(-1)).toBe(failedAt + 1_500);
  });
});

describe('hellos', () => {
  it('come every heartbeat where HTTP carries the peer', async () => {
    http.start(handlers);
    await clock.advance(5_000);
    expect(new Set(gaps(hellos()))).toEqual(new Set([HEARTBEAT_MS]));
  });

  it('come at the polling interval where streams stand both ways', async () => {
    streamsToUs = true;
    http.start(handlers);
    await turns();
    await newest().frame(encodeGossip({ type: 'head', head: peer.head() }));
    await clock.advance(30_000);
    expect(gaps(hellos())).toEqual([POLL_MS, POLL_MS, POLL_MS]);
  });

  it('come within the grace where P2P carries the peer, so that its silence shows in time [X12]', async () => {
    active = false;
    covered = true;
    http.start(handlers);
    await clock.advance(30_000);
    expect(new Set(gaps(hellos()))).toEqual(new Set([2_750]));
  });

  it('are left to the peer where it asks us, but for one in each polling interval [X12]', async () => {
    active = false;
    covered = true;
    http.start(handlers);
    for (let i = 0; i < 60; i++) {
      await clock.advance(1_000);
      toldAt = clock.monotonic();
    }
    expect(hellos().length).toBeLessThanOrEqual(7);
    expect(Math.max(...gaps(hellos()))).toBeLessThanOrEqual(POLL_MS + 3_000);
    expect(only().reachable).toBe(true);
  });

  it('stop, with the stream, while HTTP is switched off by hand, and go on afterwards', async () => {
    http.start(handlers);
    await clock.advance(2_000);
    mode = 'p2p';
    await clock.advance(250);
    expect([newest().signal.aborted, only().reachable, only().error]).toEqual([true, false, 'manual mode p2p']);
    const before = sent.length;
    await clock.advance(60_000);
    expect(sent).toHaveLength(before);
    mode = 'auto';
    await clock.advance(2_000);
    expect([only().reachable, streams.length]).toEqual([true, 2]);
  });
});

describe('a peer that falls silent while its connections stay open', () => {
  const head = encodeGossip({ type: 'head', head: peer.head() });

  /** When the peer counted as lost, in ms after its silence began. */
  async function lostAfter(): Promise<number> {
    answer = () =>
      new Promise((_, reject) => clock.after(4_000, () => reject(new LatticeError('timeout', 'no answer'))));
    const from = clock.monotonic();
    while (only().reachable && clock.monotonic() - from < 30_000) await clock.advance(250);
    expect(only()).toMatchObject({ reachable: false, streaming: false, errorCode: 'timeout' });
    return clock.monotonic() - from;
  }

  it('is lost within 5 s where HTTP carries it [X12]', async () => {
    http.start(handlers);
    await turns();
    for (let i = 0; i < 5; i++) {
      await newest().frame(head);
      await clock.advance(1_000);
    }
    const { idleMs, fail } = newest();
    clock.after(idleMs, () => fail(new LatticeError('timeout', 'the push stream was silent')));
    expect(await lostAfter()).toBeLessThanOrEqual(5_000);
  });

  it('is lost within 5 s where P2P carries it, whenever its silence begins [X12]', async () => {
    active = false;
    covered = true;
    http.start(handlers);
    await clock.advance(20_000);
    for (let i = 0; i < 10; i++) {
      expect(await lostAfter()).toBeLessThanOrEqual(5_000);
      answer = (message) =>
        Promise.resolve(message.type === 'hello' ? hello(peer) : { type: 'pushed', verdicts: ['held'] });
      await clock.advance(20_000 + i * 350);
      expect(only().reachable).toBe(true);
    }
  });

  it('is not lost because this process itself stood still [X12]', async () => {
    active = false;
    covered = true;
    http.start(handlers);
    await clock.advance(20_000);
    clock.stall(60_000);
    await clock.advance(250);
    expect(only().reachable).toBe(true);
  });
});

describe('the push stream', () => {
  const cursor = (text: string): Bytes => encodeGossip({ type: 'cursor', cursor: text });
  const head = encodeGossip({ type: 'head', head: peer.head() });

  it('is open while HTTP carries the peer, once, and is closed when P2P does', async () => {
    http.start(handlers);
    await clock.advance(5_000);
    expect([streams.length, newest().idleMs, only().streaming]).toEqual([1, 4 * HEARTBEAT_MS, false]);
    await newest().frame(head);
    expect([only().streaming, frames]).toEqual([true, ['head']]);
    active = false;
    await clock.advance(250);
    expect([newest().signal.aborted, only().streaming]).toEqual([true, false]);
    newest().fail(new Error('aborted'));
    await clock.advance(30_000);
    expect(streams).toHaveLength(1);
  });

  it('that ends or breaks is opened again at the newest cursor, after a hello [X8]', async () => {
    http.start(handlers);
    await turns();
    expect(newest().cursor).toBeUndefined();
    await newest().frame(cursor('ab.1'));
    await newest().frame(cursor('ab.2'));
    newest().fail(new Error('connection reset'));
    await turns();
    expect(only()).toMatchObject({ streaming: false, reachable: true });
    const before = hellos().length;
    await clock.advance(750);
    expect([streams.length, newest().cursor, hellos().length]).toEqual([2, 'ab.2', before + 1]);
    newest().end();
    await clock.advance(750);
    expect([streams.length, newest().cursor]).toEqual([3, 'ab.2']);
  });

  it('that is reset makes way for a repair, and starts from the cursors that follow [X8]', async () => {
    http.start(handlers);
    await turns();
    await newest().frame(cursor('ab.2'));
    await newest().frame(encodeGossip({ type: 'reset', reason: 'too far behind' }));
    expect(resets).toBe(1);
    newest().end();
    await clock.advance(750);
    expect([streams.length, newest().cursor]).toEqual([2, undefined]);
  });

  it('of a peer that forges is kept at the distance of a failure', async () => {
    random.fractionIs = 1;
    http.start(handlers);
    await turns();
    const stream = newest();
    const forged = encodeGossip({ type: 'commits', fragments: [Uint8Array.of(1)] });
    const error = await stream.frame(forged).catch((e: unknown) => e);
    stream.fail(error as Error);
    await turns();
    expect(only()).toMatchObject({ reachable: false, error: 'a forged commit', errorCode: 'malformed' });
    await clock.advance(1_250);
    expect(streams).toHaveLength(1);
    await clock.advance(250);
    expect(streams).toHaveLength(2);
  });

  it('that was closed says nothing of the one that follows when it ends late', async () => {
    http.start(handlers);
    await turns();
    const former = newest();
    active = false;
    await clock.advance(250);
    active = true;
    http.wake();
    await turns();
    expect(streams).toHaveLength(2);
    await newest().frame(head);
    former.fail(new Error('aborted'));
    await turns();
    expect([only().streaming, newest().signal.aborted]).toEqual([true, false]);
  });
});

describe('live commits', () => {
  const message = (size = 100): Bytes =>
    encodeSync({ type: 'push', live: true, fragments: Array.from({ length: size / 50 }, () => new Uint8Array(48)) });
  const pushes = (): number => sent.filter((m) => m.type === 'push').length;
  let made: number;

  function push(except?: Author, messages: () => readonly Bytes[] = () => [message()]): Promise<void> {
    http.push(() => {
      made++;
      return messages();
    }, except);
    return turns();
  }

  beforeEach(async () => {
    made = 0;
    http.start(handlers);
    await turns();
  });

  it('are pushed to a peer that HTTP carries and that has no stream from us', async () => {
    await push();
    expect([pushes(), made, sent.at(-1)?.expect]).toEqual([1, 1, peer.author]);
  });

  it('are not even encoded for others: their own author, readers of our stream, peers of P2P, those out of reach', async () => {
    await push(peer.author);
    streamsToUs = true;
    await push();
    streamsToUs = false;
    active = false;
    await push();
    active = true;
    mode = 'p2p';
    await push();
    mode = 'auto';
    answer = () => Promise.reject(new Error('connection refused'));
    await clock.advance(1_000);
    await push();
    expect([pushes(), made]).toEqual([0, 0]);
  });

  it('wait in order for a slow peer, 4 MiB of them at most; the rest is left to repair', async () => {
    const slow = deferred<void>();
    const sizes: number[] = [];
    answer = async (m) => {
      if (m.type === 'hello') return hello(peer);
      if (m.type === 'push') sizes.push(m.fragments.length);
      await slow.promise;
      return { type: 'pushed', verdicts: [] };
    };
    const large = message(50_000);
    await push();
    for (let i = 0; i < 200; i++) http.push(() => [large], undefined);
    slow.resolve();
    for (let i = 0; i < 100; i++) await turns();
    const fit = Math.floor((4 * 1024 * 1024) / large.length);
    expect(sizes).toEqual([2, ...Array.from({ length: fit }, () => 1000)]);
    // There is room again.
    await push(undefined, () => [large]);
    expect(sizes).toHaveLength(fit + 2);
  });

  it('are dropped with the peer when one fails, and the peer is out of reach until it answers', async () => {
    answer = (m) => (m.type === 'hello' ? Promise.resolve(hello(peer)) : Promise.reject(new Error('connection reset')));
    await push(undefined, () => [message(), message(), message()]);
    expect([pushes(), only().reachable, only().error]).toEqual([1, false, 'connection reset']);
    answer = (m) => Promise.resolve(m.type === 'hello' ? hello(peer) : { type: 'pushed', verdicts: [] });
    await clock.advance(2_000);
    expect([only().reachable, pushes()]).toEqual([true, 1]);
    await push();
    expect(pushes()).toBe(2);
  });
});

describe('a peer at several URLs', () => {
  const URL_B = 'http://b.test';
  const openAt = (): string[] => streams.filter(({ signal }) => !signal.aborted).map(({ url }) => url);
  const hellosTo = (url: string): number => sent.filter((m) => m.type === 'hello' && m.url === url).length;

  beforeEach(async () => {
    http.add(URL_B);
    http.start(handlers);
    await turns();
  });

  it('has one stream, and is asked with every heartbeat at one of them only [X11]', async () => {
    await clock.advance(60_000);
    expect(openAt()).toEqual([URL_A]);
    expect(streams).toHaveLength(1);
    expect(http.peers().map(({ reachable, streaming }) => [reachable, streaming])).toEqual([
      [true, false],
      [true, false],
    ]);
    await newest().frame(encodeGossip({ type: 'cursor', cursor: 'ab.1' }));
    expect(http.peers().map(({ streaming }) => streaming)).toEqual([true, false]);
    expect(hellosTo(URL_A)).toBeGreaterThan(50);
    expect(hellosTo(URL_B)).toBeLessThan(10);
    expect([http.find(peer.author)?.url, new Set(primaries)]).toEqual([URL_A, new Set([`peer ${URL_A}`])]);
  });

  it('is sent what is live once [X11]', async () => {
    http.push(() => [encodeSync({ type: 'push', live: true, fragments: [new Uint8Array(1)] })], undefined);
    await turns();
    expect(sent.filter((m) => m.type === 'push').map(({ url }) => url)).toEqual([URL_A]);
  });

  it('is carried over another one from where the stream was, when the first fails, and stays there [X11]', async () => {
    await newest().frame(encodeGossip({ type: 'cursor', cursor: 'ab.7' }));
    down.add(URL_A);
    await clock.advance(3_000);
    expect([openAt(), newest().cursor]).toEqual([[URL_B], 'ab.7']);
    expect([http.find(peer.author)?.url, primaries.at(-1)]).toEqual([URL_B, `peer ${URL_B}`]);
    down.delete(URL_A);
    await clock.advance(120_000);
    expect(http.peers().map(({ reachable }) => reachable)).toEqual([true, true]);
    expect([openAt(), http.find(peer.author)?.url]).toEqual([[URL_B], URL_B]);
  });

  it('is carried over the other one when the first is removed [X11]', async () => {
    http.remove(URL_A);
    await clock.advance(1_000);
    expect([openAt(), primaries.at(-1)]).toEqual([[URL_B], `peer ${URL_B}`]);
  });
});

describe('a stop', () => {
  it('cuts off what is under way, waits for it, and nothing comes after it', async () => {
    http.start(handlers);
    await turns();
    const stream = newest();
    let signal: AbortSignal | undefined;
    answer = (_, given) =>
      new Promise((_resolve, reject) => {
        signal = given;
        given?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    await clock.advance(1_000);
    expect(signal?.aborted).toBe(false);
    const stopped = outcomeOf(http.stop());
    await turns();
    expect([signal?.aborted, stream.signal.aborted, stopped.state]).toEqual([true, true, 'pending']);
    stream.fail(new Error('aborted'));
    await turns();
    expect(stopped.state).toBe('fulfilled');
    const before = sent.length;
    await clock.advance(60_000);
    expect([sent.length, streams.length, asked.length]).toEqual([before, 1, 1]);
    expect(clock.now()).toBe(EPOCH_MS + 61_000);
  });
});

describe('a URL that a member announced', () => {
  const URL_B = 'http://announced.test';
  const other = createAuthor(3);
  const SEEN: Author[] = [];
  const start = (): void =>
    http.start({
      ...handlers,
      onIdentity: (author, url, configured) => {
        if (configured) SEEN.push(author);
        handlers.onIdentity(author, url, configured);
      },
    });
  const announced = { url: URL_B, author: peer.author };

  beforeEach(() => {
    SEEN.length = 0;
    http.remove(URL_A);
  });

  it('carries the member, and makes nobody a configured peer [AD4]', async () => {
    start();
    http.announce([announced]);
    await turns();
    expect(http.find(peer.author)).toMatchObject({ url: URL_B, reachable: true, announced: true });
    expect([new Set(primaries), SEEN]).toEqual([new Set([`peer ${URL_B}`]), []]);
    http.announce([]);
    expect([http.peers(), left]).toEqual([[], [peer.author]]);
  });

  it('is asked only while no configured one reaches the member, and gives way to it [AD4]', async () => {
    start();
    http.add(URL_A);
    await turns();
    http.announce([announced]);
    await clock.advance(30_000);
    expect(sent.some(({ url }) => url === URL_B)).toBe(false);
    down.add(URL_A);
    newest().fail(new Error('reset'));
    await clock.advance(10_000);
    expect(http.find(peer.author)).toMatchObject({ url: URL_B, reachable: true });
    down.clear();
    await clock.advance(10_000);
    expect(http.find(peer.author)).toMatchObject({ url: URL_A, reachable: true });
    // The URL of a configured peer is not listed a second time.
    http.announce([{ url: URL_A, author: peer.author }]);
    expect(http.peers().map(({ url }) => url)).toEqual([URL_A]);
  });

  it('is left alone while its member is reached at another one, and is the next when that fails [AD4]', async () => {
    const URL_C = 'http://second.test';
    const hellosTo = (url: string): number => sent.filter((m) => m.type === 'hello' && m.url === url).length;
    start();
    http.announce([announced, { url: URL_C, author: peer.author }]);
    await clock.advance(1_000);
    const primary = http.find(peer.author)?.url ?? '';
    const rests = primary === URL_B ? URL_C : URL_B;
    const before = hellosTo(rests);
    await clock.advance(120_000);
    expect([hellosTo(primary) > 50, hellosTo(rests)]).toEqual([true, before]);
    down.add(primary);
    await clock.advance(3_000);
    expect(http.find(peer.author)).toMatchObject({ url: rests, reachable: true });
    // A configured URL that works takes over, and then none of the announced ones is asked.
    http.add(URL_A);
    await clock.advance(1_000);
    expect(http.find(peer.author)).toMatchObject({ url: URL_A, reachable: true });
    const then = hellosTo(rests);
    await clock.advance(120_000);
    expect(hellosTo(rests)).toBe(then);
    expect(streams.filter(({ signal }) => !signal.aborted).map(({ url }) => url)).toEqual([URL_A]);
  });

  it('is dialled as soon as an operator removes it from the configured ones [AD4]', async () => {
    start();
    http.add(URL_A);
    http.announce([{ url: URL_A, author: peer.author }]);
    await turns();
    expect(http.find(peer.author)).toMatchObject({ url: URL_A, reachable: true, announced: false });
    http.remove(URL_A);
    await turns();
    expect(http.find(peer.author)).toMatchObject({ url: URL_A, reachable: true, announced: true });
    http.announce([]);
    expect(http.peers()).toEqual([]);
  });

  it('is a third party where somebody else answers, who is asked ever more seldom, whoever hurries [AD4]', async () => {
    identify = () => Promise.resolve({ author: other.author, incarnation: '0303030303030303' });
    start();
    http.announce([announced]);
    for (let minute = 0; minute < 60; minute++) {
      for (let i = 0; i < 12; i++) {
        await clock.advance(5_000);
        http.knocked(other.author);
      }
    }
    expect(asked.length).toBeLessThan(20);
    expect(sent).toEqual([]);
    expect(primaries).toEqual([]);
    expect(http.find(other.author)).toBeUndefined();
    const before = asked.length;
    for (let i = 0; i < 60; i++) {
      await clock.advance(1_000);
      http.knocked(peer.author);
      http.wake();
    }
    expect(asked.length - before).toBeLessThan(4);
  });

  it('is tried no sooner because its member names another one each minute, or its own in between [AD4]', async () => {
    const third = (minute: number) =>
      Array.from({ length: 4 }, (_, i) => ({ url: `http://third.test/${minute}/${i}`, author: peer.author }));
    identify = () => Promise.reject(new Error('connection refused'));
    start();
    for (let minute = 0; minute < 60; minute++) {
      http.announce(third(minute));
      await clock.advance(60_000);
    }
    // At one URL that never answers there are 12 tries in an hour.
    expect(asked.length).toBeLessThan(4 * 20);

    const before = asked.length;
    down = new Set(Array.from({ length: 60 }, (_, minute) => third(minute).map(({ url }) => url)).flat());
    identify = () => Promise.resolve({ author: peer.author, incarnation: '0202020202020202' });
    for (let minute = 0; minute < 60; minute++) {
      http.announce(minute % 2 === 0 ? third(minute) : [announced]);
      // A node that is well at its new address knocks, and is then reached at once.
      if (minute % 2 === 1) http.knocked(peer.author);
      await clock.advance(60_000);
      if (minute % 2 === 1) expect(http.find(peer.author)).toMatchObject({ url: URL_B, reachable: true });
    }
    // Half of them are at its own URL.
    expect(asked.length - before).toBeLessThan(80);
  });

  it('counts a try that a change of the announcement cuts short as one in vain [AD4]', async () => {
    identify = () => new Promise(() => undefined);
    start();
    for (let i = 0; i < 60; i++) {
      http.announce([{ url: `http://third.test/${i}`, author: peer.author }]);
      await clock.advance(1_000);
    }
    expect(asked.length).toBeLessThan(6);
  });

  it('that leads to this node itself, or to nobody, is no peer, and at most eight are tried at a time [AD4, L2]', async () => {
    let open = 0;
    identify = () => {
      open++;
      return new Promise(() => undefined);
    };
    start();
    http.announce(Array.from({ length: 64 }, (_, i) => ({ url: `http://third.test/${i}`, author: peer.author })));
    await clock.advance(10_000);
    expect(open).toBe(8);
    expect(http.find(peer.author)).toBeUndefined();
  });
});
