import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';
import { createP2pLung, type P2pLungOptions } from '../../../src/adapters/p2p/index.ts';
import { createSigner, seedToAuthor, systemClock, systemRandom } from '../../../src/adapters/system/index.ts';
import type { Author, Bytes } from '../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
import type { Log, P2pHandlers, P2pLung, Standing, Verdict } from '../../../src/ports/index.ts';
import { DEADLINE_MS } from '../../support/wait.ts';

export const TOPIC = 'diotec360/test';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export function memoryLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, message, fields: fields as Record<string, unknown> });
    };
  const log = {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return log;
}

/** Resolves once `condition` holds; fails the test with `what` when it does not within the deadline. */
export async function until(what: string, condition: () => boolean, deadlineMs = DEADLINE_MS): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not in time: ${what}`);
    await pause(10);
  }
}

export interface TestLung {
  readonly lung: P2pLung;
  readonly log: ReturnType<typeof memoryLog>;
  readonly author: Author;
  readonly peerId: string;
  readonly messages: { readonly data: string; readonly from: Author | undefined }[];
  readonly events: string[];
  readonly failures: Error[];
  readonly handlers: P2pHandlers;
  start(): Promise<void>;
  /** The one address it listens on. */
  address(): string;
}

type Behaviour = Partial<Pick<P2pHandlers, 'onRequest'>> & {
  readonly onGossip?: (data: Bytes) => Verdict | Promise<Verdict>;
  /** Default: everybody is a member. */
  readonly standingOf?: (peer: Author | undefined) => Standing;
};

const open: P2pLung[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (cause: unknown): void => {
  unhandled.push(cause);
};

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((lung) => lung.stop()));
  await pause(0);
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

export function testLung(options: Partial<P2pLungOptions> = {}, behaviour: Behaviour = {}): TestLung {
  const seed = options.seed ?? randomBytes(32);
  const author = seedToAuthor(seed);
  const log = memoryLog();
  const messages: TestLung['messages'] = [];
  const events: string[] = [];
  const failures: Error[] = [];
  const handlers: P2pHandlers = {
    async onGossip(data, from) {
      messages.push({ data: Buffer.from(data).toString('latin1'), from });
      return (await behaviour.onGossip?.(data)) ?? 'accept';
    },
    standingOf: behaviour.standingOf ?? (() => 'member'),
    onRequest: behaviour.onRequest ?? (async (_peer, message) => message),
    onConnected: (peer) => events.push(`+${peer}`),
    onDisconnected: (peer) => events.push(`-${peer}`),
    onFailure: (cause) => failures.push(cause),
  };
  const lung = createP2pLung({
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    topic: TOPIC,
    mdns: false,
    log,
    clock: systemClock(),
    random: systemRandom(),
    ...options,
    seed,
    publicKey: createSigner(seed).publicKey,
  });
  open.push(lung);
  return {
    lung,
    log,
    author,
    peerId: authorToPeerId(author),
    messages,
    events,
    failures,
    handlers,
    start: () => lung.start(handlers, new AbortController().signal),
    address: () => lung.listenAddresses()[0] ?? '',
  };
}

export async function startedLung(options: Partial<P2pLungOptions> = {}, behaviour: Behaviour = {}): Promise<TestLung> {
  const lung = testLung(options, behaviour);
  await lung.start();
  return lung;
}

export function bytes(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

export async function settled(a: TestLung, b: TestLung): Promise<void> {
  await until('the topic is joined on both sides', () => a.lung.topicPeers() > 0 && b.lung.topicPeers() > 0);
}

/**
 * Gossip is relayed only once the mesh has formed: resolves when a probe ("probe 0", "probe 1", …) has come through.
 */
export async function meshed(from: TestLung, to: TestLung): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  for (let i = 0; !to.messages.some(({ data }) => data.startsWith('probe')); i++) {
    if (performance.now() > end) throw new Error('not in time: a mesh between the two');
    await from.lung.publish(bytes(`probe ${i}`));
    await pause(50);
  }
}
