import type { Bytes, Hasher } from '../types/index.ts';
import { bitAt, HASH_BYTES, KEY_BITS } from './leaf.ts';

const INNER_TAG = 0x01;
const WORDS = HASH_BYTES / 4;

/**
 * The fields of an inner node in `links`, a record of STRIDE numbers for each node: one cache line answers a whole step
 * of a walk. LEFT and LEFT + 1 are the children, COUNT is the number of leaves below, and BIT the branch bit with
 * DIRTY.
 */
export const STRIDE = 4;
export const LEFT = 0;
export const COUNT = 2;
export const BIT = 3;
/**
 * It is set in the field BIT while the node's hash is out of date; the node is then dirty. All ancestors of a dirty
 * node are dirty.
 */
export const DIRTY = 0x100;
export const BIT_MASK = 0xff;

/** Leaves that a tree has room for when nobody told how many will come: 112 KiB. */
const DEFAULT_CAPACITY = 1024;

/**
 * A node of the trie by number: i ≥ 0 is inner node i, and a negative number is leaf ~i. Leaf i and inner node i are
 * made together (the first leaf has no inner node), and removal renumbers, so **leaf i always lies under inner node
 * i**: a leaf of any subtree is known without a walk.
 */
export type Ref = number;

/**
 * The nodes of one tree in typed arrays: 112 bytes a leaf. Arrays double when they are full; the part that is not used
 * yet is never touched and so costs address space, not memory.
 */
export class Nodes {
  /** Number of leaves. */
  size = 0;
  /** The root node; without meaning while `size` is 0. */
  root: Ref = -1;
  /** The key hash of leaf i stands at 32 i. */
  keys: Uint8Array;
  /** The hash of leaf i stands at 64 i, and that of inner node i (valid unless it is dirty) at 64 i + 32. */
  private hashes: Uint8Array;
  /** Left child, right child, leaf count, and branch bit | DIRTY of inner node i, from STRIDE i on. */
  links: Int32Array;
  /** The same memory as `hashes`, by words of 32 bits. */
  private words: Int32Array;
  private capacity: number;
  private readonly hasher: Hasher;
  /**
   * The input of an inner node's hash: tag ‖ u16 bit ‖ left ‖ right. It begins one byte into its buffer, so that both
   * hashes are aligned and can be copied by words.
   */
  private readonly input: Uint8Array;
  private readonly inputWords: Int32Array;
  /** The nodes that `flush` is to hash, reused by every call: at most every inner node. */
  private readonly dirty: Ref[] = [];
  /** What `flush` read ahead. It is kept only so that the engine does not optimise the reading away. */
  fetched = 0;

  constructor(hasher: Hasher, capacity: number = DEFAULT_CAPACITY) {
    this.hasher = hasher;
    this.capacity = Math.max(1, Math.ceil(capacity));
    this.keys = new Uint8Array(this.capacity * HASH_BYTES);
    this.hashes = new Uint8Array(this.capacity * 2 * HASH_BYTES);
    this.links = new Int32Array(this.capacity * STRIDE);
    this.words = new Int32Array(this.hashes.buffer);
    const buffer = new ArrayBuffer(4 + 2 * HASH_BYTES);
    this.input = new Uint8Array(buffer, 1);
    this.input[0] = INNER_TAG;
    this.inputWords = new Int32Array(buffer);
  }

  /** The same nodes in arrays of their own, with room for an eighth more. */
  copy(): Nodes {
    const out = new Nodes(this.hasher, Math.max(DEFAULT_CAPACITY, this.size + (this.size >>> 3)));
    out.size = this.size;
    out.root = this.root;
    out.keys.set(this.keys.subarray(0, this.size * HASH_BYTES));
    out.hashes.set(this.hashes.subarray(0, this.size * 2 * HASH_BYTES));
    out.links.set(this.links.subarray(0, this.size * STRIDE));
    return out;
  }

  /** Stores a leaf that no inner node leads to yet, and returns its number. */
  addLeaf(keyHash: Bytes, leafHash: Bytes): number {
    if (this.size === this.capacity) this.grow();
    const leaf = this.size++;
    this.keys.set(keyHash, leaf * HASH_BYTES);
    this.setLeafHash(leaf, leafHash);
    return leaf;
  }

  setLeafHash(leaf: number, hash: Bytes): void {
    this.hashes.set(hash, leaf * 2 * HASH_BYTES);
  }

  /** Copies leaf `from` over leaf `to`. The caller changes whatever leads to it. */
  moveLeaf(from: number, to: number): void {
    this.keys.copyWithin(to * HASH_BYTES, from * HASH_BYTES, (from + 1) * HASH_BYTES);
    this.hashes.copyWithin(2 * to * HASH_BYTES, 2 * from * HASH_BYTES, (2 * from + 1) * HASH_BYTES);
  }

  /**
   * Copies inner node `from` over inner node `to`, with the links to its children. The caller changes what leads to it.
   */
  moveInner(from: number, to: number): void {
    this.links.copyWithin(to * STRIDE, from * STRIDE, (from + 1) * STRIDE);
    this.hashes.copyWithin((2 * to + 1) * HASH_BYTES, (2 * from + 1) * HASH_BYTES, (2 * from + 2) * HASH_BYTES);
  }

