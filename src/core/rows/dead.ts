import { bytesToText, textToBytes } from '../cbor/text.ts';
import { type Bytes, concatBytes, LatticeError } from '../types/index.ts';
import { BUCKETS, bucketRange, metaKey, type RowRange } from './keys.ts';

/**
 * The rows by which a node finds what can be collected (SPEC FL7). There is one for each key whose oldest sibling is
 * dead from some time on, and they stand in the order of that time: u64, Unix ms ‖ the key hash (32 bytes).
 */

const TIME_BYTES = 8;
const HASH_BYTES = 32;

/** A key whose oldest sibling is dead from a time on. */
export interface Dead {
  /** Unix ms. */
  readonly ms: number;
  /** 32 bytes. */
  readonly keyHash: Bytes;
  readonly key: string;
}

/** The key of the row that tells that there is a row for every such key: stores of earlier versions have none. */
export const DEAD_INDEXED = metaKey('dead-indexed');

function timeBytes(ms: number): Bytes {
  const out = new Uint8Array(TIME_BYTES);
  new DataView(out.buffer).setBigUint64(0, BigInt(ms));
  return out;
}

/** The key of such a row. `ms` is a whole number and `keyHash` has 32 bytes, or it is a RangeError. */
export function deadKey({ ms, keyHash }: Pick<Dead, 'ms' | 'keyHash'>): Bytes {
  if (keyHash.length !== HASH_BYTES) throw new RangeError(`a key hash has ${HASH_BYTES} bytes`);
  return concatBytes(Uint8Array.of(BUCKETS.dead), timeBytes(ms), keyHash);
}

/** The value of the row: the key, because its hash alone does not tell it. */
export const deadValue = (key: string): Bytes => textToBytes(key);

/** The rows of what is dead at `untilMs`, Unix ms. */
export function deadUntil(untilMs: number): RowRange {
  const { gte } = bucketRange('dead');
  return { gte, lt: concatBytes(gte, timeBytes(untilMs + 1)) };
}

/** What a row says. LatticeError `damaged-row`. */
export function decodeDead(rowKey: Bytes, value: Bytes): Dead {
  if (rowKey[0] !== BUCKETS.dead || rowKey.length !== 1 + TIME_BYTES + HASH_BYTES)
    throw new LatticeError('damaged-row', "a row's key is not that of a dead sibling");
  try {
    const ms = Number(new DataView(rowKey.buffer, rowKey.byteOffset + 1, TIME_BYTES).getBigUint64(0));
    return { ms, keyHash: rowKey.slice(1 + TIME_BYTES), key: bytesToText(value) };
  } catch (cause) {
    throw new LatticeError('damaged-row', 'the row of a dead sibling names no key', { cause });
  }
}
