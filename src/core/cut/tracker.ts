import { hlcMs, lastHlcAt } from '../clock/index.ts';
import { type LeafRef, leafHashInto, type MerkleTree } from '../merkle/index.ts';
import type { LiveCells } from '../reconcile/index.ts';
import { compareSiblings, covers, createCommitIds, mergeSiblings, supersedes, type Versioned } from '../state/index.ts';
import { type Bytes, equalBytes, type Hasher, type Hlc } from '../types/index.ts';
import { keyHashInto } from '../wire/index.ts';
import { headOf, type Light, type Pending, PendingKeys } from './pending-keys.ts';

/**
 * Most operations later than the cut that are kept: 17,000 a second for the 15 s from one cut until the next is fixed,
 * in about 80 MB.
 */
export const MAX_PENDING_OPERATIONS = 262_144;

/**
 * All records share this array, because an array for each, with room for what may be pushed, would be most of what they
 * take.
 */
const NONE: readonly Light[] = [];

/** What an applied step changed, as the tracker needs it. */
export interface AppliedStep {
  /**
   * The operations of the step in the order of application, superseded ones included. Those that were there before may
   * be left out.
   */
  readonly operations: Iterable<{ readonly key: string; readonly operation: Versioned }>;
  /** The keys whose siblings the step changed. */
  readonly changed: Iterable<ChangedKey>;
}

/** A key whose siblings a step changed. */
export interface ChangedKey {
  readonly key: string;
  /** 32 bytes, which the tracker keeps. */
  readonly keyHash: Bytes;
  /** The siblings before the step; none when the key is new. */
  readonly before: readonly Versioned[];
  /** The siblings after the step. */
  readonly after: readonly Versioned[];
}

/** A fixed cut: the root of the state that the operations with an HLC of at most `at` ms make (SPEC Z1). */
export interface Cut {
  /** Unix ms. */
  readonly at: number;
  /** 32 bytes. */
  readonly root: Bytes;
  /** Number of keys, tombstones included. */
  readonly entries: number;
}

/**
 * A second tree, which is at the newest cut while the live tree goes on. It is fed with every operation that has become
 * durable on this node, and it moves to a later cut in slices. It must be told of every change of the live state,
 * because keys that are not pending are taken to be the same at the cut as live.
 *
 * An author that lies about its contexts can make the siblings of a key depend on the order in which operations came
 * (SPEC R3). So a key of which nothing later than the cut is held has its live siblings at the cut by definition; what
 * the operations up to the cut make of any other key is found in their own order (SPEC Z1).
 */
export class CutTracker {
  readonly tree: MerkleTree;
  /** The coded symbols of `tree`. */
  readonly cells: LiveCells;
  readonly #hasher: Hasher;
  readonly #periodMs: number;
  readonly #pending = new PendingKeys();
  #operations = 0;
  #at: number;
  /** The greatest HLC that belongs to the cut. */
  #ceiling: Hlc;
  /** The pending keys that are to be moved to the cut, in the order of the tree; empty between moves. */
  #queue: readonly Pending[] = [];
  #moved = 0;
  readonly #idOf = createCommitIds();
  readonly #keyHash = new Uint8Array(32);
  readonly #leaf = new Uint8Array(32);
  readonly #leafBefore = new Uint8Array(32);

  /**
   * Starts with the live state. The tracker takes over tree and cells, so the caller hands it copies. `at` is in Unix
   * ms, and no operation of the state is later.
   */
  constructor(options: {
    readonly hasher: Hasher;
    readonly periodMs: number;
    readonly tree: MerkleTree;
    readonly cells: LiveCells;
    readonly at: number;
  }) {
    this.#hasher = options.hasher;
    this.#periodMs = options.periodMs;
    this.tree = options.tree;
    this.cells = options.cells;
    this.#at = options.at;
    this.#ceiling = lastHlcAt(options.at);
  }

  /** The time of the cut that the tree is at, or is moving to, in Unix ms. */
  get at(): number {
    return this.#at;
  }

  /**
   * How many later operations are kept. When there are more than MAX_PENDING_OPERATIONS, the caller starts over with a
   * new tracker.
   */
  get operations(): number {
    return this.#operations;
  }

  get moving(): boolean {
    return this.#moved < this.#queue.length;
  }

  /** Whether the key has operations later than the cut (or, while the tree is moving, may have had some). */
  isPending(keyHash: Bytes): boolean {
    return this.#pending.get(keyHash) !== undefined;
  }