  private grow(): void {
    this.capacity *= 2;
    // The arrays are replaced one after the other, so that at most one of them exists twice at a time.
    this.keys = doubled(this.keys);
    this.hashes = doubled(this.hashes);
    this.words = new Int32Array(this.hashes.buffer);
    const links = new Int32Array(this.capacity * STRIDE);
    links.set(this.links);
    this.links = links;
  }

  /** The number of some leaf under `ref`. */
  leafUnder(ref: Ref): number {
    return ref < 0 ? ~ref : ref;
  }

  /** The number of leaves under `ref`. */
  countOf(ref: Ref): number {
    return ref < 0 ? 1 : (this.links[ref * STRIDE + COUNT] as number);
  }

  /** A copy of the key hash of a leaf. */
  keyOf(leaf: number): Bytes {
    return this.keys.slice(leaf * HASH_BYTES, (leaf + 1) * HASH_BYTES);
  }

  /** A copy of the first `length` bytes of the hash of a node that is not dirty. */
  hashOf(ref: Ref, length: number = HASH_BYTES): Bytes {
    const at = slotOf(ref) * HASH_BYTES;
    return this.hashes.slice(at, at + length);
  }

  /** Copies the hash of a node that is not dirty into the first bytes of `out`. */
  copyHash(ref: Ref, out: Bytes): void {
    const { hashes } = this;
    const at = slotOf(ref) * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) out[i] = hashes[at + i] as number;
  }

  /** Copies the key hash and the hash of a leaf, 64 bytes, to `out` from `at` on. */
  copyLeaf(leaf: number, out: Bytes, at: number): void {
    const { keys, hashes } = this;
    for (let i = 0; i < HASH_BYTES; i++) {
      out[at + i] = keys[leaf * HASH_BYTES + i] as number;
      out[at + HASH_BYTES + i] = hashes[2 * leaf * HASH_BYTES + i] as number;
    }
  }

  /**
   * Walks from `start` along the bits of `keyHash` to a leaf and writes the inner nodes that it passes into `path`. It
   * returns the number of the leaf and how many nodes it passed.
   */
  walk(start: Ref, keyHash: Bytes, path: Int32Array): { leaf: number; depth: number } {
    const links = this.links;
    let ref = start;
    let depth = 0;
    while (ref >= 0) {
      path[depth++] = ref;
      const at = ref * STRIDE;
      ref = links[at + LEFT + bitAt(keyHash, (links[at + BIT] as number) & BIT_MASK)] as number;
    }
    return { leaf: ~ref, depth };
  }

  /** The first bit in which a key hash differs from that of a leaf; KEY_BITS when they are equal. */
  firstDifference(keyHash: Bytes, leaf: number): number {
    return firstDifference(keyHash, 0, this.keys, leaf * HASH_BYTES);
  }

  /** Brings every hash up to date. Each dirty node is hashed once, children before parents. */
  flush(): void {
    const { links, words, dirty } = this;
    if (this.size === 0 || this.root < 0 || ((links[this.root * STRIDE + BIT] as number) & DIRTY) === 0) return;
    // The list is breadth first: parents stand before their children, so it is hashed from its end.
    dirty.push(this.root);
    let fetched = 0;
    for (let i = 0; i < dirty.length; i++) {
      const at = (dirty[i] as number) * STRIDE;
      const left = links[at + LEFT] as number;
      const right = links[at + LEFT + 1] as number;
      // Hashing waits for each of its inputs in turn. Read ahead here, they come from memory many at a time.
      fetched ^= (words[slotOf(left) * WORDS] as number) ^ (words[slotOf(right) * WORDS] as number);
      if (left >= 0 && ((links[left * STRIDE + BIT] as number) & DIRTY) !== 0) dirty.push(left);
      if (right >= 0 && ((links[right * STRIDE + BIT] as number) & DIRTY) !== 0) dirty.push(right);
    }
    for (let node = dirty.pop(); node !== undefined; node = dirty.pop()) this.hashNode(node);
    this.fetched = fetched;
  }

  /** Hashes one inner node, whose children must be up to date, and marks it clean. */
  hashNode(node: number): void {
    const { links, words, input, inputWords } = this;
    const at = node * STRIDE;
    const bit = (links[at + BIT] as number) & BIT_MASK;
    // The high byte of the u16 stays 0: branch bits are below 256.
    input[2] = bit;
    const left = slotOf(links[at + LEFT] as number) * WORDS;
    const right = slotOf(links[at + LEFT + 1] as number) * WORDS;
    for (let i = 0; i < WORDS; i++) {
      inputWords[1 + i] = words[left + i] as number;
      inputWords[1 + WORDS + i] = words[right + i] as number;
    }
    this.hasher.hashInto(input, this.hashes, slotOf(node) * HASH_BYTES);
    links[at + BIT] = bit;
  }
}

/** The place of a node's hash in `hashes`, in units of 32 bytes. */
function slotOf(ref: Ref): number {
  return ref < 0 ? 2 * ~ref : 2 * ref + 1;
}

/** The first bit in which the 32 bytes at `i` of `a` and at `j` of `b` differ; KEY_BITS when they are equal. */
export function firstDifference(a: Bytes, i: number, b: Bytes, j: number): number {
  for (let k = 0; k < HASH_BYTES; k++) {
    const xor = (a[i + k] as number) ^ (b[j + k] as number);
    if (xor !== 0) return k * 8 + Math.clz32(xor) - 24;
  }
  return KEY_BITS;
}

function doubled(array: Uint8Array): Uint8Array {
  const out = new Uint8Array(array.length * 2);
  out.set(array);
  return out;
}
