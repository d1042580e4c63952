import {
  compareBytes,
  type JsonValue,
  LatticeError,
  MAX_DEPTH,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
} from '../types/index.ts';
import {
  ARRAY,
  FALSE,
  MAP,
  malformed,
  NEGATIVE,
  type Reader,
  readHead,
  readText,
  readUint,
  TEXT,
  TRUE,
  UINT,
} from './reader.ts';
import { quoted, textToBytes, utf8Length } from './text.ts';
import { headSize, type Writer, writeArray, writeBoolean, writeByte, writeHead, writeText } from './writer.ts';

const NULL = 0xf6;
const FLOAT = 0xfb;
const FLOAT_BYTES = 9;

const float = new DataView(new ArrayBuffer(8));

/**
 * The one name that no object may have: code that copies an object by assignment would set the prototype of the copy.
 */
export const FORBIDDEN_KEY = '__proto__';

type Place = readonly (string | number)[];

/** The place as a JSON pointer (RFC 6901) in quotes. It is cut where a hostile key makes it long. */
function pointer(place: Place): string {
  if (place.length === 0) return 'the top level';
  return quoted(place.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
}

function invalid(place: Place, rule: string): LatticeError {
  return new LatticeError('invalid-value', `value at ${pointer(place)}: ${rule}`, {
    next: 'give a value that JSON can carry, within these bounds',
  });
}

interface Walk {
  size: number;
  readonly place: (string | number)[];
}

function grow(walk: Walk, bytes: number): void {
  walk.size += bytes;
  if (walk.size <= MAX_VALUE_BYTES) return;
  throw new LatticeError('value-too-large', `a value takes at most ${MAX_VALUE_BYTES} bytes of canonical CBOR`, {
    next: 'put larger content into the vault and store its hash',
    details: { limit: MAX_VALUE_BYTES },
  });
}

function numberOf(n: number, walk: Walk): number {
  if (!Number.isFinite(n)) throw invalid(walk.place, 'numbers are finite; NaN and infinities are refused');
  if (!Number.isInteger(n)) {
    grow(walk, FLOAT_BYTES);
    return n;
  }
  if (!Number.isSafeInteger(n)) throw invalid(walk.place, 'integers lie within ±(2^53-1)');
  grow(walk, headSize(n < 0 ? -1 - n : n));
  return n === 0 ? 0 : n; // -0 is stored as 0
}

function measureText(text: string, walk: Walk, what: string): void {
  const length = utf8Length(text);
  if (length < 0) throw invalid(walk.place, `${what} with a lone surrogate has no UTF-8 form`);
  grow(walk, headSize(length) + length);
}

function arrayOf(items: readonly unknown[], walk: Walk): JsonValue {
  grow(walk, headSize(items.length));
  const out: JsonValue[] = [];
  for (let i = 0; i < items.length; i++) {
    walk.place.push(i);
    out.push(normalise(items[i], walk));
    walk.place.pop();
  }
  return out;
}

function objectOf(source: object, walk: Walk): JsonValue {
  const prototype: unknown = Object.getPrototypeOf(source);
  if (prototype !== Object.prototype && prototype !== null)
    throw invalid(walk.place, 'only plain objects, arrays and scalars are JSON');
  if (Object.getOwnPropertySymbols(source).length > 0)
    throw invalid(walk.place, 'keys of objects are strings; symbols are refused');
  const keys = Object.keys(source);
  grow(walk, headSize(keys.length));
  // A key and its value take at least two bytes, so that many keys are too large whatever they are: sorting is saved.
  if (keys.length * 2 > MAX_VALUE_BYTES) grow(walk, keys.length * 2);
  const out: Record<string, JsonValue> = {};
  // The keys come in the order of their bytes, in which the decoder adds them too, so that readers see the same order
  // before and after a value was stored.
  for (const key of inOrder(keys)) {
    walk.place.push(key);
    if (key === FORBIDDEN_KEY) throw invalid(walk.place, `the key ${FORBIDDEN_KEY} is refused`);
    measureText(key, walk, 'a key');
    out[key] = normalise((source as Readonly<Record<string, unknown>>)[key], walk);
    walk.place.pop();
  }
  return out;
}

function normalise(v: unknown, walk: Walk): JsonValue {
  switch (typeof v) {
    case 'string':
      measureText(v, walk, 'a string');
      return v;
    case 'number':
      return numberOf(v, walk);
    case 'boolean':
      grow(walk, 1);
      return v;
    case 'object': {
      if (v === null) {
        grow(walk, 1);
        return null;
      }
      // `place` has one part for each enclosing array or object.
      if (walk.place.length >= MAX_DEPTH)
        throw invalid(walk.place, `arrays and objects nest at most ${MAX_DEPTH} deep`);
      return Array.isArray(v) ? arrayOf(v, walk) : objectOf(v, walk);
    }
    case 'bigint':
    case 'function':
    case 'symbol':
    case 'undefined':
      throw invalid(walk.place, `${typeof v} is not JSON`);
  }
}

/** `checkValue` together with the size in bytes of the value's canonical CBOR. */
export function measureValue(v: unknown): { readonly value: JsonValue; readonly size: number } {
  const walk: Walk = { size: 0, place: [] };
  const value = normalise(v, walk);
  return { value, size: walk.size };
}

/**
 * The value as it is stored: a copy, with 0 for −0 and the keys of objects in the order of their bytes. Throws
 * LatticeError `invalid-value`, whose message names the place (JSON pointer) and the rule, or `value-too-large` when
 * the canonical CBOR has more than MAX_VALUE_BYTES.
 */
export function checkValue(v: unknown): JsonValue {
  return measureValue(v).value;
}

/**
 * `k` itself when it is a key: 1 to MAX_KEY_BYTES bytes of well-formed UTF-8. Otherwise throws LatticeError
 * `invalid-key`.
 */
export function checkKey(k: unknown): string {
  if (typeof k !== 'string')
    throw new LatticeError('invalid-key', `a key is a string, not ${k === null ? 'null' : typeof k}`, {
      next: 'give a string',
    });
  const length = utf8Length(k);
  if (length < 0)
    throw new LatticeError('invalid-key', 'a key with a lone surrogate has no UTF-8 form', {
      next: 'give well-formed text',
    });
  if (length < 1 || length > MAX_KEY_BYTES) {
    throw new LatticeError('invalid-key', `a key has 1 to ${MAX_KEY_BYTES} bytes of UTF-8, not ${length}`, {
      next: 'give a key of such a length',
      details: { length, limit: MAX_KEY_BYTES },
    });
  }
  return k;
}

/** DAG-CBOR's order of map keys: shorter first, then by bytes of UTF-8. */
function compareKeys(a: string, b: string): number {
  const lengthA = utf8Length(a);
  const lengthB = utf8Length(b);
  if (lengthA !== lengthB) return lengthA - lengthB;
  // UTF-16 units have the order of the UTF-8 bytes as long as they are ASCII; surrogates have not.
  if (lengthA === a.length && lengthB === b.length) return a < b ? -1 : 1;
  return compareBytes(textToBytes(a), textToBytes(b));
}

/**
 * The keys in canonical order, sorted in place where they are not in order. Mostly they are, because they were inserted
 * so; only keys that are integers are always listed first.
 */
function inOrder(keys: string[]): string[] {
  for (let i = 1; i < keys.length; i++) {
    if (compareKeys(keys[i - 1] as string, keys[i] as string) > 0) return keys.sort(compareKeys);
  }
  return keys;
}

/** Writes a value that `checkValue` returned. RangeError for numbers and texts that it would have refused. */
export function writeValue(writer: Writer, value: JsonValue): void {
  if (typeof value === 'string') writeText(writer, value);
  else if (typeof value === 'number') writeNumber(writer, value);
  else if (value === null) writeByte(writer, NULL);
  else if (typeof value === 'boolean') writeBoolean(writer, value);
  else if (Array.isArray(value)) {
    const items: readonly JsonValue[] = value;
    writeArray(writer, items.length);
    for (const item of items) writeValue(writer, item);
  } else {
    const fields = value as { readonly [key: string]: JsonValue };
    const keys = inOrder(Object.keys(fields));
    writeHead(writer, MAP, keys.length);
    for (const key of keys) {
      writeText(writer, key);
      writeValue(writer, fields[key] as JsonValue);
    }
  }
}

function writeNumber(writer: Writer, n: number): void {
  if (Number.isSafeInteger(n)) {
    writeHead(writer, n < 0 ? NEGATIVE : UINT, n < 0 ? -1 - n : n);
    return;
  }
  if (Number.isInteger(n) || !Number.isFinite(n)) throw new RangeError(`${n} has no canonical form`);
  writeByte(writer, FLOAT);
  float.setFloat64(0, n);
  for (let i = 0; i < 8; i++) writeByte(writer, float.getUint8(i));
}

function readFloat(reader: Reader): number {
  const { bytes, at } = reader;
  if (at + FLOAT_BYTES > bytes.length) throw malformed(`the bytes end within the number at ${at}`);
  for (let i = 0; i < 8; i++) float.setUint8(i, bytes[at + 1 + i] as number);
  const n = float.getFloat64(0);
  // Integers, -0 and 1e300 among them, either have an integer form or none.
  if (!Number.isFinite(n) || Number.isInteger(n)) throw malformed(`the float at ${at} is not finite or is an integer`);
  reader.at = at + FLOAT_BYTES;
  return n;
}

/**
 * Places of the cache of names, a power of two. Two names with one place replace each other there; nothing but the
 * saving is lost.
 */
const NAME_PLACES = 256;
/** Longer names are not cached. */
const MAX_NAME_BYTES = 32;
const names: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = [];

/**
 * Reads a key of an object. Objects of one kind have the same few keys, so most keys were read before, and comparing a
 * key's bytes with those of its last appearance is several times faster than decoding them.
 */
function readName(reader: Reader): string {
  const start = reader.at;
  const length = readHead(reader, TEXT);
  const from = reader.at;
  const { bytes } = reader;
  if (length === 0 || length > MAX_NAME_BYTES || from + length > bytes.length) {
    reader.at = start;
    return readText(reader);
  }
  const place = (length + 5 * (bytes[from] as number) + 17 * (bytes[from + length - 1] as number)) & (NAME_PLACES - 1);
  const held = names[place];
  if (held !== undefined && held.bytes.length === length) {
    let same = 0;
    while (same < length && held.bytes[same] === bytes[from + same]) same++;
    if (same === length) {
      reader.at = from + length;
      return held.text;
    }
  }
  reader.at = start;
  const text = readText(reader);
  names[place] = { bytes: bytes.slice(from, from + length), text };
  return text;
}

/**
 * Whether the text at `a` comes before the one from `b` to `end` in the order of their bytes. Texts of different
 * lengths differ in their heads, so the comparison never leaves either of them.
 */
function precedes(bytes: Uint8Array, a: number, b: number, end: number): boolean {
  for (let i = 0; b + i < end; i++) {
    const d = (bytes[a + i] as number) - (bytes[b + i] as number);
    if (d !== 0) return d < 0;
  }
  return false;
}

function readMap(reader: Reader, depth: number): JsonValue {
  const count = readHead(reader, MAP);
  const out: Record<string, JsonValue> = {};
  let before = -1;
  for (let i = 0; i < count; i++) {
    const start = reader.at;
    const key = readName(reader);
    // Heads have their shortest form, so a longer text has a greater head, and whole items are ordered as (length,
    // bytes) are.
    if (before >= 0 && !precedes(reader.bytes, before, start, reader.at))
      throw malformed(`map keys are out of order or repeated at ${start}`);
    before = start;
    if (key === FORBIDDEN_KEY) throw malformed(`the key ${FORBIDDEN_KEY} is refused at ${start}`);
    out[key] = readValue(reader, depth);
  }
  return out;
}

/**
 * Reads a value that `depth` arrays and objects enclose. It accepts exactly what `writeValue(checkValue(v))` writes,
 * except that it does not limit the size. Throws LatticeError `malformed`.
 */
export function readValue(reader: Reader, depth = 0): JsonValue {
  const initial = reader.bytes[reader.at];
  if (initial === undefined) throw malformed(`the bytes end at ${reader.at} where a value was expected`);
  switch (initial >> 5) {
    case UINT:
      return readUint(reader);
    case NEGATIVE: {
      const n = readHead(reader, NEGATIVE);
      if (n >= Number.MAX_SAFE_INTEGER) throw malformed('an integer lies beyond ±(2^53-1)');
      return -1 - n;
    }
    case TEXT:
      return readText(reader);
    case ARRAY:
    case MAP: {
      if (depth >= MAX_DEPTH) throw malformed(`arrays and objects nest at most ${MAX_DEPTH} deep`);
      if (initial >> 5 === MAP) return readMap(reader, depth + 1);
      const count = readHead(reader, ARRAY);
      const out: JsonValue[] = [];
      // The loop ends with the bytes, whatever `count` claims.
      for (let i = 0; i < count; i++) out.push(readValue(reader, depth + 1));
      return out;
    }
    default:
      if (initial === FLOAT) return readFloat(reader);
      reader.at++;
      if (initial === NULL) return null;
      if (initial === TRUE) return true;
      if (initial === FALSE) return false;
      throw malformed(`the item at ${reader.at - 1} is not JSON`);
  }
}
