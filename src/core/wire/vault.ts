import type { CborItem } from '../cbor/cbor.ts';
import { malformed, splitBytes } from '../cbor/reader.ts';
import type { Bytes } from '../types/index.ts';
import { BLOCK_BYTES, BLOCK_HASH_BYTES, MAX_BLOCKS } from '../vault/index.ts';
import { checkIncreasing } from './differences.ts';
import type { WireReader } from './fields.ts';

/** (wire) Most objects that one `have` asks after: enough for one answer to serve thousands of small objects soon. */
export const MAX_HAVE = 1024;
/** (wire) Most leaf hashes in one answer. They take 512 KiB, so that the leaves of 1 GiB come in one message. */
export const MAX_LEAVES = 16_384;
/** (wire) Most blocks in one answer: so many whole blocks fit into a sync message beside its framing. */
export const MAX_BLOCKS_ANSWER = 15;

/** What a node has of an object. */
export type Holding = 'none' | 'partly' | 'whole';
const HOLDINGS: readonly Holding[] = ['none', 'partly', 'whole'];

/** Asks what the other node has of each object (SPEC U7). 1…MAX_HAVE hashes of 32 bytes, strictly increasing. */
export interface HaveRequest {
  readonly type: 'have';
  readonly hashes: readonly Bytes[];
}

/** The answer to `have`: one for each hash, in the order asked. */
export interface HeldAnswer {
  readonly type: 'held';
  readonly holdings: readonly Holding[];
}

/** Asks for leaf hashes of the block tree of an object, from index `first` on (SPEC U8). */
export interface LeavesRequest {
  readonly type: 'leaves';
  /** SHA-256 of the content, 32 bytes. */
  readonly hash: Bytes;
  readonly first: number;
  /** 1…MAX_LEAVES. */
  readonly count: number;
}

/** The answer to `leaves`: leaf hashes from `first` on, 32 bytes each, at most as many as were asked for. */
export interface LeavesAnswer {
  readonly type: 'leaf-hashes';
  readonly leaves: Bytes;
}

/** Asks for blocks of an object, from index `first` on (SPEC U9). */
export interface BlocksRequest {
  readonly type: 'blocks';
  /** SHA-256 of the content, 32 bytes. */
  readonly hash: Bytes;
  readonly first: number;
  /** 1…MAX_BLOCKS_ANSWER. */
  readonly count: number;
}

/** The answer to `blocks`: whole blocks from `first` on, one after the other, at most as many as were asked for. */
export interface BlocksAnswer {
  readonly type: 'block-bytes';
  readonly bytes: Bytes;
}

export type VaultMessage = HaveRequest | HeldAnswer | LeavesRequest | LeavesAnswer | BlocksRequest | BlocksAnswer;

/** The elements of a message's array after its type. */
export function vaultFields(message: VaultMessage): CborItem[] {
  switch (message.type) {
    case 'have':
      return [concat(message.hashes)];
    case 'held':
      return [Uint8Array.from(message.holdings, (holding) => HOLDINGS.indexOf(holding))];
    case 'leaves':
    case 'blocks':
      return [message.hash, message.first, message.count];
    case 'leaf-hashes':
      return [message.leaves];
    case 'block-bytes':
      return [message.bytes];
  }
}

function concat(hashes: readonly Bytes[]): Bytes {
  const out = new Uint8Array(hashes.length * BLOCK_HASH_BYTES);
  hashes.forEach((hash, i) => {
    if (hash.length !== BLOCK_HASH_BYTES) throw new RangeError('the hash of an object has 32 bytes');
    out.set(hash, i * BLOCK_HASH_BYTES);
  });
  return out;
}

export function readHave(reader: WireReader): HaveRequest {
  const hashes = splitBytes(reader.bytes('hashes', BLOCK_HASH_BYTES, MAX_HAVE * BLOCK_HASH_BYTES), BLOCK_HASH_BYTES);
  checkIncreasing(hashes);
  return { type: 'have', hashes };
}

export function readHeld(reader: WireReader): HeldAnswer {
  const bytes = reader.bytes('holdings', 1, MAX_HAVE);
  return {
    type: 'held',
    holdings: Array.from(bytes, (byte) => {
      const holding = HOLDINGS[byte];
      if (holding === undefined) throw malformed(`holding ${byte} is unknown`);
      return holding;
    }),
  };
}

export function readLeavesRequest(reader: WireReader): LeavesRequest {
  return { type: 'leaves', ...readPart(reader, MAX_LEAVES) };
}

export function readBlocksRequest(reader: WireReader): BlocksRequest {
  return { type: 'blocks', ...readPart(reader, MAX_BLOCKS_ANSWER) };
}

function readPart(reader: WireReader, most: number): Pick<BlocksRequest, 'hash' | 'first' | 'count'> {
  const hash = reader.bytes('hash', BLOCK_HASH_BYTES, BLOCK_HASH_BYTES);
  const first = reader.uint('first', 0, MAX_BLOCKS - 1);
  return { hash, first, count: reader.uint('count', 1, most) };
}

export function readLeavesAnswer(reader: WireReader): LeavesAnswer {
  const leaves = reader.bytes('leaves', BLOCK_HASH_BYTES, MAX_LEAVES * BLOCK_HASH_BYTES);
  if (leaves.length % BLOCK_HASH_BYTES !== 0) throw malformed(`${leaves.length} bytes of leaf hashes`);
  return { type: 'leaf-hashes', leaves };
}

export function readBlocksAnswer(reader: WireReader): BlocksAnswer {
  return { type: 'block-bytes', bytes: reader.bytes('blocks', 1, MAX_BLOCKS_ANSWER * BLOCK_BYTES) };
}
