import { type Bytes, LatticeError } from '../types/index.ts';
import { bytesToText } from './text.ts';

/**
 * A position in bytes that are read as canonical CBOR (lengths as in RFC 8949 §4.2.1, types as in DAG-CBOR). Every
 * function checks the form while it reads (shortest lengths, no indefinite items, no tags), so nothing has to be
 * encoded again to prove that it is canonical. All of them throw LatticeError `malformed`.
 */
export interface Reader {
  readonly bytes: Bytes;
  at: number;
}

/** The major types of CBOR (RFC 8949 §3.1). */
export const UINT = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;
export const MAP = 5;

/** The bytes of the simple values false and true. */
export const FALSE = 0xf4;
export const TRUE = 0xf5;

export function malformed(message: string): LatticeError {
  return new LatticeError('malformed', message);
}

/** A reader at the start of `bytes`. The byte strings that it reads are views of them. */
export function createReader(bytes: Bytes): Reader {
  // Every view of a subclass, such as Node's Buffer, would be of that subclass too.
  const plain = bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes: plain, at: 0 };
}

function argumentIn(reader: Reader, width: number): number {
  const { bytes, at } = reader;
  if (at + width > bytes.length) throw malformed(`the bytes end within the item at ${at - 1}`);
  let value = 0;
  // Beyond 2^53 the sum is inexact but still beyond 2^53, so it is refused all the same.
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] as number);
  reader.at = at + width;
  return value;
}

/**
 * Reads the head of an item of major type `major` and returns its argument: a number, length or count of at most
 * 2^53−1.
 */
export function readHead(reader: Reader, major: number): number {
  const start = reader.at;
  const initial = reader.bytes[start];
  if (initial === undefined) throw malformed(`the bytes end at ${start} where an item was expected`);
  if (initial >> 5 !== major) throw malformed(`the item at ${start} has another type than expected`);
  reader.at = start + 1;
  const info = initial & 31;
  if (info < 24) return info;
  if (info > 27) throw malformed(`the item at ${start} has an indefinite or reserved length`);
  const width = 1 << (info - 24);
  const value = argumentIn(reader, width);
  const least = width === 1 ? 24 : 2 ** (4 * width); // 2^8, 2^16, 2^32: too great for the next shorter form
  if (value < least) throw malformed(`the item at ${start} is not in its shortest form`);
  if (value > Number.MAX_SAFE_INTEGER) throw malformed(`the item at ${start} is beyond 2^53-1`);
  return value;
}

export function readUint(reader: Reader): number {
  return readHead(reader, UINT);
}

export function readBoolean(reader: Reader): boolean {
  const byte = reader.bytes[reader.at];
  if (byte !== TRUE && byte !== FALSE) throw malformed(`the item at ${reader.at} is not a boolean`);
  reader.at++;
  return byte === TRUE;
}

/** Reads an array's head and checks that it announces exactly `length` items. */
export function expectArray(reader: Reader, length: number): void {
  const start = reader.at;
  const found = readHead(reader, ARRAY);
  if (found !== length) throw malformed(`the array at ${start} has ${found} items instead of ${length}`);
}

/** Passes over content and returns where it begins. */
function pass(reader: Reader, length: number): number {
  const start = reader.at;
  const end = start + length;
  if (end > reader.bytes.length) throw malformed(`the bytes end within the content that begins at ${start}`);
  reader.at = end;
  return start;
}

function take(reader: Reader, length: number): Bytes {
  const start = pass(reader, length);
  return reader.bytes.subarray(start, reader.at);
}

function takeText(reader: Reader, length: number): string {
  const start = pass(reader, length);
  return bytesToText(reader.bytes, start, reader.at);
}

/** A byte string of any length, as a view. */
export function readBytes(reader: Reader): Bytes {
  return take(reader, readHead(reader, BYTES));
}

/** A byte string of exactly `length` bytes. */
export function readBytesOf(reader: Reader, length: number): Bytes {
  const start = reader.at;
  const bytes = readBytes(reader);
  if (bytes.length !== length)
    throw malformed(`the byte string at ${start} has ${bytes.length} bytes instead of ${length}`);
  return bytes;
}

/** A text of any length. */
export function readText(reader: Reader): string {
  const length = readHead(reader, TEXT);
  return length === 0 ? '' : takeText(reader, length);
}

/** A text of 1 to `most` bytes. */
export function readTextWithin(reader: Reader, most: number): string {
  const start = reader.at;
  const length = readHead(reader, TEXT);
  if (length < 1 || length > most)
    throw malformed(`the text at ${start} has ${length} bytes; allowed are 1 to ${most}`);
  return takeText(reader, length);
}

/** Cuts a byte string into pieces of `size` bytes; a remainder is `malformed`. */
export function splitBytes(bytes: Bytes, size: number): Bytes[] {
  if (bytes.length % size !== 0) throw malformed(`${bytes.length} bytes are not a whole number of ${size}-byte parts`);
  const parts: Bytes[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return parts;
}

/** Checks that everything has been read. */
export function expectEnd(reader: Reader): void {
  if (reader.at !== reader.bytes.length)
    throw malformed(`${reader.bytes.length - reader.at} bytes are left over after the last item`);
}
