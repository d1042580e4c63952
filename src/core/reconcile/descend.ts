import type { MerkleTree } from '../merkle/index.ts';
import { type Bytes, bytesToHex, compareBytes, equalBytes, LatticeError, MAX_QUERIES } from '../types/index.ts';
import type { Difference, HashPrefix, LeafDigest, SubtreeDigests, SyncMessage } from '../wire/index.ts';
import { childPrefix, expandDigests } from './prefix.ts';

/**
 * A key on which two trees differ, with its leaf digest on either side, undefined where the key is absent. Coded
 * symbols name the key by the first 8 bytes of its hash, and the leaves by their first 8 bytes too.
 */
export interface KeyDifference {
  readonly keyHash: Bytes;
  readonly theirs: Bytes | undefined;
  readonly mine: Bytes | undefined;
}

/** The longest prefix of a query, which asks about the children one nibble below it. */
const MAX_QUERY_BITS = 252;
/**
 * Where the peer has more than so many times our keys, most of its leaves are new to us. Asking level by level would
 * list them all the same, only later.
 */
const LISTED_RATIO = 2;
/** Queries of one request in that case. More would leave little room in the answer for lists of leaves. */
const LISTED_QUERIES = 16;
/** What a query says of a subtree without leaves. */
const NOTHING = { bitmap: 0, digests: new Uint8Array(0) };
/** Leaves that are taken at a time from a subtree that the peer lacks altogether. */
const LEAF_PAGE = 1024;

export interface DescentOptions {
  /**
   * The number of keys that the peer says it has. Where there are more than twice as many as ours, we ask as if we had
   * none, so that the peer's leaves are listed at once.
   */
  readonly theirEntries?: number | undefined;
  /** Called after every answer with the keys that it brought. */
  readonly tell?: (keys: readonly KeyDifference[]) => void;
}

/**
 * Finds the keys on which our tree and a peer's differ by descending both trees 16 ways at a time, two levels in each
 * round trip (SPEC S8). It is a coroutine: it yields a request and is resumed with the answer. It assumes nothing but
 * equal hashing, so it is also the fallback of coded symbols. It stops early at `limit` keys; `complete` is then false.
 * Throws LatticeError `malformed` when the peer answers what was not asked.
 */
export function* findDifferences(
  tree: MerkleTree,
  limit: number,
  { theirEntries = 0, tell = () => undefined }: DescentOptions = {},
): Generator<SyncMessage, { readonly keys: KeyDifference[]; readonly complete: boolean }, SyncMessage> {
  /** Every subtree is answered once, so no key is found twice. */
  const found: KeyDifference[] = [];
  let told = 0;
  const list = theirEntries > LISTED_RATIO * tree.size;
  const query = (prefix: Bytes, bits: number): SubtreeDigests => ({
    prefix,
    bits,
    ...(list ? NOTHING : tree.childDigests(prefix, bits)),
  });
  /** Subtrees that differ and have not been asked about. Each has at least one key that differs. */
  let queue: HashPrefix[] = [{ prefix: new Uint8Array(0), bits: 0 }];
  let crowded = false;
  while (queue.length > 0) {
    if (found.length >= limit) return { keys: found.slice(0, limit), complete: false };
    // More differs than may be found, so what was reached last is looked at first: it is the nearest to its leaves. The
    // next search comes to what is left out here. A peer could otherwise have us keep a tree of its own invention.
    if (found.length + queue.length > limit) {
      crowded = true;
      queue = queue.slice(found.length - limit);
    }
    const width = list ? LISTED_QUERIES : MAX_QUERIES;
    const asked = (crowded ? queue.splice(-width) : queue.splice(0, width)).map(({ prefix, bits }) =>
      query(prefix, bits),
    );
    const reply = yield { type: 'digests', queries: asked };
    if (reply.type !== 'differences')
      throw new LatticeError('malformed', `expected differences, the peer answered ${reply.type}`);
    const open = new Set(asked.map((q) => `${q.bits}:${bytesToHex(q.prefix)}`));
    const seen = new Set<string>();
    for (const item of reply.differences) {
      // Only children of what was asked count, each once, so that a peer cannot make us walk a tree of its own
      // invention.
      const id = `${item.bits}:${bytesToHex(item.prefix)}`;
      if (seen.has(id) || !open.has(`${item.bits - 4}:${bytesToHex(parentPrefix(item.prefix, item.bits))}`)) {
        throw new LatticeError('malformed', 'the peer answered a prefix that was not asked for');
      }
      seen.add(id);
      if (item.kind === 'leaves') compareLeaves(tree, item, found, limit);
      else queue.push(...compareChildren(tree, item, found, limit));
    }
    // A listing query says that we have nothing, so the peer says nothing of children where it has nothing either. It
    // lacks the keys that we do have there.
    if (list) for (const { prefix, bits } of asked) noteUnanswered(tree, prefix, bits, seen, found, limit);
    if (found.length > told) tell(found.slice(told, limit));
    told = found.length;
  }
  return { keys: found.slice(0, limit), complete: !crowded && found.length <= limit };
}

