import { createMerkleTree, createTreeLoader, leafHashInto, type MerkleTree, type TreeLoader } from '../merkle/index.ts';
import { LiveCells } from '../reconcile/index.ts';
import type { StateMeta } from '../rows/index.ts';
import { isLive } from '../state/index.ts';
import type { Bytes, Entry, Hasher } from '../types/index.ts';
import { keyHashInto } from '../wire/index.ts';
import type { ChangedEntry } from './step.ts';

/** What the replica keeps of its entries: their leaves in the Merkle tree, the leaves' coded symbols, and counts. */
export interface EntryTree {
  readonly tree: MerkleTree;
  /** Coded symbols of the leaves in the tree. */
  readonly cells: LiveCells;
  /** Keys of which readers see a value. */
  readonly live: number;
  /** Keys with several siblings. */
  readonly conflicts: number;
  /** Takes in what became of an entry. `leaf`: the hash of its leaf, when it is known already. */
  replace(changed: ChangedEntry, leaf: Bytes | undefined): void;
  /** Takes in an entry read at start; `loaded` builds the tree of all of them at once. */
  load(entry: Entry): void;
  /** Takes in a leaf in place of its entry. 32 bytes each, copied. */
  loadLeaf(keyHash: Bytes, leaf: Bytes): void;
  /** The counts of leaves taken in without their entries. */
  loadCounts(counts: Pick<StateMeta, 'live' | 'conflicts'>): void;
  /** The hashes of an entry's key and leaf, for `loadLeaf`. */
  leafOf(entry: Entry): { readonly keyHash: Bytes; readonly leaf: Bytes };
  /** Ends loading: the tree is the one of what was taken in. The cells are the caller's to load. */
  loaded(): void;
}

export function createEntryTree(options: { readonly hasher: Hasher; readonly network: string }): EntryTree {
  const { hasher } = options;
  let tree = createMerkleTree(hasher);
  const cells = new LiveCells(options);
  let loader: TreeLoader | undefined;
  let live = 0;
  let conflicts = 0;
  /** Scratch: hashes of the key at hand, of its leaf and of the leaf before. What they are handed to copies them. */
  const keyHash = new Uint8Array(32);
  const leafAfter = new Uint8Array(32);
  const leafBefore = new Uint8Array(32);

  /** Leaves the hashes of the entry's key and leaf in the scratch. */
  function hash(entry: Entry): void {
    keyHashInto(entry.key, hasher, keyHash);
    leafHashInto(keyHash, entry.siblings, hasher, leafAfter);
  }

  return {
    get tree() {
      return tree;
    },
    cells,
    get live() {
      return live;
    },
    get conflicts() {
      return conflicts;
    },
    replace(changed, known) {
      const { before, after } = changed;
      live += Number(isLive(after)) - Number(isLive(before));
      conflicts += Number(isConflict(after)) - Number(isConflict(before));
      if (after === undefined) {
        if (tree.remove(changed.keyHash, leafBefore)) cells.replace(changed.keyHash, leafBefore, undefined);
        return;
      }
      const leaf = known ?? leafAfter;
      if (known === undefined) leafHashInto(changed.keyHash, after.siblings, hasher, leafAfter);
      const replaced = tree.set(changed.keyHash, leaf, leafBefore);
      cells.replace(changed.keyHash, replaced ? leafBefore : undefined, leaf);
    },
    load(entry) {
      loader ??= createTreeLoader(hasher);
      if (isLive(entry)) live++;
      if (isConflict(entry)) conflicts++;
      hash(entry);
      loader.add(keyHash, leafAfter);
    },
    loadLeaf(hashOfKey, leaf) {
      loader ??= createTreeLoader(hasher);
      loader.add(hashOfKey, leaf);
    },
    loadCounts(counts) {
      live = counts.live;
      conflicts = counts.conflicts;
    },
    leafOf(entry) {
      hash(entry);
      return { keyHash: keyHash.slice(), leaf: leafAfter.slice() };
    },
    loaded() {
      if (loader !== undefined) tree = loader.finish();
      loader = undefined;
    },
  };
}

export function isConflict(entry: Entry | undefined): boolean {
  return entry !== undefined && entry.siblings.length > 1;
}
