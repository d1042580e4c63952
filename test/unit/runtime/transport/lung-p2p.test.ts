import { beforeEach, describe, expect, it } from 'vitest';
import type { P2pHandlers, P2pLung } from '../../../../src/ports/index.ts';
import { createP2pSupervisor, type P2pSupervisor } from '../../../../src/runtime/transport/lung-p2p.ts';
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

interface Start {
  readonly handlers: P2pHandlers;
  readonly signal: AbortSignal;
  succeed(): void;
  fail(message: string): void;
}

let clock: HandClock;
let random: ReturnType<typeof createRandom>;
let starts: Start[];
let stops: number;
/** What a stop of the lung waits for. */
let stopping: Promise<void>;
let states: string[];
let published: number;
let flaws: readonly string[];
let p2p: P2pSupervisor;

const peer = createAuthor(2).author;
const handlers = {
  onGossip: () => Promise.resolve('ignore' as const),
  standingOf: () => 'member' as const,
  onRequest: () => Promise.resolve(new Uint8Array(0)),
  onConnected: () => undefined,
  onDisconnected: () => undefined,
};

/**
 * Starts and stops as the test says. A start that was cut off goes on hanging: the lung may be one that never returns.
 */
const lung: P2pLung = {
  start(given, signal) {
    const { promise, resolve, reject } = deferred<void>();
    starts.push({ handlers: given, signal, succeed: () => resolve(), fail: (message) => reject(new Error(message)) });
    return promise;
  },
  stop() {
    stops++;
    return stopping;
  },
  publish() {
    published++;
    return Promise.reject(new Error('nobody is subscribed'));
  },
  request: () => Promise.resolve(Uint8Array.of(7)),
  connections: () => [],
  topicPeers: () => 0,
  listenAddresses: () => [],
};

beforeEach(() => {
  clock = createHandClock();
  random = createRandom();
  starts = [];
  stops = 0;
  stopping = Promise.resolve();
  states = [];
  published = 0;
  flaws = [];
  p2p = createP2pSupervisor({
    lung,
    clock,
    random,
    log,
    flaws: () => flaws,
    onState: (_, to, { code, text }) => states.push(`${to} [${code}]: ${text}`),
  });
});

/** The newest of the starts so far. */
function newest(): Start {
  const start = starts.at(-1);
  if (start === undefined) throw new Error('nothing was started');
  return start;
}

describe('the P2P lung beside the node', () => {
  it('runs once it has started', async () => {
    p2p.start(handlers);
    await turns();
    expect([p2p.running, p2p.status().state]).toEqual([false, 'starting']);
    newest().succeed();
    await turns();
    expect([p2p.running, states]).toEqual([
      true,
      ['starting [node-start]: the node starts', 'running [started]: started'],
    ]);
    await clock.advance(60_000);
    expect(states).toHaveLength(2);
  });

  it('is cut off when it has not started within 10 s, and tried again', async () => {
    p2p.start(handlers);
    await clock.advance(9_999);
    expect([p2p.status().state, newest().signal.aborted]).toEqual(['starting', false]);
    await clock.advance(1);
    await turns();
    expect([newest().signal.aborted, stops]).toEqual([true, 1]);
    expect(p2p.status()).toMatchObject({ enabled: true, state: 'failed', error: 'did not start within 10 s' });
    expect(p2p.status().retryAt).toBe(clock.now() + 1_500);
    await clock.advance(1_500);
    expect(starts).toHaveLength(2);
    // What had hung comes too late to count.
    starts[0]?.succeed();
    await turns();
    expect(p2p.running).toBe(false);
    newest().succeed();
    await turns();
    expect([p2p.running, states.at(-2)]).toEqual([true, 'starting [retry]: retry 1']);
  });

  it('is tried again after a failure, later each time, up to a minute', async () => {
    p2p.start(handlers);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await turns();
      newest().fail('address in use');
      await turns();
      expect(p2p.status()).toMatchObject({ state: 'failed', error: 'address in use' });
      const wait = (p2p.status().retryAt ?? 0) - clock.now();
      waits.push(wait);
      await clock.advance(wait - 1);
      expect(starts).toHaveLength(i + 1);
      await clock.advance(1);
      expect(starts).toHaveLength(i + 2);
    }
    expect(waits).toEqual([2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 750));
  });

  it('spreads its retries between half the wait and all of it', async () => {
    for (const [fraction, wait] of [
      [0, 1_000],
      [1, 2_000],
    ] as const) {
      random.fractionIs = fraction;
      const one = createP2pSupervisor({ lung, clock, random, log, flaws: () => [], onState: () => undefined });
      one.start(handlers);
      await turns();
      newest().fail('no network');
      await turns();
      expect((one.status().retryAt ?? 0) - clock.now()).toBe(wait);
      await one.stop();
    }
  });

  it('that falls over while it runs is stopped and started again, with the cause', async () => {
    p2p.start(handlers);
    await turns();
    newest().succeed();
    await turns();
    newest().handlers.onFailure(new Error('listener closed'));
    expect([p2p.running, stops, states.at(-1)]).toEqual([false, 1, 'failed [failed]: listener closed']);
    // Told twice, it fails once.
    newest().handlers.onFailure(new Error('again'));
    expect(stops).toBe(1);
    await clock.advance(1_500);
    expect(starts).toHaveLength(2);
    newest().succeed();
    await turns();
    // The former start has nothing to say about the present one.
    starts[0]?.handlers.onFailure(new Error('late'));
    expect(p2p.running).toBe(true);
  });

  it('begins anew with short waits once it has run', async () => {
    p2p.start(handlers);
    for (let i = 0; i < 4; i++) {
      await turns();
      newest().fail('no network');
      await turns();
      await clock.advance((p2p.status().retryAt ?? 0) - clock.now());
    }
    newest().succeed();
    await turns();
    newest().handlers.onFailure(new Error('listener closed'));
    expect((p2p.status().retryAt ?? 0) - clock.now()).toBe(1_500);
  });

  it('is not started again before the former one has stopped', async () => {
    const stopped = deferred<void>();
    stopping = stopped.promise;
    p2p.start(handlers);
    await turns();
    newest().fail('no network');
    await clock.advance(5_000);
    expect(starts).toHaveLength(1);
    stopped.resolve();
    await turns();
    expect(starts).toHaveLength(2);
  });

  it('carries nothing unless it runs, and a failed gossip harms nobody', async () => {
    p2p.publish(Uint8Array.of(1));
    await expect(p2p.request(peer, Uint8Array.of(1), 100)).rejects.toThrow('not running');
    p2p.start(handlers);
    await turns();
    p2p.publish(Uint8Array.of(1));
    expect(published).toBe(0);
    newest().succeed();
    await turns();
    p2p.publish(Uint8Array.of(1));
    expect(published).toBe(1);
    expect(await p2p.request(peer, Uint8Array.of(1), 100)).toEqual(Uint8Array.of(7));
  });
});

