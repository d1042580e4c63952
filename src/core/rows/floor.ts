import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, readBytesOf, readHead, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { hlcToBytes } from '../clock/hlc.ts';
import type { FloorClaim, OwnCuts, SetAside } from '../floor/index.ts';
import { type Bytes, concatBytes, equalBytes, type Hasher, LatticeError, type Sibling } from '../types/index.ts';
import { decodeEntry, encodeEntry } from '../wire/entry.ts';
import { keyHash } from '../wire/key-hash.ts';
import { floorKey, type RowRange } from './keys.ts';

/**
 * The rows of what a node holds outside the tree (docs/adr/0022): hidden operations, those that were set aside, and
 * which operations came too late for cuts. The first two stand in the order of their HLCs and the last in that of the
 * cuts, so that what a new floor passes is one range of each.
 */

/** The kinds of these rows. A number that is retired is never used again. */
const KINDS = { hidden: 0, aside: 1, late: 2 } as const;
const HASH_BYTES = 32;
const TIME_BYTES = 8;
const NOTHING: Bytes = new Uint8Array(0);

function timeBytes(ms: number): Bytes {
  const out = new Uint8Array(TIME_BYTES);
  new DataView(out.buffer).setBigUint64(0, BigInt(ms));
  return out;
}

const nameOf = ({ commit, index }: Pick<Sibling, 'commit' | 'index'>): Bytes =>
  concatBytes(commit, Uint8Array.of(index >>> 8, index & 0xff));

/** What the key of an operation's row is made of. */
type Placed = Pick<Sibling, 'commit' | 'index' | 'hlc'> & { readonly operation: { readonly key: string } };

const placeOf = (one: Placed, hasher: Hasher): Bytes =>
  concatBytes(hlcToBytes(one.hlc), keyHash(one.operation.key, hasher), nameOf(one));

const alone = (one: Sibling): Bytes => encodeEntry({ key: one.operation.key, siblings: [one] });

/** ‖ HLC ‖ key hash ‖ commit id ‖ u16 index. */
export const hiddenKey = (one: Placed, hasher: Hasher): Bytes => floorKey(KINDS.hidden, placeOf(one, hasher));

/** The bytes of a hidden operation's row: those of an entry with this one sibling. */
export const encodeHidden = alone;

/** ‖ HLC ‖ key hash ‖ commit id ‖ u16 index. */
export const asideKey = (one: Sibling, hasher: Hasher): Bytes => floorKey(KINDS.aside, placeOf(one, hasher));

/** u64 `until` ‖ the bytes of an entry with this one sibling. */
export const encodeAside = ({ operation, until }: SetAside<Sibling>): Bytes =>
  concatBytes(timeBytes(until), alone(operation));

/** ‖ u64 T ‖ commit id ‖ u16 index. The row itself is empty. */
export const lateKey = (one: Pick<Sibling, 'commit' | 'index'>, at: number): Bytes =>
  floorKey(KINDS.late, concatBytes(timeBytes(at), nameOf(one)));

/** The bytes of a row that says that an operation came too late. */
export const LATE: Bytes = NOTHING;

/** The rows about operations that came too late for cuts up to `at`, which say nothing once that is the floor. */
export const lateRange = (at: number): RowRange => ({
  gte: floorKey(KINDS.late, NOTHING),
  lt: floorKey(KINDS.late, timeBytes(at + 1)),
});

/** What a row of the bucket says. */
export type FloorRow =
  | { readonly kind: 'hidden'; readonly operation: Sibling }
  | { readonly kind: 'aside'; readonly operation: Sibling; readonly until: number }
  | { readonly kind: 'late'; readonly commit: Bytes; readonly index: number; readonly at: number };

/**
 * Reads a row. Each operation must lead to its commit, and stand where it belongs. Byte fields of operations are views
 * of `value`. LatticeError `damaged-row`.
 */
export function decodeFloorRow(rowKey: Bytes, value: Bytes, hasher: Hasher): FloorRow {
  const damaged = (why: string): LatticeError => new LatticeError('damaged-row', `a row beside the tree ${why}`);
  const timeAt = (bytes: Bytes, at: number): number =>
    Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(at));
  const kind = (Object.keys(KINDS) as (keyof typeof KINDS)[]).find((name) => KINDS[name] === rowKey[1]);
  switch (kind) {
    case 'hidden': {
      const operation = one(value, hasher);
      if (!equalBytes(hiddenKey(operation, hasher), rowKey)) throw damaged('has another operation than its key says');
      return { kind, operation };
    }
    case 'aside': {
      if (value.length < TIME_BYTES) throw damaged('is too short');
      const operation = one(value.subarray(TIME_BYTES), hasher);
      if (!equalBytes(asideKey(operation, hasher), rowKey)) throw damaged('has another operation than its key says');
      return { kind, operation, until: timeAt(value, 0) };
    }
    case 'late': {
      if (rowKey.length !== 2 + TIME_BYTES + HASH_BYTES + 2) throw damaged('has a key of another length');
      const commit = rowKey.slice(2 + TIME_BYTES, 2 + TIME_BYTES + HASH_BYTES);
      const index = ((rowKey.at(-2) as number) << 8) | (rowKey.at(-1) as number);
      return { kind, commit, index, at: timeAt(rowKey, 2) };
    }
    case undefined:
      throw damaged(`is of kind ${String(rowKey[1])}`);
  }
}

function one(value: Bytes, hasher: Hasher): Sibling {
  const { siblings } = decodeEntry(value, undefined, hasher);
  const [first] = siblings;
  if (first === undefined || siblings.length > 1)
    throw new LatticeError('damaged-row', `a row of one operation has ${siblings.length}`);
  return first;
}

/** [newest, [[T, root, roster, collection, previous] …]]. */
export const encodeFixedCuts = ({ newest, fixed }: OwnCuts): Bytes =>
  encodeCbor([
    newest,
    fixed.map(({ at, root, roster, collection, previous }) => [at, root, roster, collection, previous]),
  ]);

/** LatticeError `damaged-row`. */
export function decodeFixedCuts(bytes: Bytes): OwnCuts {
  return decodeStored('the row of fixed cuts', bytes, (reader) => {
    expectArray(reader, 2);
    const newest = readUint(reader);
    const fixed = Array.from({ length: readHead(reader, ARRAY) }, (): FloorClaim => {
      expectArray(reader, 5);
      const at = readUint(reader);
      const root = readBytesOf(reader, HASH_BYTES);
      const roster = readBytesOf(reader, HASH_BYTES);
      return { at, root, roster, collection: readUint(reader), previous: readUint(reader) };
    });
    return { newest, fixed };
  });
}
