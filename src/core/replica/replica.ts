import type { MerkleTree } from '../merkle/index.ts';
import type { LiveCells } from '../reconcile/index.ts';
import type { AuthorClock, Dead, End, EndMark, StateMeta } from '../rows/index.ts';
import type { AttestedEntry } from '../snapshot/index.ts';
import type { Author, Bytes, Context, Entry, Fragment, Hasher, Hlc, Sibling } from '../types/index.ts';
import type { Correction } from './amend.ts';
import type { HiddenOperation, HiddenOperations } from './hidden.ts';
import type { LateOperations } from './late.ts';
import type { OwnHistory } from './own-history.ts';
import type { Recounted } from './recount.ts';
import type { EntryView, RowWrite, Step, WriteIntent } from './step.ts';
import type { WrittenRows } from './written.ts';

/** What an operation is counted by. */
export type Counted = Pick<Sibling, 'author' | 'hlc' | 'commit' | 'index'>;

export interface ReplicaOptions {
  readonly hasher: Hasher;
  readonly network: string;
  readonly self: Author;
  /** Whether the author is, or once was, on the trust list of this node (SPEC R5). */
  readonly isKnown: (author: Author) => boolean;
  /** Whether an operation of the millisecond came after the end of its author (SPEC RO12). Without it nobody has ended. */
  readonly isAfterEnd?: ((author: Author, ms: number) => boolean) | undefined;
  /**
   * Up to when, Unix ms, an author may have collected by the time `ms`, so that what it wrote then need not name it (SPEC
   * R10). Without it nothing is ever collected.
   */
  readonly collectedBy?: ((ms: number) => number) | undefined;
  /** How many records the journal keeps. Older cursors are answered with a reset. */
  readonly journalLength: number;
  /** The store incarnation, 8 bytes. Cursors of another one are answered with a reset. */
  readonly incarnation: Bytes;
  /** How many coded symbols are kept (see LiveCellsOptions). */
  readonly cells?: number | undefined;
}

/**
 * The replicated state without its I/O: the Merkle tree, the clock and the counts are in memory, and entries are read
 * through a view. It makes one step at a time; the rows of a step must be durable before the next reader looks at the
 * tree.
 */
export interface Replica {
  readonly tree: MerkleTree;
  /** The coded symbols of the leaves in the tree. */
  readonly cells: LiveCells;
  readonly meta: StateMeta;
  /** The greatest HLC of a known author seen in any operation or context; zero when none. */
  seen(author: Author): Hlc;
  /**
   * The greatest HLC of a commit signed by `author` that was applied here; zero when none. Contexts don't count,
   * because an author can name any HLC of another author there, while nobody else can sign the author's commits.
   */
  committed(author: Author): Hlc;
  /** What was seen of every known author, for a checkpoint. */
  authors(): AuthorClock[];
  /** Whether commits of the author are here, or it is or once was on the trust list. */
  knows(author: Author): boolean;
  /**
   * Takes over, from evidence of an earlier run, dots that the next operation on the key is to name, because a sibling
   * has left them out (SPEC R5).
   */
  recallForgotten(key: string, context: Context): void;
  /** What the node knows of the commits that it has made itself. */
  readonly history: Pick<OwnHistory, 'adopt' | 'settle' | 'reopen' | 'load'>;
  /** What is held outside the tree. */
  readonly hidden: Omit<HiddenOperations, 'hide' | 'returned' | 'pass' | 'takeOut' | 'takeRows'>;
  /** What leads to the keys under which an author wrote later than the floor. */
  readonly written: Omit<WrittenRows, 'note' | 'pass'>;

  /** Up to when the state is closed and collected, and what came too late for cuts that were fixed. */
  readonly late: Omit<LateOperations, 'came' | 'cameUntold' | 'has' | 'isAside' | 'closedHlc' | 'collectedHlc'>;

