import { beforeEach, describe, expect, it } from 'vitest';
import type { Author, Bytes, Hlc } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeGossip, encodeSync, type SyncMessage } from '../../../../src/core/wire/index.ts';
import type { FrameHandler, HttpLung } from '../../../../src/ports/index.ts';
import type { HttpHandlers, HttpUrl } from '../../../../src/runtime/transport/http-peer.ts';
import { createHttpUrl } from '../../../../src/runtime/transport/http-url.ts';
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
  type HandClock,
  log,
  outcomeOf,
  turns,
} from '../support.ts';

const self = createAuthor(1);
const peer = createAuthor(2);
const other = createAuthor(3);
const URL_A = 'http://a.test';
const URL_B = 'http://b.test';
const HEARTBEAT_MS = 1_000;

/** Something under way with a URL: it ends when the test says so, as a socket that takes its time to close. */
interface UnderWay {
  readonly url: string;
  readonly what: 'identify' | SyncMessage['type'] | 'stream';
  readonly signal: AbortSignal;
  readonly frame: FrameHandler | undefined;
  answer(): void;
  fail(): void;
}

let clock: HandClock;
/** What is answered at once. */
let prompt: Set<UnderWay['what']>;
let underWay: UnderWay[];
let told: string[];

const hello = (author: typeof peer): SyncMessage => ({
  type: 'hello',
  software: '1.0.0',
  head: author.head(),
  yourHlc: 0n as Hlc,
});

function begin<T>(
  url: string,
  what: UnderWay['what'],
  signal: AbortSignal | undefined,
  answer: T,
  frame?: FrameHandler,
): Promise<T> {
  if (signal === undefined) throw new Error(`${what} cannot be cut off`);
  const { promise, resolve, reject } = deferred<T>();
  const fail = (): void => reject(new Error('connection reset'));
  const one: UnderWay = { url, what, signal, frame, answer: () => resolve(answer), fail };
  underWay.push(one);
  if (prompt.has(what)) one.answer();
  return promise;
}

const lung: HttpLung = {
  identify(url, { signal }) {
    const { author } = url === URL_A ? peer : other;
    return begin(url, 'identify', signal, { author, incarnation: '02'.repeat(8) });
  },
  request(url, bytes, { signal }) {
    const { type } = decodeSync(bytes);
    const answer: SyncMessage = type === 'hello' ? hello(peer) : { type: 'pushed', verdicts: ['held'] };
    return begin(url, type, signal, encodeSync(answer));
  },
  stream: (url, { signal }, frame) => begin(url, 'stream', signal, undefined, frame),
};

const handlers: HttpPeerHandlers & HttpHandlers = {
  onLeft: () => void told.push('left'),
  onIdentity: () => void told.push('identity'),
  onTwin: () => void told.push('twin'),
  onHello: async () => void told.push('hello'),
  onFrame: async (_, { type }) => void told.push(type),
  onReset: () => void told.push('reset'),
};

const deps = () => ({
  lung,
  self: self.author,
  incarnation: '01'.repeat(8),
  clock,
  random: createRandom(0.5),
  log,
  heartbeatMs: HEARTBEAT_MS,
  graceMs: 3_000,
  heardAt: () => undefined,
  pollMs: 10_000,
  mode: () => 'auto' as const,
  isPrimary: () => true,
  isActive: () => true,
  isCovered: () => false,
  streamsToUs: () => false,
  hello: () => hello(self),
});

const of = (what: UnderWay['what'], url = URL_A): UnderWay[] =>
  underWay.filter((one) => one.what === what && one.url === url);
const newest = (what: UnderWay['what'], url = URL_A): UnderWay => {
  const one = of(what, url).at(-1);
  if (one === undefined) throw new Error(`no ${what} is under way with ${url}`);
  return one;
};
const message = (size: number): Bytes => encodeSync({ type: 'push', live: true, fragments: [new Uint8Array(size)] });

beforeEach(() => {
  clock = createHandClock();
  prompt = new Set(['identify', 'hello']);
  underWay = [];
  told = [];
});

