import type { Bytes } from '../types/index.ts';
import type { LeafDigest } from '../wire/index.ts';
import { bitAt, HASH_BYTES, KEY_BITS, requireHash } from './leaf.ts';
import { BIT, BIT_MASK, LEFT, type Nodes, type Ref, STRIDE } from './nodes.ts';

/**
 * Bytes of the digest of a subtree or leaf, which are the first of its hash (SPEC T6). Two digests are never equal by
 * chance; whoever makes them equal on purpose hides a difference from the descent, while roots still tell it.
 */
export const DIGEST_BYTES = 16;
/** Bits of the key hash that one step of the descent goes down, to 16 children. */
export const DESCENT_BITS = 4;

/** Most bits of the prefixes whose subtrees are told all at once: 2 MiB of hashes. */
const MAX_SUBTREE_BITS = 16;

/**
 * Leaves that `eachLeaf` takes at a time: enough to amortise that it finds its place again, few enough to keep in
 * memory.
 */
const PAGE = 256;

/** The digests of the 16 subtrees one nibble below a prefix. */
export interface ChildDigests {
  /** Bit i (1 << i) is set when leaves lie under the prefix followed by nibble i. */
  readonly bitmap: number;
  /**
   * DIGEST_BYTES for each set bit, i ascending: the first bytes of the hash of the node that covers exactly those
   * leaves.
   */
  readonly digests: Bytes;
}

/** See MerkleTree.childDigests; the nodes' hashes must be up to date. */
export function childDigests(nodes: Nodes, prefix: Bytes, bits: number): ChildDigests {
  requirePrefix(prefix, bits, KEY_BITS - DESCENT_BITS);
  const parts = new Uint8Array((1 << DESCENT_BITS) * DIGEST_BYTES);
  let bitmap = 0;
  let found = 0;
  const base = find(nodes, prefix, bits);
  const pending: Ref[] = base === undefined ? [] : [base];
  for (let ref = pending.pop(); ref !== undefined; ref = pending.pop()) {
    const at = ref * STRIDE;
    if (ref >= 0 && bitOf(nodes, ref) < bits + DESCENT_BITS) {
      pending.push(nodes.links[at + LEFT + 1] as number, nodes.links[at + LEFT] as number);
      continue;
    }
    const key = nodes.keys.subarray(nodes.leafUnder(ref) * (KEY_BITS / 8));
    let nibble = 0;
    for (let i = 0; i < DESCENT_BITS; i++) nibble = (nibble << 1) | bitAt(key, bits + i);
    bitmap |= 1 << nibble;
    parts.set(nodes.hashOf(ref, DIGEST_BYTES), found * DIGEST_BYTES);
    found++;
  }
  return { bitmap, digests: parts.slice(0, found * DIGEST_BYTES) };
}

/** See MerkleTree.subtreeHashes; the nodes' hashes must be up to date. */
export function subtreeHashes(nodes: Nodes, bits: number): Bytes {
  if (!Number.isInteger(bits) || bits < 0 || bits > MAX_SUBTREE_BITS)
    throw new RangeError(`${bits} bits are not 0 to ${MAX_SUBTREE_BITS}.`);
  const out = new Uint8Array(2 ** bits * HASH_BYTES);
  const pending: Ref[] = nodes.size === 0 ? [] : [nodes.root];
  for (let ref = pending.pop(); ref !== undefined; ref = pending.pop()) {
    if (ref >= 0 && bitOf(nodes, ref) < bits) {
      pending.push(nodes.links[ref * STRIDE + LEFT + 1] as number, nodes.links[ref * STRIDE + LEFT] as number);
      continue;
    }
    const at = nodes.leafUnder(ref) * HASH_BYTES;
    const first = ((nodes.keys[at] as number) << 8) | (nodes.keys[at + 1] as number);
    out.set(nodes.hashOf(ref), (first >>> (16 - bits)) * HASH_BYTES);
  }
  return out;
}

/** See MerkleTree.countUnder. */
export function countUnder(nodes: Nodes, prefix: Bytes, bits: number): number {
  requirePrefix(prefix, bits, KEY_BITS);
  const ref = find(nodes, prefix, bits);
  return ref === undefined ? 0 : nodes.countOf(ref);
}

