// Longer than other files, because the number, the form, the encoder and the decoder of each message have to agree and
// are read together.
import { type CborItem, encodeCborBefore } from '../cbor/cbor.ts';
import { malformed, splitBytes, UINT } from '../cbor/reader.ts';
import { createWriter, finish, writeArray, writeBoolean, writeBytes, writeHead } from '../cbor/writer.ts';
import { hlcToBytes } from '../clock/hlc.ts';
import {
  type Bytes,
  concatBytes,
  type Hlc,
  LatticeError,
  MAX_FRAGMENT_BYTES,
  MAX_GOSSIP_BYTES,
  MAX_NOTICE_BYTES,
  MAX_OPERATIONS,
  MAX_QUERIES,
  MAX_SYNC_BYTES,
  MAX_TRUSTED,
  MAX_WANTS,
  PROTOCOL_VERSION,
  REFUSALS,
  type Refusal,
} from '../types/index.ts';
import { type About, aboutFields, readAbout } from './about.ts';
import { type AddressNews, addressNewsFields, MAX_ANNOUNCEMENT_BYTES, readAddressNews } from './announcement.ts';
import {
  decodeSignedAttestation,
  MAX_ATTESTATION_BYTES,
  MAX_CERTIFICATE_BYTES,
  type SignedAttestation,
} from './attestation.ts';
import {
  type CellsAnswer,
  type CellsRequest,
  cellsAnswerFields,
  cellsRequestFields,
  readCellsAnswer,
  readCellsRequest,
} from './cells.ts';
import {
  checkIncreasing,
  type Difference,
  differenceFields,
  readDifference,
  readQuery,
  repeat,
  type SubtreeDigests,
} from './differences.ts';
import { checked, clip, createWireReader, encodeChecked, type WireReader, wellFormed } from './fields.ts';
import { decodeSignedHead, MAX_HEAD_BYTES, type SignedHead } from './head.ts';
import { type AwaitAnswer, type AwaitRequest, readAwait, readAwaited, receiptFields } from './receipts.ts';
import { newsFields, type RosterNews, readNews } from './roster.ts';
import {
  type ChunkPart,
  type ChunkRequest,
  type Manifest,
  readChunkPart,
  readChunkRequest,
  readManifest,
  readSnapshotRequest,
  type SnapshotRequest,
  snapshotFields,
} from './snapshot.ts';
import {
  readBlocksAnswer,
  readBlocksRequest,
  readHave,
  readHeld,
  readLeavesAnswer,
  readLeavesRequest,
  type VaultMessage,
  vaultFields,
} from './vault.ts';

/** (wire) Most fragments in one gossip message: one author's commits of a batch or two, whatever their size. */
export const MAX_GOSSIP_FRAGMENTS = 256;
/**
 * (wire) Most fragments in one answer to a want. No fragment has under 128 bytes, so the message is full before this is
 * reached.
 */
export const MAX_ENTRY_FRAGMENTS = MAX_SYNC_BYTES / 128;
/** (wire) Most differences in one answer: every child of every query. */
export const MAX_DIFFERENCES = 16 * MAX_QUERIES;
const HASH_BYTES = 32;
/** (wire) Most attestations in one message: those of two cuts by every author of a full trust list. */
export const MAX_ATTESTATIONS = 2 * MAX_TRUSTED;
/** (wire) First bytes of a key hash by which a key is named that coded symbols found: their item has no more of it. */
export const KEY_PREFIX_BYTES = 8;
/**
 * (wire) Most bytes of UTF-8 in the short texts of messages. A cursor has a store incarnation and a sequence; the
 * others are for logs.
 */
const MAX_CURSOR_BYTES = 128;
const MAX_REASON_BYTES = 256;
const MAX_SOFTWARE_BYTES = 64;
const MAX_CODE_BYTES = 64;
const MAX_ERROR_BYTES = 256;

/**
 * What gossip and push streams carry (SPEC G2). There are 1…MAX_GOSSIP_FRAGMENTS fragments, encoded; when decoded, they
 * are views of the input.
 */
