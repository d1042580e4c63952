import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHttpLung } from '../../src/adapters/http/index.ts';
import { createP2pLung } from '../../src/adapters/p2p/index.ts';
import { createLog, createSigner, createVerifier, systemClock, systemRandom } from '../../src/adapters/system/index.ts';
import { type Author, type Bytes, type Hlc, LatticeError } from '../../src/core/types/index.ts';
import { decodeSync, encodeGossip, encodeSync, type PushVerdict, type SyncMessage } from '../../src/core/wire/index.ts';
import type { P2pLung } from '../../src/ports/index.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import {
  createFakePeer,
  type FakePeer,
  flipBit,
  hasher,
  keyOf,
  putBytes,
  spoilSignature,
  strangerKey,
} from '../support/hostile.ts';
import { DEADLINE_MS, eventually } from '../support/wait.ts';

const silent = createLog({ level: 'error', format: 'json', destination: { write: () => undefined } });

/** One sync request of the hostile node to an honest one over some lung. */
type Link = (message: Bytes) => Promise<Bytes>;

function overHttp(from: Node, to: Node): Link {
  const lung = createHttpLung({
    signer: keyOf(from).signer,
    verifier: createVerifier(),
    hasher,
    random: systemRandom(),
    clock: systemClock(),
    log: silent,
  });
  return (message) => lung.request(to.api.url, message, { timeoutMs: DEADLINE_MS, expect: to.author as Author });
}

async function verdictOf(link: Link, fragment: Bytes): Promise<PushVerdict | undefined> {
  const answer = decodeSync(await link(encodeSync({ type: 'push', live: true, fragments: [fragment] })));
  if (answer.type !== 'pushed') throw new Error(`answered ${JSON.stringify(answer)}`);
  return answer.verdicts[0];
}