  /** Key hashes of the pending keys, in no order. */
  *pendingKeys(): Generator<Bytes, void, undefined> {
    for (const { keyHash } of this.#pending) yield keyHash;
  }

  /** The siblings at the cut of a pending key; undefined when the key was not there, or is not pending. */
  refsOf(keyHash: Bytes): readonly LeafRef[] | undefined {
    const cut = this.#pending.get(keyHash)?.cut;
    return cut === undefined || cut.length === 0 ? undefined : cut;
  }

  /**
   * Takes in a step that has become durable. An operation of the time up to the cut belongs to the state at the cut and
   * changes the tree at once, however late it comes.
   */
  apply({ operations, changed }: AppliedStep): void {
    /**
     * The keys that the step touched. They are settled once all of it has been taken in, because the live siblings are
     * those at its end.
     */
    const touched = new Map<string, Pending>();
    for (const { key, keyHash, before, after } of changed) {
      let record = this.#pending.get(keyHash);
      if (record === undefined) {
        record = { keyHash, head: headOf(keyHash), cut: this.#lightenAll(before), live: NONE, later: NONE };
        this.#pending.add(record);
      }
      record.live = this.#lightenAll(after);
      touched.set(key, record);
    }
    for (const { key, operation } of operations) {
      let record = touched.get(key);
      if (record === undefined) {
        keyHashInto(key, this.#hasher, this.#keyHash);
        record = this.#pending.get(this.#keyHash);
        // The key is the same at the cut as live, and the operation changed nothing, so the siblings at the cut
        // supersede it too.
        if (record === undefined) continue;
        touched.set(key, record);
      }
      this.#keep(record, operation);
    }
    for (const record of touched.values()) {
      this.#settle(record);
      if (record.later.length === 0) this.#pending.delete(record);
    }
  }

  /**
   * Begins to move to the cut at `at`, which must be later than the present one (else RangeError). Steps that come
   * meanwhile are taken in as well.
   */
  begin(at: number): void {
    if (at <= this.#at) throw new RangeError(`a cut at ${at} is not later than the one at ${this.#at}`);
    this.#at = at;
    this.#ceiling = lastHlcAt(at);
    this.#queue = this.#pending.inTreeOrder();
    this.#moved = 0;
  }

  /**
   * Moves at most `limit` more keys and brings the hashes up to date. Returns the cut once all keys have moved, else
   * undefined.
   */
  advance(limit: number): Cut | undefined {
    const end = Math.min(this.#queue.length, this.#moved + limit);
    for (; this.#moved < end; this.#moved++) {
      const record = this.#queue[this.#moved] as Pending;
      this.#settle(record);
      // The key may have settled meanwhile and be pending again by another record, which stays.
      if (record.later.length === 0) this.#pending.delete(record);
    }
    const root = this.tree.root();
    if (this.moving) return undefined;
    this.#queue = [];
    this.#moved = 0;
    return { at: this.#at, root, entries: this.tree.size };
  }

  /**
   * Adds an operation to the later ones of its key. Of the operations of one author between two cuts only the last
   * matters to any cut, as long as its context leaves out nothing that the context of an earlier one names. The time at
   * which the tracker began counts as a cut too, though it is seldom a whole number of periods.
   */
  #keep(record: Pending, operation: Versioned): void {
    const { later } = record;
    for (let i = 0; i < later.length; i++) {
      const held = later[i] as Light;
      if (held.author !== operation.author || this.#gridOf(held.hlc) !== this.#gridOf(operation.hlc)) continue;
      if (held.hlc <= this.#ceiling !== operation.hlc <= this.#ceiling) continue;
      if (isSame(held, operation) || replaces(held, operation)) return;
      if (!replaces(operation, held)) continue;
      record.later = later.with(i, this.#lightOf(record, operation));
      return;
    }
    const light = this.#lightOf(record, operation);
    this.#operations++;
    if (later.length > 0) record.later = [...later, light];
    else record.later = record.live.length === 1 && record.live[0] === light ? record.live : [light];
  }

  /** The operation as it stands among the live siblings already, or else lightened. */
  #lightOf({ live }: Pending, operation: Versioned): Light {
    return live.find((one) => isSame(one, operation)) ?? this.#lighten(operation);
  }

  #lightenAll(siblings: readonly Versioned[]): readonly Light[] {
    return siblings.length === 0 ? NONE : siblings.map((sibling) => this.#lighten(sibling));
  }

  /** An operation without its value, and without keeping the row or message that its bytes are a part of. */
  #lighten({ commit, index, author, hlc, operation }: Versioned): Light {
    return { commit: this.#idOf(commit), index, author, hlc, operation: { context: operation.context } };
  }

  /** The number of the period that an HLC belongs to; a period ends with a cut. */
  #gridOf(hlc: Hlc): number {
    return Math.ceil(hlcMs(hlc) / this.#periodMs);
  }

  /**
   * Takes the key's operations up to the cut into its siblings at the cut. When no later one is left, these are the
   * live siblings; else the operations are merged in order of time.
   */
  #settle(record: Pending): void {
    let { cut: siblings, later } = record;
    let kept = 0;
    for (const operation of later) if (operation.hlc > this.#ceiling) kept++;
    if (kept > 0 && kept === later.length) return;
    if (kept === 0) {
      siblings = record.live;
      later = NONE;
    } else {
      const due = later.filter((operation) => operation.hlc <= this.#ceiling);
      later = later.filter((operation) => operation.hlc > this.#ceiling);
      for (const operation of due.toSorted(compareSiblings).toReversed())
        ({ siblings } = mergeSiblings(siblings, operation));
    }
    this.#operations -= record.later.length - later.length;
    record.later = later;
    if (siblings === record.cut) return;
    record.cut = siblings;
    if (siblings.length === 0) {
      if (this.tree.remove(record.keyHash, this.#leafBefore))
        this.cells.replace(record.keyHash, this.#leafBefore, undefined);
      return;
    }
    leafHashInto(record.keyHash, siblings, this.#hasher, this.#leaf);
    const replaced = this.tree.set(record.keyHash, this.#leaf, this.#leafBefore);
    this.cells.replace(record.keyHash, replaced ? this.#leafBefore : undefined, this.#leaf);
  }
}

/** Whether both are the same operation of the same commit. */
function isSame(a: Versioned, b: Versioned): boolean {
  return a.index === b.index && equalBytes(a.commit, b.commit);
}

/** Whether `a`, of the same author as `b`, supersedes `b` and all that `b` supersedes. */
function replaces(a: Versioned, b: Versioned): boolean {
  return supersedes(a, b) && b.operation.context.every(({ author, hlc }) => covers(a.operation.context, author, hlc));
}