describe('flaws in the settings', () => {
  it('keep it from starting until they are gone, and its status tells them [N19]', async () => {
    flaws = ['one is wrong.', 'two is wrong.'];
    p2p.start(handlers);
    await clock.advance(120_000);
    expect([starts.length, p2p.status()]).toEqual([
      0,
      { enabled: true, state: 'failed', error: 'one is wrong. two is wrong.' },
    ]);
    flaws = ['two is wrong.'];
    p2p.settingsChanged();
    await turns();
    expect(p2p.status()).toMatchObject({ state: 'failed', error: 'two is wrong.' });
    flaws = [];
    p2p.settingsChanged();
    await turns();
    newest().succeed();
    await turns();
    expect([p2p.running, starts.length, states]).toEqual([
      true,
      1,
      [
        'failed [settings]: one is wrong. two is wrong.',
        'starting [node-start]: the node starts',
        'running [started]: started',
      ],
    ]);
    p2p.settingsChanged();
    await turns();
    expect(starts).toHaveLength(1);
  });

  it('that are gone after a stop start nothing [N19]', async () => {
    flaws = ['one is wrong.'];
    p2p.start(handlers);
    await turns();
    await p2p.stop();
    flaws = [];
    p2p.settingsChanged();
    await turns();
    expect([starts.length, p2p.status().state]).toEqual([0, 'off']);
  });
});

describe('a stop', () => {
  it('during a start cuts it off, and nothing starts afterwards', async () => {
    p2p.start(handlers);
    await turns();
    await p2p.stop();
    expect([newest().signal.aborted, stops, p2p.status().state]).toEqual([true, 1, 'off']);
    newest().succeed();
    await clock.advance(120_000);
    expect([starts.length, p2p.status().state]).toEqual([1, 'off']);
  });

  it('before a start has begun prevents it', async () => {
    p2p.start(handlers);
    await p2p.stop();
    await clock.advance(120_000);
    expect([starts.length, p2p.status().state]).toEqual([0, 'off']);
  });

  it('while a failed lung is still stopping prevents its retry', async () => {
    const stopped = deferred<void>();
    stopping = stopped.promise;
    p2p.start(handlers);
    await turns();
    newest().fail('no network');
    await clock.advance(5_000);
    const end = outcomeOf(p2p.stop());
    await turns();
    expect(end.state).toBe('pending');
    stopped.resolve();
    await turns();
    await clock.advance(120_000);
    expect([end.state, starts.length, p2p.status().state]).toEqual(['fulfilled', 1, 'off']);
  });

  it('while a retry waits cancels it', async () => {
    p2p.start(handlers);
    await turns();
    newest().fail('no network');
    await turns();
    await p2p.stop();
    await clock.advance(120_000);
    expect(starts).toHaveLength(1);
  });
});

it('without a lung P2P is off and stays off', async () => {
  const none = createP2pSupervisor({
    lung: undefined,
    clock,
    random,
    log,
    flaws: () => flaws,
    onState: (_, to) => states.push(to),
  });
  none.start(handlers);
  none.publish(Uint8Array.of(1));
  await clock.advance(60_000);
  expect([none.status(), none.running, states]).toEqual([{ enabled: false, state: 'off' }, false, []]);
  await none.stop();
});
