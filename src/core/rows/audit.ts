import { encodeCbor } from '../cbor/cbor.ts';
import {
  ARRAY,
  expectArray,
  malformed,
  type Reader,
  readBytesOf,
  readHead,
  readText,
  readUint,
} from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { textToBytes } from '../cbor/text.ts';
import { readValue } from '../cbor/value.ts';
import { AUDIT_COLUMNS, AUDIT_KINDS, type AuditKind, type AuditRow, checkAuditRecord } from '../original/audit.ts';
import { type Bytes, type Hasher, type JsonValue } from '../types/index.ts';
import { auditIdKey, auditKey, metaKey, type RowRange } from './keys.ts';

/** Bytes of the order of a row: 8 of its timestamp, 6 of its number. */
const ORDER_BYTES = 14;
const FLOAT_BYTES = 8;

/** The key of the row of the totals. */
export const AUDIT_TOTALS = metaKey('audit');

/** A row that a node keeps, and the id under which it was added. */
export interface KeptRecord {
  readonly kind: AuditKind;
  readonly id: string;
  readonly row: AuditRow;
}

/** Kind 2 of this bucket is that of displaced operations (displaced.ts). */
const kindByte = (kind: AuditKind): number => AUDIT_KINDS.indexOf(kind);

/** A double as 8 bytes whose order is that of the numbers: the sign bit is turned, and of a negative one all bits. */
function orderedFloat(x: number, out: Bytes): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setFloat64(0, x);
  const isNegative = (view.getUint8(0) & 0x80) !== 0;
  for (let i = 0; i < FLOAT_BYTES; i++) out[i] = (out[i] as number) ^ (isNegative ? 0xff : i === 0 ? 0x80 : 0);
}

/**
 * The key of a row: rows of one kind are in the order of their timestamps, and where these are equal in that of their
 * numbers, which are at most 2^48−1.
 */
export function auditRecordKey(kind: AuditKind, timestamp: number, number: number): Bytes {
  const order = new Uint8Array(ORDER_BYTES);
  orderedFloat(timestamp, order);
  const view = new DataView(order.buffer);
  view.setUint16(FLOAT_BYTES, Math.floor(number / 2 ** 32));
  view.setUint32(FLOAT_BYTES + 2, number % 2 ** 32);
  return auditKey(kindByte(kind), order);
}

/** The rows of one kind, or those before the row `before` in their order. */
export function auditRange(kind: AuditKind, before?: Bytes): RowRange {
  const gte = auditKey(kindByte(kind), new Uint8Array(0));
  return { gte, lt: before ?? auditKey(kindByte(kind) + 1, new Uint8Array(0)) };
}

/** What names a row of its kind, for cursors: its order, 14 bytes. */
export const auditOrderOf = (rowKey: Bytes): Bytes => rowKey.subarray(rowKey.length - ORDER_BYTES);

/** The key of the row with this order. Undefined when that has not 14 bytes. */
export function auditOrderToKey(kind: AuditKind, order: Bytes): Bytes | undefined {
  return order.length === ORDER_BYTES ? auditKey(kindByte(kind), order) : undefined;
}

/** The key of the row that tells what was added under an id. */
export function auditRecordIdKey(kind: AuditKind, id: string, hasher: Hasher): Bytes {
  return auditIdKey(kindByte(kind), hasher.hash(textToBytes(id)));
}

/** The bytes of a row: [id, number, [the columns of its kind, in their order]]. */
export function encodeAuditRecord(
  kind: AuditKind,
  id: string,
  number: number,
  row: Readonly<Record<string, JsonValue>>,
): Bytes {
  return encodeCbor([id, number, Object.keys(AUDIT_COLUMNS[kind]).map((name) => row[name] ?? null)]);
}

