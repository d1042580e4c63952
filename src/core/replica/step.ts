import type { StateMeta } from '../rows/index.ts';
import { type Conditions, type Contradiction, isGone, type MergeOutcome, winner } from '../state/index.ts';
import type { Author, Bytes, Entry, Fragment, Hlc, LatticeError, Sibling } from '../types/index.ts';

/** A row that a step writes or deletes, in the shape of the store port's operations. */
export type RowWrite =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/** An entry that was read, under the hash of its key. */
export interface FoundEntry {
  /** 32 bytes. */
  readonly keyHash: Bytes;
  readonly entry: Entry;
}

/** One client's write. All of its operations go into one commit, or none does. */
export interface WriteIntent {
  /**
   * `renew` writes what readers see of the key once more, so that it replaces everything of this node's own (SPEC N16);
   * it names nothing but what the winner had seen, and leaves the other siblings. With `inPlaceOf` it replaces that
   * author's operation in place of the winner, and writes what that has, or this node's own where it has one (RO12).
   * LatticeError `not-found` for a key without an entry, or without an operation of that author.
   */
  readonly operations: readonly (Conditions & {
    readonly kind: 'put' | 'delete' | 'renew';
    readonly key: string;
    readonly value?: unknown;
    /** When a put ends, Unix ms; or how many seconds after it is written. At most one of the two. */
    readonly expires?: number;
    readonly ttl?: number;
    readonly inPlaceOf?: Author;
    /**
     * What whoever writes has read of the key. The write is refused with LatticeError `precondition-failed` where the
     * key has changed since, whether readers would see that or not; and nobody reads the key again for it.
     */
    readonly found?: FoundEntry;
  })[];
  /**
   * Makes rows that whoever writes wants to have durable with the commit. It is called once, when the commit is made;
   * `first` is the index of the write's first operation in it, and `created` tells for each operation whether its key
   * had no value before.
   */
  readonly rows?: (made: {
    readonly commit: Fragment;
    readonly first: number;
    readonly created: readonly boolean[];
  }) => readonly RowWrite[];
}

/** What became of a write: its commit with a result for each operation, or why it was refused. */
export type WriteOutcome =
  | {
      readonly ok: true;
      readonly commit: Fragment;
      readonly results: readonly {
        readonly key: string;
        readonly version: string;
        readonly created: boolean;
        /** When what was written ends, Unix ms; absent where it has no end. */
        readonly expires?: number;
      }[];
    }
  | { readonly ok: false; readonly error: LatticeError };

/**
 * What became of an operation of a fragment: it was added, it was there already (`held`), or another operation
 * supersedes it, or its key is full. `future` means that the whole fragment is to be deferred. `old-news` is an
 * operation of this node's own that was replaced here, though nothing that is here supersedes it (SPEC N16).
 * `uncounted` came after the end of its author, of which this node learned while the operation was on its way (RO12).
 * `below-floor` is of a time that the state is closed for, and no part of the state (FL6).
 */
export type OperationOutcome = MergeOutcome | 'future' | 'old-news' | 'uncounted' | 'below-floor';

/** A fragment that was given to a step, with the outcome of each of its operations, in their order. */
export interface AppliedFragment {
  readonly fragment: Fragment;
  readonly outcomes: readonly OperationOutcome[];
}

/** An entry that a step changed. */
export interface ChangedEntry {
  readonly key: string;
  /** 32 bytes. Only the key hashes of the same step share their memory, so they may be kept. */
  readonly keyHash: Bytes;
  /** The entry before the step; undefined when the key is new. */
  readonly before: Entry | undefined;
  /** The entry after the step; undefined when the key has left the state. */
  readonly after: Entry | undefined;
}

/** An entry whose winner is a put that has ended, or that lives again because the clock was set back over its end. */
export interface PassedEnd {
  readonly key: string;
  readonly keyHash: Bytes;
  readonly entry: Entry;
}

/** Two operations of one author and one key that contradict each other (SPEC R10). */
export interface FoundContradiction {
  readonly kind: Contradiction;
  readonly siblings: readonly [Sibling, Sibling];
}

/** What one step of the replica came to. */
export interface Step {
  /**
   * The rows, which must become durable as one batch before anything of this step may be seen. Empty when nothing
   * changed.
   */
  readonly rows: readonly RowWrite[];
  /** The fragments given, in their order. */
  readonly applied: readonly AppliedFragment[];
  /** The outcome of each intent given, in their order. */
  readonly writes: readonly WriteOutcome[];
  /** The node's own commits that this step made, to be published once they are durable. */
  readonly commits: readonly Fragment[];
  /** At most MAX_CONTRADICTIONS of what the operations contradict that were here. */
  readonly contradictions: readonly FoundContradiction[];
  /** The HLCs of commits of the node's own key that it never made, and that are in the state now. */
  readonly unmade: readonly Hlc[];
  /** The entries that changed, each key once, in the order in which they first changed. */
  readonly changed: readonly ChangedEntry[];
  /** The entries whose ends this step passed. They stay as they are, so nothing else of the step names them. */
  readonly passed: readonly PassedEnd[];
  /** The time, Unix ms, at which is told of `changed` and `passed` whether readers see their values (SPEC EX2). */
  readonly toldAt: number;
  /** Set where the step counted keys anew (SPEC RO12, FL7): what came back by that had been here before. */
  readonly recounted?: true;
  readonly root: Bytes;
  readonly sequence: number;
  /** The state record after this step, which is durable once the rows are. */
  readonly meta: StateMeta;
}

/** Returns the current entry of a key. It must be able to answer for every key of a step's input without I/O. */
export type EntryView = (key: string) => Entry | undefined;

/** For a key that has left the state, what readers are shown is a deletion of what was shown before. */
function shownAfter({ key, before, after }: ChangedEntry): Sibling {
  if (after !== undefined) return winner(after);
  if (before === undefined) throw new Error(`the key ${JSON.stringify(key)} was not there and is not there`);
  const shown = winner(before);
  return { ...shown, operation: { kind: 'delete', key, context: shown.operation.context } };
}

/** What is told of a key in events and in the journal. */
export interface Told {
  readonly key: string;
  readonly shown: Sibling;
  /** Whether readers see no value. */
  readonly deleted: boolean;
  /** Whether the entry has no other sibling. */
  readonly alone: boolean;
}

/** What a step tells of each key, in their order. */
export function toldOf({ changed, passed, toldAt }: Pick<Step, 'changed' | 'passed' | 'toldAt'>): readonly Told[] {
  const told = (key: string, entry: Entry | undefined, shown: Sibling): Told => ({
    key,
    shown,
    deleted: isGone(shown.operation, toldAt),
    alone: entry?.siblings.length === 1,
  });
  const ofChanged = changed.map((one) => told(one.key, one.after, shownAfter(one)));
  return passed.length === 0
    ? ofChanged
    : [...ofChanged, ...passed.map(({ key, entry }) => told(key, entry, winner(entry)))];
}