function parentPrefix(prefix: Bytes, bits: number): Bytes {
  const parentBits = bits - 4;
  const out = prefix.slice(0, (parentBits + 7) >> 3);
  if (parentBits % 8 !== 0) out[out.length - 1] = (out[out.length - 1] as number) & 0xf0;
  return out;
}

function compareLeaves(
  tree: MerkleTree,
  { leaves, prefix, bits }: LeafList,
  found: KeyDifference[],
  limit: number,
): void {
  for (const { keyHash, digest } of leaves) {
    const mine = tree.get(keyHash)?.subarray(0, digest.length);
    if (mine === undefined || !equalBytes(mine, digest)) found.push({ keyHash, theirs: digest, mine });
  }
  noteOwn(tree, prefix, bits, found, limit, (keyHash) => lists(leaves, keyHash));
}

type LeafList = Extract<Difference, { kind: 'leaves' }>;

/** Whether one of the leaves, whose key hashes increase, has this key hash. */
function lists(leaves: LeafList['leaves'], keyHash: Bytes): boolean {
  let [low, high] = [0, leaves.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareBytes((leaves[middle] as LeafDigest).keyHash, keyHash);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Notes our leaves under those children of a prefix of which the peer has said nothing. */
function noteUnanswered(
  tree: MerkleTree,
  prefix: Bytes,
  bits: number,
  answered: ReadonlySet<string>,
  found: KeyDifference[],
  limit: number,
): void {
  for (let i = 0; i < 16; i++) {
    const child = childPrefix(prefix, bits, i);
    if (!answered.has(`${bits + 4}:${bytesToHex(child)}`)) noteOwn(tree, child, bits + 4, found, limit, () => false);
  }
}

/** Notes our leaves under a prefix whose keys the peer does not have; `has` tells which ones it has. */
function noteOwn(
  tree: MerkleTree,
  prefix: Bytes,
  bits: number,
  found: KeyDifference[],
  limit: number,
  has: (keyHash: Bytes) => boolean,
): void {
  let after: Bytes | undefined;
  // One key more than the limit tells the caller that the keys are not all.
  while (found.length <= limit) {
    const page = tree.leavesUnder(prefix, bits, LEAF_PAGE, after);
    for (const leaf of page)
      if (!has(leaf.keyHash)) found.push({ keyHash: leaf.keyHash, theirs: undefined, mine: leaf.digest });
    if (page.length < LEAF_PAGE) return;
    after = page.at(-1)?.keyHash;
  }
}

function compareChildren(
  tree: MerkleTree,
  item: Extract<Difference, { kind: 'children' }>,
  found: KeyDifference[],
  limit: number,
): HashPrefix[] {
  if (item.bits > MAX_QUERY_BITS - 4)
    throw new LatticeError('malformed', 'the peer claims more leaves under a prefix than there can be');
  const own = tree.childDigests(item.prefix, item.bits);
  const mine = expandDigests(own.bitmap, own.digests);
  const theirs = expandDigests(item.bitmap, item.digests);
  const deeper: HashPrefix[] = [];
  for (let i = 0; i < 16; i++) {
    const a = mine[i];
    const b = theirs[i];
    if (b === undefined ? a === undefined : a !== undefined && equalBytes(a, b)) continue;
    const prefix = childPrefix(item.prefix, item.bits, i);
    const bits = item.bits + 4;
    if (b === undefined) noteOwn(tree, prefix, bits, found, limit, () => false);
    else deeper.push({ prefix, bits });
  }
  return deeper;
}
