import type { Bytes } from '../types/index.ts';
import { ARRAY, BYTES, FALSE, TEXT, TRUE } from './reader.ts';
import { textInto, utf8Length } from './text.ts';

/**
 * Canonical CBOR being written: the bytes of DAG-CBOR, without its links. Its library takes an object such as
 * {"/": "x", "bytes": "x"} for one and fails, so that it cannot write the values of users.
 */
export interface Writer {
  bytes: Bytes;
  /** Where what is being written begins. */
  readonly start: number;
  at: number;
}

const NOTHING = new Uint8Array(0);

/** Up to this length a loop over ASCII beats the call into TextEncoder. */
const SHORT_TEXT = 48;

/**
 * What is written lies side by side in blocks of this size, as Node's own Buffers do: memory of its own costs more than
 * the writing (350 ns against 20 for a view). Small, because whatever is kept keeps the rest of its block.
 */
const BLOCK_BYTES = 8 * 1024;
/**
 * The block with room left, lent to one writer at a time: one that finds it lent, or whose borrower threw, begins the
 * next.
 */
let block: Bytes | undefined;
let used = 0;

/** A writer with room for `expected` bytes; it grows when they don't suffice. Its bytes are undefined until written. */
export function createWriter(expected: number): Writer {
  if (expected > BLOCK_BYTES / 2) return { bytes: new Uint8Array(expected), start: 0, at: 0 };
  if (block === undefined || used + expected > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES);
    used = 0;
  }
  const writer = { bytes: block, start: used, at: used };
  block = undefined;
  return writer;
}

/** What was written, as a view. The writer is used up. */
export function finish(writer: Writer): Bytes {
  const { bytes, start, at } = writer;
  if (bytes.length === BLOCK_BYTES) {
    block = bytes;
    used = at;
  }
  // No writer may go on in memory that is lent again.
  writer.bytes = NOTHING;
  return bytes.subarray(start, at);
}

function room(writer: Writer, length: number): void {
  const needed = writer.at + length;
  if (needed <= writer.bytes.length) return;
  const grown = new Uint8Array(Math.max(needed, 2 * writer.bytes.length));
  grown.set(writer.bytes.subarray(0, writer.at));
  writer.bytes = grown;
}

export function writeByte(writer: Writer, byte: number): void {
  room(writer, 1);
  writer.bytes[writer.at++] = byte;
}

export function writeBoolean(writer: Writer, value: boolean): void {
  writeByte(writer, value ? TRUE : FALSE);
}

/** Bytes that the shortest head of argument `n` takes. */
export function headSize(n: number): number {
  return n < 24 ? 1 : n < 2 ** 8 ? 2 : n < 2 ** 16 ? 3 : n < 2 ** 32 ? 5 : 9;
}

/** Head of major type `major` with argument `n`, 0 to 2^53−1, in its shortest form. */
export function writeHead(writer: Writer, major: number, n: number): void {
  const size = headSize(n);
  room(writer, size);
  const { bytes, at } = writer;
  const width = size - 1;
  bytes[at] = (major << 5) | (width === 0 ? n : 55 - Math.clz32(width)); // widths 1, 2, 4, 8 are 24 to 27
  let rest = n;
  for (let i = width; i > 0; i--) {
    bytes[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  writer.at = at + size;
}

export function writeArray(writer: Writer, length: number): void {
  writeHead(writer, ARRAY, length);
}

/** Leaves `length` bytes to the caller to fill; returns where they begin in `writer.bytes`. */
export function reserve(writer: Writer, length: number): number {
  room(writer, length);
  const { at } = writer;
  writer.at = at + length;
  return at;
}

export function writeBytes(writer: Writer, bytes: Bytes): void {
  writeHead(writer, BYTES, bytes.length);
  room(writer, bytes.length);
  writer.bytes.set(bytes, writer.at);
  writer.at += bytes.length;
}

/** Equal parts of `size` bytes as one byte string. */
export function writeParts(writer: Writer, parts: readonly Bytes[], size: number): void {
  writeHead(writer, BYTES, parts.length * size);
  room(writer, parts.length * size);
  for (const part of parts) {
    if (part.length !== size) throw new RangeError(`a part of ${part.length} bytes instead of ${size}`);
    writer.bytes.set(part, writer.at);
    writer.at += size;
  }
}

/** `text` must be well-formed; a lone surrogate is the caller's error (RangeError). */
export function writeText(writer: Writer, text: string): void {
  const length = utf8Length(text);
  if (length < 0) throw new RangeError('text with a lone surrogate has no UTF-8 form');
  writeHead(writer, TEXT, length);
  room(writer, length);
  if (length === text.length && length <= SHORT_TEXT) {
    for (let i = 0; i < length; i++) writer.bytes[writer.at + i] = text.charCodeAt(i);
  } else {
    textInto(text, writer.bytes.subarray(writer.at, writer.at + length));
  }
  writer.at += length;
}
