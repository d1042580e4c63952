import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { type Author, type Hlc, hexToBytes } from '../../../../src/core/types/index.ts';
import { type About, encodeGossip, encodeSync } from '../../../../src/core/wire/index.ts';
import type { HttpLung, P2pHandlers, P2pLung } from '../../../../src/ports/index.ts';
import { createNode, type RunningNode } from '../../../../src/runtime/index.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  EPOCH_MS,
  type HandClock,
  hasher,
  type LogLine,
  metrics,
  NETWORK,
  recordingLog,
  turns,
  verifier,
} from '../support.ts';

const self = createAuthor(1);
const friend = createAuthor(2);
const third = createAuthor(3);

let clock: HandClock;
let store: ReturnType<typeof createMemoryStore>;
let node: RunningNode;
let handlers: P2pHandlers;
let lines: LogLine[];
let sequence: number;

const p2p: P2pLung = {
  async start(given) {
    handlers = given;
  },
  stop: () => Promise.resolve(),
  publish: () => Promise.resolve(1),
  request: () => Promise.reject(new Error('not connected')),
  connections: () => [],
  topicPeers: () => 0,
  listenAddresses: () => [],
};
const nobody: HttpLung = {
  identify: () => Promise.reject(new Error('no network')),
  request: () => Promise.reject(new Error('no network')),
  stream: () => Promise.reject(new Error('no network')),
};

async function start(
  names: ReadonlyMap<Author, string> = new Map(),
  { urls, http }: { readonly urls: readonly string[]; readonly http: HttpLung } = { urls: [], http: nobody },
): Promise<void> {
  lines = [];
  node = await createNode(
    {
      name: 'bergen',
      role: 'test',
      version: '1.0.0',
      network: NETWORK,
      trusted: [self, friend, third].map(({ author }) => author),
      names,
      bootstrap: [],
      urls,
      heartbeatMs: 1_000,
      graceMs: 3_000,
      pollMs: 10_000,
      directory: 'memory',
      violations: [],
      warnings: [],
      p2p: { topic: 'test', bootstrap: [] },
    },
    {
      store,
      hasher,
      signer: self,
      verifier,
      clock,
      random: createRandom(),
      log: recordingLog(lines),
      metrics,
      p2p,
      http,
      peerIdOf: (author) => `id-of-${author}`,
      onFatal: (error) => {
        throw error;
      },
    },
  );
  node.start();
  await turns();
}

beforeEach(async () => {
  clock = createHandClock();
  store = createMemoryStore();
  sequence = 0;
  await start();
});
afterEach(() => node.stop());

const head = (more = {}) =>
  friend.head({
    sequence: ++sequence,
    wallMs: clock.now(),
    root: hexToBytes(node.lattice.root().root) as Uint8Array,
    ...more,
  });

/** The friend's head comes by gossip, once in each heartbeat. */
async function hears(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    await handlers.onGossip(encodeGossip({ type: 'head', head: head() }), friend.author);
    await clock.advance(1_000);
  }
}

/** The friend says hello. */
async function hello(about: About | undefined): Promise<void> {
  const message = { type: 'hello' as const, software: '1', head: head(), yourHlc: 0n as Hlc };
  await handlers.onRequest(friend.author, encodeSync(about === undefined ? message : { ...message, about }));
}

const memberOf = (author: Author) => node.lattice.status().verdict.members.find((m) => m.author === author);
const well: About = { name: 'oslo', condition: { serves: true, readOnly: [] } };

