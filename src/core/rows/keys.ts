import { bytesToText, quoted, textInto, utf8Length } from '../cbor/text.ts';
import { type Author, type Bytes, concatBytes, type Hasher, LatticeError } from '../types/index.ts';
import { authorBytes } from '../wire/fields.ts';
import { keyHash } from '../wire/key-hash.ts';

/**
 * The first byte of every row's key in the store, which tells the kind of row. A number that is retired stays in this
 * list with a note and is never used again, because an old directory may still have its rows. Retired are 0x01 (entries
 * by key) and 0x02 (from key hash to key), both of store format 1.
 */
export const BUCKETS = {
  /**
   * ‖ SHA-256(key) → entry: the siblings of a key. The rows have the order of the tree, in which snapshots, starts and
   * checks read them.
   */
  entry: 0x09,
  /** ‖ key → nothing: the keys in their own order, for lists by prefix. */
  key: 0x0a,
  /** ‖ key → nothing: the keys with more than one sibling. */
  conflict: 0x03,
  /** ‖ u64 sequence → what a batch changed. */
  journal: 0x04,
  /** ‖ name → whatever belongs under that name. */
  meta: 0x05,
  /** ‖ commit id ‖ u16 index → an operation that was taken out of the state. */
  quarantine: 0x06,
  /**
   * ‖ u8 bits ‖ u32 number → the leaves of the tree whose key hashes begin with the `bits` bits of that number. A start
   * reads these in place of entries.
   */
  leaves: 0x07,
  /** ‖ idempotency key of a client → what the write under it came to. */
  idempotency: 0x08,
  /** ‖ u16 place → one of the newest commits that this node made. */
  own: 0x0c,
  /** ‖ author → commits of that author which contradict each other. */
  evidence: 0x0d,
  /** ‖ u8 kind ‖ u64 order of the timestamp ‖ u48 number → an execution or attack, in the order in which it is listed. */
  audit: 0x10,
  /** ‖ u8 kind ‖ what it is about → a decided roster, votes, or a change that was asked for. */
  roster: 0x12,
  /** ‖ u8 kind ‖ what it is about → an operation that is held outside the tree, or what is known of one. */
  floor: 0x13,
  /** ‖ u8 kind ‖ SHA-256 of an id → SHA-256 of the row that was added under it. */
  auditId: 0x11,
  /** ‖ u64 end ‖ SHA-256(key) → the key: what ends, in the order in which it ends. */
  end: 0x16,
  /** ‖ u64 Unix ms ‖ SHA-256(key) → the key: whose oldest sibling is dead from when on, in that order. */
  dead: 0x17,
  /** ‖ author ‖ u64 HLC ‖ u64 sequence → which keys a batch took in of that author, up to that HLC. */
  written: 0x18,
} as const;

/** The name of a kind of row. */
export type Bucket = keyof typeof BUCKETS;

/** A range of rows, in the byte order of their keys: gte ≤ key < lt. */
export interface RowRange {
  readonly gte: Bytes;
  readonly lt: Bytes;
}

const HASH_BYTES = 32;
const SEQUENCE_BYTES = 8;

function row(bucket: Bucket, rest: Bytes): Bytes {
  const out = new Uint8Array(1 + rest.length);
  out[0] = BUCKETS[bucket];
  out.set(rest, 1);
  return out;
}

function textRow(bucket: Bucket, text: string): Bytes {
  const length = utf8Length(text);
  if (length < 0) throw new LatticeError('invalid-key', 'text with a lone surrogate has no UTF-8 form');
  const out = new Uint8Array(1 + length);
  out[0] = BUCKETS[bucket];
  if (length === text.length) for (let i = 0; i < length; i++) out[1 + i] = text.charCodeAt(i);
  else textInto(text, out.subarray(1));
  return out;
}

/** The key of an entry's row. `hash` is what `keyHash` returns: 32 bytes, anything else is a RangeError. */
export function entryKey(hash: Bytes): Bytes {
  if (hash.length !== HASH_BYTES) throw new RangeError(`a key hash has ${HASH_BYTES} bytes`);
  return row('entry', hash);
}

