import { hlcMs, isFuture } from '../clock/index.ts';
import { collect, deadFrom } from '../floor/index.ts';
import { deadKey, isPassed, STATE_FORMAT, type StateMeta } from '../rows/index.ts';
import type { AttestedEntry } from '../snapshot/index.ts';
import { contradictionOf, mergeSibling, winner } from '../state/index.ts';
import type { Author, Bytes, Entry, Hlc, Sibling } from '../types/index.ts';
import { fragmentToSiblings, keyHashInto } from '../wire/index.ts';
import { adoptEntries, correctEntries } from './amend.ts';
import { createClocks } from './clocks.ts';
import { createDraft, type Draft } from './draft.ts';
import { createEntryTree } from './entry-tree.ts';
import { createForgotten } from './forgotten.ts';
import { groupCommit } from './group-commit.ts';
import { createHidden } from './hidden.ts';
import { createLateOperations } from './late.ts';
import { createOwnHistory } from './own-history.ts';
import { createOwned, type Owned } from './owned.ts';
import { recountEntries } from './recount.ts';
import type { Counted, Replica, ReplicaOptions } from './replica.ts';
import {
  type AppliedFragment,
  type EntryView,
  type FoundContradiction,
  type OperationOutcome,
  type PassedEnd,
  type RowWrite,
  type Step,
  toldOf,
} from './step.ts';
import { addEntryRows, addStateRows } from './step-rows.ts';
import { createWritten } from './written.ts';

/** Most contradictions of one step that are kept: each is two operations, and one is enough to name an author. */
const MAX_CONTRADICTIONS = 16;

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
  const written = createWritten();
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
      for (const row of written.note(changed, sequence)) rows.push(row);
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
        // What was set aside would else come back from the next node that has it still.
        const isRefused = sibling.hlc <= late.closedHlc || late.isAside(sibling);
        if (isRefused && outcome !== 'held' && outcome !== 'superseded') return 'below-floor';
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
      const passed = written.pass(floor, limit);
      const more = !hidden.pass(floor, clocks.last, limit) || passed.more;
      return { rows: [...hidden.takeRows(), ...passed.rows], more };
    },
    hidden,
    written,
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
      if (passed.length > 0) {
        rows.push(...written.note([], sequence));
        addStateRows(rows, { told: toldOf(step), clocks: clocks.takeRaised(), meta: after, journalLength });
      }
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
