import { systemClock } from '../../../../src/adapters/system/index.ts';
import { entryKey } from '../../../../src/core/rows/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Entry,
  equalBytes,
  type Fragment,
  LatticeError,
} from '../../../../src/core/types/index.ts';
import {
  type ChunkPart,
  COMMIT_DOMAIN,
  createSignedAttestation,
  decodeEntry,
  decodeFragment,
  decodeSync,
  encodeCertificate,
  encodeEntry,
  encodeFragment,
  encodeSync,
  keyHash,
  type Manifest,
  type SyncMessage,
  siblingsToFragments,
  trustHash,
} from '../../../../src/core/wire/index.ts';
import type { Clock, Verifier } from '../../../../src/ports/index.ts';
import { type Bootstrap, createBootstrap } from '../../../../src/runtime/bootstrap/bootstrap.ts';
import { loadBootstrap } from '../../../../src/runtime/bootstrap/record.ts';
import { createSnapshotServer, type SnapshotServer } from '../../../../src/runtime/bootstrap/snapshot-server.ts';
import { createVouching, type Vouching } from '../../../../src/runtime/bootstrap/vouching.ts';
import { createDoor } from '../../../../src/runtime/commit/door.ts';
import type { LatticeEvent } from '../../../../src/runtime/facade/index.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createPeerTable, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import {
  createAuthor,
  EPOCH_MS,
  FOUND,
  type GatedStore,
  hasher,
  type LogLine,
  metrics,
  NETWORK,
  openTestState,
  recordingLog,
  type TestAuthor,
  type TestState,
  until,
  verifier,
} from '../support.ts';

const realClock = systemClock();
/** The fleet: everybody on the trust list. */
export const authors = [1, 2, 3, 4].map(createAuthor);
export const trusted: readonly Author[] = authors.map(({ author }) => author);
/** All commits of the tests are older. */
const AT = EPOCH_MS + 10_000_000;

/** A quorum's signatures under this root. */
export function certify(root: Bytes, entries: number): Bytes {
  const claim = { network: NETWORK, at: AT, root, entries, trustHash: trustHash([...trusted], hasher) };
  const signers = authors
    .slice(0, 3)
    .map((a) => ({
      author: a.author,
      signature: createSignedAttestation({ ...claim, author: a.author }, (m) => a.sign(m)).signature,
    }))
    .sort((x, y) => (x.author < y.author ? -1 : 1));
  return encodeCertificate({ ...claim, signers });
}

/** A node with a state that can be had as a snapshot. */
export interface Source {
  readonly state: TestState;
  readonly snapshots: SnapshotServer;
  /** Fixes the present state as the newest certified cut. */
  cut(): void;
  /** Applies fragments as they are: nobody looks at a signature. */
  apply(fragments: readonly Fragment[]): Promise<void>;
  /** Takes the only operation of a key out of the state, as one whose signature proved bad. */
  remove(key: string): Promise<void>;
  /** The way of a request to it. Whatever `spoil` makes of its answer is what arrives. */
  link(message: Bytes): Promise<Bytes>;
  spoil: (request: SyncMessage, answer: SyncMessage) => SyncMessage | Promise<SyncMessage>;
  certifies: boolean;
  isVerified: boolean;
  /** Requests by type. */
  readonly asked: Map<string, number>;
}

export async function createSource(id: number, options: { readonly maxHeldBytes?: number } = {}): Promise<Source> {
  const state = await openTestState({ id, ...options });
  const { replica, writer } = state;
  let cut: { root: Bytes; entries: number; tree: typeof replica.tree; certificate: Bytes } | undefined;
  let changed = new Map<string, Bytes>();
  const source: Source = {
    state,
    certifies: true,
    isVerified: true,
    asked: new Map(),
    spoil: (_, answer) => answer,
    snapshots: createSnapshotServer({
      entries: state.entries,
      holds: state.holds,
      writer,
      hasher,
      clock: realClock,
      log: recordingLog([]),
      cut: () => (cut === undefined ? undefined : { ...cut, pendingKeys: () => changed.values() }),
      certifies: () => source.certifies,
      isVerified: () => source.isVerified,
    }),
    cut() {
      const tree = replica.tree.copy();
      cut = { root: tree.root(), entries: tree.size, tree, certificate: certify(tree.root(), tree.size) };
      changed = new Map();
    },
    async apply(fragments) {
      await Promise.all(fragments.map((fragment) => writer.apply(fragment, FOUND)));
      for (const { operations } of fragments) {
        for (const { operation } of operations) changed.set(operation.key, keyHash(operation.key, hasher));
      }
    },
    async remove(key) {
      const hash = keyHash(key, hasher);
      const [sibling] = (await entryByHash(state, hash))?.siblings ?? [];
      if (sibling === undefined) throw new Error(`${key} is not there`);
      const correction = { key, commit: sibling.commit, index: sibling.index };
      await writer.amend({
        keys: () => [{ key, keyHash: hash }],
        prepare: (view, now) => ({ step: replica.correct([correction], view, now), rows: [] }),
      });
      changed.set(key, hash);
    },
    async link(bytes) {
      const request = decodeSync(bytes);
      source.asked.set(request.type, (source.asked.get(request.type) ?? 0) + 1);
      let answer: SyncMessage;
      try {
        answer = await answerTo(request);
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        answer = { type: 'error', code: error.code, message: error.message };
      }
      return encodeSync(await source.spoil(request, answer));
    },
  };

  async function answerTo(request: SyncMessage): Promise<SyncMessage> {
    if (request.type === 'snapshot') return source.snapshots.manifest(request.root);
    if (request.type === 'chunk') return source.snapshots.chunk(request);
    if (request.type !== 'want') throw new LatticeError('malformed', `not for ${request.type}`);
    const entries = await Promise.all(request.keyHashes.map((hash) => entryByHash(state, hash)));
    const fragments = siblingsToFragments(
      entries.flatMap((entry) => entry?.siblings ?? []),
      hasher,
    ).map(encodeFragment);
    return { type: 'entries', answered: request.keyHashes.length, fragments };
  }
  return source;
}

