import { type Bytes, bytesToHex, equalBytes, type Hasher, type RunningHash } from '../types/index.ts';

/**
 * (wire) Bytes of a block, the last one of a content excepted. A sync message of 1 MiB carries fifteen of them, and the
 * leaves of 1 GiB are 512 KiB, half of a sync message.
 */
export const BLOCK_BYTES = 64 * 1024;
/** Bytes of a hash of the block tree, which is SHA-256. */
export const BLOCK_HASH_BYTES = 32;
/** (wire) Most blocks of a content, so that its leaves, which readers keep in memory as a whole, are at most 32 MiB. */
export const MAX_BLOCKS = 1024 * 1024;
/** (wire) Most bytes of a content: 64 GiB. */
export const MAX_CONTENT_BYTES = MAX_BLOCKS * BLOCK_BYTES;

const LEAF_TAG = Uint8Array.of(0x00);
const INNER_TAG = 0x01;

/** How many blocks a content of `size` bytes has. RangeError where no content has that size. */
export function blockCount(size: number): number {
  if (!isContentSize(size)) throw new RangeError(`${size} is no size of a content.`);
  return Math.ceil(size / BLOCK_BYTES);
}

/** Whether a content can have this size: a whole number of 0 to MAX_CONTENT_BYTES. */
export function isContentSize(size: number): boolean {
  return Number.isInteger(size) && size >= 0 && size <= MAX_CONTENT_BYTES;
}

/** Bytes of the block of this index. RangeError where the content has no such block. */
export function blockLength(size: number, index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= blockCount(size))
    throw new RangeError(`A content of ${size} bytes has no block ${index}.`);
  return Math.min(BLOCK_BYTES, size - index * BLOCK_BYTES);
}

/**
 * The blocks that `bytes` are, from the block of index `first` on, as views. RangeError where they are not at least one
 * whole block of a content of `size` bytes, one after the other.
 */
export function blocksOf(first: number, bytes: Bytes, size: number): readonly Bytes[] {
  const blocks: Bytes[] = [];
  let at = 0;
  do {
    const length = blockLength(size, first + blocks.length);
    if (at + length > bytes.length)
      throw new RangeError(`Block ${first + blocks.length} has ${length} bytes, not ${bytes.length - at}.`);
    blocks.push(bytes.subarray(at, at + length));
    at += length;
  } while (at < bytes.length);
  return blocks;
}

/** The leaf hash of one block: H(0x00 ‖ block) (SPEC U2). */
export function blockLeaf(block: Bytes, hasher: Hasher): Bytes {
  const hash = startLeaf(hasher);
  hash.update(block);
  return hash.digest();
}

/** The leaf hash of the block of this index, as a view of `leaves`. */
export function leafAt(leaves: Bytes, index: number): Bytes {
  return leaves.subarray(index * BLOCK_HASH_BYTES, (index + 1) * BLOCK_HASH_BYTES);
}

/**
 * The root of the block tree with these leaf hashes, 32 bytes each (RFC 6962 §2.1; SPEC U2). RangeError where they are
 * no whole number of hashes.
 */
export function blockRoot(leaves: Bytes, hasher: Hasher): Bytes {
  requireLeaves(leaves);
  return rootOfPart(leaves, 0, leaves.length / BLOCK_HASH_BYTES, hasher);
}

/**
 * Whether `leaves` are the leaf hashes of a content with this size and root. Leaves from elsewhere are believed only
 * after this.
 */
export function verifyLeaves(leaves: Bytes, size: number, root: Bytes, hasher: Hasher): boolean {
  return leaves.length === blockCount(size) * BLOCK_HASH_BYTES && equalBytes(blockRoot(leaves, hasher), root);
}

/** Whether `block` is the block of this index of a content with this size and these leaves, which were verified. */
export function verifyBlock(block: Bytes, index: number, size: number, leaves: Bytes, hasher: Hasher): boolean {
  return block.length === blockLength(size, index) && equalBytes(blockLeaf(block, hasher), leafAt(leaves, index));
}

/**
 * The audit path of one block (RFC 6962 §2.1.1): the hashes of the parts of the tree beside it, 32 bytes each, from its
 * leaf to the root. There are at most 20. RangeError where there is no such leaf.
 */
export function blockPath(leaves: Bytes, index: number, hasher: Hasher): Bytes {
  requireLeaves(leaves);
  const count = leaves.length / BLOCK_HASH_BYTES;
  if (!Number.isInteger(index) || index < 0 || index >= count)
    throw new RangeError(`${count} blocks have no block ${index}.`);
  const path: Bytes[] = [];
  for (const { from, to } of partsBeside(index, count).reverse()) path.push(rootOfPart(leaves, from, to, hasher));
  const out = new Uint8Array(path.length * BLOCK_HASH_BYTES);
  path.forEach((hash, i) => out.set(hash, i * BLOCK_HASH_BYTES));
  return out;
}

/**
 * Whether `block` is the block of this index of a content with this size and root. It needs the audit path of the block
 * and no leaves, so that a reader of few ranges of a large content transfers few hashes.
 */
