import type { CborItem } from '../cbor/cbor.ts';
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
  MAX_OPERATIONS,
  MAX_QUERIES,
  MAX_SYNC_BYTES,
  MAX_TRUSTED,
  MAX_WANTS,
  PROTOCOL_VERSION,
  REFUSALS,
  type Refusal,
} from '../types/index.ts';
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

/** (wire) Fragments in one gossip message: one author's commits of a group commit or two, whatever their size. */
export const MAX_GOSSIP_FRAGMENTS = 256;
/** (wire) Fragments in one entries answer: no fragment has under 128 bytes, so the message is full before this is. */
export const MAX_ENTRY_FRAGMENTS = MAX_SYNC_BYTES / 128;
/** (wire) Differences in one answer: every child of every query. */
export const MAX_DIFFERENCES = 16 * MAX_QUERIES;
const HASH_BYTES = 32;
/** (wire) Attestations in one message: those of two cuts by every author of a full trust list. */
export const MAX_ATTESTATIONS = 2 * MAX_TRUSTED;
/** (wire) Bytes of a key hash by which a key that coded symbols found is named: its item says no more of it. */
export const KEY_PREFIX_BYTES = 8;
/**
 * (wire) Bytes of UTF-8 in the short texts of messages. A cursor holds an incarnation and a sequence; the rest are for
 * logs.
 */
const MAX_CURSOR_BYTES = 128;
const MAX_REASON_BYTES = 256;
const MAX_SOFTWARE_BYTES = 64;
const MAX_CODE_BYTES = 64;
const MAX_ERROR_BYTES = 256;

/**
 * What gossip and push streams carry. Fragments are encoded ones, 1…MAX_GOSSIP_FRAGMENTS, as views of the input when
 * decoded.
 */
export type GossipMessage =
  | { readonly type: 'commits'; readonly fragments: readonly Bytes[] }
  | { readonly type: 'head'; readonly head: SignedHead }
  /** What a node says of the state at one cut; by whatever way it came, it is sent on once. */
  | { readonly type: 'attestation'; readonly attestation: SignedAttestation }
  /** Push streams only: where the stream stands, to resume there. At most 128 bytes of text. */
  | { readonly type: 'cursor'; readonly cursor: string }
  /** Push streams only: the cursor asked for cannot be resumed; repair instead. At most 256 bytes of text. */
  | { readonly type: 'reset'; readonly reason: string };

const GOSSIP = { commits: 1, head: 2, cursor: 3, reset: 4, attestation: 5 } as const;
const GOSSIP_LENGTHS = { 1: 2, 2: 2, 3: 2, 4: 2, 5: 2 };

/** What became of one pushed operation: `held` when it was applied or already here. */
export type PushVerdict = 'held' | 'superseded' | Refusal;

const VERDICTS: readonly PushVerdict[] = ['held', 'superseded', ...REFUSALS];