export type GossipMessage =
  | { readonly type: 'commits'; readonly fragments: readonly Bytes[] }
  | { readonly type: 'head'; readonly head: SignedHead }
  /** What a node says of the state at one cut. It is sent on once, whatever way it came. */
  | { readonly type: 'attestation'; readonly attestation: SignedAttestation }
  /** What members tell each other about the next roster, left for `decodeNotice`. */
  | { readonly type: 'notice'; readonly notice: Bytes }
  /** Where a member can be reached, left for `decodeAnnouncement`. It is sent on once, whatever way it came. */
  | { readonly type: 'announcement'; readonly announcement: Bytes }
  /** On push streams only: where the stream stands, so that a later one can resume there. At most 128 bytes of text. */
  | { readonly type: 'cursor'; readonly cursor: string }
  /**
   * On push streams only: the stream cannot resume at the cursor asked for, so the reader has to repair. At most 256
   * bytes of text.
   */
  | { readonly type: 'reset'; readonly reason: string };

const GOSSIP = { commits: 1, head: 2, cursor: 3, reset: 4, attestation: 5, notice: 6, announcement: 7 } as const;
const GOSSIP_LENGTHS = { 1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2 };

/** What became of one pushed operation. It is `held` when it was applied or was there already. */
export type PushVerdict = 'held' | 'superseded' | Refusal;

const VERDICTS: readonly PushVerdict[] = ['held', 'superseded', ...REFUSALS];

/**
 * A request or an answer of the sync protocol (SPEC S1), on either lung. Byte fields are views of the input when
 * decoded.
 */
export type SyncMessage =
  /**
   * The request, and the answer to it. `software` has at most 64 bytes of text. `yourHlc` is the greatest HLC of a
   * commit by the other side's author that the sender applied, zero if there is none. Nodes of an earlier version send
   * no `about`, and take no hello that has one.
   */
  | {
      readonly type: 'hello';
      readonly software: string;
      readonly head: SignedHead;
      readonly yourHlc: Hlc;
      readonly about?: About;
    }
  /** Asks what differs from the asker's subtrees, which it describes. 1…MAX_QUERIES of them. */
  | { readonly type: 'digests'; readonly queries: readonly SubtreeDigests[] }
  /** The answer to `digests`, 0…MAX_DIFFERENCES of them. */
  | { readonly type: 'differences'; readonly differences: readonly Difference[] }
  /**
   * Asks for entries by 1…MAX_WANTS key hashes, increasing: 32 bytes of each, or the first KEY_PREFIX_BYTES of each.
   */
  | { readonly type: 'want'; readonly keyHashes: readonly Bytes[] }
  /** The answer to `want`: the fragments of the first `answered` key hashes; a prefix stands for every key under it. */
  | { readonly type: 'entries'; readonly answered: number; readonly fragments: readonly Bytes[] }
  /**
   * 1…MAX_WANTS fragments for the other side. `live` tells that they were just applied and are not what a repair found.
   */
  | { readonly type: 'push'; readonly live: boolean; readonly fragments: readonly Bytes[] }
  /**
   * The answer to `push`: one verdict for each operation in the order sent, and one for each fragment that could not be
   * read.
   */
  | { readonly type: 'pushed'; readonly verdicts: readonly PushVerdict[] }
  /** The answer to a request that cannot be served. `code` has at most 64 bytes of text and `message` at most 256. */
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | CellsRequest
  | CellsAnswer
  /**
   * Names the attestations that the asker knows and asks for the answerer's. 0…MAX_ATTESTATIONS encoded ones, left for
   * `decodeSignedAttestation`.
   */
  | { readonly type: 'attest'; readonly attestations: readonly Bytes[] }
  /**
   * The answer to `attest`: the newest certificate, left for `decodeCertificate` (empty when there is none), and
   * attestations.
   */
  | { readonly type: 'attested'; readonly certificate: Bytes; readonly attestations: readonly Bytes[] }
  | SnapshotRequest
  | Manifest
  | ChunkRequest
  | ChunkPart
  | VaultMessage
  | RosterNews
  | AddressNews
  /**
   * Tells the newest complete cut that the asker knows, and asks for a later one: its certificate, left for
   * `decodeCertificate`, or nothing when it knows none.
   */
  | { readonly type: 'complete'; readonly certificate: Bytes }
  /** The answer to `complete`: the certificate of a later complete cut, empty when the answerer knows none. */
  | { readonly type: 'completed'; readonly certificate: Bytes }
  | AwaitRequest
  | AwaitAnswer;