/** See MerkleTree.leavesUnder. */
export function leavesUnder(nodes: Nodes, prefix: Bytes, bits: number, limit: number, after?: Bytes): LeafDigest[] {
  requirePrefix(prefix, bits, KEY_BITS);
  const out: LeafDigest[] = [];
  const base = find(nodes, prefix, bits);
  if (base === undefined) return out;
  const pending = after === undefined ? [base] : refsAfter(nodes, base, requireHash(after, 'key hash'));
  while (out.length < limit) {
    const ref = pending.pop();
    if (ref === undefined) break;
    if (ref >= 0) {
      pending.push(nodes.links[ref * STRIDE + LEFT + 1] as number, nodes.links[ref * STRIDE + LEFT] as number);
    } else out.push({ keyHash: nodes.keyOf(~ref), digest: nodes.hashOf(ref, DIGEST_BYTES) });
  }
  return out;
}

/** See MerkleTree.leafPage. */
export function leafPage(nodes: Nodes, prefix: Bytes, bits: number): Bytes {
  requirePrefix(prefix, bits, KEY_BITS);
  const base = find(nodes, prefix, bits);
  if (base === undefined) return new Uint8Array(0);
  const out = new Uint8Array(nodes.countOf(base) * (KEY_BITS / 4));
  let end = 0;
  const pending = [base];
  for (let ref = pending.pop(); ref !== undefined; ref = pending.pop()) {
    if (ref >= 0)
      pending.push(nodes.links[ref * STRIDE + LEFT + 1] as number, nodes.links[ref * STRIDE + LEFT] as number);
    else {
      nodes.copyLeaf(~ref, out, end);
      end += KEY_BITS / 4;
    }
  }
  return out;
}

/**
 * See MerkleTree.eachLeaf. It finds its place anew for every page, so a tree that changes meanwhile cannot lead it
 * astray.
 */
export function* eachLeaf(
  nodes: Nodes,
  prefix: Bytes,
  bits: number,
  after?: Bytes,
): Generator<LeafDigest, void, undefined> {
  let last = after;
  for (;;) {
    const page = leavesUnder(nodes, prefix, bits, PAGE, last);
    yield* page;
    last = page.at(-1)?.keyHash;
    if (page.length < PAGE || last === undefined) return;
  }
}

/** The node that covers exactly the leaves under a prefix. */
function find(nodes: Nodes, prefix: Bytes, bits: number): Ref | undefined {
  if (nodes.size === 0) return undefined;
  let ref = nodes.root;
  while (ref >= 0) {
    const bit = bitOf(nodes, ref);
    if (bit >= bits) break;
    ref = nodes.links[ref * STRIDE + LEFT + bitAt(prefix, bit)] as number;
  }
  // The walk looked at branch bits only; one leaf tells whether the bits that compaction skipped agree too.
  return agrees(nodes, nodes.leafUnder(ref), prefix, bits) ? ref : undefined;
}

function agrees(nodes: Nodes, leaf: number, prefix: Bytes, bits: number): boolean {
  const at = leaf * (KEY_BITS / 8);
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (nodes.keys[at + i] !== prefix[i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((nodes.keys[at + whole] as number) ^ (prefix[whole] as number)) >>> (8 - rest) === 0;
}

/**
 * The maximal subtrees under `base` whose leaves are all greater than `after`, the one with the smallest leaves last.
 */
function refsAfter(nodes: Nodes, base: Ref, after: Bytes): Ref[] {
  const route = new Int32Array(KEY_BITS);
  const { leaf, depth } = nodes.walk(base, after, route);
  const split = nodes.firstDifference(after, leaf);
  const out: Ref[] = [];
  for (let i = 0; i < depth; i++) {
    const ref = route[i] as number;
    const bit = bitOf(nodes, ref);
    if (bit > split) {
      // All leaves from here down have the same bit at the split, so all are greater than `after` or all are smaller.
      if (bitAt(after, split) === 0) out.push(ref);
      return out;
    }
    if (bitAt(after, bit) === 0) out.push(nodes.links[ref * STRIDE + LEFT + 1] as number);
  }
  if (split < KEY_BITS && bitAt(after, split) === 0) out.push(~leaf);
  return out;
}

function bitOf(nodes: Nodes, node: number): number {
  return (nodes.links[node * STRIDE + BIT] as number) & BIT_MASK;
}

function requirePrefix(prefix: Bytes, bits: number, most: number): void {
  if (!Number.isInteger(bits) || bits < 0 || bits > most)
    throw new RangeError(`A prefix has 0 to ${most} bits here, not ${bits}.`);
  if (prefix.length * 8 < bits) throw new RangeError(`A prefix of ${bits} bits does not fit ${prefix.length} bytes.`);
}
