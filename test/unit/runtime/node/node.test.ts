import { beforeEach, describe, expect, it } from 'vitest';
import { type Bytes, bytesToHex, type Hlc } from '../../../../src/core/types/index.ts';
import {
  createSignedAttestation,
  decodeFragment,
  decodeGossip,
  decodeIdentity,
  encodeFragment,
  encodeGossip,
  encodeRequest,
  encodeSync,
  type GossipMessage,
  type Head,
  requestSigningBytes,
  type SignedAttestation,
  trustHash,
} from '../../../../src/core/wire/index.ts';
import type { HttpLung, P2pHandlers, P2pLung } from '../../../../src/ports/index.ts';
import { createNode, type Lattice, type LatticeEvent, type RunningNode } from '../../../../src/runtime/index.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  EPOCH_MS,
  type GatedStore,
  gateStore,
  type HandClock,
  hasher,
  log,
  metrics,
  NETWORK,
  outcomeOf,
  turns,
  until,
  verifier,
} from '../support.ts';

const self = createAuthor(1);
const friend = createAuthor(2);
const third = createAuthor(3);
const HEARTBEAT_MS = 1_000;

let clock: HandClock;
let store: GatedStore;
let node: RunningNode;
let lattice: Lattice;
let handlers: P2pHandlers;
let gossip: GossipMessage[];
let fatal: unknown[];
/** How often a URL was asked who answers there. */
let identified: number;

const p2p: P2pLung = {
  async start(given) {
    handlers = given;
  },
  stop: () => Promise.resolve(),
  async publish(data) {
    gossip.push(decodeGossip(data, { stream: false }));
    return 1;
  },
  request: () => Promise.reject(new Error('not connected')),
  connections: () => [],
  topicPeers: () => 0,
  listenAddresses: () => [],
};
const nobody: HttpLung = {
  identify() {
    identified++;
    return Promise.reject(new Error('no network'));
  },
  request: () => Promise.reject(new Error('no network')),
  stream: () => Promise.reject(new Error('no network')),
};

beforeEach(async () => {
  clock = createHandClock();
  store = gateStore();
  gossip = [];
  fatal = [];
  identified = 0;
  await start([self, friend, third]);
});

/** After so long, writes open on a node that hears nobody. */
const OPEN_MS = 8_000;

/** Starts the node over the store with this trust list. */
async function start(trusted: readonly (typeof self)[]): Promise<void> {
  node = await createNode(
    {
      name: 'n1',
      role: 'test',
      version: '1.0.0',
      network: NETWORK,
      trusted: trusted.map(({ author }) => author),
      bootstrap: [],
      urls: [],
      heartbeatMs: HEARTBEAT_MS,
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
      log,
      metrics,
      p2p,
      http: nobody,
      peerIdOf: (author) => author,
      onFatal: (error) => fatal.push(error),
    },
  );
  ({ lattice } = node);
  node.start();
  await turns();
  // Others are trusted, and none of them answers.
  if (trusted.length > 1) await clock.advance(OPEN_MS);
}

const heads = (messages: readonly GossipMessage[] = gossip): Head[] =>
  messages.flatMap((m) => (m.type === 'head' ? [m.head.head] : []));
const commits = (messages: readonly GossipMessage[] = gossip): string[] =>
  messages.flatMap((m) => (m.type === 'commits' ? m.fragments.map((f) => decodeFragment(f, hasher).id) : []));

/** A message as somebody would send it over HTTP. */
function envelopeOf(sender: typeof friend, message: Bytes): Bytes {
  const { sessionNonce } = decodeIdentity(lattice.sync.identify(new Uint8Array(16), 'http://n1.test'));
  const signed = requestSigningBytes({ server: self.author, sessionNonce, counter: 1, message }, hasher);
  return encodeRequest({ sessionNonce, counter: 1, author: sender.author, signature: sender.sign(signed), message });
}

/** Opens a push stream as `friend` would over HTTP. */
async function openStream(): Promise<GossipMessage[]> {
  const frames: GossipMessage[] = [];
  await lattice.sync.open(
    envelopeOf(friend, new Uint8Array(0)),
    (frame) => frames.push(decodeGossip(frame, { stream: true })) > 0,
    () => undefined,
  );
  return frames;
}

const put = (key: string, value: number): ReturnType<Lattice['write']> => lattice.write([{ op: 'put', key, value }]);

describe('a trust list that changes at a restart', () => {
  const contextOfLast = (): readonly string[] =>
    gossip
      .flatMap((m) => (m.type === 'commits' ? m.fragments : []))
      .flatMap((bytes) => decodeFragment(bytes, hasher).operations.flatMap((o) => o.operation.context))
      .map(({ author }) => author);

  it('leaves what a removed author wrote and others replaced replaced: contexts go on naming the author [R5]', async () => {
    const old = third.commit({ k: 'old' });
    const hlc = old.header.hlc;
    const newer = friend.commit({ k: 'newer' }, { ms: EPOCH_MS + 1, context: [{ author: third.author, hlc }] });
    await handlers.onGossip(encodeGossip({ type: 'commits', fragments: [encodeFragment(newer)] }), friend.author);
    await until('the commit is here', () => lattice.root().entries === 1);
    await node.stop();
    await start([self, friend]);
    gossip.length = 0;
    await put('k', 1);
    await clock.advance(HEARTBEAT_MS);
    expect(commits()).toHaveLength(1);
    expect(new Set(contextOfLast())).toEqual(new Set([friend.author, third.author]));
  });
});

