import type { Bytes, JsonValue } from '../types/index.ts';
import { writeValue } from './value.ts';
import { createWriter, finish, type Writer, writeArray, writeBytes } from './writer.ts';

/** What messages and rows are made of. Maps and floats stand in values only, which hold no bytes. */
export type CborItem = JsonValue | Bytes | readonly CborItem[];

/** Bytes that a head takes at most. */
const MAX_HEAD = 9;

/** Bytes to begin with: enough for bytes, numbers and ASCII; longer texts and maps make the writer grow. */
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
 * Canonical CBOR of `item` (SPEC B: the deterministic subset of RFC 8949 that DAG-CBOR chose): shortest heads, map keys
 * sorted length-first, 64-bit floats only where the number is not an integer. A view, see `createWriter`. RangeError
 * for what has no such form: a lone surrogate, NaN, an infinity, an integer beyond ±(2^53−1).
 */
export function encodeCbor(item: CborItem): Bytes {
  const writer = createWriter(roomFor(item));
  writeItem(writer, item);
  return finish(writer);
}