/** One request or answer of anti-entropy, on either lung. Byte fields are views of the input when decoded. */
export type SyncMessage =
  /**
   * Both ways. `software`: at most 64 bytes of text. `yourHlc`: the greatest HLC of the other side's author that the
   * sender has seen, zero if none.
   */
  | { readonly type: 'hello'; readonly software: string; readonly head: SignedHead; readonly yourHlc: Hlc }
  /** "My subtrees look like this: what differs?" 1…MAX_QUERIES. */
  | { readonly type: 'digests'; readonly queries: readonly SubtreeDigests[] }
  /** Answer to `digests`, 0…MAX_DIFFERENCES. */
  | { readonly type: 'differences'; readonly differences: readonly Difference[] }
  /** Asks for entries by key hash, increasing, 1…MAX_WANTS: 32 bytes each, or the first KEY_PREFIX_BYTES of each. */
  | { readonly type: 'want'; readonly keyHashes: readonly Bytes[] }
  /** Answer to `want`: the fragments of the first `answered` hashes; for a prefix those of every key under it. */
  | { readonly type: 'entries'; readonly answered: number; readonly fragments: readonly Bytes[] }
  /** Fragments for the other side, 1…MAX_WANTS. `live`: just applied, not found by repair. */
  | { readonly type: 'push'; readonly live: boolean; readonly fragments: readonly Bytes[] }
  /** Answer to `push`: one verdict for each operation, in the order sent. */
  | { readonly type: 'pushed'; readonly verdicts: readonly PushVerdict[] }
  /** At most 64 and 256 bytes of text. */
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | CellsRequest
  | CellsAnswer
  /**
   * "These attestations I know: which do you?" Encoded ones, 0…MAX_ATTESTATIONS, left for `decodeSignedAttestation`.
   */
  | { readonly type: 'attest'; readonly attestations: readonly Bytes[] }
  /** Answer to `attest`: the newest certificate, left for `decodeCertificate` (empty: none), and attestations. */
  | { readonly type: 'attested'; readonly certificate: Bytes; readonly attestations: readonly Bytes[] }
  | SnapshotRequest
  | Manifest
  | ChunkRequest
  | ChunkPart;

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
} as const;
const SYNC_LENGTHS = {
  1: 5,
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
};

/** A reset's reason is cut to its bound. RangeError when the message breaks another bound of `decodeGossip`. */
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
    case 'cursor':
      return wellFormed(message.cursor);
    case 'reset':
      return clip(message.reason, MAX_REASON_BYTES);
  }
}

/**
 * Structure and bounds; fragments are left for `decodeFragment`, the head's signature for the caller. Cursor and
 * reset are `malformed` unless `stream`. LatticeError `malformed` or `unknown-version`.
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
    case GOSSIP.cursor:
      return { type: 'cursor', cursor: reader.text('cursor', 0, MAX_CURSOR_BYTES) };
    default:
      return { type: 'reset', reason: reader.text('reason', 0, MAX_REASON_BYTES) };
  }
}

/**
 * An error's message is cut to its bound: it must not fail for its length. RangeError when the message breaks another
 * bound of `decodeSync`.
 */
export function encodeSync(message: SyncMessage): Bytes {
  if (message.type === 'entries') return encodeFragments(SYNC.entries, message.answered, message.fragments);
  if (message.type === 'push') return encodeFragments(SYNC.push, message.live, message.fragments);
  return encodeChecked([SYNC[message.type], ...syncBody(message)], decodeSync);
}

/**
 * `[type, second, fragments]`, written straight: these are nearly all that a repair sends, a thousand byte strings
 * each.
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
      return [PROTOCOL_VERSION, wellFormed(message.software), message.head.bytes, hlcToBytes(message.yourHlc)];
    case 'digests':
      return [message.queries.map((q) => [q.prefix, q.bits, q.bitmap, q.digests])];
    case 'differences':
      return [message.differences.map(differenceFields)];
    case 'want':
      return [widthOf(message.keyHashes), concatBytes(...message.keyHashes)];
    case 'pushed':
      return [Uint8Array.from(message.verdicts, (verdict) => VERDICTS.indexOf(verdict))];
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
  }
}

function widthOf(keyHashes: readonly Bytes[]): number {
  const width = keyHashes[0]?.length ?? HASH_BYTES;
  if (!keyHashes.every((hash) => hash.length === width))
    throw new RangeError('the key hashes of one want have one width');
  return width;
}

/**
 * Structure and bounds; fragments are left for `decodeFragment`, the head's signature for the caller. LatticeError
 * `malformed` or `unknown-version`.
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
      return { type: 'hello', software, head, yourHlc: reader.hlc('your hlc') };
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

function byteToVerdict(byte: number): PushVerdict {
  const verdict = VERDICTS[byte];
  if (verdict === undefined) throw malformed(`verdict ${byte} is unknown`);
  return verdict;
}
