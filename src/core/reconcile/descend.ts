import type { Difference, SubtreeDigests, SyncMessage } from '../codec/index.ts';
import type { MerkleTree } from '../merkle/index.ts';
import { type Bytes, bytesToHex, equalBytes, LatticeError, MAX_QUERIES } from '../types/index.ts';
import { childPrefix, expandDigests } from './prefix.ts';

/**
 * A key on which two trees differ: its leaf digest on either side, undefined where it is absent. Coded symbols name a key by
 * the first 8 bytes of its hash, and leaves by 8 bytes too.
 */
export interface KeyDifference {
  readonly keyHash: Bytes;
  readonly theirs: Bytes | undefined;
  readonly mine: Bytes | undefined;
}

/** A query names the children of its prefix, so the deepest prefix leaves room for one more nibble. */
const MAX_QUERY_BITS = 252;
/** Leaves taken at a time from a subtree that the peer lacks altogether. */
const LEAF_PAGE = 1024;

/**
 * Finds the keys on which our tree and a peer's differ by descending both 16 ways at a time, two levels per round
 * trip. A coroutine: yields a request, is resumed with the answer. Assumes nothing but equal hashing, so it is also
 * the fallback of every cleverer method. Stops early at `limit` keys (`complete` is then false).
 */
export function* findDifferences(
  tree: MerkleTree,
  limit: number,
): Generator<SyncMessage, { readonly keys: KeyDifference[]; readonly complete: boolean }, SyncMessage> {
  const found = new Map<string, KeyDifference>();
  let queue: SubtreeDigests[] = [{ prefix: new Uint8Array(0), bits: 0, ...tree.childDigests(new Uint8Array(0), 0) }];
  while (queue.length > 0) {
    if (found.size >= limit) return { keys: [...found.values()].slice(0, limit), complete: false };
    const asked = queue.slice(0, MAX_QUERIES);
    queue = queue.slice(MAX_QUERIES);
    const reply = yield { type: 'digests', queries: asked };
    if (reply.type !== 'differences') throw new LatticeError('malformed', `expected differences, the peer answered ${reply.type}`);
    const open = new Set(asked.map((q) => `${q.bits}:${bytesToHex(q.prefix)}`));
    const seen = new Set<string>();
    for (const item of reply.differences) {
      // Only children of what was asked, each once: a peer cannot make us walk a tree of its own invention.
      const id = `${item.bits}:${bytesToHex(item.prefix)}`;
      if (seen.has(id) || !open.has(`${item.bits - 4}:${bytesToHex(parentPrefix(item.prefix, item.bits))}`)) {
        throw new LatticeError('malformed', 'the peer answered a prefix that was not asked for');
      }
      seen.add(id);
      if (item.kind === 'leaves') compareLeaves(tree, item, found, limit);
      else queue.push(...compareChildren(tree, item, found, limit));
    }
  }
  return { keys: [...found.values()], complete: true };
}

function parentPrefix(prefix: Bytes, bits: number): Bytes {
  const parentBits = bits - 4;
  const out = prefix.slice(0, (parentBits + 7) >> 3);
  if (parentBits % 8 !== 0) out[out.length - 1] = (out[out.length - 1] as number) & 0xf0;
  return out;
}

function note(found: Map<string, KeyDifference>, difference: KeyDifference): void {
  found.set(bytesToHex(difference.keyHash), difference);
}

function compareLeaves(
  tree: MerkleTree,
  item: Extract<Difference, { kind: 'leaves' }>,
  found: Map<string, KeyDifference>,
  limit: number,
): void {
  const theirs = new Set<string>();
  for (const { keyHash, digest } of item.leaves) {
    theirs.add(bytesToHex(keyHash));
    const mine = tree.get(keyHash)?.subarray(0, digest.length);
    if (mine === undefined || !equalBytes(mine, digest)) note(found, { keyHash, theirs: digest, mine });
  }
  noteOwn(tree, item.prefix, item.bits, found, limit, (keyHash) => theirs.has(bytesToHex(keyHash)));
}

/** Notes our leaves under a prefix that the peer does not have. */
function noteOwn(
  tree: MerkleTree,
  prefix: Bytes,
  bits: number,
  found: Map<string, KeyDifference>,
  limit: number,
  has: (keyHash: Bytes) => boolean,
): void {
  let after: Bytes | undefined;
  while (found.size < limit) {
    const page = tree.leavesUnder(prefix, bits, LEAF_PAGE, after);
    for (const leaf of page) if (!has(leaf.keyHash)) note(found, { keyHash: leaf.keyHash, theirs: undefined, mine: leaf.digest });
    if (page.length < LEAF_PAGE) return;
    after = page.at(-1)?.keyHash;
  }
}

function compareChildren(
  tree: MerkleTree,
  item: Extract<Difference, { kind: 'children' }>,
  found: Map<string, KeyDifference>,
  limit: number,
): SubtreeDigests[] {
  if (item.bits > MAX_QUERY_BITS - 4) throw new LatticeError('malformed', 'the peer claims more leaves under a prefix than there can be');
  const own = tree.childDigests(item.prefix, item.bits);
  const mine = expandDigests(own.bitmap, own.digests);
  const theirs = expandDigests(item.bitmap, item.digests);
  const deeper: SubtreeDigests[] = [];
  for (let i = 0; i < 16; i++) {
    const a = mine[i];
    const b = theirs[i];
    if (b === undefined ? a === undefined : a !== undefined && equalBytes(a, b)) continue;
    const prefix = childPrefix(item.prefix, item.bits, i);
    const bits = item.bits + 4;
    if (b === undefined) noteOwn(tree, prefix, bits, found, limit, () => false);
    else deeper.push({ prefix, bits, ...tree.childDigests(prefix, bits) });
  }
  return deeper;
}
