import {
  ARRAY,
  BYTES,
  createReader,
  expectEnd,
  malformed,
  readBytes,
  readHead,
  readTextWithin,
  readUint,
} from '../cbor/reader.ts';
import { checkKey, measureValue, readValue, writeValue } from '../cbor/value.ts';
import { createWriter, finish, reserve, type Writer, writeArray, writeHead, writeText } from '../cbor/writer.ts';
import { hlcAt, hlcInto, MAX_HLC } from '../clock/hlc.ts';
import {
  type Author,
  type Bytes,
  type Context,
  type Dot,
  EXPIRY_VERSION,
  LatticeError,
  MAX_COMMIT_BYTES,
  MAX_CONTEXT_DOTS,
  MAX_EXPIRY,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  type Operation,
  PROTOCOL_VERSION,
} from '../types/index.ts';
import { authorAt } from './author.ts';

const PUT = 0;
const DELETE = 1;

const AUTHOR_BYTES = 32;
/** The bytes of an author and an HLC. */
const DOT_BYTES = 40;
/** At least the bytes that the array's CBOR head, the kind, the heads of key, value and context, and an end take. */
const FRAMING_BYTES = 24;
/** The UTF-8 of a key takes at most this many bytes for each unit of UTF-16. */
const BYTES_PER_UNIT = 3;

/** The value of the lower-case hex digit with this character code, or 255. */
const DIGITS = new Uint8Array(128).fill(255);
for (let i = 0; i < 16; i++) DIGITS[i.toString(16).charCodeAt(0)] = i;

/** Writes the 32 bytes of an author, which must fit, to `out` from `offset` on. Errors are those of `authorToBytes`. */
export function authorInto(author: Author, out: Bytes, offset: number): void {
  let right = author.length === 2 * AUTHOR_BYTES;
  for (let i = 0; right && i < AUTHOR_BYTES; i++) {
    const high = DIGITS[author.charCodeAt(2 * i)] ?? 255;
    const low = DIGITS[author.charCodeAt(2 * i + 1)] ?? 255;
    right = high < 16 && low < 16;
    out[offset + i] = (high << 4) | low;
  }
  if (!right) throw new LatticeError('invalid-author', 'an author is 64 lower-case hex digits');
}

/** The 32 bytes of an author; LatticeError `invalid-author` when it is not 64 lower-case hex digits. */
export function authorToBytes(author: Author): Bytes {
  const out = new Uint8Array(AUTHOR_BYTES);
  authorInto(author, out, 0);
  return out;
}

function checkContext(context: Context): void {
  if (context.length > MAX_CONTEXT_DOTS) {
    throw new LatticeError('invalid-context', `a context has at most ${MAX_CONTEXT_DOTS} dots, not ${context.length}`);
  }
  let before: Author | undefined;
  for (const { author, hlc } of context) {
    // Hex digits have the order of the bytes.
    if (before !== undefined && author <= before)
      throw new LatticeError('invalid-context', 'authors of a context strictly increase');
    if (hlc <= 0n || hlc > MAX_HLC)
      throw new LatticeError('invalid-context', 'the HLC of a dot lies between 1 and 2^64-1');
    before = author;
  }
}

/** Writes a context that `checkContext` accepted. */
function writeContext(writer: Writer, context: Context): void {
  const length = context.length * DOT_BYTES;
  writeHead(writer, BYTES, length);
  let at = reserve(writer, length);
  for (const { author, hlc } of context) {
    authorInto(author, writer.bytes, at);
    hlcInto(hlc, writer.bytes, at + AUTHOR_BYTES);
    at += DOT_BYTES;
  }
}

function decodeContext(bytes: Bytes): Context {
  if (bytes.length % DOT_BYTES !== 0) throw malformed('a context is a whole number of 40-byte dots');
  if (bytes.length > MAX_CONTEXT_DOTS * DOT_BYTES) throw malformed(`a context has at most ${MAX_CONTEXT_DOTS} dots`);
  const dots: Dot[] = [];
  let before = '';
  for (let at = 0; at < bytes.length; at += DOT_BYTES) {
    const author = authorAt(bytes, at);
    const hlc = hlcAt(bytes, at + AUTHOR_BYTES);
    if (author <= before) throw malformed('authors of a context must strictly increase');
    if (hlc === 0n) throw malformed('the HLC of a dot is zero');
    before = author;
    dots.push({ author, hlc });
  }
  return dots;
}