describe('a member that falls silent', () => {
  it('counts as equal for as long as it is heard, and as not heard within five seconds of its last word [J2, J3]', async () => {
    await hears(7);
    expect(node.lattice.status()).toMatchObject({ converged: { peers: 2, equal: 1 }, verdict: { kind: 'DEGRADED' } });
    expect(memberOf(friend.author)).toMatchObject({ agreement: 'equal' });
    expect(memberOf(third.author)).toMatchObject({ agreement: 'never-heard' });
    expect(node.lattice.peers().find(({ author }) => author === friend.author)).toMatchObject({ agreement: 'equal' });

    // Its last head came a second ago.
    await clock.advance(3_000);
    const status = node.lattice.status();
    expect(status).toMatchObject({ converged: { peers: 2, equal: 0 }, verdict: { kind: 'ISOLATED' } });
    expect(status.verdict.reasons.map(({ code }) => code)).toEqual(['not-heard', 'never-heard']);
    expect(memberOf(friend.author)).toMatchObject({ agreement: 'not-heard', lung: 'none', since: EPOCH_MS + 6_000 });
    expect(node.lattice.peers().find(({ author }) => author === friend.author)).toMatchObject({
      agreement: 'unknown',
      agreementSince: EPOCH_MS + 6_000,
    });
    expect(status.health).toBe('ISOLATED');
  });

  it('is heard again with its next head [J2]', async () => {
    await hears(2);
    await clock.advance(60_000);
    expect(memberOf(friend.author)).toMatchObject({ agreement: 'not-heard' });
    await hears(1);
    expect(memberOf(friend.author)).toMatchObject({ agreement: 'equal' });
  });

  it('keeps its name and its time when this node starts again, and counts from the start [J2, J5]', async () => {
    await hello(well);
    await hears(2);
    await clock.advance(20_000);
    await node.stop();
    await clock.advance(100_000);
    await start();
    await clock.advance(6_000);
    const { verdict, converged } = node.lattice.status();
    expect(converged).toEqual({ peers: 2, equal: 0 });
    expect(verdict.kind).toBe('ISOLATED');
    expect(memberOf(friend.author)).toMatchObject({
      label: 'oslo',
      agreement: 'not-heard',
      lastHeardAt: EPOCH_MS + 1_000,
    });
    expect(verdict.reasons[0]?.text).toMatch(/^oslo has not been heard since /);
  });

  it('is dated to the minute when this node was killed [J5]', async () => {
    await hello(well);
    await hears(70);
    // Nothing is stopped: what the store has at this moment is what the next run finds.
    await start();
    const at = memberOf(friend.author)?.lastHeardAt ?? 0;
    expect(at).toBeGreaterThanOrEqual(EPOCH_MS + 9_000);
    expect(memberOf(friend.author)).toMatchObject({ label: 'oslo', agreement: 'not-heard' });
  });
});

describe('the verdict of a running node', () => {
  it('begins with STARTING, and is logged with every change and the time since when it has held [J1]', async () => {
    expect(node.lattice.status().verdict).toMatchObject({ kind: 'STARTING', since: EPOCH_MS });
    await hears(7);
    await clock.advance(4_000);
    const told = lines.filter(({ message }) => message === 'verdict');
    expect(told.map(({ level, fields }) => [level, fields['verdict']])).toEqual([
      ['info', 'STARTING'],
      ['warn', 'DEGRADED'],
      ['warn', 'ISOLATED'],
    ]);
    const { since } = node.lattice.status().verdict;
    expect(since).toBeGreaterThan(EPOCH_MS + 9_500);
    expect(since).toBeLessThanOrEqual(EPOCH_MS + 11_000);
  });
});