export type Hello = Extract<SyncMessage, { type: 'hello' }>;

const SYNC = {
  hello: 1,
  digests: 2,
  differences: 3,
  want: 4,
  entries: 5,
  push: 6,
  pushed: 7,
  error: 8,
  cells: 9,
  coded: 10,
  attest: 11,
  attested: 12,
  snapshot: 13,
  manifest: 14,
  chunk: 15,
  part: 16,
  have: 17,
  held: 18,
  leaves: 19,
  'leaf-hashes': 20,
  blocks: 21,
  'block-bytes': 22,
  news: 23,
  newsback: 24,
  complete: 25,
  completed: 26,
  addresses: 27,
  'addresses-back': 28,
  await: 29,
  awaited: 30,
} as const;
/** A hello has as many elements, or two fewer from nodes of an earlier version. */
const WHOLE_HELLO = 7;
const SYNC_LENGTHS = {
  1: [WHOLE_HELLO - 2, WHOLE_HELLO],
  2: 2,
  3: 2,
  4: 3,
  5: 3,
  6: 3,
  7: 2,
  8: 3,
  9: 6,
  10: 6,
  11: 2,
  12: 3,
  13: 2,
  14: 3,
  15: 4,
  16: 4,
  17: 2,
  18: 2,
  19: 4,
  20: 2,
  21: 4,
  22: 2,
  23: 5,
  24: 5,
  25: 2,
  26: 2,
  27: 3,
  28: 3,
  29: 3,
  30: 2,
};

/**
 * The bytes of a gossip message. A reset's reason is cut to its bound. RangeError when the message breaks another bound
 * of `decodeGossip`.
 */
export function encodeGossip(message: GossipMessage): Bytes {
  return encodeChecked([GOSSIP[message.type], gossipBody(message)], (bytes) => decodeGossip(bytes, { stream: true }));
}

function gossipBody(message: GossipMessage): CborItem {
  switch (message.type) {
    case 'commits':
      return message.fragments;
    case 'head':
      return message.head.bytes;
    case 'attestation':
      return message.attestation.bytes;
    case 'notice':
      return message.notice;
    case 'announcement':
      return message.announcement;
    case 'cursor':
      return wellFormed(message.cursor);
    case 'reset':
      return clip(message.reason, MAX_REASON_BYTES);
  }
}

/**
 * Checks structure and bounds; fragments are left for `decodeFragment`, and the head's signature for the caller. A
 * cursor or a reset is `malformed` unless `stream` is set. LatticeError `malformed` or `unknown-version`.
 */
export function decodeGossip(bytes: Bytes, options: { readonly stream: boolean }): GossipMessage {
  const reader = createWireReader('gossip message', bytes, MAX_GOSSIP_BYTES);
  const type = reader.open(GOSSIP_LENGTHS);
  if (!options.stream && (type === GOSSIP.cursor || type === GOSSIP.reset))
    throw malformed(`gossip message of type ${type} belongs on push streams only`);
  const message = readGossip(reader, type);
  reader.end();
  return message;
}

function readGossip(reader: WireReader, type: number): GossipMessage {
  switch (type) {
    case GOSSIP.commits:
      return { type: 'commits', fragments: readFragments(reader, 1, MAX_GOSSIP_FRAGMENTS) };
    case GOSSIP.head:
      return { type: 'head', head: decodeSignedHead(reader.bytes('head', 1, MAX_HEAD_BYTES)) };
    case GOSSIP.attestation:
      return {
        type: 'attestation',
        attestation: decodeSignedAttestation(reader.bytes('attestation', 1, MAX_ATTESTATION_BYTES)),
      };
    case GOSSIP.notice:
      return { type: 'notice', notice: reader.bytes('notice', 1, MAX_NOTICE_BYTES) };
    case GOSSIP.announcement:
      return { type: 'announcement', announcement: reader.bytes('announcement', 1, MAX_ANNOUNCEMENT_BYTES) };
    case GOSSIP.cursor:
      return { type: 'cursor', cursor: reader.text('cursor', 0, MAX_CURSOR_BYTES) };
    default:
      return { type: 'reset', reason: reader.text('reason', 0, MAX_REASON_BYTES) };
  }
}

