import type { Entry } from '../../core/types/index.ts';

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

export interface EntryCache {
  get(key: string): Entry | undefined;
  set(key: string, entry: Entry): void;
  delete(key: string): void;
  /** Bytes of the buffers that the entries are views of, each buffer counted once. */
  readonly bytes: number;
  readonly size: number;
}

/** A cache of the entries written last, bounded in number and in the memory that they keep. */
export function createEntryCache(): EntryCache {
  const entries = new Map<string, Entry>();
  /** For each buffer, how many operations and proofs of cached siblings are views of it. */
  const holders = new Map<ArrayBufferLike, number>();
  let bytes = 0;

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
    set(key, entry) {
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