async function entryByHash({ store }: TestState, hash: Bytes): Promise<Entry | undefined> {
  const entry = await store.get(entryKey(hash));
  return entry === undefined ? undefined : decodeEntry(entry);
}

/** `count` commits of `size` keys each by one of the authors. */
export function commits(author: TestAuthor, prefix: string, count: number, size: number): Fragment[] {
  return Array.from({ length: count }, (_, c) =>
    author.commit(
      Object.fromEntries(Array.from({ length: size }, (_, i) => [`${prefix}/${c * size + i}`, c * size + i])),
      {
        ms: EPOCH_MS + c,
      },
    ),
  );
}

export interface Joiner {
  readonly state: TestState;
  readonly bootstrap: Bootstrap;
  readonly vouching: Vouching;
  readonly peers: PeerTable;
  readonly lines: LogLine[];
  readonly events: LatticeEvent[];
  readonly cuts: string[];
}

export interface JoinerOptions {
  readonly sources: readonly Source[];
  readonly store?: GatedStore;
  readonly minEntries?: number;
  /** Checks of commits' signatures wait for it. */
  readonly gate?: Promise<void>;
  readonly isFull?: () => boolean;
  readonly clock?: Clock;
  readonly verifier?: Verifier;
}

/** A verifier whose checks of commits wait for `gate`. */
export const gated = (gate: Promise<void>): Verifier => ({
  async verify(author, message, signature) {
    if (equalBytes(message.subarray(0, COMMIT_DOMAIN.length), COMMIT_DOMAIN)) await gate;
    return verifier.verify(author, message, signature);
  },
});

/** A node that is to take over a snapshot from the sources. */
export async function createJoiner({
  sources,
  store,
  gate,
  minEntries = 64,
  isFull = () => false,
  clock = realClock,
  verifier: checks = gate === undefined ? verifier : gated(gate),
}: JoinerOptions): Promise<Joiner> {
  const state = await openTestState({ id: 4, ...(store === undefined ? {} : { store }) });
  const peers = createPeerTable(clock);
  const lines: LogLine[] = [];
  const log = recordingLog(lines);
  const events: LatticeEvent[] = [];
  const cuts: string[] = [];
  const links = new Map(sources.map((source) => [source.state.self.author, source]));
  for (const source of sources) meet(peers, source);
  const door = createDoor({
    hasher,
    network: NETWORK,
    isTrusted: (author) => trusted.includes(author),
    isFull: () => false,
    verifier,
    writer: state.writer,
    clock,
    metrics,
  });
  const vouching = createVouching(await loadBootstrap(state.store));
  const bootstrap = createBootstrap({
    nameOf: (author) => `peer-${author}`,
    vouching,
    replica: state.replica,
    entries: state.entries,
    writer: state.writer,
    door,
    hasher,
    verifier: checks,
    clock,
    log,
    network: NETWORK,
    roster: createRoster(trusted, state.self.author, hasher),
    peers,
    linkTo: (peer) => {
      const source = links.get(peer.author);
      return source === undefined ? undefined : { lung: 'p2p', link: (message) => source.link(message) };
    },
    peerIdOf: (author) => `peer-${author.slice(0, 8)}`,
    cuts: { pause: () => cuts.push('pause'), resume: () => cuts.push('resume') },
    isFull,
    onEvent: (event) => events.push(event),
    minEntries,
  });
  return { state, bootstrap, vouching, peers, lines, events, cuts };
}

/** What a peer's hello tells of its state and trust list. `trustHash`: of the list of who hears it. */
export function meet(peers: PeerTable, { state }: Source, trustHash = new Uint8Array(32)): void {
  const peer = peers.ensure(state.self.author);
  if (peer === undefined) throw new Error('no room for a peer');
  const { tree } = state.replica;
  peers.hear(peer, state.self.head({ root: tree.root(), entries: tree.size }), 'p2p', true);
  peers.compare(peer, { root: '', recent: new RecentRoots(), seenHlc: 0n, trustHash });
}

export const rootOf = ({ replica }: TestState): string => bytesToHex(replica.tree.root());

export const reaches = (joiner: Joiner, phase: string): Promise<void> =>
  until(`phase ${phase}`, () => joiner.bootstrap.status()?.phase === phase);

/** A commit whose signature is somebody else's: the id is right all the same. */
export function forged(fragment: Fragment): Fragment {
  const signature = fragment.signature.slice();
  signature[5] = (signature[5] as number) ^ 1;
  return decodeFragment(encodeFragment({ ...fragment, signature }), hasher);
}

/** A part with the signatures of all its entries broken, or only of those that `which` picks. */
export function withBadSignatures(part: ChunkPart, which: (key: string) => boolean = () => true): ChunkPart {
  return {
    ...part,
    entries: part.entries.map((bytes) => {
      const { key, siblings } = decodeEntry(bytes);
      if (!which(key)) return bytes;
      return encodeEntry({
        key,
        siblings: siblings.map((s) => ({ ...s, signature: s.signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) })),
      });
    }),
  };
}

export type { Manifest };