describe('a trusted key in hostile hands', () => {
  let fleet: Fleet;
  let a: Node;
  let b: Node;
  let c: Node;
  let root: string;
  const lungs: P2pLung[] = [];
  const fakes: FakePeer[] = [];
  const fakePeer = async (options: Omit<Parameters<typeof createFakePeer>[0], 'as' | 'trusted'>): Promise<FakePeer> => {
    const fake = await createFakePeer({ as: c, trusted: fleet.nodes.map(({ author }) => author), ...options });
    fakes.push(fake);
    return fake;
  };
  beforeAll(async () => {
    fleet = await startFleet({ start: [0, 1] });
    [a, b, c] = fleet.nodes as [Node, Node, Node];
    await a.api.put('honest', 1);
    ({ root } = await fleet.settled());
  });
  afterEach(async () => {
    await Promise.all([...fakes.splice(0).map((fake) => fake.close()), ...lungs.splice(0).map((lung) => lung.stop())]);
  });

  const p2pLung = async (): Promise<P2pLung> => {
    const address = `/ip4/127.0.0.1/tcp/${a.p2pPort}/p2p/${a.peerId}`;
    const { topic } = (await a.api.status()).p2p;
    const lung = createP2pLung({
      seed: keyOf(c).seed,
      publicKey: createSigner(keyOf(c).seed).publicKey,
      listen: [],
      bootstrap: [address],
      topic,
      mdns: false,
      log: silent,
      clock: systemClock(),
      random: systemRandom(),
    });
    lungs.push(lung);
    const handlers = {
      onGossip: async () => 'ignore' as const,
      standingOf: () => 'member' as const,
      onRequest: async () => encodeSync({ type: 'error', code: 'no', message: 'no' }),
      onConnected: () => undefined,
      onDisconnected: () => undefined,
      onFailure: () => undefined,
    };
    await lung.start(handlers, new AbortController().signal);
    await eventually(
      'c is connected to a',
      () => lung.connections().some(({ peer }) => peer === a.author) && lung.topicPeers() > 0,
    );
    return lung;
  };
  const overP2p = async (): Promise<Link> => {
    const lung = await p2pLung();
    return (message) => lung.request(a.author as Author, message, { timeoutMs: DEADLINE_MS });
  };

  it.each([
    ['HTTP', async () => overHttp(c, a)],
    ['P2P', overP2p],
  ])(
    'cannot push what gossip would refuse (%s): each refusal has its name, is counted, and changes nothing',
    async (_name, linkTo) => {
      const link = await linkTo();
      const { signer } = keyOf(c);
      const { network } = c;
      const good = putBytes({ signer, network, key: 'forged', value: 1 });
      const cases: readonly (readonly [PushVerdict, Bytes])[] = [
        ['untrusted-author', putBytes({ signer: strangerKey(), network, key: 'forged', value: 1 })],
        ['bad-signature', spoilSignature(good)],
        ['other-network', putBytes({ signer, network: 'another/network', key: 'forged', value: 1 })],
        ['malformed', good.subarray(0, good.length - 3)],
        ['malformed', flipBit(good, good.length - 4)],
      ];
      for (const [expected, fragment] of cases) {
        const before = (await a.api.status()).refused[expected] ?? 0;
        expect(await verdictOf(link, fragment)).toBe(expected);
        expect((await a.api.status()).refused[expected]).toBeGreaterThan(before);
      }
      expect((await a.api.status()).root).toBe(root);
      expect(await a.api.get('forged')).toBeUndefined();
    },
  );

  it('cannot get in with broken envelopes or messages', async () => {
    const link = overHttp(c, a);
    const garbage = Uint8Array.of(0x83, 0x01, 0xff);
    expect(decodeSync(await link(garbage))).toMatchObject({ type: 'error' });
    const hello = encodeSync({ type: 'want', keyHashes: [new Uint8Array(32)] });
    for (const message of [hello.subarray(0, hello.length - 5), flipBit(hello, 0)]) {
      expect(decodeSync(await link(message))).toMatchObject({ type: 'error' });
    }
    for (const [body, status] of [
      [garbage, 400],
      [new Uint8Array(0), 400],
    ] as const) {
      const answer = await fetch(`${a.api.url}/api/v1/sync`, {
        method: 'POST',
        headers: { 'content-type': 'application/cbor' },
        body,
      });
      expect([status, 415]).toContain(answer.status);
    }
    const stream = await fetch(`${a.api.url}/api/v1/sync/stream`, { headers: { authorization: 'Lattice AAAA' } });
    expect(stream.status).toBe(400);
    expect((await a.api.send('GET', '/api/v1/sync/stream', { token: undefined })).status).toBe(401);
    expect((await a.api.status()).root).toBe(root);
  });

  // Before the liars: towards a node that lied, the others rest for longer and longer.
  it('that never answers holds nobody up', async () => {
    const fake = await fakePeer({
      head: { root: systemRandom().bytes(32), entries: 1, hlc: 0n as Hlc },
      answer: () => undefined,
    });
    await eventually('a waits for an answer', () => (fake.asked.digests ?? 0) > 0);
    const before = (await a.api.peer(c.author)).lastRepair?.at ?? 0;
    await a.api.put('meanwhile/a', 1);
    await b.api.put('meanwhile/b', 1);
    ({ root } = await fleet.settled());
    const given = await eventually('the repair was given up', async () => {
      const { lastRepair } = await a.api.peer(c.author);
      return lastRepair !== undefined && lastRepair.at > before ? lastRepair : undefined;
    });
    expect(given).toMatchObject({ outcome: 'failed', fetched: 0, pushed: 0 });
  });

  it('that lies about its root is seen to differ, and changes nothing', async () => {
    const head = { root: systemRandom().bytes(32), entries: 7, hlc: 0n as Hlc };
    const fake = await fakePeer({ head, answer: () => ({ type: 'differences', differences: [] }) });
    await eventually(
      'a compared itself with the liar',
      async () => (await a.api.peer(c.author)).agreement === 'different',
    );
    await eventually('a looked for the difference', () => (fake.asked.digests ?? 0) >= 2);
    const status = await a.api.status();
    expect(status).toMatchObject({ root, writable: true, readOnlyReasons: [] });
    expect(status.converged.equal).toBeLessThan(status.converged.peers);
    // It is not asked again and again without a pause.
    expect(fake.asked.digests ?? 0).toBeLessThan(200);
    await b.api.put('beside/the/liar', 1);
    ({ root } = await fleet.settled());
  });

  it('that serves forged entries gets each of them refused', async () => {
    const { signer } = keyOf(c);
    const forged = [
      putBytes({ signer: strangerKey(), network: c.network, key: 'served', value: 1 }),
      spoilSignature(putBytes({ signer, network: c.network, key: 'served', value: 2 })),
      Uint8Array.of(1, 2, 3),
    ];
    const keyHash = new Uint8Array(32);
    const answer = (message: SyncMessage): SyncMessage => {
      if (message.type === 'want') return { type: 'entries', answered: message.keyHashes.length, fragments: forged };
      if (message.type === 'push') return { type: 'pushed', verdicts: [] };
      const leaves = [{ keyHash, digest: new Uint8Array(16).fill(1) }];
      return { type: 'differences', differences: [{ kind: 'leaves', prefix: Uint8Array.of(0), bits: 4, leaves }] };
    };
    const before = (await a.api.status()).refused;
    const fake = await fakePeer({
      head: { root: systemRandom().bytes(32), entries: 1, hlc: 0n as Hlc },
      answer,
    });
    await eventually('a asked for the entries', () => (fake.asked.want ?? 0) > 0, 60_000);
    for (const reason of ['untrusted-author', 'bad-signature', 'malformed']) {
      await fleet.status(0, `${reason} is counted`, ({ refused }) => (refused[reason] ?? 0) > (before[reason] ?? 0));
    }
    expect((await a.api.status()).root).toBe(root);
    expect(await a.api.get('served')).toBeUndefined();
  });

  it('that gossips forgeries is evicted, and nothing of it is stored or passed on', async () => {
    const lung = await p2pLung();
    const refusedBy = async (node: Node): Promise<number> => (await node.api.status()).refused['bad-signature'] ?? 0;
    const [before, beforeAtB] = await Promise.all([refusedBy(a), refusedBy(b)]);
    const { signer } = keyOf(c);
    for (let i = 0; i < 40; i++) {
      const forged = spoilSignature(putBytes({ signer, network: c.network, key: `gossip/${i}`, value: i }));
      await lung.publish(encodeGossip({ type: 'commits', fragments: [forged] })).catch((error: unknown) => {
        if (!(error instanceof LatticeError)) throw error;
      });
    }
    await fleet.status(0, 'the forgeries are counted', ({ refused }) => (refused['bad-signature'] ?? 0) > before);
    await eventually('c is put out', () =>
      a.process.log().some(({ msg, peerId }) => msg === 'peer evicted' && peerId === c.peerId),
    );
    expect((await a.api.status()).root).toBe(root);
    await fleet.settled();
    expect(await refusedBy(b)).toBe(beforeAtB);
  });
});

