import { hlcMs, isFuture } from '../clock/index.ts';
import { collect, deadFrom } from '../floor/index.ts';
import type { MerkleTree } from '../merkle/index.ts';
import type { LiveCells } from '../reconcile/index.ts';
import {
  type AuthorClock,
  type Dead,
  deadKey,
  type End,
  type EndMark,
  isPassed,
  STATE_FORMAT,
  type StateMeta,
} from '../rows/index.ts';
import type { AttestedEntry } from '../snapshot/index.ts';
import { contradictionOf, mergeSibling, winner } from '../state/index.ts';
import type { Author, Bytes, Context, Entry, Fragment, Hasher, Hlc, Sibling } from '../types/index.ts';
import { fragmentToSiblings, keyHashInto } from '../wire/index.ts';
import { adoptEntries, type Correction, correctEntries } from './amend.ts';
import { createClocks } from './clocks.ts';
import { createDraft, type Draft } from './draft.ts';
import { createEntryTree } from './entry-tree.ts';
import { createForgotten } from './forgotten.ts';
import { groupCommit } from './group-commit.ts';
import { createHidden, type HiddenOperation, type HiddenOperations } from './hidden.ts';
import { createLateOperations, type LateOperations } from './late.ts';
import { createOwnHistory, type OwnHistory } from './own-history.ts';
import { createOwned, type Owned } from './owned.ts';
import { type Recounted, recountEntries } from './recount.ts';
import {
  type AppliedFragment,
  type EntryView,
  type FoundContradiction,
  type OperationOutcome,
  type PassedEnd,
  type RowWrite,
  type Step,
  toldOf,
  type WriteIntent,
} from './step.ts';
import { addEntryRows, addStateRows } from './step-rows.ts';

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
  readonly hidden: Pick<HiddenOperations, 'size' | 'bytes' | 'beyond' | 'of' | 'recounted' | 'load' | 'lose'>;

  /** Up to when the state is closed and collected, and what came too late for cuts that were fixed. */
  readonly late: Omit<LateOperations, 'came' | 'cameUntold' | 'has' | 'closedHlc' | 'collectedHlc'>;

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
   * Lets go of hidden operations that the floor has passed for good, and returns the rows of that; `more` where there
   * are others to be looked at, `limit` at a time. To be called only while no recount is pending (SPEC FL5).
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

/** Most contradictions of one step that are kept: each is two operations, and one is enough to name an author. */
const MAX_CONTRADICTIONS = 16;

/** What an operation is counted by. */
export type Counted = Pick<Sibling, 'author' | 'hlc' | 'commit' | 'index'>;

/** Entries whose hashes and bytes came with them, by key. */
type Known = ReadonlyMap<string, AttestedEntry>;

const NONE_KNOWN: Known = new Map();
const NONE_PASSED: readonly PassedEnd[] = [];

