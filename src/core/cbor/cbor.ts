import { type Bytes, type JsonValue, prepend } from '../types/index.ts';
import { BYTES } from './reader.ts';
import { writeValue } from './value.ts';
import { createWriter, finish, type Writer, writeArray, writeBytes, writeHead } from './writer.ts';

/**
 * What messages and rows are made of. Maps and floats occur only in values of the state, which have no byte strings.
 */
export type CborItem = JsonValue | Bytes | readonly CborItem[];

/** Most bytes of a CBOR head, which is the type and the argument that an item begins with. */
const MAX_HEAD = 9;

/**
 * How many bytes to begin with. They are enough for byte strings, numbers and ASCII; other texts and maps make the
 * writer grow.
 */
function roomFor(item: CborItem): number {
  if (item instanceof Uint8Array || typeof item === 'string') return MAX_HEAD + item.length;
  if (Array.isArray(item)) return item.reduce((sum: number, part: CborItem) => sum + roomFor(part), MAX_HEAD);
  return MAX_HEAD;
}

function writeItem(writer: Writer, item: CborItem): void {
  if (item instanceof Uint8Array) writeBytes(writer, item);
  else if (Array.isArray(item)) {
    const items: readonly CborItem[] = item;
    writeArray(writer, items.length);
    for (const part of items) writeItem(writer, part);
  } else writeValue(writer, item as JsonValue);
}

/**
 * Canonical CBOR of `item` (SPEC B; the same deterministic subset of RFC 8949 as DAG-CBOR): heads have their shortest
 * form, map keys are sorted shorter first, and only a number that is not an integer is a float, of 64 bits. The result
 * is a view of a shared block (see `createWriter`). RangeError for what has no such form: a lone surrogate, NaN, an
 * infinity, an integer beyond ±(2^53−1).
 */
export function encodeCbor(item: CborItem): Bytes {
  const writer = createWriter(roomFor(item));
  writeItem(writer, item);
  return finish(writer);
}

/**
 * The same bytes as `encodeCbor([...items, last])`. Where `last` has room before it (see `roomyBytes`), they are written
 * there, and `last` is not copied.
 */
export function encodeCborBefore(items: readonly CborItem[], last: Bytes): Bytes {
  const writer = createWriter(roomFor(items) + MAX_HEAD);
  writeArray(writer, items.length + 1);
  for (const item of items) writeItem(writer, item);
  writeHead(writer, BYTES, last.length);
  return prepend(finish(writer), last);
}