/**
 * The bytes of a sync message. An error's message is cut to its bound, so that an answer never fails for the length of
 * its text. RangeError when the message breaks another bound of `decodeSync`.
 */
export function encodeSync(message: SyncMessage): Bytes {
  if (message.type === 'entries') return encodeFragments(SYNC.entries, message.answered, message.fragments);
  if (message.type === 'push') return encodeFragments(SYNC.push, message.live, message.fragments);
  if (message.type === 'block-bytes')
    return checked(encodeCborBefore([SYNC['block-bytes']], message.bytes), decodeSync);
  return encodeChecked([SYNC[message.type], ...syncBody(message)], decodeSync);
}

/**
 * `[type, second, fragments]`, written without the tree of items that `encodeCbor` takes: nearly all that a repair
 * sends are such messages, of a thousand byte strings each.
 */
function encodeFragments(type: number, second: number | boolean, fragments: readonly Bytes[]): Bytes {
  const writer = createWriter(fragments.reduce((sum, fragment) => sum + fragment.length + 5, 16));
  writeArray(writer, 3);
  writeHead(writer, UINT, type);
  if (typeof second === 'number') writeHead(writer, UINT, second);
  else writeBoolean(writer, second);
  writeArray(writer, fragments.length);
  for (const fragment of fragments) writeBytes(writer, fragment);
  return checked(finish(writer), decodeSync);
}

function syncBody(message: Exclude<SyncMessage, { type: 'entries' | 'push' }>): CborItem[] {
  switch (message.type) {
    case 'hello':
      return [
        PROTOCOL_VERSION,
        wellFormed(message.software),
        message.head.bytes,
        hlcToBytes(message.yourHlc),
        ...(message.about === undefined ? [] : aboutFields(message.about)),
      ];
    case 'digests':
      return [message.queries.map((q) => [q.prefix, q.bits, q.bitmap, q.digests])];
    case 'differences':
      return [message.differences.map(differenceFields)];
    case 'want':
      return [widthOf(message.keyHashes), concatBytes(...message.keyHashes)];
    case 'pushed':
      return [Uint8Array.from(message.verdicts, verdictToByte)];
    case 'error':
      return [wellFormed(message.code), clip(message.message, MAX_ERROR_BYTES)];
    case 'cells':
      return cellsRequestFields(message);
    case 'coded':
      return cellsAnswerFields(message);
    case 'attest':
      return [message.attestations];
    case 'attested':
      return [message.certificate, message.attestations];
    case 'snapshot':
    case 'manifest':
    case 'chunk':
    case 'part':
      return snapshotFields(message);
    case 'have':
    case 'held':
    case 'leaves':
    case 'leaf-hashes':
    case 'blocks':
    case 'block-bytes':
      return vaultFields(message);
    case 'news':
    case 'newsback':
      return newsFields(message);
    case 'complete':
    case 'completed':
      return [message.certificate];
    case 'addresses':
    case 'addresses-back':
      return addressNewsFields(message);
    case 'await':
    case 'awaited':
      return receiptFields(message);
  }
}

function widthOf(keyHashes: readonly Bytes[]): number {
  const width = keyHashes[0]?.length ?? HASH_BYTES;
  if (!keyHashes.every((hash) => hash.length === width))
    throw new RangeError('the key hashes of one want have one width');
  return width;
}

/**
 * Checks structure and bounds; fragments are left for `decodeFragment`, and the head's signature for the caller.
 * LatticeError `malformed` or `unknown-version`.
 */
export function decodeSync(bytes: Bytes): SyncMessage {
  const reader = createWireReader('sync message', bytes, MAX_SYNC_BYTES);
  const message = readSync(reader, reader.open(SYNC_LENGTHS));
  reader.end();
  return message;
}