/** An empty replica; `restore`, the `load` functions and `loaded` give it the state of an earlier run. */
export function createReplica(options: ReplicaOptions): Replica {
  const { hasher, network, incarnation, journalLength } = options;
  const entries = createEntryTree(options);
  const clocks = createClocks((author) => author === options.self || options.isKnown(author));
  const forgotten = createForgotten(clocks.knows);
  const history = createOwnHistory(hasher);
  const isAfterEnd = options.isAfterEnd ?? (() => false);
  const late = createLateOperations();
  const hidden = createHidden({
    hasher,
    counts: (author, ms) => !isAfterEnd(author, ms),
    mayGo: late.has,
  });
  const ownedNow = (): Owned => createOwned(options.self, history);
  const countsNow = ({ author, hlc }: Pick<Sibling, 'author' | 'hlc'>): boolean => !isAfterEnd(author, hlcMs(hlc));
  let sequence = 0;

  /** The entry without what is collected. */
  function trimmed(entry: Entry): Entry | undefined {
    const { siblings } = entry;
    const oldest = siblings[siblings.length - 1];
    if (oldest === undefined || oldest.hlc > late.collectedHlc) return entry;
    const left = collect(siblings, late.floors.collected);
    if (left === siblings) return entry;
    return left.length === 0 ? undefined : { key: entry.key, siblings: left };
  }

  /** Whether readers have been told of the end of the entry's value, where it has one. */
  function isTold(entry: Entry, keyHash: Bytes): boolean {
    const ms = winner(entry).operation.expires;
    return ms === undefined || isPassed({ ms, keyHash }, entries.ended);
  }

  const draftOf = (view: EntryView): Draft => createDraft(view, trimmed);

  function meta(): StateMeta {
    const { tree, live, conflicts, ended } = entries;
    const root = tree.root();
    const hlc = clocks.last;
    const counts = { entries: tree.size, live, conflicts };
    return { format: STATE_FORMAT, incarnation, network, root, ...counts, sequence, hlc, ended };
  }

  /**
   * Brings the tree to what the draft says, and makes the rows of it. `own` are further rows, which are added when
   * anything changed.
   */
  function conclude(
    draft: Draft,
    known: Known,
    own: readonly RowWrite[],
    toldAt: number,
  ): Pick<Step, 'rows' | 'changed' | 'passed' | 'toldAt' | 'root' | 'sequence' | 'meta'> {
    const changed = draft.finish((key, out) => {
      const attested = known.get(key);
      if (attested === undefined) keyHashInto(key, hasher, out);
      else out.set(attested.keyHash);
    });
    const rows: RowWrite[] = [];
    for (const entry of changed) {
      const attested = known.get(entry.key);
      entries.replace(entry, attested?.leaf);
      addEntryRows(rows, entry, attested?.bytes);
    }
    if (changed.length > 0) sequence++;
    const after = meta();
    rows.push(...hidden.takeRows(), ...late.takeRows());
    if (changed.length > 0) {
      const told = toldOf({ changed, passed: NONE_PASSED, toldAt });
      addStateRows(rows, { told, clocks: clocks.takeRaised(), meta: after, journalLength });
      for (const row of own) rows.push(row);
    }
    return { rows, changed, passed: NONE_PASSED, toldAt, root: after.root, sequence, meta: after };
  }

  /** The step of an amendment at `now`, Unix ms. */
  const amended = (draft: Draft, known: Known, owned: Owned, now: number): Step => ({
    ...conclude(draft, known, owned.rows, now),
    applied: [],
    writes: [],
    commits: [],
    contradictions: [],
    unmade: owned.unmade,
  });

  function replaced(entry: Entry, gone: readonly Sibling[]): void {
    forgotten.replaced(entry, gone);
    if (gone.length > 0) hidden.hide(entry, gone);
  }

  /** `entry` is `held` with an operation more. */
  function replacedIn(held: Entry | undefined, entry: Entry): void {
    if (held === undefined) return;
    const { siblings } = entry;
    replaced(
      entry,
      held.siblings.filter((one) => !siblings.includes(one)),
    );
  }

  /** Whether a later operation of the author of `by` has to name the dot that an earlier one names. */
  const mustBeNamed = (author: Author, hlc: Hlc, by: Hlc): boolean =>
    clocks.knows(author) && hlcMs(hlc) > (options.collectedBy?.(hlcMs(by)) ?? 0);

  function observeAll(entry: Entry): void {
    for (const sibling of entry.siblings) clocks.observe(sibling);
  }

  return {
    get tree() {
      return entries.tree;
    },
    cells: entries.cells,
    get meta() {
      return meta();
    },
    seen: clocks.seen,
    committed: clocks.committed,
    authors: clocks.all,
    knows: clocks.knows,
    recallForgotten: forgotten.recall,

    step({ fragments, writes: intents }, view, now, sign, lastMs = Infinity) {
      const draft = draftOf(view);
      const owned = ownedNow();
      const contradictions: FoundContradiction[] = [];
      const compare = ({ siblings }: Entry, sibling: Sibling): void => {
        const other = siblings.find(({ author }) => author === sibling.author);
        if (other === undefined || contradictions.length >= MAX_CONTRADICTIONS) return;
        const kind = contradictionOf(other, sibling, mustBeNamed);
        if (kind !== undefined) contradictions.push({ kind, siblings: [other, sibling] });
      };
      const merge = (sibling: Sibling, isOldNews: (sibling: Sibling) => boolean): OperationOutcome => {
        const { key } = sibling.operation;
        if (!countsNow(sibling)) return 'uncounted';
        const held = draft.read(key);
        const { entry, outcome } = mergeSibling(held, sibling);
        if (sibling.hlc <= late.closedHlc && outcome !== 'held' && outcome !== 'superseded') return 'below-floor';
        // An operation that a full key refuses is not applied, so nobody may be told that this node has seen it.
        if (outcome !== 'key-full') clocks.observe(sibling);
        if (held !== undefined && outcome !== 'held') compare(held, sibling);
        if (outcome === 'superseded') {
          replaced(entry, [sibling]);
          if (hidden.has(sibling)) late.came(sibling);
        }
        if (outcome !== 'added') return outcome;
        // What this node made and has no entry for at all was lost here, so it is taken.
        if (isOldNews(sibling) && held !== undefined) return 'old-news';
        late.came(sibling);
        replacedIn(held, entry);
        draft.write(key, held, entry);
        if (sibling.hlc <= late.collectedHlc && draft.read(key)?.siblings.includes(sibling) !== true)
          return 'superseded';
        return outcome;
      };
      const applied = fragments.map((fragment): AppliedFragment => {
        if (isFuture(fragment.header.hlc, now))
          return { fragment, outcomes: fragment.operations.map(() => 'future' as const) };
        return { fragment, outcomes: fragmentToSiblings(fragment, hasher).map((one) => merge(one, owned.isOldNews)) };
      });
      const { writes, commits, rows } = groupCommit(intents, {
        ...options,
        isKnown: clocks.knows,
        clocks,
        forgotten,
        read: draft.read,
        merge: (sibling) => void merge(sibling, () => false),
        now,
        lastMs,
        sign,
      });
      const own = [...rows, ...owned.rows, ...commits.map(history.made)];
      return {
        ...conclude(draft, NONE_KNOWN, own, now),
        applied,
        writes,
        commits,
        contradictions,
        unmade: owned.unmade,
      };
    },
    adopt(attested, view, now) {
      const draft = draftOf(view);
      const owned = ownedNow();
      const { isOldNews } = owned;
      const adopted = adoptEntries(attested, draft, clocks, {
        counts: countsNow,
        isOldNews,
        hide: hidden.hide,
        trimmed,
        added: ({ hlc }) => late.cameUntold(hlc),
      });
      return amended(draft, adopted, owned, now);
    },
    correct(corrections, view, now) {
      const draft = draftOf(view);
      correctEntries(corrections, draft);
      return amended(draft, NONE_KNOWN, ownedNow(), now);
    },
    recount(keys, read, view, now, out) {
      const draft = draftOf(view);
      const counts = out === undefined ? countsNow : (one: Counted): boolean => countsNow(one) && !out(one);
      if (out !== undefined) for (const key of keys) hidden.takeOut(key, out);
      const recounted = recountEntries(keys, draft, { hidden, counts, read, last: clocks.last });
      return { step: { ...amended(draft, NONE_KNOWN, ownedNow(), now), recounted: true }, recounted };
    },
    putBack(operations, view, now) {
      const draft = draftOf(view);
      for (const one of operations) {
        const { key } = one.operation;
        if (!countsNow(one)) continue;
        const held = draft.read(key);
        const { entry, outcome } = mergeSibling(held, one);
        if (outcome !== 'added') continue;
        clocks.observe(one);
        replacedIn(held, entry);
        draft.write(key, held, entry);
      }
      return { ...amended(draft, NONE_KNOWN, ownedNow(), now), recounted: true };
    },
    collect(dead, view, now) {
      const draft = draftOf(view);
      const stale: RowWrite[] = [];
      for (const one of dead) {
        const entry = view(one.key);
        if (entry === undefined || deadFrom(entry.siblings) !== one.ms) stale.push({ type: 'del', key: deadKey(one) });
        else if (isTold(entry, one.keyHash)) draft.write(one.key, entry, entry);
      }
      const step = amended(draft, NONE_KNOWN, ownedNow(), now);
      return { ...step, rows: [...step.rows, ...stale], recounted: true };
    },
    passFloor(floor, limit) {
      const more = !hidden.pass(floor, clocks.last, limit);
      return { rows: hidden.takeRows(), more };
    },
    hidden,
    late,
    passEnds(ends, mark, view, now) {
      const found = ends.flatMap(({ key, keyHash, ms }): PassedEnd[] => {
        const entry = view(key);
        // A row that a write has replaced may come back to an iteration of the store.
        return entry !== undefined && winner(entry).operation.expires === ms ? [{ key, keyHash, entry }] : [];
      });
      // A mark that passes nothing becomes durable with the next step that changes something: until then a start from
      // the mark before it counts the same entries.
      const passed = entries.passEnds(mark, found);
      const rows: RowWrite[] = [];
      if (passed.length > 0) sequence++;
      const after = meta();
      const step = { passed, changed: [], toldAt: now, root: after.root, sequence, meta: after };
      if (passed.length > 0)
        addStateRows(rows, { told: toldOf(step), clocks: clocks.takeRaised(), meta: after, journalLength });
      return { ...step, rows, applied: [], writes: [], commits: [], contradictions: [], unmade: [] };
    },
    history,

    restore(earlier) {
      clocks.observeTime(earlier.hlc);
      ({ sequence } = earlier);
    },
    observeTime: clocks.observeTime,
    loadEnded: entries.loadEnded,
    load(entry) {
      observeAll(entry);
      entries.load(entry);
    },
    loadLeaf: entries.loadLeaf,
    loadCounts(counts, authors) {
      entries.loadCounts(counts);
      clocks.load(authors);
    },
    loadClocks: clocks.load,
    leafOf(entry) {
      observeAll(entry);
      return entries.leafOf(entry);
    },
    loaded: entries.loaded,
  };
}
