import { createHash } from 'node:crypto';
import { compareBytes, concatBytes } from '../../src/core/types/index.ts';

/**
 * Range-based set reconciliation by the text of Negentropy's protocol (version 1), for measuring its bytes and round
 * trips on our sets. Items are ordered by (timestamp, id). A message is a version byte and ranges, and each range has
 * an upper bound, a mode and a payload. The modes are skip (0), fingerprint (1) and id list (2). A range whose
 * fingerprints differ is split into 16 by number of items, or listed when it has fewer than 32.
 */
const ID_BYTES = 32;
const FINGERPRINT_BYTES = 16;
const BUCKETS = 16;
const DOUBLE_BUCKETS = 2 * BUCKETS;
const SKIP = 0;
const FINGERPRINT = 1;
const IDS = 2;

export interface TimedItem {
  readonly timestamp: number;
  /** 32 bytes. */
  readonly id: Uint8Array;
}

interface Bound {
  readonly timestamp: number;
  /** A prefix of an id. */
  readonly id: Uint8Array;
}

const LAST: Bound = { timestamp: Number.POSITIVE_INFINITY, id: new Uint8Array(0) };

function compareItems(a: Bound, b: Bound): number {
  return a.timestamp === b.timestamp ? compareBytes(a.id, b.id) : a.timestamp < b.timestamp ? -1 : 1;
}

/** Encodes a number big-endian in digits of 7 bits, all but the last with the high bit set. */
function varint(n: number): number[] {
  const out = [n % 128];
  for (let rest = Math.floor(n / 128); rest > 0; rest = Math.floor(rest / 128)) out.unshift((rest % 128) | 128);
  return out;
}

/** A set that keeps the sum of ids of every prefix, so that a fingerprint costs the same for any range. */
export class NegentropySet {
  readonly items: readonly TimedItem[];
  readonly #sums: bigint[] = [0n];

  constructor(items: readonly TimedItem[]) {
    this.items = [...items].sort(compareItems);
    let sum = 0n;
    for (const { id } of this.items) this.#sums.push((sum += BigInt(`0x${Buffer.from(id).reverse().toString('hex')}`)));
  }

  /** The first 16 bytes of H(sum of the ids modulo 2^256, little-endian ‖ their number), for items `from` to `to`. */
  fingerprint(from: number, to: number): Uint8Array {
    const sum = BigInt.asUintN(256, (this.#sums[to] as bigint) - (this.#sums[from] as bigint));
    const bytes = Buffer.from(sum.toString(16).padStart(2 * ID_BYTES, '0'), 'hex').reverse();
    const hash = createHash('sha256')
      .update(bytes)
      .update(Uint8Array.from(varint(to - from)));
    return hash.digest().subarray(0, FINGERPRINT_BYTES);
  }

  /** The index of the first item at or after a bound, searched from `from`. */
  find(bound: Bound, from: number): number {
    let [low, high] = [from, this.items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareItems(this.items[middle] as TimedItem, bound) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The shortest bound between item `i` and the item before it. */
  boundAt(i: number): Bound {
    if (i >= this.items.length) return LAST;
    const [before, item] = [this.items[i - 1] as TimedItem, this.items[i] as TimedItem];
    if (before.timestamp !== item.timestamp) return { timestamp: item.timestamp, id: new Uint8Array(0) };
    let shared = 0;
    while (before.id[shared] === item.id[shared]) shared++;
    return { timestamp: item.timestamp, id: item.id.subarray(0, shared + 1) };
  }
}

interface Range {
  readonly upper: Bound;
  readonly mode: number;
  readonly fingerprint?: Uint8Array;
  readonly ids?: readonly Uint8Array[];
}

/** Bytes of a message of these ranges. A timestamp is sent as its difference plus one, and infinity as 0. */
function sizeOf(ranges: readonly Range[]): number {
  // The version takes one byte.
  let bytes = 1;
  let last = 0;
  for (const { upper, mode, fingerprint, ids } of ranges) {
    bytes += varint(upper.timestamp === Number.POSITIVE_INFINITY ? 0 : upper.timestamp - last + 1).length;
    last = Number.isFinite(upper.timestamp) ? upper.timestamp : last;
    bytes += varint(upper.id.length).length + upper.id.length + varint(mode).length;
    bytes += fingerprint?.length ?? 0;
    if (ids !== undefined) bytes += varint(ids.length).length + ids.length * ID_BYTES;
  }
  return bytes;
}

function split(set: NegentropySet, from: number, to: number, upper: Bound, out: Range[]): void {
  const count = to - from;
  if (count < DOUBLE_BUCKETS) {
    out.push({ upper, mode: IDS, ids: set.items.slice(from, to).map(({ id }) => id) });
    return;
  }
  let at = from;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const end = at + Math.floor(count / BUCKETS) + (bucket < count % BUCKETS ? 1 : 0);
    out.push({
      upper: bucket === BUCKETS - 1 ? upper : set.boundAt(end),
      mode: FINGERPRINT,
      fingerprint: set.fingerprint(at, end),
    });
    at = end;
  }
}

/** Joins neighbouring ranges that are skipped, and drops one at the end. */
function tidy(ranges: readonly Range[]): Range[] {
  const out: Range[] = [];
  for (const range of ranges) {
    if (range.mode === SKIP && out.at(-1)?.mode === SKIP) out.pop();
    out.push(range);
  }
  if (out.at(-1)?.mode === SKIP) out.pop();
  return out;
}

/** One side's answer to a message. The side that began notes the ids of lists; the other answers lists with its own. */
function answer(set: NegentropySet, ranges: readonly Range[], found: Set<string> | undefined): Range[] {
  const out: Range[] = [];
  let from = 0;
  for (const { upper, mode, fingerprint, ids = [] } of ranges) {
    const to = upper === LAST || !Number.isFinite(upper.timestamp) ? set.items.length : set.find(upper, from);
    if (
      mode === FINGERPRINT &&
      fingerprint !== undefined &&
      compareBytes(fingerprint, set.fingerprint(from, to)) !== 0
    ) {
      split(set, from, to, upper, out);
    } else if (mode === IDS) {
      const mine = set.items.slice(from, to).map(({ id }) => id);
      if (found === undefined) out.push({ upper, mode: IDS, ids: mine });
      else {
        const hex = (id: Uint8Array): string => Buffer.from(id).toString('hex');
        const [a, b] = [new Set(mine.map(hex)), new Set(ids.map(hex))];
        for (const id of a) if (!b.has(id)) found.add(id);
        for (const id of b) if (!a.has(id)) found.add(id);
        out.push({ upper, mode: SKIP });
      }
    } else out.push({ upper, mode: SKIP });
    from = to;
  }
  return tidy(out);
}

/** Bytes both ways and round trips until the side that begins knows every id that differs, and the number of those. */
export function negentropy(
  mine: NegentropySet,
  theirs: NegentropySet,
): { bytes: number; roundTrips: number; found: number } {
  const found = new Set<string>();
  let message: Range[] = [];
  split(mine, 0, mine.items.length, LAST, message);
  let bytes = 0;
  let roundTrips = 0;
  while (message.length > 0) {
    const reply = answer(theirs, message, undefined);
    bytes += sizeOf(message) + sizeOf(reply);
    roundTrips++;
    message = answer(mine, reply, found);
  }
  return { bytes, roundTrips, found: found.size };
}

/** The id of entry `i`, a hash. */
export function idOf(i: number): Uint8Array {
  return createHash('sha256')
    .update(concatBytes(new TextEncoder().encode('negentropy'), Uint8Array.from(varint(i))))
    .digest();
}
