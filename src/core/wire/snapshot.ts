import type { CborItem } from '../cbor/cbor.ts';
import {
  ARRAY,
  createReader,
  expectArray,
  expectEnd,
  malformed,
  readBytes,
  readBytesOf,
  readHead,
  readUint,
} from '../cbor/reader.ts';
import { type Bytes, equalBytes, type Hasher, MAX_SIBLINGS, MAX_SYNC_BYTES, type Sibling } from '../types/index.ts';
import { MAX_CERTIFICATE_BYTES } from './attestation.ts';
import type { WireReader } from './fields.ts';
import { contextFault } from './fragment.ts';
import { commitId, decodeHeader } from './header.ts';
import { decodeOperation } from './operation.ts';
import { singleRootInto } from './ops-tree.ts';

/**
 * (wire) Most bits of the prefixes by which a snapshot is divided into chunks. The hashes of so many chunks take 512
 * KiB of a message.
 */
export const MAX_CHUNK_BITS = 14;
/**
 * (wire) Most keys that a chunk has on average, as long as MAX_CHUNK_BITS suffice for that: about 200 KiB, little
 * enough to be fetched again from another peer.
 */
export const CHUNK_ENTRIES = 512;
/**
 * (wire) Most entries in one part of a chunk. No entry has under 128 bytes, so the message is full before this is
 * reached.
 */
export const MAX_PART_ENTRIES = MAX_SYNC_BYTES / 128;
const HASH_BYTES = 32;
/** (wire) Bytes of a key that a part names without its entry: key hash ‖ leaf. */
export const PART_LEAF_BYTES = 2 * HASH_BYTES;
const MAX_PART_LEAVES = 8192;

/** Asks for the manifest of the snapshot of a certified cut (SPEC W2). */
export interface SnapshotRequest {
  readonly type: 'snapshot';
  /** The root of the cut (32 bytes), or empty for the newest certified one. */
  readonly root: Bytes;
}

/** The answer to `snapshot`. */
export interface Manifest {
  readonly type: 'manifest';
  /** The certificate of the cut, as `decodeCertificate` reads it. */
  readonly certificate: Bytes;
  /**
   * For each prefix of `chunkBits` bits, ascending, 32 bytes: the hash of the node that covers exactly the leaves under
   * it, zero when there are none.
   */
  readonly hashes: Bytes;
}

/** Asks for a chunk of the snapshot with this root, from the first key hash greater than `after` on (SPEC W3). */
export interface ChunkRequest {
  readonly type: 'chunk';
  readonly root: Bytes;
  /** The chunk's prefix as a number: 0…2^chunkBits − 1. */
  readonly index: number;
  /** Empty, or `next` of the previous part. */
  readonly after: Bytes;
}

/**
 * The answer to `chunk`: all keys of the chunk up to `next` (up to its end where that is empty), each either by its
 * entry or by its leaf.
 */
export interface ChunkPart {
  readonly type: 'part';
  readonly next: Bytes;
  /** Entries as `encodeEntry` makes them, in increasing order of key hash. */
  readonly entries: readonly Bytes[];
  /**
   * PART_LEAF_BYTES for each key that has changed since the cut or whose entry is too large for a part, in increasing
   * order.
   */
  readonly leaves: Bytes;
}

/**
 * Bits of the prefixes by which a cut of `entries` keys is divided into chunks (SPEC W1). It is the same on every node.
 */
export function chunkBits(entries: number): number {
  let bits = 0;
  while (bits < MAX_CHUNK_BITS && CHUNK_ENTRIES * 2 ** bits < entries) bits++;
  return bits;
}

/** The elements of a message's array after its type. */
export function snapshotFields(message: SnapshotRequest | Manifest | ChunkRequest | ChunkPart): CborItem[] {
  switch (message.type) {
    case 'snapshot':
      return [message.root];
    case 'manifest':
      return [message.certificate, message.hashes];
    case 'chunk':
      return [message.root, message.index, message.after];
    case 'part':
      return [message.next, message.entries, message.leaves];
  }
}

