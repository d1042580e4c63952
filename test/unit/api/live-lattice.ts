import { afterEach } from 'vitest';
import { type Author, type Bytes, type Fragment, hexToBytes } from '../../../src/core/types/index.ts';
import {
  createSignedAttestation,
  decodeIdentity,
  decodeResponse,
  decodeSync,
  encodeFragment,
  encodeRequest,
  encodeSync,
  type Head,
  requestSigningBytes,
  type SyncMessage,
  trustHash,
} from '../../../src/core/wire/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
import type { Clock, HttpLung } from '../../../src/ports/index.ts';
import {
  type CutView,
  createNode,
  type Lattice,
  type NodeOptions,
  type RunningNode,
} from '../../../src/runtime/index.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  type GatedStore,
  gateStore,
  type HandClock,
  hasher,
  log,
  metrics,
  NETWORK,
  type TestAuthor,
  verifier,
} from '../runtime/support.ts';

/** A peer of the tests: it signs what a node is told in its name. */
export const friend = createAuthor(2);
/** From the beginning of a hand-driven clock to the first cut that is fixed and its attestation, ms. */
const FIRST_CUT_MS = 16_000;

/** No URL is reached: every call of the HTTP lung fails. */
const nobody: HttpLung = {
  identify: () => Promise.reject(new Error('no network')),
  request: () => Promise.reject(new Error('no network')),
  stream: () => Promise.reject(new Error('no network')),
};

interface Session {
  readonly sessionNonce: Bytes;
  requests: number;
}

/** The face of a real node, and the ways in which a test brings it into a state. */
export interface LiveLattice extends Lattice {
  readonly self: TestAuthor;
  /** Keeps batches from becoming durable while the test holds them. */
  readonly store: GatedStore;
  /** Sets or clears a reason for being read-only, as the process does. */
  readonly setReadOnly: RunningNode['setReadOnly'];
  /** Takes another trust list and other peers while the node runs, as a reload does. */
  readonly reconfigure: RunningNode['reconfigure'];
  /** Readers of events that the node sends to, or that wait to join. */
  subscribers(): number;
  /** Moments of the state that somebody still reads. */
  heldMoments(): number;
  /** A request nonce of this node, and how many requests were signed under it. */
  session(): Session;
  /** A request as `author` would sign it for this node, under a new nonce by default: the bytes that come over HTTP. */
  envelope(author: TestAuthor, message: Bytes, session?: Session): Bytes;
  /** What the node answers to a message of `author` that comes over HTTP. */
  hear(author: TestAuthor, message: SyncMessage): Promise<SyncMessage>;
  /** A hello of `author`, whose head says this. */
  greet(author: TestAuthor, head?: Partial<Head>): Promise<void>;
  /** Commits of whomever, pushed by `friend`. Rejects unless all of their operations are held then. */
  take(fragments: readonly Fragment[]): Promise<void>;
  /** `friend` attests the root of a cut, or another one. */
  attest(cut: Pick<CutView, 'at' | 'root' | 'entries'>): Promise<void>;
}

export interface LiveLatticeOptions extends Partial<NodeOptions> {
  /** Names its key. Default 1. */
  readonly id?: number;
  readonly store?: GatedStore;
  /** Default: one that stands still, so that a node does nothing by itself. */
  readonly clock?: Clock;
  /** Default: one that reaches nobody. */
  readonly http?: HttpLung;
}

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

/** A real node over a memory store, without P2P, stopped after the test. It trusts only itself. */
export async function startLattice(options: LiveLatticeOptions = {}): Promise<LiveLattice> {
  const { id = 1, store = gateStore(), clock = createHandClock(), http = nobody, ...changed } = options;
  const self = createAuthor(id);
  const trusted = changed.trusted ?? [self.author];
  const node = await createNode(
    {
      name: 'node1',
      role: 'genesis-primary',
      version: '9.9.9',
      network: NETWORK,
      trusted,
      bootstrap: [],
      urls: [],
      heartbeatMs: 1_000,
      graceMs: 3_000,
      pollMs: 10_000,
      directory: 'memory',
      violations: [],
      warnings: [],
      p2p: { topic: 'test/topic', bootstrap: [] },
      ...changed,
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
      http,
      peerIdOf: authorToPeerId,
      onFatal: () => undefined,
    },
  );
  node.start();
  running.push({
    async stop() {
      store.open();
      await node.stop();
    },
  });
  return {
    ...counted(node.lattice),
    ...means(node, self, trusted),
    self,
    store,
    setReadOnly: node.setReadOnly,
    reconfigure: node.reconfigure,
  };
}