function readSync(reader: WireReader, type: number): SyncMessage {
  switch (type) {
    case SYNC.hello: {
      const protocol = reader.uint('protocol');
      if (protocol !== PROTOCOL_VERSION) throw new LatticeError('unknown-version', `hello of protocol ${protocol}`);
      const software = reader.text('software', 0, MAX_SOFTWARE_BYTES);
      const head = decodeSignedHead(reader.bytes('head', 1, MAX_HEAD_BYTES));
      const hello = { type: 'hello' as const, software, head, yourHlc: reader.hlc('your hlc') };
      return reader.elements() === WHOLE_HELLO ? { ...hello, about: readAbout(reader) } : hello;
    }
    case SYNC.digests:
      return { type: 'digests', queries: repeat(reader.array('queries', 1, MAX_QUERIES), () => readQuery(reader)) };
    case SYNC.differences: {
      const count = reader.array('differences', 0, MAX_DIFFERENCES);
      return { type: 'differences', differences: repeat(count, () => readDifference(reader)) };
    }
    case SYNC.want: {
      const width = reader.uint('width');
      if (width !== HASH_BYTES && width !== KEY_PREFIX_BYTES) throw malformed(`key hashes of ${width} bytes`);
      const keyHashes = splitBytes(reader.bytes('key hashes', width, MAX_WANTS * width), width);
      checkIncreasing(keyHashes);
      return { type: 'want', keyHashes };
    }
    case SYNC.entries: {
      const answered = reader.uint('answered', 0, MAX_WANTS);
      return { type: 'entries', answered, fragments: readFragments(reader, 0, MAX_ENTRY_FRAGMENTS) };
    }
    case SYNC.push: {
      const live = reader.boolean();
      return { type: 'push', live, fragments: readFragments(reader, 1, MAX_WANTS) };
    }
    case SYNC.pushed:
      return {
        type: 'pushed',
        verdicts: Array.from(reader.bytes('verdicts', 0, MAX_WANTS * MAX_OPERATIONS), byteToVerdict),
      };
    case SYNC.cells:
      return readCellsRequest(reader);
    case SYNC.coded:
      return readCellsAnswer(reader);
    case SYNC.attest:
      return { type: 'attest', attestations: readAttestations(reader) };
    case SYNC.attested:
      return {
        type: 'attested',
        certificate: reader.bytes('certificate', 0, MAX_CERTIFICATE_BYTES),
        attestations: readAttestations(reader),
      };
    case SYNC.snapshot:
      return readSnapshotRequest(reader);
    case SYNC.manifest:
      return readManifest(reader);
    case SYNC.chunk:
      return readChunkRequest(reader);
    case SYNC.part:
      return readChunkPart(reader);
    case SYNC.have:
      return readHave(reader);
    case SYNC.held:
      return readHeld(reader);
    case SYNC.leaves:
      return readLeavesRequest(reader);
    case SYNC['leaf-hashes']:
      return readLeavesAnswer(reader);
    case SYNC.blocks:
      return readBlocksRequest(reader);
    case SYNC['block-bytes']:
      return readBlocksAnswer(reader);
    case SYNC.news:
      return readNews(reader, 'news');
    case SYNC.newsback:
      return readNews(reader, 'newsback');
    case SYNC.complete:
      return { type: 'complete', certificate: reader.bytes('certificate', 0, MAX_CERTIFICATE_BYTES) };
    case SYNC.completed:
      return { type: 'completed', certificate: reader.bytes('certificate', 0, MAX_CERTIFICATE_BYTES) };
    case SYNC.addresses:
      return readAddressNews(reader, 'addresses');
    case SYNC['addresses-back']:
      return readAddressNews(reader, 'addresses-back');
    case SYNC.await:
      return readAwait(reader);
    case SYNC.awaited:
      return readAwaited(reader);
    default: {
      const code = reader.text('code', 0, MAX_CODE_BYTES);
      return { type: 'error', code, message: reader.text('message', 0, MAX_ERROR_BYTES) };
    }
  }
}

function readFragments(reader: WireReader, min: number, max: number): Bytes[] {
  return repeat(reader.array('fragments', min, max), () => reader.bytes('fragment', 1, MAX_FRAGMENT_BYTES));
}

function readAttestations(reader: WireReader): Bytes[] {
  return repeat(reader.array('attestations', 0, MAX_ATTESTATIONS), () =>
    reader.bytes('attestation', 1, MAX_ATTESTATION_BYTES),
  );
}

function verdictToByte(verdict: PushVerdict): number {
  return VERDICTS.indexOf(verdict === 'key-full' ? 'overloaded' : verdict);
}

function byteToVerdict(byte: number): PushVerdict {
  const verdict = VERDICTS[byte];
  if (verdict === undefined) throw malformed(`verdict ${byte} is unknown`);
  return verdict;
}