export function readSnapshotRequest(reader: WireReader): SnapshotRequest {
  return { type: 'snapshot', root: readOptional(reader, 'root') };
}

export function readManifest(reader: WireReader): Manifest {
  const certificate = reader.bytes('certificate', 1, MAX_CERTIFICATE_BYTES);
  const hashes = reader.bytes('hashes', HASH_BYTES, HASH_BYTES * 2 ** MAX_CHUNK_BITS);
  if (!Number.isInteger(Math.log2(hashes.length / HASH_BYTES)))
    throw malformed(`${hashes.length} bytes of subtree hashes`);
  return { type: 'manifest', certificate, hashes };
}

export function readChunkRequest(reader: WireReader): ChunkRequest {
  const root = reader.bytes('root', HASH_BYTES);
  const index = reader.uint('index', 0, 2 ** MAX_CHUNK_BITS - 1);
  return { type: 'chunk', root, index, after: readOptional(reader, 'after') };
}

export function readChunkPart(reader: WireReader): ChunkPart {
  const next = readOptional(reader, 'next');
  const entries = Array.from({ length: reader.array('entries', 0, MAX_PART_ENTRIES) }, () =>
    reader.bytes('entry', 1, MAX_SYNC_BYTES),
  );
  const leaves = reader.bytes('leaves', 0, MAX_PART_LEAVES * PART_LEAF_BYTES);
  if (leaves.length % PART_LEAF_BYTES !== 0) throw malformed(`${leaves.length} bytes of leaves`);
  return { type: 'part', next, entries, leaves };
}

function readOptional(reader: WireReader, what: string): Bytes {
  const bytes = reader.bytes(what, 0, HASH_BYTES);
  if (bytes.length !== 0 && bytes.length !== HASH_BYTES) throw malformed(`${what} of ${bytes.length} bytes`);
  return bytes;
}

/**
 * The siblings in an entry of `network` that a peer sent, each bound to its commit: the operation by its path to the
 * header's root, and the header by the commit id. So all but the signature is bound by the commit ids, and these are
 * bound by the leaf. The caller finds out whether the signatures are good and whether these are the siblings of one
 * key. Byte fields are views of `bytes`. LatticeError `malformed` or `unknown-version`.
 */
export function decodeSentEntry(bytes: Bytes, network: string, hasher: Hasher): Sibling[] {
  const reader = createReader(bytes);
  const count = readHead(reader, ARRAY);
  if (count === 0 || count > MAX_SIBLINGS) throw malformed(`an entry has 1 to ${MAX_SIBLINGS} siblings, not ${count}`);
  const siblings: Sibling[] = [];
  for (let i = 0; i < count; i++) {
    expectArray(reader, 6);
    const commit = readBytesOf(reader, HASH_BYTES);
    const index = readUint(reader);
    const headerBytes = readBytes(reader);
    const signature = readBytesOf(reader, 64);
    const operationBytes = readBytes(reader);
    const proof = readBytes(reader);
    const header = decodeHeader(headerBytes);
    if (header.network !== network) throw malformed('a commit is of another network');
    const operation = decodeOperation(operationBytes, header.version);
    const fault = contextFault(operation.context, header);
    if (fault !== undefined) throw malformed(`a context ${fault}`);
    singleRootInto(header.count, index, operationBytes, proof, hasher, ROOT);
    if (!equalBytes(ROOT, header.opsRoot)) throw malformed("the proof does not lead to the header's root");
    if (!equalBytes(commitId(headerBytes, hasher), commit))
      throw malformed('the header does not hash to the commit id');
    const { author, hlc } = header;
    siblings.push({ commit, index, author, hlc, operation, operationBytes, headerBytes, signature, proof });
  }
  expectEnd(reader);
  return siblings;
}

const ROOT = new Uint8Array(HASH_BYTES);