describe('heads', () => {
  it('are sent on gossip and on every push stream once per heartbeat [E6]', async () => {
    const streams = [await openStream(), await openStream()];
    gossip.length = 0;
    await clock.advance(10 * HEARTBEAT_MS);
    for (const messages of [gossip, ...streams]) expect(heads(messages)).toHaveLength(10);
    expect(heads().map((h) => h.wallMs % HEARTBEAT_MS)).toEqual(Array.from({ length: 10 }, () => 0));
  });

  it('are numbered upwards in one life, on all ways together [E1]', async () => {
    const stream = await openStream();
    await clock.advance(3 * HEARTBEAT_MS);
    const numbers = heads().map((h) => h.sequence);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(heads(stream).map((h) => h.sequence)).toEqual(numbers.slice(-3));
    expect(new Set(heads().map((h) => bytesToHex(h.incarnation))).size).toBe(1);
  });

  it('name what is durable, never a batch on its way to the disk [E4, D3]', async () => {
    await put('a', 1);
    await clock.advance(HEARTBEAT_MS);
    const before = heads().at(-1) as Head;
    store.hold();
    const write = put('b', 2);
    await until('the batch is on its way', () => store.held.length === 1);
    await clock.advance(HEARTBEAT_MS);
    expect(heads().at(-1)).toMatchObject({ root: before.root, entries: 1, hlc: before.hlc });
    expect(lattice.root()).toMatchObject({ root: bytesToHex(before.root), entries: 1 });
    expect([lattice.status().root, lattice.status().entries]).toEqual([bytesToHex(before.root), 1]);
    store.open();
    const { hlc } = await write;
    await clock.advance(HEARTBEAT_MS);
    const after = heads().at(-1) as Head;
    expect([after.entries, after.hlc.toString(16).padStart(16, '0')]).toEqual([2, hlc]);
    expect(bytesToHex(after.root)).toBe(lattice.root().root);
    expect(after.root).not.toEqual(before.root);
  });
});

describe('live commits', () => {
  it('of this node are gossiped and streamed once, when they are durable [G4, D3]', async () => {
    const stream = await openStream();
    store.hold();
    const write = put('a', 1);
    await until('the batch is on its way', () => store.held.length === 1);
    await clock.advance(100);
    expect([commits(), commits(stream)]).toEqual([[], []]);
    store.open();
    const { commit } = await write;
    await clock.advance(100);
    expect([commits(), commits(stream)]).toEqual([[commit], [commit]]);
  });

  it('that came by gossip are streamed on, and not gossiped again [G5]', async () => {
    const stream = await openStream();
    const theirs = third.commit({ a: 1 });
    const relay = createAuthor(4).author;
    const message = encodeGossip({ type: 'commits', fragments: [encodeFragment(theirs)] });
    expect(await handlers.onGossip(message, relay)).toBe('accept');
    await until('it is applied', () => lattice.root().entries === 1);
    await clock.advance(100);
    expect([commits(), commits(stream)]).toEqual([[], [theirs.id]]);
    // Known already: nobody is told again.
    await handlers.onGossip(message, relay);
    await clock.advance(100);
    expect(commits(stream)).toEqual([theirs.id]);
  });

  it('are not streamed to the node that made them [X7]', async () => {
    const stream = await openStream();
    const [own, other] = [friend.commit({ a: 1 }), third.commit({ b: 1 })];
    const relay = createAuthor(4).author;
    await handlers.onGossip(encodeGossip({ type: 'commits', fragments: [own, other].map(encodeFragment) }), relay);
    await until('both are applied', () => lattice.root().entries === 2);
    await clock.advance(100);
    expect(commits(stream)).toEqual([other.id]);
  });
});

describe('a URL that is not reached', () => {
  it.each([
    ['a peer says hello over HTTP', friend],
    ['a key that is not known is turned away', createAuthor(3)],
  ])('is looked at as soon as %s [X10]', async (_, sender) => {
    await lattice.addPeer({ url: 'http://mirror.test' });
    await clock.advance(60_000);
    const before = identified;
    const hello = encodeSync({ type: 'hello', software: '1.0.0', head: sender.head(), yourHlc: 0n as Hlc });
    await lattice.sync
      .handle(envelopeOf(sender, hello))
      .catch((error: unknown) => expect(error).toMatchObject({ code: 'sync-forbidden' }));
    expect(identified).toBe(before + 1);
  });
});