describe('a URL that is let go of', () => {
  let url: HttpUrl;
  const reason = new Error('let go');

  beforeEach(() => {
    url = createHttpUrl(deps(), URL_A);
  });

  it('has its stream and its requests cut off, and is done once all of them have ended', async () => {
    url.look(handlers);
    await turns();
    prompt.clear();
    url.push(() => [message(100)], undefined);
    url.wake();
    url.look(handlers);
    await turns();
    const [stream, push, poll] = [newest('stream'), newest('push'), newest('hello')];
    const stopped = outcomeOf(url.stop(reason));
    expect([stream, push, poll].map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
    for (const one of [push, stream, poll]) {
      await turns();
      expect(stopped.state).toBe('pending');
      one.fail();
    }
    await turns();
    expect(stopped.state).toBe('fulfilled');
  });

  it('has the question who answers there cut off, and a late answer has no effect', async () => {
    prompt.clear();
    url.look(handlers);
    await turns();
    const identify = newest('identify');
    const stopped = outcomeOf(url.stop(reason));
    expect(identify.signal.aborted).toBe(true);
    identify.answer();
    await turns();
    expect([stopped.state, told, of('hello'), url.peer.author]).toEqual(['fulfilled', [], [], undefined]);
  });

  it('opens no stream when its hello is answered late', async () => {
    prompt.delete('hello');
    url.look(handlers);
    await turns();
    const stopped = outcomeOf(url.stop(reason));
    newest('hello').answer();
    await turns();
    expect([stopped.state, of('stream')]).toEqual(['fulfilled', []]);
  });

  it('drops what waits for it: nothing of it is sent after what is under way', async () => {
    url.look(handlers);
    await turns();
    url.push(() => [message(100), message(1_000), message(1_000)], undefined);
    expect(url.outboxBytes).toBeGreaterThan(2_000);
    const stopped = outcomeOf(url.stop(reason));
    expect(url.outboxBytes).toBe(0);
    newest('push').answer();
    newest('stream').fail();
    await turns();
    expect([of('push').length, stopped.state]).toEqual([1, 'fulfilled']);
  });

  it('is never looked at, asked or sent anything again', async () => {
    url.look(handlers);
    await turns();
    newest('stream').fail();
    await turns();
    await url.stop(reason);
    const before = underWay.length;
    url.wake();
    url.look(handlers);
    url.push(() => [message(100)], undefined);
    await clock.advance(60_000);
    expect([underWay.length, url.outboxBytes]).toEqual([before, 0]);
    const late = url.request(message(100), peer.author);
    expect(newest('push').signal).toMatchObject({ aborted: true, reason });
    newest('push').fail();
    await expect(late).rejects.toThrow();
  });
});

describe('URLs of the HTTP lung', () => {
  let http: HttpSupervisor;

  beforeEach(async () => {
    http = createHttpSupervisor({ ...deps(), urls: [URL_A, URL_B] });
    http.start(handlers);
    await turns();
  });

  it('that is removed is cut off with all that waits for it, and the other goes on', async () => {
    http.push(() => [message(1_000), message(1_000)], undefined);
    const before = http.outboxBytes();
    http.remove(URL_A);
    expect([newest('stream').signal.aborted, newest('push').signal.aborted]).toEqual([true, true]);
    expect([newest('stream', URL_B).signal.aborted, newest('push', URL_B).signal.aborted]).toEqual([false, false]);
    expect(http.outboxBytes()).toBe(before / 2);
    expect(http.peers().map(({ url }) => url)).toEqual([URL_B]);
    await expect(http.request(URL_A, message(1), undefined as Author | undefined)).rejects.toThrow('not a peer');
    newest('push').answer();
    newest('push', URL_B).answer();
    const asked = of('hello').length;
    await clock.advance(5 * HEARTBEAT_MS);
    expect([of('push').length, of('push', URL_B).length, of('hello').length]).toEqual([1, 2, asked]);
    expect(of('hello', URL_B).length).toBeGreaterThan(asked);
  });

  it('are stopped only when what was under way with a removed one has ended too', async () => {
    http.remove(URL_A);
    const stopped = outcomeOf(http.stop());
    newest('stream', URL_B).fail();
    await turns();
    expect(stopped.state).toBe('pending');
    newest('stream').fail();
    await turns();
    expect(stopped.state).toBe('fulfilled');
  });

  it('that is added again after its removal is a new one', async () => {
    await newest('stream').frame?.(encodeGossip({ type: 'cursor', cursor: 'ab.1' }));
    http.remove(URL_A);
    http.add(URL_A);
    await turns();
    expect(of('stream')).toHaveLength(2);
    newest('stream', URL_A);
    of('stream')[0]?.fail();
    await turns();
    expect([newest('stream').signal.aborted, http.peers().map(({ url }) => url)]).toEqual([false, [URL_B, URL_A]]);
    expect(of('identify')).toHaveLength(2);
  });
});
