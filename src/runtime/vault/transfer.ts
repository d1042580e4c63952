import { type Author, type Bytes, concatBytes, type Hasher, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { BLOCK_HASH_BYTES, blockCount, blockLength, verifyBlock, verifyLeaves } from '../../core/vault/index.ts';
import { MAX_LEAVES } from '../../core/wire/index.ts';
import type { PartialObject } from '../../ports/index.ts';
import type { Named } from './content.ts';

/** A part of what an object lacks: blocks, or leaf hashes by their index. */
export interface Part {
  readonly first: number;
  readonly count: number;
}

const MISSING = 0;
const ASKED = 1;
const WRITTEN = 2;

/**
 * What is here of one object that is being fetched, and what of it is asked for. Each block is asked of one peer at a
 * time, and counts once it is verified and written.
 */
export interface Transfer {
  readonly object: Named;
  /** Bytes that are written. */
  readonly bytesHere: number;
  /**
   * Leaf hashes that have to come before any block; undefined when they are here or being asked for. Only all of them
   * together can be verified, so that all come from one peer, who is to blame when they are wrong: the first one that
   * was asked, as long as it `canGive` them.
   */
  nextLeaves(from: Author, canGive: (author: Author) => boolean): Part | undefined;
  /**
   * Takes leaf hashes in. Throws LatticeError `object-damaged` when they are not as many as asked, or all are here and
   * do not lead to the root.
   */
  takeLeaves(part: Part, leaves: Bytes): void;
  /** Blocks that nobody was asked for, at most `most`, and marks them as asked for. Undefined: there are none. */
  nextBlocks(most: number): Part | undefined;
  /**
   * Verifies the blocks of an answer, calls `isRight` where all are right, and writes them; the rest of the part is free
   * again. Rejects with LatticeError `object-damaged` when a block is wrong, after writing those before it, and with
   * what the store rejects with.
   */
  takeBlocks(part: Part, bytes: Bytes, isRight: () => void): Promise<number>;
  /** Makes a part free again that was asked for and did not come. */
  giveBack(part: Part, what: 'leaves' | 'blocks'): void;
  /** Whether every block is written. */
  isComplete(): boolean;
  finish(): Promise<void>;
  close(): Promise<void>;
}

export function createTransfer(object: Named, partial: PartialObject, hasher: Hasher): Transfer {
  const { size } = object;
  const count = blockCount(size);
  const root = hexToBytes(object.root) ?? new Uint8Array(0);
  const states = new Uint8Array(count);
  let bytesHere = 0;
  let written = 0;
  for (let i = 0; i < count; i++) {
    if (!partial.has(i)) continue;
    states[i] = WRITTEN;
    bytesHere += blockLength(size, i);
    written++;
  }
  /** Below this every block is asked for or written. */
  let cursor = 0;
  // The leaf of a single block is the root itself, and the empty content has no leaf.
  let leaves: Bytes | undefined = count > 1 ? undefined : count === 1 ? root : new Uint8Array(0);
  let leafParts: Bytes[] = [];
  let leafCount = 0;
  let leavesAsked = false;
  let leavesFrom: Author | undefined;

  function forgetLeaves(): void {
    leafParts = [];
    leafCount = 0;
    leavesFrom = undefined;
  }

  const wrong = (what: string): LatticeError =>
    new LatticeError('object-damaged', what, { details: { hash: object.hash } });

  function giveBack(part: Part): void {
    for (let i = part.first; i < part.first + part.count; i++) if (states[i] === ASKED) states[i] = MISSING;
    cursor = Math.min(cursor, part.first);
  }

  const leavesOf = (first: number, blocks: number): Bytes =>
    leaves?.subarray(first * BLOCK_HASH_BYTES, (first + blocks) * BLOCK_HASH_BYTES) ?? new Uint8Array(0);

  /** How many blocks of an answer, from its first on, are what was asked for, and what is wrong with the next one. */
  function verified(part: Part, bytes: Bytes): { good: number; length: number; error: LatticeError | undefined } {
    let [good, at] = [0, 0];
    for (; good < part.count && at < bytes.length; good++) {
      const index = part.first + good;
      const block = bytes.subarray(at, at + blockLength(size, index));
      if (leaves === undefined || !verifyBlock(block, index, size, leaves, hasher)) {
        const error = wrong(`block ${index} of object ${object.hash} is not what its block tree says`);
        return { good, length: at, error };
      }
      at += block.length;
    }
    const isMore = at < bytes.length;
    const error = isMore ? wrong('the answer has more bytes than the blocks that were asked for') : undefined;
    return { good, length: at, error };
  }

  return {
    object,
    get bytesHere() {
      return bytesHere;
    },
    nextLeaves(from, canGive) {
      if (leaves !== undefined || leavesAsked) return undefined;
      if (leavesFrom !== from) {
        if (leavesFrom !== undefined && canGive(leavesFrom)) return undefined;
        forgetLeaves();
        leavesFrom = from;
      }
      leavesAsked = true;
      return { first: leafCount, count: Math.min(MAX_LEAVES, count - leafCount) };
    },
    takeLeaves(part, answered) {
      leavesAsked = false;
      // Fewer than asked are as bad as wrong ones: who gives one at a time would hold the object up, since nobody else
      // is asked meanwhile.
      if (part.first !== leafCount || answered.length !== part.count * BLOCK_HASH_BYTES)
        throw wrong('the answer has other leaf hashes than asked');
      leafParts.push(answered.slice());
      leafCount += part.count;
      if (leafCount < count) return;
      const all = concatBytes(...leafParts);
      forgetLeaves();
      if (!verifyLeaves(all, size, root, hasher))
        throw wrong('its leaf hashes do not lead to the root that the entry of the object names');
      leaves = all;
    },
    nextBlocks(most) {
      if (leaves === undefined) return undefined;
      while (cursor < count && states[cursor] !== MISSING) cursor++;
      if (cursor === count) return undefined;
      const first = cursor;
      while (cursor < count && cursor - first < most && states[cursor] === MISSING) states[cursor++] = ASKED;
      return { first, count: cursor - first };
    },
    async takeBlocks(part, bytes, isRight) {
      try {
        const { good, length, error } = verified(part, bytes);
        if (error === undefined) isRight();
        if (good > 0) await partial.write(part.first, bytes.subarray(0, length), leavesOf(part.first, good));
        states.fill(WRITTEN, part.first, part.first + good);
        written += good;
        bytesHere += length;
        if (error !== undefined) throw error;
        return good;
      } finally {
        giveBack(part);
      }
    },
    giveBack(part, what) {
      if (what === 'blocks') giveBack(part);
      else {
        leavesAsked = false;
        forgetLeaves();
      }
    },
    isComplete: () => written === count && leaves !== undefined,
    finish: () => partial.finish(leaves ?? new Uint8Array(0)),
    close: () => partial.close(),
  };
}
