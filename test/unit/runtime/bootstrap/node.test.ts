import { describe, expect, it } from 'vitest';
import { BOOTSTRAP, encodeBootstrap } from '../../../../src/core/rows/index.ts';
import { decodeSync, encodeSync, type SyncMessage } from '../../../../src/core/wire/index.ts';
import type { P2pHandlers, P2pLung } from '../../../../src/ports/index.ts';
import { createNode } from '../../../../src/runtime/index.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  gateStore,
  hasher,
  log,
  metrics,
  NETWORK,
  openTestState,
  put,
  until,
} from '../support.ts';
import { certify, gated } from './support.ts';

const self = createAuthor(1);
const CUT_MS = 1_000;

describe('a node with a snapshot whose signatures are not verified yet', () => {
  it('attests no cut and serves no snapshot; both once all are verified [W6, W9]', async () => {
    const clock = createHandClock();
    const store = gateStore();
    const before = await openTestState({ id: 1, store, clock });
    await before.writer.write(put('key', 'value'));
    const { tree } = before.replica;
    const state = {
      certificate: certify(tree.root(), tree.size),
      sources: [],
      chunks: Uint8Array.of(255),
      cursor: new Uint8Array(32),
      verified: 0,
    };
    await store.batch([{ type: 'put', key: BOOTSTRAP, value: encodeBootstrap(state) }]);

    let verify = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      verify = resolve;
    });
    let handlers: P2pHandlers | undefined;
    const p2p: P2pLung = {
      async start(given) {
        handlers = given;
      },
      stop: () => Promise.resolve(),
      publish: () => Promise.resolve(0),
      request: () => Promise.reject(new Error('not connected')),
      connections: () => [],
      topicPeers: () => 0,
      listenAddresses: () => [],
    };
    const node = await createNode(
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
        cutPeriodMs: CUT_MS,
        cutSettleMs: CUT_MS / 2,
        directory: 'memory',
        violations: [],
        warnings: [],
        p2p: { topic: 'test', bootstrap: [] },
      },
      {
        store,
        hasher,
        signer: self,
        verifier: gated(gate),
        clock,
        random: createRandom(),
        log,
        metrics,
        p2p,
        http: {
          identify: () => Promise.reject(new Error('no network')),
          request: () => Promise.reject(new Error('no network')),
          stream: () => Promise.reject(new Error('no network')),
        },
        peerIdOf: (author) => author,
        onFatal: (error) => expect(error).toBeUndefined(),
      },
    );
    const { lattice } = node;
    const ask = async (message: SyncMessage): Promise<SyncMessage> =>
      decodeSync((await handlers?.onRequest(self.author, encodeSync(message))) ?? new Uint8Array(0));
    node.start();
    await clock.advance(20 * CUT_MS);
    expect(lattice.status().bootstrap).toMatchObject({ phase: 'verifying', verified: { done: 0, total: 1 } });
    expect(lattice.status().cuts?.lagging).toContain('verified');
    expect(lattice.cuts()).toEqual([]);
    expect(await ask({ type: 'snapshot', root: new Uint8Array(0) })).toMatchObject({
      type: 'error',
      code: 'unverified',
    });

    verify();
    await until('all is verified', () => lattice.status().bootstrap?.phase === 'done');
    await clock.advance(20 * CUT_MS);
    expect(lattice.cuts()[0]).toMatchObject({ attesters: [self.author], certified: true, root: lattice.root().root });
    expect(await ask({ type: 'snapshot', root: new Uint8Array(0) })).toMatchObject({ type: 'manifest' });
    await node.stop();
  });
});