/** The key of the entry row of `key`. */
export function keyToEntryKey(key: string, hasher: Hasher): Bytes {
  return row('entry', keyHash(key, hasher));
}

/** The key of the row that lists `key`. */
export function listedKey(key: string): Bytes {
  return textRow('key', key);
}

/** The key of the row that names `key` as one with a conflict. */
export function conflictKey(key: string): Bytes {
  return textRow('conflict', key);
}

/** The key of a journal row. `sequence` is a whole number from 0 to 2^53−1; anything else is a RangeError. */
export function journalKey(sequence: number): Bytes {
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError(`${sequence} is no sequence number`);
  const out = new Uint8Array(1 + SEQUENCE_BYTES);
  out[0] = BUCKETS.journal;
  new DataView(out.buffer).setBigUint64(1, BigInt(sequence));
  return out;
}

/** The key of the row of an operation in quarantine. `commit` has 32 bytes. */
export function quarantineKey(commit: Bytes, index: number): Bytes {
  return row('quarantine', concatBytes(commit, Uint8Array.of(index >>> 8, index & 0xff)));
}

/** The key of the page of leaves whose key hashes begin with the `bits` bits of `page`: 0 ≤ page < 2^bits. */
export function leafPageKey(bits: number, page: number): Bytes {
  const out = new Uint8Array(6);
  out[0] = BUCKETS.leaves;
  out[1] = bits;
  new DataView(out.buffer).setUint32(2, page);
  return out;
}

/** All pages whose numbers have so many bits, ascending. */
export function leafPageRange(bits: number): RowRange {
  return { gte: leafPageKey(bits, 0), lt: leafPageKey(bits + 1, 0) };
}

/** The key of the row of a client's idempotency key. */
export function idempotencyKey(key: string): Bytes {
  return textRow('idempotency', key);
}

/** The key of the row of an own commit in a ring: 0 ≤ place < 2^16. */
export function ownCommitKey(place: number): Bytes {
  return row('own', Uint8Array.of(place >>> 8, place & 0xff));
}

/** The key of the row of the evidence against an author. */
export function evidenceKey(author: Author): Bytes {
  return row('evidence', authorBytes(author));
}

/** The key of the row with this name. */
export function metaKey(name: string): Bytes {
  return textRow('meta', name);
}

/** The key of a row of executions (`kind` 0) or attacks (1). `rest` is the order of the row among its kind, 14 bytes. */
export function auditKey(kind: number, rest: Bytes): Bytes {
  return row('audit', concatBytes(Uint8Array.of(kind), rest));
}

/** The key of the row that names an id of an execution or attack. `hash` has 32 bytes. */
export function auditIdKey(kind: number, hash: Bytes): Bytes {
  return row('auditId', concatBytes(Uint8Array.of(kind), hash));
}

/** The key of a row about rosters; `rest` is what the kind names. */
export function rosterKey(kind: number, rest: Bytes): Bytes {
  return row('roster', concatBytes(Uint8Array.of(kind), rest));
}

/** The key of a row of what is held outside the tree; `rest` is what the kind names. */
export function floorKey(kind: number, ...rest: readonly Bytes[]): Bytes {
  return concatBytes(Uint8Array.of(BUCKETS.floor, kind), ...rest);
}

/** The rows of one kind of what is held outside the tree. */
export function floorRange(kind: number): RowRange {
  return { gte: floorKey(kind, new Uint8Array(0)), lt: floorKey(kind + 1, new Uint8Array(0)) };
}

/** All rows of a bucket. */
export function bucketRange(bucket: Bucket): RowRange {
  return { gte: Uint8Array.of(BUCKETS[bucket]), lt: Uint8Array.of(BUCKETS[bucket] + 1) };
}

