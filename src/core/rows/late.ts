import { encodeCbor } from '../cbor/cbor.ts';
import { expectArray, readBytes, readBytesOf, readText, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { bytesToHlc, hlcToBytes } from '../clock/hlc.ts';
import {
  type Author,
  type Bytes,
  concatBytes,
  type Hasher,
  type Hlc,
  LatticeError,
  type Sibling,
} from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { decodeEntry, encodeEntry } from '../wire/entry.ts';
import { authorBytes } from '../wire/fields.ts';
import { floorKey, floorRange, metaKey } from './keys.ts';

/** The kinds of these rows in their bucket; hidden operations have kind 0. A number that is retired is never used again. */
const LATE = 1;
const ASIDE = 2;
const HLC_BYTES = 8;
const COMMIT_BYTES = 32;
const PLACE_BYTES = HLC_BYTES + COMMIT_BYTES + 2;

/** Which operation it is. */
export interface OperationPlace {
  readonly hlc: Hlc;
  /** 32 bytes. */
  readonly commit: Bytes;
  readonly index: number;
}

/** An operation that came after a cut was fixed to which it belongs by its time (SPEC FL8). */
export interface LateMark extends OperationPlace {
  readonly key: string;
  readonly author: Author;
  /** The newest cut that was fixed when it came, Unix ms: the operation stands in none of the cuts up to that. */
  readonly fixed: number;
}

/**
 * Why an operation was taken out of the state: it came too late for a complete cut (SPEC FL8), or other writers refuse
 * it as below the floor (FL9). Rows have the place in this list, so a reason is only ever added at its end.
 */
const ASIDE_REASONS = ['late', 'refused'] as const;
export type AsideReason = (typeof ASIDE_REASONS)[number];

/** An operation that was taken out of the state (SPEC FL8). */
export interface SetAside {
  readonly operation: Sibling;
  readonly why: AsideReason;
  /** As of the mark. */
  readonly fixed: number;
  /** The newest cut that was fixed when it was taken out, Unix ms: later ones do not have it. */
  readonly until: number;
}

/** The rows of all marks, and of all that was set aside. */
export const LATE_ROWS = floorRange(LATE);
export const ASIDE_ROWS = floorRange(ASIDE);

const place = ({ hlc, commit, index }: OperationPlace): Bytes =>
  concatBytes(hlcToBytes(hlc), commit, Uint8Array.of(index >>> 8, index & 0xff));

function placeIn(rowKey: Bytes): OperationPlace {
  const at = rowKey.length - PLACE_BYTES;
  if (at < 0) throw new LatticeError('damaged-row', "a row's key names no operation");
  const commit = rowKey.slice(at + HLC_BYTES, at + HLC_BYTES + COMMIT_BYTES);
  const [high, low] = rowKey.subarray(-2) as unknown as [number, number];
  return { hlc: bytesToHlc(rowKey.slice(at, at + HLC_BYTES)), commit, index: high * 256 + low };
}

export const lateKey = (one: OperationPlace): Bytes => floorKey(LATE, place(one));
export const encodeLate = ({ key, author, fixed }: LateMark): Bytes => encodeCbor([fixed, authorBytes(author), key]);

/** LatticeError `damaged-row`. */
export function decodeLate(rowKey: Bytes, value: Bytes): LateMark {
  return decodeStored('the row of a late operation', value, (reader) => {
    expectArray(reader, 3);
    const fixed = readUint(reader);
    const author = authorAt(readBytesOf(reader, 32), 0);
    return { ...placeIn(rowKey), fixed, author, key: readText(reader) };
  });
}

/** The key of the row that counts what was set aside and could not be kept for want of room. */
export const ASIDE_LOST = metaKey('aside-lost');

export const encodeAsideLost = (operations: number): Bytes => encodeCbor(operations);

/** LatticeError `damaged-row`. */
export const decodeAsideLost = (bytes: Bytes): number =>
  decodeStored('the count of what could not be kept', bytes, readUint);

export const asideKey = (one: OperationPlace): Bytes => floorKey(ASIDE, place(one));

/** [fixed, until, the place of the reason, the bytes of an entry with this one operation]. */
export const encodeAside = ({ operation, fixed, until, why }: SetAside): Bytes =>
  encodeCbor([
    fixed,
    until,
    ASIDE_REASONS.indexOf(why),
    encodeEntry({ key: operation.operation.key, siblings: [operation] }),
  ]);

/** The operation must lead to its commit, and stand where it belongs. LatticeError `damaged-row`. */
export function decodeAside(rowKey: Bytes, value: Bytes, hasher: Hasher): SetAside {
  return decodeStored('the row of an operation that was set aside', value, (reader) => {
    expectArray(reader, 4);
    const fixed = readUint(reader);
    const until = readUint(reader);
    const why = ASIDE_REASONS[readUint(reader)];
    const [operation, ...others] = decodeEntry(readBytes(reader).slice(), undefined, hasher).siblings;
    const { hlc, index } = placeIn(rowKey);
    if (
      why === undefined ||
      operation === undefined ||
      others.length > 0 ||
      operation.hlc !== hlc ||
      operation.index !== index
    )
      throw new LatticeError('damaged-row', 'the row of an operation that was set aside has another one');
    return { operation, fixed, until, why };
  });
}
