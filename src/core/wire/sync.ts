import { type CborItem, encodeCborBefore } from '../cbor/cbor.ts';
import { type Bytes, MAX_QUERIES, MAX_SYNC_BYTES, MAX_TRUSTED } from '../types/index.ts';
import { type AddressNews, addressNewsFields, readAddressNews } from './announcement.ts';
import { MAX_ATTESTATION_BYTES, MAX_CERTIFICATE_BYTES } from './attestation.ts';
import {
  type CellsAnswer,
  type CellsRequest,
  cellsAnswerFields,
  cellsRequestFields,
  readCellsAnswer,
  readCellsRequest,
} from './cells.ts';
import {
  type Difference,
  differenceFields,
  readDifference,
  readQuery,
  repeat,
  type SubtreeDigests,
} from './differences.ts';
import { checked, clip, createWireReader, encodeChecked, type WireReader, wellFormed } from './fields.ts';
import { HELLO_LENGTHS, type Hello, helloFields, readHello } from './hello.ts';
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
  type Entries,
  encodeFragments,
  type Push,
  type Pushed,
  pushedFields,
  readEntries,
  readPush,
  readPushed,
  readWant,
  type Want,
  wantFields,
} from './transfer.ts';
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

/** (wire) Most differences in one answer: every child of every query. */
export const MAX_DIFFERENCES = 16 * MAX_QUERIES;
/** (wire) Most attestations in one message: those of two cuts by every author of a full trust list. */
export const MAX_ATTESTATIONS = 2 * MAX_TRUSTED;
/** (wire) Most bytes of UTF-8 in the texts of an error, which are for logs. */
const MAX_CODE_BYTES = 64;
const MAX_ERROR_BYTES = 256;

/**
 * A request or an answer of the sync protocol (SPEC S1), on either lung. Byte fields are views of the input when
 * decoded.
 */
export type SyncMessage =
  | Hello
  /** Asks what differs from the asker's subtrees, which it describes. 1…MAX_QUERIES of them. */
  | { readonly type: 'digests'; readonly queries: readonly SubtreeDigests[] }
  /** The answer to `digests`, 0…MAX_DIFFERENCES of them. */
  | { readonly type: 'differences'; readonly differences: readonly Difference[] }
  | Want
  | Entries
  | Push
  | Pushed
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
const SYNC_LENGTHS = {
  1: HELLO_LENGTHS,
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
 * The bytes of a sync message. An error's message is cut to its bound, so that an answer never fails for the length of
 * its text. RangeError when the message breaks another bound of `decodeSync`.
 */
export function encodeSync(message: SyncMessage): Bytes {
  if (message.type === 'entries')
    return checked(encodeFragments(SYNC.entries, message.answered, message.fragments), decodeSync);
  if (message.type === 'push') return checked(encodeFragments(SYNC.push, message.live, message.fragments), decodeSync);
  if (message.type === 'block-bytes')
    return checked(encodeCborBefore([SYNC['block-bytes']], message.bytes), decodeSync);
  return encodeChecked([SYNC[message.type], ...syncBody(message)], decodeSync);
}

function syncBody(message: Exclude<SyncMessage, { type: 'entries' | 'push' }>): CborItem[] {
  switch (message.type) {
    case 'hello':
      return helloFields(message);
    case 'digests':
      return [message.queries.map((q) => [q.prefix, q.bits, q.bitmap, q.digests])];
    case 'differences':
      return [message.differences.map(differenceFields)];
    case 'want':
      return wantFields(message);
    case 'pushed':
      return pushedFields(message);
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
    case SYNC.hello:
      return readHello(reader);
    case SYNC.digests:
      return { type: 'digests', queries: repeat(reader.array('queries', 1, MAX_QUERIES), () => readQuery(reader)) };
    case SYNC.differences: {
      const count = reader.array('differences', 0, MAX_DIFFERENCES);
      return { type: 'differences', differences: repeat(count, () => readDifference(reader)) };
    }
    case SYNC.want:
      return readWant(reader);
    case SYNC.entries:
      return readEntries(reader);
    case SYNC.push:
      return readPush(reader);
    case SYNC.pushed:
      return readPushed(reader);
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

function readAttestations(reader: WireReader): Bytes[] {
  return repeat(reader.array('attestations', 0, MAX_ATTESTATIONS), () =>
    reader.bytes('attestation', 1, MAX_ATTESTATION_BYTES),
  );
}
