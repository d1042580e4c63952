import { answerDigests, createCellServer } from '../../core/reconcile/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import {
  type Author,
  type Bytes,
  type Hasher,
  LatticeError,
  MAX_SYNC_BYTES,
  MAX_UNDER_PREFIX,
} from '../../core/types/index.ts';
import {
  type AddressNews,
  type AwaitRequest,
  decodeSync,
  encodeFragment,
  encodeSync,
  type Hello,
  type RosterNews,
  type SyncMessage,
  siblingsToFragments,
} from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { type BucketSize, createBuckets } from '../../timing/index.ts';
import type { SnapshotServer } from '../bootstrap/snapshot-server.ts';
import type { Door } from '../commit/door.ts';
import { receive } from '../commit/receive.ts';
import type { Writer } from '../commit/writer.ts';
import { type LungName, noteReachesUs } from '../peers/link.ts';
import type { PeerTable } from '../peers/peers.ts';
import { serve } from '../peers/repairing.ts';
import { type Entries, HERE } from '../storage/entries.ts';
import type { VaultServer } from '../vault/serve.ts';

/**
 * Hellos of one peer: it says one when it connects and one with each poll. A hello costs a signature check and a
 * signature.
 */
const HELLOS: BucketSize = { burst: 64, perSecond: 32 };
/** Peers whose hellos are counted: more than are remembered. */
const MAX_ASKERS = 1024;
/** Room for the framing of an `entries` answer. */
const FRAMING_BYTES = 4096;
/** How many entries are read at once for a `want`, so that one request never takes much memory. */
const READ_CHUNK = 128;

export interface ResponderDeps {
  readonly replica: Replica;
  readonly hasher: Hasher;
  readonly writer: Writer;
  readonly door: Door;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether the peer may ask: trusted authors and configured peers are members. */
  readonly isMember: (peer: Author) => boolean;
  readonly hello: (peer: Author) => SyncMessage;
  readonly peers: Pick<PeerTable, 'get'>;
  readonly onHello: (peer: Author, hello: Hello, lung: LungName) => Promise<void>;
  /** Takes in the attestations of a peer and answers with ours. */
  readonly onAttest: (peer: Author, attestations: readonly Bytes[], lung: LungName) => Promise<SyncMessage>;
  /** Takes in what a peer tells about the next roster and answers with what it lacks. */
  readonly onNews: (peer: Author, news: RosterNews, lung: LungName) => Promise<SyncMessage>;
  /** Takes in the complete cut that a peer tells and answers with a later one. */
  readonly onComplete: (peer: Author, certificate: Bytes) => Promise<SyncMessage>;
  /** Takes in where members can be reached, as a peer knows it, and answers with what it lacks. */
  readonly onAddresses: (peer: Author, news: AddressNews, lung: LungName) => Promise<SyncMessage>;
  /** Tells which of the commits asked after are durable here, or superseded. */
  readonly onAwait: (peer: Author, request: AwaitRequest) => Promise<SyncMessage>;
  readonly entries: Pick<Entries, 'many'>;
  readonly snapshots: Pick<SnapshotServer, 'manifest' | 'chunk'>;
  /** Undefined where the node has no vault. */
  readonly vault?: VaultServer | undefined;
  /** Whether a snapshot is being taken over. Sessions of other nodes would then bring the same entries once more. */
  readonly isBootstrapping: () => boolean;
}

export interface Responder {
  /** Answers one sync request. It does not reject for what the peer sent: that is answered with an error message. */
  answer(peer: Author | undefined, message: Bytes, lung: LungName): Promise<Bytes>;
}

