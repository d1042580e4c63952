import { bytesToText, textToBytes } from '../cbor/text.ts';
import { type Bytes, compareBytes, concatBytes, LatticeError } from '../types/index.ts';
import { BUCKETS, bucketRange, type RowRange } from './keys.ts';

/**
 * The rows by which a node finds what ends next. There is one for each key whose winner is a put that ends, and they
 * stand in the order of places: the end (u64, Unix ms) ‖ the key hash (32 bytes).
 */

const TIME_BYTES = 8;
const HASH_BYTES = 32;
const PLACE_BYTES = TIME_BYTES + HASH_BYTES;

/**
 * A bound between places: what ends at a place below it has ended for the counts of a node and has been told. It is
 * empty before the first end, and else a place, or one followed by a byte.
 */
export type EndMark = Bytes;

/** The mark below which there is nothing. */
export const NOTHING_ENDED: EndMark = new Uint8Array(0);
/** (store) Most bytes of a mark. */
export const MAX_MARK_BYTES = PLACE_BYTES + 1;

/** A key whose value ends. */
export interface End {
  /** Unix ms. */
  readonly ms: number;
  /** 32 bytes. */
  readonly keyHash: Bytes;
  readonly key: string;
}

function timeBytes(ms: number): Bytes {
  const out = new Uint8Array(TIME_BYTES);
  new DataView(out.buffer).setBigUint64(0, BigInt(ms));
  return out;
}

/** The place of an end among all ends; `ms` is a whole number of Unix ms and `keyHash` has 32 bytes. */
function placeOf({ ms, keyHash }: Pick<End, 'ms' | 'keyHash'>): Bytes {
  if (keyHash.length !== HASH_BYTES) throw new RangeError(`a key hash has ${HASH_BYTES} bytes`);
  return concatBytes(timeBytes(ms), keyHash);
}

/** Whether the place of an end is below the mark. */
export function isPassed(end: Pick<End, 'ms' | 'keyHash'>, mark: EndMark): boolean {
  return mark.length > 0 && compareBytes(placeOf(end), mark) < 0;
}

/** The mark right after the place of an end. */
export function markAfter(end: Pick<End, 'ms' | 'keyHash'>): EndMark {
  return concatBytes(placeOf(end), Uint8Array.of(0));
}

/** The mark at the place of an end, which is not below it. */
export function markAt(end: Pick<End, 'ms' | 'keyHash'>): EndMark {
  return placeOf(end);
}

/** The Unix ms of the place that a mark stands at or after; 0 for the empty mark. */
export function markMs(mark: EndMark): number {
  return mark.length === 0 ? 0 : Number(new DataView(mark.buffer, mark.byteOffset, TIME_BYTES).getBigUint64(0));
}

/** The key of the row of an end. */
export function endKey(end: Pick<End, 'ms' | 'keyHash'>): Bytes {
  return concatBytes(Uint8Array.of(BUCKETS.end), placeOf(end));
}

/** The value of the row of an end: the key, because its hash alone does not tell it. */
export function endValue(key: string): Bytes {
  return textToBytes(key);
}

/** The rows of what ends at or after the mark, and not later than `untilMs` (Unix ms) where that is given. */
export function endsFrom(mark: EndMark, untilMs?: number): RowRange {
  const all = bucketRange('end');
  const gte = concatBytes(all.gte, mark);
  if (untilMs === undefined) return { gte, lt: all.lt };
  const lt = concatBytes(all.gte, timeBytes(untilMs + 1));
  return { gte, lt: compareBytes(lt, gte) < 0 ? gte : lt };
}

/** The rows below the mark of what ends later than `afterMs` (Unix ms). */
export function endsBelow(mark: EndMark, afterMs: number): RowRange {
  const all = bucketRange('end');
  const lt = concatBytes(all.gte, mark);
  const gte = concatBytes(all.gte, timeBytes(afterMs + 1));
  return { gte: compareBytes(lt, gte) < 0 ? lt : gte, lt };
}

/** What the row of an end says. LatticeError `damaged-row`. */
export function endRowToEnd(rowKey: Bytes, value: Bytes): End {
  if (rowKey[0] !== BUCKETS.end || rowKey.length !== 1 + PLACE_BYTES)
    throw new LatticeError('damaged-row', "a row's key is not that of an end");
  try {
    const ms = Number(new DataView(rowKey.buffer, rowKey.byteOffset + 1, TIME_BYTES).getBigUint64(0));
    return { ms, keyHash: rowKey.slice(1 + TIME_BYTES), key: bytesToText(value) };
  } catch (cause) {
    throw new LatticeError('damaged-row', 'the row of an end names no key', { cause });
  }
}
