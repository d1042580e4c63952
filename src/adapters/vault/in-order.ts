import { type Bytes, bytesToHex, giveBack, type Hasher, roomyBytes } from '../../core/types/index.ts';
import { BLOCK_BYTES, BLOCK_HASH_BYTES, blockCount, blockLeaf, blocksOf } from '../../core/vault/index.ts';

/** Bytes that wait in memory for blocks before them: what several peers have under way of one object at a time. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** Bytes that are read back beside one write at most, twice what it brings, so that reading catches up with writing. */
const READ_BACK_BYTES = 2 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

/**
 * Hashes content in its order while its blocks come in any order, so that nothing of it has to be read again at the end
 * (SPEC U10). What came before in another process, or too early to wait in memory, is read back from the file.
 */
export interface InOrderHash {
  /** Takes blocks that are written, and their leaf hashes. Nothing of `bytes` is kept: what has to wait is copied. */
  wrote(first: number, bytes: Bytes, leaves: Bytes): void;
  /**
   * Reads back a bounded part of what is written and not hashed, where there is any. Never rejects: what cannot be read
   * is read again at the end, which tells.
   */
  catchUp(): Promise<void>;
  /**
   * Reads back what is left, all of which is written by now, and ends: the SHA-256, 64 lower-case hex digits, and the
   * leaf hashes. `restart` comes before anything else is called.
   */
  digest(): Promise<{ readonly hash: string; readonly leaves: Bytes }>;
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
  const { hasher, size } = deps;
  const count = blockCount(size);
  const allLeaves = new Uint8Array(count * BLOCK_HASH_BYTES);
  /** Which leaf hashes are known. */
  const known = new Uint8Array(count);
  let running = hasher.running();
  /** How many blocks were hashed, from the first on. */
  let next = 0;
  /** What came early, by the index of its first block. */
  let waiting = new Map<number, Bytes>();
  let waitingBytes = 0;
  let reading: Promise<void> | undefined;

  const startOf = (index: number): number => Math.min(size, index * BLOCK_BYTES);
  const endOf = (first: number, bytes: Bytes): number => first + Math.ceil(bytes.length / BLOCK_BYTES);

  /** Hashes what was not hashed of blocks that begin at the next one or before it. */
  function take(first: number, bytes: Bytes): void {
    const end = endOf(first, bytes);
    if (end <= next) return;
    running.update(first === next ? bytes : bytes.subarray(startOf(next) - startOf(first)));
    next = end;
  }

  /** Hashes what waits, as far as nothing before it is missing. */
  function drain(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [first, bytes] of waiting) {
        if (first > next) continue;
        waiting.delete(first);
        waitingBytes -= bytes.length;
        take(first, bytes);
        giveBack(bytes);
        moved = true;
      }
    }
  }

  /** Reads back the blocks from the next one on and before `until`. */
  async function readBack(until: number): Promise<void> {
    for (drain(); next < until; drain()) {
      const [mine, first] = [running, next];
      // What waits in memory need not be read.
      const end = Math.min(until, ...waiting.keys());
      const length = Math.min(READ_BYTES, startOf(end) - startOf(first));
      const bytes = await deps.read(startOf(first), length);
      if (mine !== running) return;
      // The file is shorter than what was written: its SHA-256 will be another one.
      if (bytes.length < length) return;
      blocksOf(first, bytes, size).forEach((block, i) => {
        if (known[first + i] === 1) return;
        allLeaves.set(blockLeaf(block, hasher), (first + i) * BLOCK_HASH_BYTES);
        known[first + i] = 1;
      });
      take(first, bytes);
      giveBack(bytes);
    }
  }

  return {
    wrote(first, bytes, leaves) {
      allLeaves.set(leaves, first * BLOCK_HASH_BYTES);
      known.fill(1, first, endOf(first, bytes));
      if (first <= next && reading === undefined) {
        take(first, bytes);
        drain();
      } else if (
        endOf(first, bytes) > next &&
        waitingBytes + bytes.length <= MAX_WAITING_BYTES &&
        !waiting.has(first)
      ) {
        const kept = roomyBytes(bytes.length);
        kept.set(bytes);
        waiting.set(first, kept);
        waitingBytes += bytes.length;
      }
    },
    async catchUp() {
      if (reading !== undefined) return;
      const last = Math.min(count, next + READ_BACK_BYTES / BLOCK_BYTES);
      let until = next;
      while (until < last && deps.has(until)) until++;
      if (until === next) return;
      reading = readBack(until)
        .catch(() => undefined)
        .finally(() => {
          reading = undefined;
        });
      await reading;
    },
    async digest() {
      await reading;
      await readBack(count);
      return { hash: bytesToHex(running.digest()), leaves: allLeaves };
    },
    restart() {
      running = hasher.running();
      next = 0;
      known.fill(0);
      waiting = new Map();
      waitingBytes = 0;
    },
  };
}
