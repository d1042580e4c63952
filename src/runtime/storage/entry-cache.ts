import type { Bytes, Entry } from '../../core/types/index.ts';

/** Entries kept decoded for the next step, so that hot keys are not read from the store each time. */
const MAX_ENTRIES = 4096;
/**
 * Bytes of the buffers that the cached entries keep in memory. An operation is a view of the commit that it came in,
 * and its proof one of all proofs of that commit, so that one entry can keep 64 KiB of each. The objects of an entry
 * take another 1.4 KB for small values, which makes 6 MiB in all.
 */
const MAX_BYTES = 8 * 1024 * 1024;
/** How much of either is kept when its limit was exceeded. */
const LEFT_ENTRIES = (MAX_ENTRIES / 8) * 7;
const LEFT_BYTES = (MAX_BYTES / 8) * 7;
/** Places for marks of keys that were written, a power of two: twice as many as entries, in 32 KiB. */
const MARKS = 2 * MAX_ENTRIES;

export interface EntryCache {
  get(key: string): Entry | undefined;
  /** Keeps an entry that was written, if its key is here already or was written a short while ago. */
  wrote(key: string, keyHash: Bytes, entry: Entry): void;
  delete(key: string): void;
  /** Bytes of the buffers that the entries are views of, each buffer counted once. */
  readonly bytes: number;
  readonly size: number;
}

/**
 * A cache of the entries written last, bounded in number and in the memory that they keep. A key that is written for the
 * first time leaves only a mark: the objects of an entry that is written once live just long enough to be copied by the
 * garbage collector, which costs more than the one read that they save. It is the doorkeeper of TinyLFU (Einziger,
 * Friedman and Manes, 2017), with one mark for each place in place of a Bloom filter.
 */
export function createEntryCache(): EntryCache {
  const entries = new Map<string, Entry>();
  /** For each buffer, how many operations and proofs of cached siblings are views of it. */
  const holders = new Map<ArrayBufferLike, number>();
  let bytes = 0;
  /** A part of the hash of the key that was written last of those that share the place. */
  const marks = new Uint32Array(MARKS);

  /** Whether the key has a mark; it has one from now on. */
  function mark(keyHash: Bytes): boolean {
    const [a, b, c, d, e, f] = keyHash as unknown as readonly [number, number, number, number, number, number];
    const place = ((a << 8) | b) % MARKS;
    const part = ((c << 24) | (d << 16) | (e << 8) | f) >>> 0;
    if (marks[place] === part) return true;
    marks[place] = part;
    return false;
  }

  function countBuffer(buffer: ArrayBufferLike, by: 1 | -1): void {
    const before = holders.get(buffer) ?? 0;
    if (before === 0) bytes += buffer.byteLength;
    if (before + by > 0) holders.set(buffer, before + by);
    else {
      holders.delete(buffer);
      bytes -= buffer.byteLength;
    }
  }

  function count(entry: Entry, by: 1 | -1): void {
    for (const { operationBytes, proof } of entry.siblings) {
      countBuffer(operationBytes.buffer, by);
      countBuffer(proof.buffer, by);
    }
  }

  function remove(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    count(entry, -1);
  }

  return {
    delete: remove,
    get: (key) => entries.get(key),
    wrote(key, keyHash, entry) {
      if (!mark(keyHash) && !entries.has(key)) return;
      remove(key);
      entries.set(key, entry);
      count(entry, 1);
      // An eighth is taken out at once, because taking out one at a time is slow (see dropOldest).
      if (entries.size <= MAX_ENTRIES && bytes <= MAX_BYTES) return;
      for (const oldest of entries.keys()) {
        if (entries.size <= LEFT_ENTRIES && bytes <= LEFT_BYTES) break;
        remove(oldest);
      }
    },
    get bytes() {
      return bytes;
    },
    get size() {
      return entries.size;
    },
  };
}