  /**
   * Applies verified fragments, then makes signed commits of local writes. `now` is in Unix ms; `sign` is Ed25519 with
   * the node key.
   */
  step(
    input: { readonly fragments: readonly Fragment[]; readonly writes: readonly WriteIntent[] },
    view: EntryView,
    now: number,
    sign: (message: Bytes) => Bytes,
    lastMs?: number,
  ): Step;
  /**
   * Takes over entries of a cut that a quorum attested, each key once, and merges them with what is here. The caller
   * has their signatures checked. `now` is in Unix ms.
   */
  adopt(entries: readonly AttestedEntry[], view: EntryView, now: number): Step;
  /**
   * Mends or takes out operations whose signatures proved bad. An operation that is not here is passed over. `now` is in
   * Unix ms.
   */
  correct(corrections: readonly Correction[], view: EntryView, now: number): Step;
  /**
   * Takes operations out that came after the end of their authors (SPEC RO12), or that are `out`, and lets what they had
   * superseded count again. `read` gives hidden operations with their values; a key that lacks one of them is left as it
   * is.
   */
  recount(
    keys: readonly string[],
    read: (one: HiddenOperation) => Sibling | undefined,
    view: EntryView,
    now: number,
    out?: (sibling: Counted) => boolean,
  ): { readonly step: Step; readonly recounted: Recounted };
  /** Puts operations back that had been taken out, whatever their times (SPEC FL8). */
  putBack(operations: readonly Sibling[], view: EntryView, now: number): Step;
  /**
   * Takes out of these keys what is collected (SPEC FL7). Rows that say what is no more so are deleted. A key whose value
   * has an end that was not told yet is left as it is.
   */
  collect(dead: readonly Dead[], view: EntryView, now: number): Step;
  /**
   * Lets go of hidden operations that the floor has passed for good, and of what leads to operations that it has passed,
   * and returns the rows of that; `more` where there are others to be looked at, `limit` at a time. To be called only
   * while no recount is pending (SPEC FL5).
   */
  passFloor(floor: Hlc, limit: number): { readonly rows: readonly RowWrite[]; readonly more: boolean };
  /**
   * Moves the mark of what has ended (SPEC EX5) to `mark`, forward or back, and tells of the entries between that
   * readers see their values no more, or again. `ends` are all rows of ends between the two marks; those that their
   * entries have left meanwhile are passed over. `now` is in Unix ms.
   */
  passEnds(ends: readonly End[], mark: EndMark, view: EntryView, now: number): Step;

  /**
   * Takes note of a time that no later own commit may belong to. It becomes durable with the next step that changes
   * anything, so whoever needs it over a restart keeps it beside the state.
   */
  observeTime(hlc: Hlc): void;

  /** Takes over the persisted clock and sequence of an earlier run. */
  restore(meta: StateMeta): void;
  /** Sets the mark of what has ended in an earlier run. To be called before anything is loaded. */
  loadEnded(mark: EndMark): void;
  /**
   * Takes in an entry that was read at a start; `loaded` builds the tree of all of them at once. The caller loads the
   * cells.
   */
  load(entry: Entry): void;
  /**
   * Takes in a leaf that a checkpoint has in place of its entry: key hash and leaf hash, 32 bytes each, which are
   * copied.
   */
  loadLeaf(keyHash: Bytes, leaf: Bytes): void;
  /** Takes over what a checkpoint and the state record say of leaves that were taken in without their entries. */
  loadCounts(counts: Pick<StateMeta, 'live' | 'conflicts'>, authors: readonly AuthorClock[]): void;
  /** Takes over what a checkpoint, or the journal after it, says was seen of authors. */
  loadClocks(authors: readonly AuthorClock[]): void;
  /** The hashes of an entry's key and leaf, as `loadLeaf` takes them. It takes note of the clocks in the entry. */
  leafOf(entry: Entry): { readonly keyHash: Bytes; readonly leaf: Bytes };
  /** Ends loading: the tree becomes that of what was loaded. */
  loaded(): void;
}
