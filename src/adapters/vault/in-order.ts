import type { Bytes, Hasher } from '../../core/types/index.ts';
import { BLOCK_BYTES, blockCount, type ContentDigest, type ContentHash, createContentHash } from '../../core/vault/index.ts';

/** Bytes that wait in memory for blocks before them: what several peers have under way of one object at a time. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** Bytes that are read back beside one write at most, twice what it brings, so that reading catches up with writing. */
const READ_BACK_BYTES = 2 * 1024 * 1024;

/**
 * Hashes content in its order while its blocks come in any order, so that nothing of it has to be read again at the end
 * (SPEC U10). What came before in another process, or too early to wait in memory, is read back from the file.
 */
export interface InOrderHash {
  /** Takes bytes that are written, from a block on. Those that were hashed already are left out. */
  wrote(first: number, bytes: Bytes): void;
  /**
   * Reads back a bounded part of what is written and not hashed, where there is any. Never rejects: what cannot be read
   * is read again at the end, which tells.
   */
  catchUp(): Promise<void>;
  /** Reads back what is left, which all is written by now, and ends. `restart` is called before it is used again. */
  digest(): Promise<ContentDigest>;
  /** Forgets everything, because what was hashed may not be what is written. */
  restart(): void;
}

export function createInOrderHash(deps: {
  readonly hasher: Hasher;
  readonly size: number;
  /** Whether a block is written. */
  readonly has: (index: number) => boolean;
  /** The bytes of the file from a position on; fewer where it ends before. */
  readonly read: (position: number, length: number) => Promise<Bytes>;
}): InOrderHash {
  const { size } = deps;
  let running: ContentHash = createContentHash(deps.hasher);
  /** What came early, by where it begins. */
  let waiting = new Map<number, Bytes>();
  let waitingBytes = 0;
  let reading: Promise<void> | undefined;

  function take(at: number, bytes: Bytes): void {
    const known = running.size - at;
    if (known < bytes.length) running.update(known === 0 ? bytes : bytes.subarray(known));
  }

  /** Hashes what waits, as far as nothing before it is missing. */
  function drain(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [at, bytes] of waiting) {
        if (at > running.size) continue;
        waiting.delete(at);
        waitingBytes -= bytes.length;
        take(at, bytes);
        moved = true;
      }
    }
  }

  /** Where the blocks end that are written one after the other from the next one on, at most `most` bytes further. */
  function writtenUntil(most: number): number {
    const from = running.size;
    const last = Math.min(blockCount(size), Math.ceil((from + most) / BLOCK_BYTES));
    let index = Math.floor(from / BLOCK_BYTES);
    while (index < last && deps.has(index)) index++;
    return Math.min(size, index * BLOCK_BYTES);
  }

  async function readBack(until: number): Promise<void> {
    const mine = running;
    while (mine.size < until) {
      const at = mine.size;
      const bytes = await deps.read(at, Math.min(1024 * 1024, until - at));
      if (bytes.length === 0) return; // The file is shorter than what was written: the digest will tell.
      if (mine !== running) return;
      take(at, bytes);
    }
    drain();
  }

  return {
    wrote(first, bytes) {
      const at = first * BLOCK_BYTES;
      if (at + bytes.length <= running.size) return;
      if (at <= running.size && reading === undefined) {
        take(at, bytes);
        drain();
      } else if (waitingBytes + bytes.length <= MAX_WAITING_BYTES && !waiting.has(at)) {
        waiting.set(at, bytes);
        waitingBytes += bytes.length;
      }
    },
    async catchUp() {
      if (reading !== undefined || running.size >= size) return;
      const until = writtenUntil(READ_BACK_BYTES);
      if (until <= running.size) return;
      reading = readBack(until)
        .catch(() => undefined)
        .finally(() => {
          reading = undefined;
        });
      await reading;
    },
    async digest() {
      await reading;
      drain();
      await readBack(size);
      return running.digest();
    },
    restart() {
      running = createContentHash(deps.hasher);
      waiting = new Map();
      waitingBytes = 0;
    },
  };
}
