import { hlcMs } from '../clock/index.ts';
import { createTreeLoader, leafHash } from '../merkle/index.ts';
import { compareSiblings, supersedes } from '../state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  compareBytes,
  type Entry,
  equalBytes,
  type Hasher,
  LatticeError,
  type Sibling,
} from '../types/index.ts';
import { type ChunkPart, decodeSentEntry, keyHash, PART_LEAF_BYTES } from '../wire/index.ts';
import { chunkHash, chunkOf, isNoHash, type SnapshotPlan } from './plan.ts';

/**
 * Most parts of a chunk, so that at most 64 MiB are in memory before the chunk is known to be good. A larger chunk is
 * left to repair.
 */
const MAX_PARTS = 64;
const HASH_BYTES = 32;

/**
 * An entry of a verified chunk. It is part of the attested state, except that nobody has checked its signatures yet.
 */
export interface AttestedEntry {
  readonly entry: Entry;
  /** What `encodeEntry` makes of it. */
  readonly bytes: Bytes;
  readonly keyHash: Bytes;
  readonly leaf: Bytes;
}

export interface ChunkCheckDeps {
  readonly plan: SnapshotPlan;
  readonly index: number;
  readonly network: string;
  readonly isTrusted: (author: Author) => boolean;
  readonly hasher: Hasher;
}

/** Takes the parts of one chunk in order. Nothing of them may be used before `finish` has returned. */
export interface ChunkCheck {
  /**
   * Takes one part. Returns the key hash after which the next part begins, or undefined when this was the last. Throws
   * LatticeError `malformed`, `unknown-version` or `chunk-too-large`.
   */
  add(part: ChunkPart): Bytes | undefined;
  /**
   * The chunk's entries, ascending by key hash, when all its leaves are proven to be those of the cut; else
   * LatticeError `malformed`. `left` is the number of keys that are left to repair: those that were named by their leaf
   * only, and those with a commit by an author whom the taker does not trust.
   */
  finish(): { readonly entries: readonly AttestedEntry[]; readonly left: number };
}

const malformed = (message: string): LatticeError => new LatticeError('malformed', message);

/**
 * Checks a chunk against its plan (SPEC W5): each entry is what its leaf says, and the leaves make the hash of the
 * manifest. No hash binds the 64 bytes of each signature, because a commit's id does not cover them.
 */
export function createChunkCheck({ plan, index, network, isTrusted, hasher }: ChunkCheckDeps): ChunkCheck {
  const loader = createTreeLoader(hasher, { capacity: 1024 });
  const entries: AttestedEntry[] = [];
  let last: Bytes | undefined;
  let leaves = 0;
  let parts = 0;

  function addLeaf(hash: Bytes, leaf: Bytes): void {
    if (chunkOf(hash, plan.bits) !== index) throw malformed(`key hash ${bytesToHex(hash)} is not of chunk ${index}`);
    if (last !== undefined && compareBytes(last, hash) >= 0)
      throw malformed('the keys of a chunk do not strictly increase');
    last = hash;
    leaves++;
    loader.add(hash, leaf);
  }

  function checked(bytes: Bytes): AttestedEntry {
    const siblings = decodeSentEntry(bytes, network, hasher);
    checkSiblings(siblings);
    const { key } = (siblings[0] as Sibling).operation;
    const hash = keyHash(key, hasher);
    return { entry: { key, siblings }, bytes, keyHash: hash, leaf: leafHash(hash, siblings, hasher) };
  }

  /**
   * Checks that the siblings are what a register keeps: they are of one key, in order, none is superseded by another,
   * and none is later than the cut.
   */
  function checkSiblings(siblings: readonly Sibling[]): void {
    const [first] = siblings as readonly [Sibling];
    siblings.forEach((sibling, i) => {
      if (hlcMs(sibling.hlc) > plan.at) throw malformed('an operation is later than the cut');
      if (sibling.operation.key !== first.operation.key)
        throw malformed('the siblings of an entry are about several keys');
      const before = siblings[i - 1];
      if (before !== undefined && compareSiblings(before, sibling) >= 0)
        throw malformed('the siblings of an entry are out of order');
      if (siblings.some((other) => other !== sibling && supersedes(other, sibling)))
        throw malformed('a sibling is superseded by another');
    });
  }

  return {
    add({ next, entries: sent, leaves: named }) {
      if (++parts > MAX_PARTS)
        throw new LatticeError('chunk-too-large', `chunk ${index} has more than ${MAX_PARTS} parts`);
      const before = leaves;
      let at = 0;
      const addNamedBelow = (limit: Bytes | undefined): void => {
        for (; at < named.length; at += PART_LEAF_BYTES) {
          const hash = named.subarray(at, at + HASH_BYTES);
          if (limit !== undefined && compareBytes(hash, limit) > 0) return;
          addLeaf(hash, named.subarray(at + HASH_BYTES, at + PART_LEAF_BYTES));
        }
      };
      for (const bytes of sent) {
        const entry = checked(bytes);
        addNamedBelow(entry.keyHash);
        addLeaf(entry.keyHash, entry.leaf);
        // The state keeps what an author wrote before it left the trust list, so whoever serves that tells no lie.
        if (entry.entry.siblings.every(({ author }) => isTrusted(author))) entries.push(entry);
      }
      addNamedBelow(undefined);
      if (next.length === 0) return undefined;
      if (leaves === before || last === undefined || !equalBytes(last, next))
        throw malformed('a part does not end where it says');
      return next;
    },
    finish() {
      const expected = chunkHash(plan, index);
      const good = leaves === 0 ? isNoHash(expected) : equalBytes(loader.finish().root(), expected);
      if (!good) throw malformed(`the leaves of chunk ${index} do not make the hash of the manifest`);
      return { entries, left: leaves - entries.length };
    },
  };
}
