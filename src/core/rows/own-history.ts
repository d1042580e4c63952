import { bytesToHlc, hlcToBytes } from '../clock/hlc.ts';
import { type Bytes, concatBytes, equalBytes, type Hasher, type Hlc } from '../types/index.ts';
import { metaKey } from './keys.ts';

/** The key of the row that tells from when on this store has made every commit of its author. */
export const OWN_SINCE = metaKey('own-since');

const DOMAIN = new TextEncoder().encode('diotec360/lattice/own-history/v1:');
const NUMBER_BYTES = 8;
const HLC_BYTES = 8;
const ID_BYTES = 32;
const CHECK_BYTES = 8;

/** One commit that this node made. */
export interface OwnCommit {
  /** Counts the commits that this store has made; the place in the ring follows from it. */
  readonly number: number;
  readonly hlc: Hlc;
  /** The commit id, 32 bytes. */
  readonly id: Bytes;
}

/**
 * The bytes of an own commit's row: u64 number ‖ HLC ‖ commit id ‖ check. The check is the first 8 bytes of a hash of
 * the others: a node that read another id than it wrote would take its own commit for one that it never made.
 */
export function encodeOwnCommit({ number, hlc, id }: OwnCommit, hasher: Hasher): Bytes {
  const head = new Uint8Array(NUMBER_BYTES);
  new DataView(head.buffer).setBigUint64(0, BigInt(number));
  return checked(concatBytes(head, hlcToBytes(hlc), id), hasher);
}

/** Reads the bytes of the row. Undefined when they are not what was written. */
export function decodeOwnCommit(bytes: Bytes, hasher: Hasher): OwnCommit | undefined {
  const body = unchecked(bytes, NUMBER_BYTES + HLC_BYTES + ID_BYTES, hasher);
  if (body === undefined) return undefined;
  const number = Number(new DataView(body.buffer, body.byteOffset).getBigUint64(0));
  const hlc = bytesToHlc(body.slice(NUMBER_BYTES, NUMBER_BYTES + HLC_BYTES));
  return { number, hlc, id: body.slice(NUMBER_BYTES + HLC_BYTES) };
}

/** The bytes of the row OWN_SINCE: HLC ‖ check. */
export function encodeOwnSince(hlc: Hlc, hasher: Hasher): Bytes {
  return checked(hlcToBytes(hlc), hasher);
}

/** Reads the bytes of the row. Undefined when they are not what was written. */
export function decodeOwnSince(bytes: Bytes, hasher: Hasher): Hlc | undefined {
  const body = unchecked(bytes, HLC_BYTES, hasher);
  return body === undefined ? undefined : bytesToHlc(body.slice());
}

function checkOf(body: Bytes, hasher: Hasher): Bytes {
  return hasher.hash(concatBytes(DOMAIN, body)).slice(0, CHECK_BYTES);
}

function checked(body: Bytes, hasher: Hasher): Bytes {
  return concatBytes(body, checkOf(body, hasher));
}

function unchecked(bytes: Bytes, length: number, hasher: Hasher): Bytes | undefined {
  if (bytes.length !== length + CHECK_BYTES) return undefined;
  const body = bytes.subarray(0, length);
  return equalBytes(bytes.subarray(length), checkOf(body, hasher)) ? body : undefined;
}
