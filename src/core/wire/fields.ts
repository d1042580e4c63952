import { type CborItem, encodeCbor } from '../cbor/cbor.ts';
import {
  ARRAY,
  createReader,
  expectEnd,
  malformed,
  readBoolean,
  readBytes,
  readHead,
  readText,
  readUint,
} from '../cbor/reader.ts';
import { bytesToText, textToBytes, utf8Length } from '../cbor/text.ts';
import { bytesToHlc } from '../clock/hlc.ts';
import { type Author, type Bytes, bytesToHex, type Hlc, hexToBytes, LatticeError } from '../types/index.ts';

/** The 32 raw bytes of an author. RangeError for anything that is not 64 hex digits. */
export function authorBytes(author: Author): Bytes {
  const bytes = hexToBytes(author);
  if (bytes?.length !== 32) throw new RangeError('an author is 64 hex digits');
  return bytes;
}

/** `text` unchanged. RangeError for lone surrogates, which UTF-8 would replace silently. */
export function wellFormed(text: string): string {
  if (utf8Length(text) < 0) throw new RangeError('text has a lone surrogate');
  return text;
}

/**
 * At most `maxBytes` bytes of `text`, cut between characters, with lone surrogates replaced. It is for texts that only
 * people read.
 */
export function clip(text: string, maxBytes: number): string {
  const bytes = textToBytes(text);
  let end = Math.min(bytes.length, maxBytes);
  while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytesToText(bytes.subarray(0, end));
}

/**
 * Canonical CBOR of `value`, read back by the decoder of its kind, so that no encoder can produce what the other side
 * refuses. RangeError (a programmer error, unlike a peer's `malformed`) when the decoder refuses it.
 */
export function encodeChecked(value: readonly CborItem[], decode: (bytes: Bytes) => unknown): Bytes {
  return checked(encodeCbor(value), decode);
}

/** `bytes` themselves, once the decoder of their kind has read them back. RangeError when it refuses them. */
export function checked(bytes: Bytes, decode: (bytes: Bytes) => unknown): Bytes {
  try {
    decode(bytes);
  } catch (cause) {
    throw new RangeError(`cannot be encoded: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return bytes;
}

/**
 * Reads canonical CBOR items of a known layout. Every method throws LatticeError `malformed`, in which `what` names the
 * field.
 */
export interface WireReader {
  /** Reads the head of an array, whose number of elements lies within min…max, and returns that number. */
  array(what: string, min: number, max: number): number;
  /** An unsigned integer within min…max, by default 0…2^53−1. */
  uint(what: string, min?: number, max?: number): number;
  boolean(): boolean;
  /** A byte string of min…max bytes (exactly `min` when `max` is absent), as a view of the input. */
  bytes(what: string, min: number, max?: number): Bytes;
  /** A text of min…max bytes of valid UTF-8. */
  text(what: string, min: number, max: number): string;
  author(what: string): Author;
  hlc(what: string): Hlc;
  /**
   * Opens a message, which is an array whose first element is its type or version, and returns that number. `lengths`
   * says how many elements each known number has (or may have), itself included; another number is LatticeError `unknown-version`.
   */
  open(lengths: Readonly<Record<number, number | readonly number[]>>): number;
  /** How many elements the message has that was opened, for one that exists in a shorter and a longer form. */
  elements(): number;
  /** Checks that nothing follows. */
  end(): void;
}

/**
 * A reader over at most `maxBytes` bytes. It stops at the first wrong byte instead of first building a megabyte of
 * somebody's nested arrays.
 */
export function createWireReader(what: string, input: Bytes, maxBytes: number): WireReader {
  if (input.length > maxBytes) throw malformed(`${what} has ${input.length} bytes, more than ${maxBytes}`);
  const reader = createReader(input);
  let elements = 0;

  function bounded(field: string, value: number, min: number, max: number): number {
    if (value < min || value > max) throw malformed(`${what}: ${field} is ${value}, not within ${min}…${max}`);
    return value;
  }

  function bytes(field: string, min: number, max = min): Bytes {
    const content = readBytes(reader);
    bounded(`length of ${field}`, content.length, min, max);
    return content;
  }

  return {
    open(lengths) {
      const length = readHead(reader, ARRAY);
      elements = length;
      if (length === 0) throw malformed(`${what} is an empty array`);
      const type = readUint(reader);
      const expected = lengths[type];
      if (expected === undefined)
        throw new LatticeError('unknown-version', `${what} of unknown type or version ${type}`);
      if (typeof expected === 'number' ? length !== expected : !expected.includes(length))
        throw malformed(`${what} of type ${type} has ${length} elements, not ${String(expected)}`);
      return type;
    },
    elements: () => elements,
    array: (field, min, max) => bounded(`length of ${field}`, readHead(reader, ARRAY), min, max),
    uint: (field, min = 0, max = Number.MAX_SAFE_INTEGER) => bounded(field, readUint(reader), min, max),
    boolean: () => readBoolean(reader),
    bytes,
    text(field, min, max) {
      const text = readText(reader);
      bounded(`length of ${field}`, utf8Length(text), min, max);
      return text;
    },
    author: (field) => bytesToHex(bytes(field, 32)) as Author,
    hlc: (field) => bytesToHlc(bytes(field, 8)),
    end: () => expectEnd(reader),
  };
}