function checkExpiry(expires: number): void {
  if (!Number.isSafeInteger(expires) || expires < 1 || expires > MAX_EXPIRY)
    throw new LatticeError('invalid-value', `a put ends at a whole number of Unix ms from 1 to ${MAX_EXPIRY}`);
}

/**
 * The bytes of an operation (SPEC O1, O2): put = [0, key, value, context], or with its end as a fifth item, which only
 * headers of version 2 allow; delete = [1, key, context]; context = n ×
 * (author ‖ hlc), authors strictly increasing. LatticeError `invalid-key`, `invalid-value`, `value-too-large`,
 * `invalid-context` or `invalid-author`.
 */
export function encodeOperation(operation: Operation): Bytes {
  return prepareOperation(operation).bytes;
}

/** An operation, and its bytes, from which everybody reads the operation exactly as it stands here. */
export interface PreparedOperation {
  readonly operation: Operation;
  readonly bytes: Bytes;
}

/**
 * Encodes an operation (errors as for `encodeOperation`) and returns it as `decodeOperation` would read it from these
 * bytes: a copy with 0 for −0 and the names of objects in the order of their bytes. So whoever writes an operation sees
 * what every peer will see, without decoding it.
 */
export function prepareOperation(operation: Operation): PreparedOperation {
  const key = checkKey(operation.key);
  const { context } = operation;
  checkContext(context);
  const copied = context.map(({ author, hlc }): Dot => ({ author, hlc }));
  const expected = FRAMING_BYTES + BYTES_PER_UNIT * key.length + DOT_BYTES * context.length;
  if (operation.kind === 'delete') {
    if (operation.value !== undefined) throw new LatticeError('invalid-value', 'a delete carries no value');
    if (operation.expires !== undefined) throw new LatticeError('invalid-value', 'a delete has no end');
    const writer = createWriter(expected);
    writeArray(writer, 3);
    writeHead(writer, 0, DELETE);
    writeText(writer, key);
    writeContext(writer, context);
    return { operation: { kind: 'delete', key, context: copied }, bytes: finish(writer) };
  }
  const { value, size } = measureValue(operation.value);
  const writer = createWriter(expected + size);
  const { expires } = operation;
  if (expires !== undefined) checkExpiry(expires);
  writeArray(writer, expires === undefined ? 4 : 5);
  writeHead(writer, 0, PUT);
  writeText(writer, key);
  writeValue(writer, value);
  writeContext(writer, context);
  if (expires === undefined) return { operation: { kind: 'put', key, value, context: copied }, bytes: finish(writer) };
  writeHead(writer, 0, expires);
  return { operation: { kind: 'put', key, value, context: copied, expires }, bytes: finish(writer) };
}

/**
 * The operation that `bytes` are, with every rule of `encodeOperation` checked. `version` is that of its commit's
 * header. LatticeError `malformed`.
 */
export function decodeOperation(bytes: Bytes, version: number = PROTOCOL_VERSION): Operation {
  if (bytes.length > MAX_COMMIT_BYTES) throw malformed(`an operation of ${bytes.length} bytes fits in no commit`);
  const reader = createReader(bytes);
  const items = readHead(reader, ARRAY);
  const kind = readUint(reader);
  if (kind !== PUT && kind !== DELETE) throw malformed(`operation kind ${kind} does not exist`);
  const ends = kind === PUT && items === 5 && version >= EXPIRY_VERSION;
  if (items !== (kind === PUT ? 4 : 3) && !ends)
    throw malformed(`an operation of kind ${kind} does not have ${items} items`);
  const key = readTextWithin(reader, MAX_KEY_BYTES);
  if (kind === DELETE) {
    const context = decodeContext(readBytes(reader));
    expectEnd(reader);
    return { kind: 'delete', key, context };
  }
  const start = reader.at;
  const value = readValue(reader);
  if (reader.at - start > MAX_VALUE_BYTES) throw malformed(`a value takes at most ${MAX_VALUE_BYTES} bytes`);
  const context = decodeContext(readBytes(reader));
  const expires = ends ? readUint(reader) : undefined;
  expectEnd(reader);
  if (expires === undefined) return { kind: 'put', key, value, context };
  if (expires < 1 || expires > MAX_EXPIRY) throw malformed(`a put ends between 1 and ${MAX_EXPIRY} Unix ms`);
  return { kind: 'put', key, value, context, expires };
}
