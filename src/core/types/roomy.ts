import { type Bytes, concatBytes } from './bytes.ts';

/** Bytes that are free before roomy bytes: the head of a sync message and its envelope or frame take 130. */
const ROOM_BYTES = 256;

/** Larger buffers have a multiple of this, so that messages of nearly the same length can use one after the other. */
const STEP_BYTES = 64 * 1024;
/** Memory that is kept for further use: what a node answers or takes in at a time of its vault, of 1 MiB each. */
const MAX_SPARE_BYTES = 8 * 1024 * 1024;

/** Where the used part of each roomy buffer begins. */
const begins = new WeakMap<ArrayBufferLike, number>();
/** What was given back, the last one at the end. */
const spare: ArrayBuffer[] = [];
let spareBytes = 0;

/**
 * `length` bytes of any value with room before them, so that the heads of a message are put there by `prepend` and a
 * large content is not copied for each of them. Whoever is done with them may say so by `giveBack`. A copy of 1 MiB
 * costs little; memory of its own costs a node that sends or fetches content two fifths of its time, because V8 collects the
 * garbage of the whole process after every 20 to 64 MiB of such memory.
 */
export function roomyBytes(length: number): Bytes {
  const isLarge = length >= STEP_BYTES;
  const size = isLarge ? Math.ceil((ROOM_BYTES + length) / STEP_BYTES) * STEP_BYTES : ROOM_BYTES + length;
  const buffer = (isLarge ? takeSpare(size) : undefined) ?? new ArrayBuffer(size);
  begins.set(buffer, ROOM_BYTES);
  return new Uint8Array(buffer, ROOM_BYTES, length);
}

function takeSpare(size: number): ArrayBuffer | undefined {
  const at = spare.findLastIndex(({ byteLength }) => byteLength === size);
  if (at === -1) return undefined;
  spareBytes -= size;
  return spare.splice(at, 1)[0];
}

/**
 * Lets the memory of roomy bytes be used again, of which `bytes` is a part. Nobody may read or write any of it after
 * that. It does nothing with other bytes, and what is never given back is collected like all else.
 */
export function giveBack({ buffer }: Bytes): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < STEP_BYTES || !begins.delete(buffer)) return;
  spare.push(buffer);
  spareBytes += buffer.byteLength;
  while (spareBytes > MAX_SPARE_BYTES) spareBytes -= spare.shift()?.byteLength ?? 0;
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