/** The lattice, and how many hold something of it. */
function counted(lattice: Lattice): Lattice & Pick<LiveLattice, 'subscribers' | 'heldMoments'> {
  const subscribers = new Set<object>();
  const moments = new Set<object>();
  return {
    ...lattice,
    subscribers: () => subscribers.size,
    heldMoments: () => moments.size,
    async subscribe(after, send, dropped) {
      const reader = {};
      subscribers.add(reader);
      const leave = (): void => void subscribers.delete(reader);
      try {
        const subscription = await lattice.subscribe(after, send, () => {
          leave();
          dropped?.();
        });
        return {
          close() {
            leave();
            subscription.close();
          },
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
    async wholeState(options) {
      const snapshot = await lattice.wholeState(options);
      const moment = {};
      moments.add(moment);
      return {
        ...snapshot,
        close() {
          moments.delete(moment);
          snapshot.close();
        },
      };
    },
  };
}

/** What others tell a node, signed as it comes from them. */
function means(
  { lattice }: RunningNode,
  self: TestAuthor,
  trusted: readonly Author[],
): Pick<LiveLattice, 'session' | 'envelope' | 'hear' | 'greet' | 'take' | 'attest'> {
  const session = (): Session => {
    const { sessionNonce } = decodeIdentity(lattice.sync.identify(new Uint8Array(16), 'http://node.test'));
    return { sessionNonce, requests: 0 };
  };
  const envelope: LiveLattice['envelope'] = (author, message, under = session()) => {
    const { sessionNonce } = under;
    const counter = ++under.requests;
    const signed = requestSigningBytes({ server: self.author, sessionNonce, counter, message }, hasher);
    const { author: name, sign } = author;
    return encodeRequest({ sessionNonce, counter, author: name, signature: sign(signed), message });
  };
  const hear: LiveLattice['hear'] = async (author, message) => {
    const answer = decodeSync(decodeResponse(await lattice.sync.handle(envelope(author, encodeSync(message)))).message);
    if (answer.type === 'error') throw new Error(`${message.type} is answered with ${answer.code}: ${answer.message}`);
    return answer;
  };
  return {
    session,
    envelope,
    hear,
    async greet(author, head = {}) {
      await hear(author, { type: 'hello', software: '1.0.0', head: author.head(head), yourHlc: 0n as Head['hlc'] });
      // A node signs no cut before it was told what others heard of its key.
      const roster = trustHash([...trusted], hasher);
      await hear(author, { type: 'news', epoch: 0, roster, has: [], notices: [] });
    },
    async take(fragments) {
      const answer = await hear(friend, { type: 'push', live: true, fragments: fragments.map(encodeFragment) });
      const left = answer.type === 'pushed' ? answer.verdicts.filter((verdict) => verdict !== 'held') : [answer.type];
      if (left.length > 0) throw new Error(`not held: ${left.join(', ')}`);
    },
    async attest({ at, root, entries }) {
      const claim = {
        network: NETWORK,
        author: friend.author,
        at,
        root: hexToBytes(root) ?? new Uint8Array(0),
        entries,
        trustHash: trustHash([...trusted], hasher),
      };
      const signed = createSignedAttestation(claim, (message) => friend.sign(message));
      await hear(friend, { type: 'attest', attestations: [signed.bytes] });
    },
  };
}

/** A lattice that trusts `friend` too, so that a cut needs the word of both, and the clock that it goes by. */
export async function startWithFriend(
  options: Omit<LiveLatticeOptions, 'clock' | 'trusted'> = {},
): Promise<{ readonly lattice: LiveLattice; readonly clock: HandClock }> {
  const clock = createHandClock();
  const self = createAuthor(options.id ?? 1);
  const lattice = await startLattice({ ...options, clock, trusted: [self.author, friend.author] });
  // Writes open once the other trusted author has said what it knows of this node's commits.
  await lattice.greet(friend, { wallMs: clock.now(), sequence: 1 });
  return { lattice, clock };
}

/** Lets the time of the first cut pass, and has it certified by both authors. */
export async function certify({ lattice, clock }: Awaited<ReturnType<typeof startWithFriend>>): Promise<CutView> {
  await clock.advance(FIRST_CUT_MS / 2);
  // A node attests only after it has compared its clock with another one.
  await lattice.greet(friend, { wallMs: clock.now(), sequence: 2 });
  await clock.advance(FIRST_CUT_MS / 2);
  const [held] = lattice.cuts();
  if (held === undefined) throw new Error('no cut has been fixed');
  await lattice.attest(held);
  const [cut] = lattice.cuts();
  if (cut?.certified !== true) throw new Error('the cut has no certificate');
  return cut;
}

/** Commits of `friend` that put `count` keys `<prefix>/<i>`. */
export function commitsOf(prefix: string, count: number): Fragment[] {
  const each = 100;
  return Array.from({ length: Math.ceil(count / each) }, (_, c) =>
    friend.commit(
      Object.fromEntries(
        Array.from({ length: Math.min(each, count - c * each) }, (_, i) => [`${prefix}/${c * each + i}`, i]),
      ),
    ),
  );
}
