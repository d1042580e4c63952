import { encodeCbor } from '../cbor/cbor.ts';
import { expectArray, readBytes, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { hlcToBytes } from '../clock/hlc.ts';
import { type Bytes, concatBytes, type Hasher, LatticeError, type Sibling } from '../types/index.ts';
import { decodeEntry, encodeEntry } from '../wire/entry.ts';
import { auditKey, metaKey, type RowRange } from './keys.ts';

/** The kind of these rows in their bucket, after executions (0) and attacks (1). */
const DISPLACED = 2;
/** Bytes of what names a row: HLC, commit id, u16 index. */
const ORDER_BYTES = 8 + 32 + 2;

/** The key of the row that tells what all of these rows come to. */
export const DISPLACED_TOTALS = metaKey('displaced');

/** An operation that was taken out of the state because it came after the end of its author (SPEC RO14). */
export interface Displaced {
  readonly operation: Sibling;
  /** The end of its author, Unix ms. */
  readonly until: number;
  /** When it was taken out, Unix ms. */
  readonly at: number;
}

/** The key of a row: rows are in the order of the HLCs of their operations. */
export const displacedKey = ({ hlc, commit, index }: Pick<Sibling, 'hlc' | 'commit' | 'index'>): Bytes =>
  auditKey(DISPLACED, concatBytes(hlcToBytes(hlc), concatBytes(commit, Uint8Array.of(index >>> 8, index & 0xff))));

/** All rows, or those before the row `before` in their order. */
export const displacedRange = (before?: Bytes): RowRange => ({
  gte: auditKey(DISPLACED, new Uint8Array(0)),
  lt: before ?? auditKey(DISPLACED + 1, new Uint8Array(0)),
});

/** What names a row, for cursors. */
export const displacedOrderOf = (rowKey: Bytes): Bytes => rowKey.subarray(rowKey.length - ORDER_BYTES);

/** The key of the row with this name; undefined where that has another length. */
export const displacedOrderToKey = (order: Bytes): Bytes | undefined =>
  order.length === ORDER_BYTES ? auditKey(DISPLACED, order) : undefined;

/** [end, time, the bytes of an entry with this one sibling]. */
export const encodeDisplaced = ({ operation, until, at }: Displaced): Bytes =>
  encodeCbor([until, at, encodeEntry({ key: operation.operation.key, siblings: [operation] })]);

/** LatticeError `damaged-row`. */
export function decodeDisplaced(bytes: Bytes, hasher: Hasher): Displaced {
  const { until, at, entry } = decodeStored('a row of a displaced operation', bytes, (reader) => {
    expectArray(reader, 3);
    return { until: readUint(reader), at: readUint(reader), entry: readBytes(reader) };
  });
  const [operation] = decodeEntry(entry, undefined, hasher).siblings;
  if (operation === undefined) throw new LatticeError('damaged-row', 'a row of a displaced operation has none');
  return { operation, until, at };
}

/** What all rows of displaced operations come to. */
export interface DisplacedTotals {
  readonly operations: number;
  readonly bytes: number;
  /** Operations whose rows have made room for later ones. */
  readonly gone: number;
  /** When the last one was taken out, Unix ms; 0 where none was. */
  readonly lastAt: number;
}

export const NONE_DISPLACED: DisplacedTotals = { operations: 0, bytes: 0, gone: 0, lastAt: 0 };

export const encodeDisplacedTotals = ({ operations, bytes, gone, lastAt }: DisplacedTotals): Bytes =>
  encodeCbor([operations, bytes, gone, lastAt]);

/** LatticeError `damaged-row`. */
export function decodeDisplacedTotals(bytes: Bytes): DisplacedTotals {
  return decodeStored('the row of what was displaced', bytes, (reader) => {
    expectArray(reader, 4);
    const [operations, kept] = [readUint(reader), readUint(reader)];
    return { operations, bytes: kept, gone: readUint(reader), lastAt: readUint(reader) };
  });
}