export function verifyBlockByPath(
  block: Bytes,
  index: number,
  size: number,
  root: Bytes,
  path: Bytes,
  hasher: Hasher,
): boolean {
  if (block.length !== blockLength(size, index)) return false;
  const beside = partsBeside(index, blockCount(size)).reverse();
  if (path.length !== beside.length * BLOCK_HASH_BYTES) return false;
  let hash = blockLeaf(block, hasher);
  beside.forEach(({ isLeft }, i) => {
    hash = isLeft ? innerHash(leafAt(path, i), hash, hasher) : innerHash(hash, leafAt(path, i), hasher);
  });
  return equalBytes(hash, root);
}

/** What names a content and lets its parts be verified one by one. */
export interface ContentDigest {
  /** SHA-256 of the content, 64 lower-case hex digits. */
  readonly hash: string;
  readonly size: number;
  /** Root of the block tree, 64 lower-case hex digits. */
  readonly root: string;
  /** The leaf hashes of the block tree, 32 bytes each, in order. */
  readonly leaves: Bytes;
}

/** A content that comes in pieces of any size, of which nothing is kept but hashes. */
export interface ContentHash {
  /** Bytes so far. */
  readonly size: number;
  /** Takes the next bytes. RangeError beyond MAX_CONTENT_BYTES: who takes content in has a smaller bound of its own. */
  update(bytes: Bytes): void;
  /** Ends the content: nothing may be called after it. */
  digest(): ContentDigest;
}

/** Computes hash and block tree of a content as it passes by (SPEC U1, U2). */
export function createContentHash(hasher: Hasher): ContentHash {
  const whole = hasher.running();
  let size = 0;
  let leaf: RunningHash | undefined;
  let leaves = new Uint8Array(64 * BLOCK_HASH_BYTES);
  let filled = 0;

  function endLeaf(): void {
    if (leaf === undefined) return;
    if (filled + BLOCK_HASH_BYTES > leaves.length) {
      const larger = new Uint8Array(2 * leaves.length);
      larger.set(leaves);
      leaves = larger;
    }
    leaves.set(leaf.digest(), filled);
    filled += BLOCK_HASH_BYTES;
    leaf = undefined;
  }

  return {
    get size() {
      return size;
    },
    update(bytes) {
      if (size + bytes.length > MAX_CONTENT_BYTES)
        throw new RangeError(`A content has at most ${MAX_CONTENT_BYTES} bytes.`);
      whole.update(bytes);
      for (let at = 0; at < bytes.length; ) {
        const room = BLOCK_BYTES - (size % BLOCK_BYTES);
        const part = bytes.subarray(at, at + room);
        leaf ??= startLeaf(hasher);
        leaf.update(part);
        at += part.length;
        size += part.length;
        if (part.length === room) endLeaf();
      }
    },
    digest() {
      endLeaf();
      const all = leaves.slice(0, filled);
      return { hash: bytesToHex(whole.digest()), size, root: bytesToHex(blockRoot(all, hasher)), leaves: all };
    },
  };
}

function startLeaf(hasher: Hasher): RunningHash {
  const hash = hasher.running();
  hash.update(LEAF_TAG);
  return hash;
}

function requireLeaves(leaves: Bytes): void {
  if (leaves.length % BLOCK_HASH_BYTES !== 0 || leaves.length > MAX_BLOCKS * BLOCK_HASH_BYTES)
    throw new RangeError(`${leaves.length} bytes are no leaf hashes of a content.`);
}

function innerHash(left: Bytes, right: Bytes, hasher: Hasher): Bytes {
  const input = new Uint8Array(1 + 2 * BLOCK_HASH_BYTES);
  input[0] = INNER_TAG;
  input.set(left, 1);
  input.set(right, 1 + BLOCK_HASH_BYTES);
  return hasher.hash(input);
}

/** The root of the tree over the leaves from index `from` on and before index `to`. */
function rootOfPart(leaves: Bytes, from: number, to: number, hasher: Hasher): Bytes {
  if (from === to) return hasher.hash(new Uint8Array(0));
  // Roots of perfect trees, each with fewer leaves than the one before it. As with the digits of a binary counter, two
  // of one size become one of twice the size.
  const stack: Bytes[] = [];
  for (let i = from; i < to; i++) {
    let hash = leafAt(leaves, i);
    for (let ones = i - from; (ones & 1) === 1; ones >>>= 1) hash = innerHash(stack.pop() as Bytes, hash, hasher);
    stack.push(hash);
  }
  return stack.reduceRight((right, left) => innerHash(left, right, hasher)).slice();
}

/** The parts of the tree beside one leaf, from the root to the leaf, as ranges of leaves. */
function partsBeside(index: number, count: number): { from: number; to: number; isLeft: boolean }[] {
  const parts: { from: number; to: number; isLeft: boolean }[] = [];
  let [from, to] = [0, count];
  while (to - from > 1) {
    const middle = from + (1 << (31 - Math.clz32(to - from - 1))); // the largest power of two below the count
    if (index < middle) {
      parts.push({ from: middle, to, isLeft: false });
      to = middle;
    } else {
      parts.push({ from, to: middle, isLeft: true });
      from = middle;
    }
  }
  return parts;
}