/** The answering side of every session, the same for both lungs. */
export function createResponder(deps: ResponderDeps): Responder {
  const hellos = createBuckets(deps.clock, HELLOS, MAX_ASKERS);
  /** How many fragments were sent of keys whose siblings do not fit into one message. */
  let sentInPart = 0;
  const cells = createCellServer({ state: () => deps.replica, now: () => deps.clock.monotonic() });

  async function respond(peer: Author, message: SyncMessage, lung: LungName): Promise<SyncMessage> {
    const brings = message.type === 'digests' || message.type === 'cells' || (message.type === 'push' && !message.live);
    if (brings && deps.isBootstrapping())
      throw new LatticeError('bootstrapping', 'this node is taking over a snapshot');
    switch (message.type) {
      case 'hello':
        if (!hellos.get(peer).take(1)) throw new LatticeError('overloaded', 'too many hellos');
        await deps.onHello(peer, message, lung);
        return deps.writer.read(() => answerTo(message, deps.hello(peer)));
      case 'digests':
        return deps.writer.read(() => answerDigests(message.queries, deps.replica.tree));
      case 'cells':
        return deps.writer.read(() => cells.answer(message));
      case 'want':
        return deps.writer.read(() => entries(message.keyHashes));
      case 'push':
        return {
          type: 'pushed',
          verdicts: (await receive(deps.door, message.fragments, { lung, peer, live: message.live })).flatMap(
            (r) => r.verdicts,
          ),
        };
      case 'attest':
        return deps.onAttest(peer, message.attestations, lung);
      case 'news':
        return deps.onNews(peer, message, lung);
      case 'complete':
        return deps.onComplete(peer, message.certificate);
      case 'addresses':
        return deps.onAddresses(peer, message, lung);
      case 'await':
        return deps.onAwait(peer, message);
      case 'snapshot':
        return deps.snapshots.manifest(message.root);
      case 'chunk':
        return deps.snapshots.chunk(message);
      case 'have':
        return vault().have(message);
      case 'leaves':
        return vault().leaves(message);
      case 'blocks':
        return vault().blocks(message);
      case 'manifest':
      case 'part':
      case 'differences':
      case 'entries':
      case 'pushed':
      case 'error':
      case 'coded':
      case 'attested':
      case 'held':
      case 'leaf-hashes':
      case 'block-bytes':
      case 'newsback':
      case 'completed':
      case 'addresses-back':
      case 'awaited':
        throw new LatticeError('malformed', `${message.type} is an answer, not a request`);
    }
  }

  function vault(): VaultServer {
    if (deps.vault === undefined) throw new LatticeError('not-supported', 'this node has no vault');
    return deps.vault;
  }

  async function entries(keyHashes: readonly Bytes[]): Promise<SyncMessage> {
    const fragments: Bytes[] = [];
    let size = FRAMING_BYTES;
    let answered = 0;
    const read = (at: number) => {
      const chunk = keyHashes.slice(at, at + READ_CHUNK).map(wholeHashes);
      return {
        chunk,
        entries: deps.entries.many(
          chunk.flat().map((keyHash) => ({ keyHash })),
          HERE,
        ),
      };
    };
    let ahead = read(0);
    for (let at = 0; at < keyHashes.length; at += READ_CHUNK) {
      const { chunk, entries } = ahead;
      const found = await entries;
      // The store's threads read the next entries while these are encoded. If that read fails, it is reported when its
      // turn comes.
      if (at + READ_CHUNK < keyHashes.length) {
        ahead = read(at + READ_CHUNK);
        ahead.entries.catch(() => undefined);
      }
      let next = 0;
      for (const { length } of chunk) {
        const siblings = found.slice(next, next + length).flatMap((entry) => entry?.siblings ?? []);
        next += length;
        const parts = siblingsToFragments(siblings, deps.hasher).map(encodeFragment);
        const bytes = parts.reduce((sum, p) => sum + p.length + 8, 0);
        if (answered > 0 && size + bytes > MAX_SYNC_BYTES) return { type: 'entries', answered, fragments };
        // Not all siblings of one key may fit into one message. Then each answer begins after those that the last one of
        // this kind had, so that an asker has all of them after a few sessions, though we may never reach it ourselves.
        const fits = size + bytes <= MAX_SYNC_BYTES;
        const first = fits ? 0 : sentInPart % parts.length;
        for (const part of [...parts.slice(first), ...parts.slice(0, first)]) {
          if (size + part.length + 8 > MAX_SYNC_BYTES) break;
          fragments.push(part);
          size += part.length + 8;
          if (!fits) sentInPart++;
        }
        answered++;
      }
    }
    return { type: 'entries', answered, fragments };
  }

  /** The whole key hashes that an asked one names: itself, or all that begin with it when it is a prefix. */
  function wholeHashes(keyHash: Bytes): readonly Bytes[] {
    if (keyHash.length === 32) return [keyHash];
    return deps.replica.tree.leavesUnder(keyHash, keyHash.length * 8, MAX_UNDER_PREFIX).map((leaf) => leaf.keyHash);
  }

  /**
   * Notes that the peer reaches us. For a request of a session, also notes that the peer repairs with us, until the
   * returned function is called.
   */
  function noteAsked(author: Author, message: SyncMessage): (() => void) | undefined {
    const peer = deps.peers.get(author);
    if (peer === undefined) return undefined;
    noteReachesUs(peer.link);
    return isOfSession(message) ? serve(peer.repair, () => deps.clock.monotonic()) : undefined;
  }

  return {
    async answer(peer, bytes, lung) {
      let reply: SyncMessage;
      try {
        if (peer === undefined || !deps.isMember(peer)) {
          throw new LatticeError('not-a-member', 'this node syncs with trusted authors and configured peers only');
        }
        const message = decodeSync(bytes);
        const served = noteAsked(peer, message);
        try {
          reply = await respond(peer, message, lung);
        } finally {
          served?.();
        }
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        deps.log.debug({ peer, code: error.code, reason: error.message }, 'sync request refused');
        reply = { type: 'error', code: error.code, message: error.message.slice(0, 200) };
      }
      return encodeSync(reply);
    },
  };
}

/** A node of an earlier version asks in the shorter form of a hello, and knows no other answer (SPEC S2). */
function answerTo(asked: Hello, answer: SyncMessage): SyncMessage {
  if (asked.about !== undefined || answer.type !== 'hello') return answer;
  const { about: _, ...shorter } = answer;
  return shorter;
}

/** Whether the request is one by which a peer looks for differences or settles them. */
function isOfSession(message: SyncMessage): boolean {
  if (message.type === 'push') return !message.live;
  return (
    message.type === 'digests' ||
    message.type === 'cells' ||
    message.type === 'want' ||
    message.type === 'snapshot' ||
    message.type === 'chunk'
  );
}
