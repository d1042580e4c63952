import { createMerkleTree, createTreeLoader, leafHashInto, type MerkleTree, type TreeLoader } from '../merkle/index.ts';
import { LiveCells, type LiveCellsOptions } from '../reconcile/index.ts';
import { type EndMark, isPassed, NOTHING_ENDED, type StateMeta } from '../rows/index.ts';
import { winner } from '../state/index.ts';
import type { Bytes, Entry } from '../types/index.ts';
import { keyHashInto } from '../wire/index.ts';
import type { ChangedEntry, PassedEnd } from './step.ts';

/** What the replica keeps of its entries: their leaves in the Merkle tree, the leaves' coded symbols, and counts. */
export interface EntryTree {
  readonly tree: MerkleTree;
  /** The coded symbols of the leaves in the tree. */
  readonly cells: LiveCells;
  /** Number of keys whose winner is a put that is not below `ended`. */
  readonly live: number;
  /** Which ends have been told. */
  readonly ended: EndMark;
  /** Number of keys with several siblings. */
  readonly conflicts: number;
  /** Takes in what became of an entry. `leaf` is the hash of its new leaf, where that is known already. */
  replace(changed: ChangedEntry, leaf: Bytes | undefined): void;
  /**
   * Moves the mark of what has ended, and answers which of the entries are counted otherwise from then on. These must be
   * all that end between the two marks.
   */
  passEnds(mark: EndMark, between: readonly PassedEnd[]): readonly PassedEnd[];
  /** Sets that mark before anything is loaded. */
  loadEnded(mark: EndMark): void;
  /** Takes in an entry that was read at a start; `loaded` builds the tree of all of them at once. */
  load(entry: Entry): void;
  /** Takes in a leaf in place of its entry: key hash and leaf hash, 32 bytes each, which are copied. */
  loadLeaf(keyHash: Bytes, leaf: Bytes): void;
  /** Sets the counts, which leaves without their entries do not tell. */
  loadCounts(counts: Pick<StateMeta, 'live' | 'conflicts'>): void;
  /** The hashes of an entry's key and leaf, as `loadLeaf` takes them. */
  leafOf(entry: Entry): { readonly keyHash: Bytes; readonly leaf: Bytes };
  /** Ends loading: the tree becomes that of what was taken in. The caller loads the cells. */
  loaded(): void;
}

export function createEntryTree(options: LiveCellsOptions): EntryTree {
  const { hasher } = options;
  let tree = createMerkleTree(hasher);
  const cells = new LiveCells(options);
  let loader: TreeLoader | undefined;
  let live = 0;
  let ended = NOTHING_ENDED;
  let conflicts = 0;
  /**
   * The hashes of the key at hand, of its leaf, and of its leaf before, overwritten each time: whatever they are handed
   * to copies them.
   */
  const keyHash = new Uint8Array(32);
  const leafAfter = new Uint8Array(32);
  const leafBefore = new Uint8Array(32);

  /** Whether the entry is one of `live`. */
  function isCounted(entry: Entry | undefined, hashOfKey: Bytes): boolean {
    if (entry === undefined) return false;
    const { kind, expires } = winner(entry).operation;
    return kind === 'put' && (expires === undefined || !isPassed({ ms: expires, keyHash: hashOfKey }, ended));
  }

  /** Writes the hashes of the entry's key and leaf into `keyHash` and `leafAfter`. */
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
    get ended() {
      return ended;
    },
    passEnds(mark, between) {
      const before = between.map(({ entry, keyHash: hashOfKey }) => isCounted(entry, hashOfKey));
      ended = mark;
      return between.filter(({ entry, keyHash: hashOfKey }, i) => {
        const is = isCounted(entry, hashOfKey);
        live += Number(is) - Number(before[i]);
        return is !== before[i];
      });
    },
    loadEnded(mark) {
      ended = mark;
    },
    replace(changed, known) {
      const { before, after } = changed;
      live += Number(isCounted(after, changed.keyHash)) - Number(isCounted(before, changed.keyHash));
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
      hash(entry);
      if (isCounted(entry, keyHash)) live++;
      if (isConflict(entry)) conflicts++;
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

/** Whether a key is in conflict, which means that it has more than one sibling. */
export function isConflict(entry: Entry | undefined): boolean {
  return entry !== undefined && entry.siblings.length > 1;
}
