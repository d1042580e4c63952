import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { decodeFragment, decodeGossip } from '../../../../src/core/wire/index.ts';
import type { HttpLung, Log, P2pLung } from '../../../../src/ports/index.ts';
import { createNode, type LatticeEvent, type RunningNode } from '../../../../src/runtime/index.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  type HandClock,
  hasher,
  NETWORK,
  log as noLog,
  turns,
  verifier,
} from '../support.ts';

const self = createAuthor(1);

let clock: HandClock;
let node: RunningNode;
let fatal: unknown[];
let gossiped: string[];
/** The counter that the node's metrics refuse to count. */
let refused: string | undefined;
let failures: object[];
let errors: object[];

const p2p: P2pLung = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  async publish(data) {
    const message = decodeGossip(data, { stream: false });
    if (message.type === 'commits') gossiped.push(...message.fragments.map((f) => decodeFragment(f, hasher).id));
    return 1;
  },
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
const log: Log = { ...noLog, error: (fields) => errors.push(fields), child: () => log };

beforeEach(async () => {
  clock = createHandClock();
  fatal = [];
  gossiped = [];
  refused = undefined;
  failures = [];
  errors = [];
  node = await createNode(
    {
      name: 'n1',
      role: 'test',
      version: '1.0.0',
      network: NETWORK,
      trusted: [self.author],
      bootstrap: [],
      urls: [],
      heartbeatMs: 1_000,
      graceMs: 3_000,
      pollMs: 10_000,
      directory: 'memory',
      violations: [],
      warnings: [],
      p2p: { topic: 'test', bootstrap: [] },
    },
    {
      store: createMemoryStore(),
      hasher,
      signer: self,
      verifier,
      clock,
      random: createRandom(),
      log,
      metrics: {
        count(name, labels = {}, by = 1) {
          if (name === refused) throw new Error('a metrics library that throws');
          if (name === 'lattice_fan_out_failures_total' && by > 0) failures.push(labels);
        },
        gauge: () => undefined,
        observe: () => undefined,
      },
      p2p,
      http: nobody,
      peerIdOf: (author) => author,
      onFatal: (error) => fatal.push(error),
    },
  );
  node.start();
  await turns();
});

describe('a part that throws when it is told of a durable batch', () => {
  /** Writes, and sees that the write stands and that the node goes on. */
  async function writes(stage: string): Promise<void> {
    const { lattice } = node;
    const healthy: LatticeEvent[] = [];
    await lattice.subscribe(undefined, (event) => healthy.push(event) > 0);
    const written = await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
    expect(written.results).toMatchObject([{ key: 'a', created: true }]);
    expect(await lattice.get('a')).toMatchObject({ value: 1, version: written.results[0]?.version });
    expect(await lattice.prove('a')).toMatchObject({ value: 1 });
    expect(lattice.root()).toMatchObject({ entries: 1 });
    await clock.advance(10);
    expect(gossiped).toEqual([written.commit]);
    expect(healthy.map(({ type }) => type)).toEqual(['change', 'batch']);
    expect(failures).toEqual([{ stage }]);
    expect(errors).toMatchObject([{ stage, sequence: 1 }]);

    await lattice.write([{ op: 'put', key: 'a', value: 2 }]);
    expect(await lattice.get('a')).toMatchObject({ value: 2 });
    expect(fatal).toEqual([]);
  }

  it('takes nothing back when it is a subscriber [D3]', async () => {
    let calls = 0;
    await node.lattice.subscribe(undefined, () => {
      calls++;
      throw new Error('a subscriber that throws');
    });
    await writes('streams');
    // It has missed what it threw at: it is told no more.
    expect(calls).toBe(1);
    expect(failures).toHaveLength(1);
  });

  it('takes nothing back when it is the counting of keys [D3]', async () => {
    refused = 'lattice_changed_keys_total';
    await writes('metrics');
    expect(failures).toHaveLength(2);
  });
});