describe('a failed durable batch', () => {
  it('acknowledges nothing, ends the node once, and shows nothing of it any more [D3, N9]', async () => {
    await put('a', 1);
    await clock.advance(HEARTBEAT_MS);
    const before = lattice.root();
    gossip.length = 0;
    store.hold();
    const write = outcomeOf(put('b', 2));
    await until('the batch is on its way', () => store.held.length === 1);
    store.held[0]?.fail();
    await until('the write has failed', () => write.state === 'rejected');
    expect(write.code).toBe('store-write-failed');
    await expect(put('c', 3)).rejects.toMatchObject({ code: 'store-write-failed' });
    await expect(lattice.prove('b')).rejects.toMatchObject({ code: 'store-write-failed' });
    await expect(lattice.get('b')).rejects.toMatchObject({ code: 'store-write-failed' });
    expect(await lattice.get('a')).toMatchObject({ value: 1 });
    await clock.advance(HEARTBEAT_MS);
    expect(lattice.root()).toEqual(before);
    expect(commits()).toEqual([]);
    expect(heads().map((h) => bytesToHex(h.root))).toEqual([before.root]);
    expect(fatal).toHaveLength(1);
  });
});

describe('attestations', () => {
  const attestations = (messages: readonly GossipMessage[]): SignedAttestation[] =>
    messages.flatMap((m) => (m.type === 'attestation' ? [m.attestation] : []));

  /** Has the friend's clock heard: alone, a node of a fleet attests nothing. */
  const hearFriend = async () => {
    await handlers.onGossip(encodeGossip({ type: 'head', head: friend.head({ wallMs: clock.now() }) }), friend.author);
    const roster = trustHash(
      [self, friend, third].map(({ author }) => author),
      hasher,
    );
    await handlers.onRequest(friend.author, encodeSync({ type: 'news', epoch: 0, roster, has: [], notices: [] }));
  };

  it('are not made before the clock of another node has been heard [Z3]', async () => {
    await clock.advance(15_500);
    expect([attestations(gossip), lattice.status().cuts?.newest?.at]).toEqual([[], EPOCH_MS + 10_000]);
    await hearFriend();
    await clock.advance(10_000);
    expect(attestations(gossip).map((a) => a.attestation.at)).toEqual([EPOCH_MS + 20_000]);
  });

  it('of this node go out by gossip and on every stream; what comes by gossip goes on by streams alone [Z6]', async () => {
    await hearFriend();
    const stream = await openStream();
    await put('a', 1);
    await clock.advance(15_500);
    const [own] = attestations(gossip);
    expect(own?.attestation).toMatchObject({ author: self.author, at: EPOCH_MS + 10_000, entries: 1 });
    expect(attestations(stream)).toEqual([own]);
    expect(lattice.status().cuts?.certified).toBeUndefined();

    const theirs = createSignedAttestation(
      { ...(own as SignedAttestation).attestation, author: friend.author },
      friend.sign,
    );
    const frame = encodeGossip({ type: 'attestation', attestation: theirs });
    // The stream is the friend's own: it gets no echo of what it relayed, and hears what others did.
    expect(await handlers.onGossip(frame, friend.author)).toBe('accept');
    expect([attestations(gossip).length, attestations(stream).length]).toEqual([1, 1]);
    expect(await handlers.onGossip(frame, friend.author)).toBe('ignore');
    expect(lattice.status().cuts).toMatchObject({ convergedAsOf: EPOCH_MS + 10_000, disagreeing: [] });
    expect(lattice.certificate()?.at).toBe(EPOCH_MS + 10_000);

    await clock.advance(10_000);
    const next = attestations(gossip).at(-1) as SignedAttestation;
    const again = createSignedAttestation({ ...next.attestation, author: friend.author }, friend.sign);
    expect(await handlers.onGossip(encodeGossip({ type: 'attestation', attestation: again }), self.author)).toBe(
      'accept',
    );
    expect(attestations(stream).map((a) => a.attestation.author)).toEqual([self.author, self.author, friend.author]);
    expect(attestations(gossip)).toHaveLength(2);
  });

  it('tell in the events when a cut is fixed and when it is certified [Z9]', async () => {
    const events: LatticeEvent[] = [];
    await lattice.subscribe(undefined, (event) => events.push(event) > 0);
    await hearFriend();
    await clock.advance(15_500);
    const [own] = attestations(gossip) as [SignedAttestation];
    const theirs = createSignedAttestation({ ...own.attestation, author: friend.author }, friend.sign);
    await handlers.onGossip(encodeGossip({ type: 'attestation', attestation: theirs }), undefined);
    const root = bytesToHex(own.attestation.root);
    expect(events.filter((e) => e.type === 'cut')).toEqual([
      { type: 'cut', at: EPOCH_MS + 10_000, root, certified: false },
      { type: 'cut', at: EPOCH_MS + 10_000, root, certified: true },
    ]);
  });
});
