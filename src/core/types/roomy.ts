import { type Bytes, concatBytes } from './bytes.ts';

/** Bytes that are free before roomy bytes: the head of a sync message and its envelope or frame take 130. */
const ROOM_BYTES = 256;

/** Where the used part of each roomy buffer begins. */
const begins = new WeakMap<ArrayBufferLike, number>();

/**
 * `length` zero bytes with room before them, so that the heads of a message are put there by `prepend` and a large
 * content is not copied for each of them. A copy of 1 MiB costs little; the memory of its own, of which V8 collects all
 * garbage after each 64 MiB, costs a node that serves its vault a fourth of its time.
 */
export function roomyBytes(length: number): Bytes {
  const buffer = new ArrayBuffer(ROOM_BYTES + length);
  begins.set(buffer, ROOM_BYTES);
  return new Uint8Array(buffer, ROOM_BYTES, length);
}

/** `head` and `body` one after the other: in the room before `body` where it has room that nobody used, else a copy. */
export function prepend(head: Bytes, body: Bytes): Bytes {
  const at = begins.get(body.buffer);
  if (at === undefined || at !== body.byteOffset || at < head.length) return concatBytes(head, body);
  const from = at - head.length;
  begins.set(body.buffer, from);
  const whole = new Uint8Array(body.buffer, from, head.length + body.length);
  whole.set(head);
  return whole;
}