/** The key right after the key of a row in byte order. */
export function rowAfter(key: Bytes): Bytes {
  return concatBytes(key, Uint8Array.of(0));
}

function later(a: Bytes, b: Bytes): Bytes {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return (a[i] as number) > (b[i] as number) ? a : b;
  return a.length > b.length ? a : b;
}

function keyedRange(bucket: Bucket, prefix: string, afterKey: string | undefined): RowRange {
  const first = textRow(bucket, prefix);
  const lt = first.slice();
  // Neither a bucket number nor a byte of UTF-8 is 0xff, so the last byte can always be counted up.
  lt[lt.length - 1] = (lt[lt.length - 1] as number) + 1;
  if (afterKey === undefined) return { gte: first, lt };
  const gte = later(first, rowAfter(textRow(bucket, afterKey)));
  return later(gte, lt) === gte ? { gte: lt, lt } : { gte, lt };
}

/** The entry rows of the key hashes after `hash`, or all entry rows without it. */
export function entryRange(hash?: Bytes): RowRange {
  const all = bucketRange('entry');
  return hash === undefined ? all : { gte: rowAfter(entryKey(hash)), lt: all.lt };
}

/** The entry row of one key hash. */
export function entryRowRange(hash: Bytes): RowRange {
  const key = entryKey(hash);
  return { gte: key, lt: rowAfter(key) };
}

/**
 * The rows that list the keys that begin with `prefix` (bytes of UTF-8), or those of them after `afterKey` when it is
 * given. LatticeError `invalid-key`.
 */
export function listedRange(prefix: string, afterKey?: string): RowRange {
  return keyedRange('key', prefix, afterKey);
}

/** The conflict rows, or those after `afterKey` when it is given. LatticeError `invalid-key`. */
export function conflictRange(afterKey?: string): RowRange {
  return keyedRange('conflict', '', afterKey);
}

/** The journal rows of the sequences after `sequence`. */
export function journalRange(sequence: number): RowRange {
  return { gte: rowAfter(journalKey(sequence)), lt: bucketRange('journal').lt };
}

function rest(bucket: Bucket, rowKey: Bytes, length?: number): Bytes {
  const right = rowKey[0] === BUCKETS[bucket] && (length === undefined || rowKey.length === 1 + length);
  if (!right) throw new LatticeError('damaged-row', `a row's key is not of bucket ${bucket}`);
  return rowKey.subarray(1);
}

function restText(bucket: Bucket, rowKey: Bytes): string {
  const bytes = rest(bucket, rowKey);
  try {
    return bytesToText(bytes);
  } catch (cause) {
    throw new LatticeError('damaged-row', `a row's key in bucket ${bucket} is not text`, { cause });
  }
}

/**
 * The key hash of an entry row. Like the functions below, it throws LatticeError `damaged-row` for the key of another
 * row.
 */
export function entryKeyToHash(rowKey: Bytes): Bytes {
  return rest('entry', rowKey, HASH_BYTES);
}

/** The key of the state that a row of the list names. */
export function listedKeyToKey(rowKey: Bytes): string {
  return restText('key', rowKey);
}

/** The key of the state that a conflict row names. */
export function conflictKeyToKey(rowKey: Bytes): string {
  return restText('conflict', rowKey);
}

/** The sequence of a journal row. */
export function journalKeyToSequence(rowKey: Bytes): number {
  const bytes = rest('journal', rowKey, SEQUENCE_BYTES);
  const sequence = Number(new DataView(bytes.buffer, bytes.byteOffset, SEQUENCE_BYTES).getBigUint64(0));
  if (!Number.isSafeInteger(sequence))
    throw new LatticeError('damaged-row', `journal row ${quoted(String(sequence))} is out of range`);
  return sequence;
}

/** The idempotency key of such a row. */
export function idempotencyKeyToKey(rowKey: Bytes): string {
  return restText('idempotency', rowKey);
}

/** The name of a meta row. */
export function metaKeyToName(rowKey: Bytes): string {
  return restText('meta', rowKey);
}
