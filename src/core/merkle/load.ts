import { type Bytes, type Hasher, LatticeError } from '../types/index.ts';
import { HASH_BYTES, KEY_BITS, requireHash } from './leaf.ts';
import { BIT, BIT_MASK, COUNT, firstDifference, LEFT, Nodes, type Ref, STRIDE } from './nodes.ts';
import { type MerkleTree, treeOfNodes } from './tree.ts';

/** Builds a tree of many leaves at once, which is several times faster than inserting them one by one. */
export interface TreeLoader {
  /**
   * Adds a leaf: key hash and leaf hash, 32 bytes each (else RangeError), which are copied. Leaves may come in any
   * order; ascending is fastest.
   */
  add(keyHash: Bytes, leafHash: Bytes): void;
  /**
   * The tree of all leaves added, with its hashes computed. Throws LatticeError `malformed` when a key hash came twice.
   * The loader cannot be used afterwards.
   */
  finish(): MerkleTree;
}

/** `capacity` is how many leaves will come, where that is known: it saves the growing of arrays. */
export function createTreeLoader(hasher: Hasher, options: { capacity?: number } = {}): TreeLoader {
  let nodes: Nodes | undefined = new Nodes(hasher, options.capacity);
  let ascending = true;
  function open(): Nodes {
    if (nodes === undefined) throw new Error('The loader has finished.');
    return nodes;
  }
  return {
    add(keyHash, leafHash) {
      const into = open();
      const leaf = into.addLeaf(requireHash(keyHash, 'key hash'), requireHash(leafHash, 'leaf hash'));
      if (ascending && leaf > 0) ascending = compareKeys(into.keys, leaf - 1, leaf) < 0;
    },
    finish() {
      const done = open();
      nodes = undefined;
      link(done, ascending ? undefined : sortedOrder(done));
      return treeOfNodes(done, hasher);
    },
  };
}

/**
 * Links the leaves into the trie in one pass over them in ascending order (`order`, or as they are stored). Two
 * neighbours branch at the first bit in which they differ, and the trie is the Cartesian tree of those bits, so a stack
 * of the right-hand spine builds it (Vuillemin 1980). A node leaves the spine when it is complete, and is hashed then,
 * while its children are still in the processor's cache.
 */
function link(nodes: Nodes, order: Uint32Array | undefined): void {
  const { keys, links, size } = nodes;
  if (size === 0) return;
  const spine = new Int32Array(KEY_BITS);
  let depth = 0;
  let previous = order === undefined ? 0 : (order[0] as number);
  nodes.root = ~previous;
  function complete(): Ref {
    const node = spine[--depth] as number;
    const at = node * STRIDE;
    links[at + COUNT] = nodes.countOf(links[at + LEFT] as number) + nodes.countOf(links[at + LEFT + 1] as number);
    nodes.hashNode(node);
    return node;
  }
  for (let i = 1; i < size; i++) {
    const leaf = order === undefined ? i : (order[i] as number);
    const bit = firstDifference(keys, previous * HASH_BYTES, keys, leaf * HASH_BYTES);
    if (bit === KEY_BITS) throw new LatticeError('malformed', 'A key hash stands twice among the leaves.');
    let below: Ref = ~previous;
    while (depth > 0 && ((links[(spine[depth - 1] as number) * STRIDE + BIT] as number) & BIT_MASK) > bit)
      below = complete();
    const at = leaf * STRIDE;
    links[at + LEFT] = below;
    links[at + LEFT + 1] = ~leaf;
    links[at + BIT] = bit;
    if (depth > 0) links[(spine[depth - 1] as number) * STRIDE + LEFT + 1] = leaf;
    spine[depth++] = leaf;
    previous = leaf;
  }
  while (depth > 0) nodes.root = complete();
}

/**
 * The numbers of the leaves in ascending order of their key hashes. The leading bits of each hash and the leaf's number
 * are packed into one double, because the engine sorts doubles without calling back. Leaves with equal leading bits,
 * which are few among hashes, are then compared in full.
 */
function sortedOrder(nodes: Nodes): Uint32Array {
  const { keys, size } = nodes;
  const scale = 2 ** (32 - Math.clz32(size));
  // A double has 53 exact bits. At least 21 of them are left for the leading bits, however many leaves there are.
  const leading = Math.min(2 ** 32, 2 ** 53 / scale);
  const packed = new Float64Array(size);
  for (let leaf = 0; leaf < size; leaf++) {
    const at = leaf * HASH_BYTES;
    const first =
      (keys[at] as number) * 2 ** 24 +
      (((keys[at + 1] as number) << 16) | ((keys[at + 2] as number) << 8) | (keys[at + 3] as number));
    packed[leaf] = Math.floor(first / (2 ** 32 / leading)) * scale + leaf;
  }
  packed.sort();
  const order = new Uint32Array(size);
  let runStart = 0;
  let runLead = -1;
  for (let i = 0; i < size; i++) {
    const value = packed[i] as number;
    const lead = Math.floor(value / scale);
    order[i] = value - lead * scale;
    if (lead !== runLead) {
      sortRun(keys, order, runStart, i);
      runStart = i;
      runLead = lead;
    }
  }
  sortRun(keys, order, runStart, size);
  return order;
}

function sortRun(keys: Bytes, order: Uint32Array, start: number, end: number): void {
  if (end - start > 1) order.subarray(start, end).sort((a, b) => compareKeys(keys, a, b));
}

function compareKeys(keys: Bytes, a: number, b: number): number {
  const i = a * HASH_BYTES;
  const j = b * HASH_BYTES;
  for (let k = 0; k < HASH_BYTES; k++) {
    const d = (keys[i + k] as number) - (keys[j + k] as number);
    if (d !== 0) return d;
  }
  return 0;
}