describe('a clock far ahead', () => {
  it('has its commits deferred: counted, not shown, taken when their time has come; own writes go on all the while [C4, C5]', async () => {
    const fleet = await startFleet({ nodes: 2, start: [0] });
    const [a, ahead] = fleet.nodes as [Node, Node];
    // Just over the bound, so that its time comes within the test.
    const { signer } = keyOf(ahead);
    const fragment = putBytes({ signer, network: ahead.network, key: 'future', value: 1, aheadMs: 26_000 });
    expect(await verdictOf(overHttp(ahead, a), fragment)).toBe('future');
    const status = await a.api.status();
    expect(status.refused.future).toBe(1);
    expect(status.deferred).toBe(1);
    expect(await a.api.get('future')).toBeUndefined();
    await a.api.put('now', 1);
    await eventually('its time has come', async () => (await a.api.get('future')) !== undefined, 40_000);
    await eventually('nothing is deferred any more', async () => (await a.api.status()).deferred === 0);
    expect((await a.api.send('PUT', '/api/v1/state/now', { body: 2 })).status).toBe(200);
    expect((await a.api.status()).readOnlyReasons).toEqual([]);
    await fleet.stop();
  });
});

describe('a line that flips bits', () => {
  it('breaks connections, never the state: both lungs recover and converge', async () => {
    const fleet = await startFleet({ nodes: 2 });
    const [a, b] = fleet.nodes as [Node, Node];
    await fleet.status(0, 'P2P is connected', ({ p2p }) => p2p.peers === 1);
    for (let round = 0; round < 3; round++) {
      for (const lung of ['p2p', 'http'] as const)
        for (const [from, to] of [
          [0, 1],
          [1, 0],
        ] as const)
          fleet.proxy(from, to, lung).corrupt(2);
      await Promise.all([a.api.put(`a/${round}`, round), b.api.put(`b/${round}`, round)]);
      expect((await fleet.settled()).entries).toHaveLength(2 * (round + 1));
    }
    for (const node of [a, b]) expect((await node.api.status()).readOnlyReasons).toEqual([]);
    await fleet.stop();
  });
});