describe('a name', () => {
  const label = () => memberOf(friend.author)?.label;

  it('is that of the configuration until the node tells another, and that of an earlier run at last [J5]', async () => {
    expect(label()).toBe(`…${friend.author.slice(-8)}`);
    await node.stop();
    await start(new Map([[friend.author, 'configured']]));
    expect(label()).toBe('configured');
    await hello(well);
    expect(label()).toBe('oslo');
    expect(node.lattice.peers().find(({ author }) => author === friend.author)).toMatchObject({ name: 'oslo' });
    await hello(undefined);
    expect(label()).toBe('oslo');
    await clock.advance(2_000);
    await node.stop();
    await start();
    expect(label()).toBe('oslo');
  });

  it('stands in the log, in transitions and in warnings [J5]', async () => {
    await hello({ ...well, condition: { serves: true, readOnly: [] } });
    await handlers.onRequest(friend.author, encodeSync({ type: 'snapshot', root: new Uint8Array(32) }));
    await hears(3);
    expect(node.lattice.status().transitions.at(-1)).toMatchObject({ name: 'oslo', peer: friend.author, to: 'p2p' });
    expect(lines.find(({ message, fields }) => message === 'transition' && 'peerId' in fields)?.fields).toMatchObject({
      peer: 'oslo',
      peerId: `id-of-${friend.author}`,
    });
    expect(
      node.lattice
        .status()
        .warnings.map(({ text }) => text)
        .join(),
    ).toContain('oslo has another trust list');
  });

  it('that two nodes have is told apart by their ids, and warned about [J5]', async () => {
    await hello({ ...well, name: 'bergen' });
    const end = friend.author.slice(-8);
    expect(label()).toBe(`bergen (…${end})`);
    expect(node.lattice.status().warnings).toContainEqual({
      code: 'same-name',
      text: expect.stringContaining(`bergen (…${end})`),
    });
    await hello(well);
    expect(label()).toBe('oslo');
    expect(node.lattice.status().warnings.map(({ code }) => code)).not.toContain('same-name');
  });

  it('brings no control character and no invisible formatting [J5]', async () => {
    await hello({ ...well, name: ' os\u001b[31mlo\u202e\n ' });
    expect(label()).toBe('os[31mlo');
  });
});

describe('a condition that a member tells', () => {
  it('is shown since it was first told, and ends with the next hello without it [S16]', async () => {
    await hears(6);
    await hello({ ...well, condition: { serves: true, readOnly: ['disk'] } });
    expect(memberOf(friend.author)).toMatchObject({ readOnly: ['disk'], readOnlySince: EPOCH_MS + 6_000 });
    await hears(1);
    await hello({ ...well, condition: { serves: true, readOnly: ['clone', 'disk'] } });
    const peer = node.lattice.peers().find(({ author }) => author === friend.author);
    expect(peer?.readOnly).toEqual({ codes: ['clone', 'disk'], since: EPOCH_MS + 6_000 });
    expect(node.lattice.status().verdict.reasons.map(({ code }) => code)).toEqual(['never-heard', 'member-read-only']);
    await hello(well);
    expect(memberOf(friend.author)).not.toHaveProperty('readOnly');
  });

  it('says nothing once the member is silent [J2, S16]', async () => {
    await hello({ ...well, condition: { serves: true, readOnly: ['disk'] } });
    await clock.advance(5_000);
    expect(memberOf(friend.author)).not.toHaveProperty('readOnly');
  });
});

it('a member that is silent since a restart is listed once, with the URL at which it was reached before [J2]', async () => {
  const url = 'http://friend.test';
  const http: HttpLung = {
    ...nobody,
    identify: () => Promise.resolve({ author: friend.author, incarnation: '0202020202020202' }),
    request: () => Promise.resolve(encodeSync({ type: 'hello', software: '1', head: head(), yourHlc: 0n as Hlc })),
  };
  await node.stop();
  await start(undefined, { urls: [url], http });
  await clock.advance(30_000);
  expect(node.lattice.peers().find((peer) => peer.author === friend.author)?.url).toBe(url);
  await node.stop();
  await start(undefined, { urls: [url], http: nobody });
  await clock.advance(10_000);
  const rows = node.lattice.peers();
  expect(new Set(rows.map(({ author }) => author))).toEqual(new Set([friend.author, third.author]));
  expect(rows).toHaveLength(2);
  expect(rows.find(({ author }) => author === friend.author)).toMatchObject({
    url,
    configured: true,
    http: { reachable: false, error: 'no network' },
  });
});