/** Reads the bytes of a row of this kind. LatticeError `damaged-row`. */
export function decodeAuditRecord(kind: AuditKind, bytes: Bytes): KeptRecord {
  return decodeStored(`a row of kind ${kind}`, bytes, (reader) => {
    expectArray(reader, 3);
    const id = readText(reader);
    const number = readUint(reader);
    const names = Object.keys(AUDIT_COLUMNS[kind]);
    expectArray(reader, names.length);
    const row: Record<string, JsonValue> = {};
    for (const name of names) row[name] = readValue(reader);
    const checked = checkAuditRecord({ kind, id, row });
    return { kind, id, row: { id: number, ...checked.row } as unknown as AuditRow };
  });
}

/** How often each word occurs. */
export type WordCounts = ReadonlyMap<string, number>;

/** A sum of doubles with its compensation (Neumaier, 1974), as SQLite's AVG has it. */
export interface ExactSum {
  readonly sum: number;
  readonly rest: number;
  readonly count: number;
}

/** What is known of all rows together. */
export interface AuditTotals {
  /** Bytes of all rows. */
  readonly bytes: number;
  readonly executions: {
    readonly count: number;
    /** The number that the next row gets. */
    readonly next: number;
    readonly statuses: WordCounts;
    readonly elapsedMs: ExactSum;
  };
  readonly attacks: {
    readonly count: number;
    readonly next: number;
    readonly types: WordCounts;
    readonly layers: WordCounts;
  };
}

export const NO_AUDIT: AuditTotals = {
  bytes: 0,
  executions: { count: 0, next: 1, statuses: new Map(), elapsedMs: { sum: 0, rest: 0, count: 0 } },
  attacks: { count: 0, next: 1, types: new Map(), layers: new Map() },
};

/** The sum with `x` added. */
export function addExactly({ sum, rest, count }: ExactSum, x: number): ExactSum {
  const next = sum + x;
  const lost = Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
  return { sum: next, rest: rest + lost, count: count + 1 };
}

function floatBytes(x: number): Bytes {
  const out = new Uint8Array(FLOAT_BYTES);
  new DataView(out.buffer).setFloat64(0, x);
  return out;
}

function readFloat(reader: Reader): number {
  const bytes = readBytesOf(reader, FLOAT_BYTES);
  return new DataView(bytes.buffer, bytes.byteOffset, FLOAT_BYTES).getFloat64(0);
}

const wordsOf = (counts: WordCounts): readonly (readonly [string, number])[] => Array.from(counts);

function readWords(reader: Reader): WordCounts {
  const count = readHead(reader, ARRAY);
  const words = new Map<string, number>();
  // The loop ends with the bytes, whatever `count` claims.
  for (let i = 0; i < count; i++) {
    expectArray(reader, 2);
    words.set(readText(reader), readUint(reader));
  }
  if (words.size !== count) throw malformed('a word stands twice');
  return words;
}

/**
 * The bytes of the row: [bytes, [count, next, [[status, count]…], sum, rest, timed], [count, next, [[type, count]…],
 * [[layer, count]…]]]. The two floats are 8 bytes each.
 */
export function encodeAuditTotals({ bytes, executions, attacks }: AuditTotals): Bytes {
  const { sum, rest, count } = executions.elapsedMs;
  return encodeCbor([
    bytes,
    [executions.count, executions.next, wordsOf(executions.statuses), floatBytes(sum), floatBytes(rest), count],
    [attacks.count, attacks.next, wordsOf(attacks.types), wordsOf(attacks.layers)],
  ]);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeAuditTotals(bytes: Bytes): AuditTotals {
  return decodeStored('the row of audit totals', bytes, (reader) => {
    expectArray(reader, 3);
    const size = readUint(reader);
    expectArray(reader, 6);
    const executions = {
      count: readUint(reader),
      next: readUint(reader),
      statuses: readWords(reader),
      elapsedMs: { sum: readFloat(reader), rest: readFloat(reader), count: readUint(reader) },
    };
    expectArray(reader, 4);
    const attacks = {
      count: readUint(reader),
      next: readUint(reader),
      types: readWords(reader),
      layers: readWords(reader),
    };
    return { bytes: size, executions, attacks };
  });
}
