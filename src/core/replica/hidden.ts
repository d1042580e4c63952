import { hlcMs, ZERO_HLC } from '../clock/index.ts';
import { beyondBudget, isSameOperation, MAX_HIDDEN_BYTES, siblingsOf, spares } from '../floor/index.ts';
import { END_GRID_MS } from '../roster/index.ts';
import type { HiddenPlace } from '../rows/index.ts';
import { createCommitIds, supersedes, type Versioned } from '../state/index.ts';
import type { Sibling } from '../types/index.ts';
import {
  type Author,
  type Bytes,
  type Context,
  type Entry,
  equalBytes,
  type Hasher,
  type Hlc,
  MAX_SIBLINGS,
} from '../types/index.ts';
import { siblingSize } from '../wire/index.ts';
import { createHiddenRows, NOWHERE, type Stored } from './hidden-rows.ts';
import type { RowWrite } from './step.ts';

/** An operation that is held outside the tree: without its value, which stands in its row. */
export interface HiddenOperation extends Versioned, Readonly<Stored> {
  readonly operation: { readonly key: string; readonly context: Context };
  /** About the bytes that it takes in the store and in memory. */
  readonly bytes: number;
}

/**
 * Most hidden operations of one key, the newest of them. There is one for each author and 10 s, so a key that two authors
 * write all the time while the floor stands has those of 21 minutes. All work on a key goes through its list.
 */
const MAX_OF_KEY = 256;
/** What a hidden operation takes beside its bytes: ids, numbers, objects, the key of a row, and each dot of its context. */
const OVERHEAD_BYTES = 332;
const DOT_BYTES = 96;

/**
 * The superseded operations that a node keeps (SPEC FL5), because what supersedes them may cease to count when its
 * author comes to an end. All calls between two `takeRows` belong to one step, whose batch has the rows.
 */
export interface HiddenOperations {
  readonly size: number;
  readonly bytes: number;
  /**
   * How many were let go of for want of room that could still count again, because the floor has not passed what
   * supersedes them, and the newest keys of these.
   */
  readonly beyond: { readonly operations: number; readonly keys: readonly string[] };
  of(key: string): readonly HiddenOperation[];
  /** Where the operation stands in the store; undefined until the step that hides it has made its rows. */
  placeOf(one: HiddenOperation): HiddenPlace | undefined;
  /** Whether the operation is here. */
  has(one: Pick<Versioned, 'commit' | 'index'> & { readonly operation: { readonly key: string } }): boolean;
  /** Takes in operations of the entry's key that its siblings supersede. */
  hide(entry: Entry, gone: readonly Sibling[]): void;
  /**
   * The siblings that a key has once only what counts makes them, winner first: what there is of them, and of the
   * hidden ones what nothing supersedes then.
   */
  recounted(key: string, siblings: readonly Sibling[]): readonly (Sibling | HiddenOperation)[];
  /** Lets go of what has become a sibling again; the rest of its key is superseded by something of up to `last`. */
  returned(key: string, operations: readonly HiddenOperation[], last: Hlc): void;
  /**
   * Lets go of operations that something supersedes which counts for good, because it is not later than `floor`. Looks
   * at `limit` of them, and goes on from there the next time; true once all have been looked at.
   */
  pass(floor: Hlc, last: Hlc, limit: number): boolean;
  /** Lets go of the operations of a key that are `out`. */
  takeOut(key: string, out: (one: HiddenOperation) => boolean): void;
  /** Lets go of one whose row cannot be read. */
  lose(one: HiddenOperation): void;
  /** The rows of all changes since the last call. */
  takeRows(): RowWrite[];
  /** Takes in what was read at a start: first which places of blocks are gone. */
  loadGone(block: number, at: number): void;
  /** An operation with a row of its own, before which nothing later than `last` was taken in. */
  load(one: Sibling, last: Hlc): void;
  /** A block, before which nothing later than `last` was taken in. LatticeError `damaged-row`. */
  loadBlock(number: number, value: Bytes, last: Hlc): void;
  /** Everything was read. */
  loaded(): void;
}

interface Held extends Omit<HiddenOperation, keyof Stored>, Stored {
  /**
   * Something that supersedes it: its author and HLC. Without an author it is not known what, only that it is not later
   * than that.
   */
  byAuthor: Author | undefined;
  byHlc: Hlc;
  bytes: number;
}

const NONE: readonly Held[] = [];

/** How many keys are named of which something could not be kept. */
const MAX_NAMED = 32;

export function createHidden({
  hasher,
  counts,
  mayGo = () => false,
  maxBytes = MAX_HIDDEN_BYTES,
}: {
  readonly hasher: Hasher;
  /** Whether a commit of the author with an HLC of the millisecond counts, as far as ends of authors say. */
  readonly counts: (author: Author, ms: number) => boolean;
  /** Whether an operation may have to be taken out although the floor has passed it (SPEC FL8). */
  readonly mayGo?: ((author: Author, hlc: Hlc) => boolean) | undefined;
  readonly maxBytes?: number | undefined;
}): HiddenOperations {
  const byKey = new Map<string, readonly Held[]>();
  /** All of them in the order in which they were hidden. */
  const all = new Set<Held>();
  const named = new Set<string>();
  let total = 0;
  let beyond = 0;
  /** The floor that passes all of these for good. */
  let beyondUntil: Hlc = ZERO_HLC;
  let floor: Hlc = ZERO_HLC;
  const idOf = createCommitIds();
  const rows = createHiddenRows<Held>({
    hasher,
    resized(held, by) {
      held.bytes += by;
      total += by;
    },
  });
  let sweep: Iterator<Held> | undefined;
  /**
   * What has to go first, for want of room. What it has told is gone, so that it goes on where it is: an iteration from
   * the start would first pass the places of all that has gone, which V8 keeps for a while.
   */
  let oldestFirst: IterableIterator<Held> | undefined;

  const countsNow = ({ author, hlc }: Pick<Versioned, 'author' | 'hlc'>): boolean => counts(author, hlcMs(hlc));

  function add(one: Sibling, byAuthor: Author | undefined, byHlc: Hlc): Held {
    const { commit, index, author, hlc } = one;
    const { key, context } = one.operation;
    const size = siblingSize(one);
    const bytes = size + OVERHEAD_BYTES + DOT_BYTES * context.length;
    const held: Held = {
      commit: idOf(commit),
      index,
      author,
      hlc,
      operation: { key, context },
      at: NOWHERE,
      block: undefined,
      size,
      bytes,
      byAuthor,
      byHlc,
    };
    const others = byKey.get(key);
    byKey.set(key, others === undefined ? [held] : [...others, held]);
    all.add(held);
    total += bytes;
    return held;
  }

  /** From now on it is known only that something supersedes it which is not later than that. */
  function supersededBy(one: Held, last: Hlc): void {
    one.byAuthor = undefined;
    one.byHlc = last;
  }

  function drop(key: string, gone: readonly Held[]): void {
    if (gone.length === 0) return;
    const left = (byKey.get(key) ?? NONE).filter((one) => !gone.includes(one));
    if (left.length === 0) byKey.delete(key);
    else byKey.set(key, left);
    for (const one of gone) {
      all.delete(one);
      total -= one.bytes;
      rows.remove(one);
    }
  }

  function hideOne(siblings: readonly Sibling[], one: Sibling): void {
    let by: Versioned | undefined;
    for (const sibling of siblings) {
      if (!supersedes(sibling, one)) continue;
      // It is superseded for good, so it can count nowhere again.
      if (sibling.hlc <= floor && !mayGo(sibling.author, sibling.hlc)) return;
      if (spares(sibling, one, END_GRID_MS)) return;
      if (by === undefined || sibling.hlc < by.hlc) by = sibling;
    }
    if (by === undefined) return;
    const { key } = one.operation;
    const held = byKey.get(key) ?? NONE;
    if (held.some((other) => isSameOperation(other, one) || spares(other, one, END_GRID_MS))) return;
    const spared = held.length === 0 ? held : held.filter((other) => spares(one, other, END_GRID_MS));
    drop(key, spared);
    rows.add(add(one, by.author, by.hlc), one, spared.length > 0);
    keepNewest(key);
  }

  /** Another node may have what is older, and a repair brings it where it counts again. */
  function keepNewest(key: string): void {
    const held = byKey.get(key) ?? NONE;
    if (held.length <= MAX_OF_KEY) return;
    const oldest = held.reduce((a, b) => (b.hlc < a.hlc ? b : a));
    drop(key, [oldest]);
  }

  function noteBeyond(key: string, gone: readonly Held[]): void {
    beyond += gone.length;
    for (const { byHlc } of gone) if (byHlc > beyondUntil) beyondUntil = byHlc;
    named.delete(key);
    named.add(key);
    const [first] = named;
    if (named.size > MAX_NAMED && first !== undefined) named.delete(first);
  }

  /** What goes first is the oldest, and with it all of its key that is older: that must not come back in its place. */
  function keepWithinBudget(): void {
    if (total + rows.dead <= maxBytes) return;
    oldestFirst ??= all.values();
    for (const oldest of beyondBudget(oldestFirst, total + rows.dead, maxBytes)) {
      if (!all.has(oldest)) continue;
      const { key } = oldest.operation;
      const gone = (byKey.get(key) ?? NONE).filter(({ hlc }) => hlc <= oldest.hlc);
      drop(key, gone);
      noteBeyond(key, gone);
    }
  }

  return {
    get size() {
      return all.size;
    },
    get bytes() {
      return total + rows.dead;
    },
    get beyond() {
      return { operations: beyond, keys: [...named] };
    },
    of: (key) => byKey.get(key) ?? NONE,
    placeOf: rows.placeOf,
    has: ({ commit, index, operation: { key } }) =>
      byKey.get(key)?.some((one) => one.index === index && equalBytes(one.commit, commit)) === true,
    hide({ siblings }, gone) {
      for (const one of gone) if (countsNow(one)) hideOne(siblings, one);
      keepWithinBudget();
    },
    recounted: (key, siblings) =>
      siblingsOf<Sibling | HiddenOperation>([...siblings, ...(byKey.get(key) ?? NONE)].filter(countsNow)).slice(
        0,
        MAX_SIBLINGS,
      ),
    returned(key, operations, last) {
      drop(
        key,
        (byKey.get(key) ?? NONE).filter((one) => operations.includes(one)),
      );
      for (const one of byKey.get(key) ?? NONE) supersededBy(one, last);
    },
    pass(passed, last, limit) {
      if (passed > floor) floor = passed;
      if (floor >= beyondUntil) {
        beyond = 0;
        named.clear();
      }
      sweep ??= all.values();
      for (let looked = 0; looked < limit; looked++) {
        const { value: one, done } = sweep.next();
        if (done === true) {
          sweep = undefined;
          return true;
        }
        const { byAuthor: author, byHlc: hlc } = one;
        if (hlc > floor) continue;
        if (author !== undefined && mayGo(author, hlc)) continue;
        if (author === undefined || countsNow({ author, hlc })) drop(one.operation.key, [one]);
        else supersededBy(one, last);
      }
      return false;
    },
    takeRows: () => rows.take((held) => all.has(held)),
    takeOut: (key, out) => drop(key, (byKey.get(key) ?? NONE).filter(out)),
    lose(one) {
      const { key } = one.operation;
      const gone = (byKey.get(key) ?? NONE).filter((other) => other === one);
      drop(key, gone);
      if (gone.length > 0) noteBeyond(key, gone);
    },
    loadGone: rows.loadGone,
    load(one, last) {
      rows.load(add(one, undefined, last));
      keepNewest(one.operation.key);
    },
    loadBlock(number, value, last) {
      const keys = rows.loadBlock(number, value, (one) => add(one, undefined, last));
      for (const key of keys) keepNewest(key);
    },
    loaded() {
      rows.loaded();
      // What goes first for want of room is the oldest, wherever it stands.
      const inOrder = [...all].sort((a, b) => (a.hlc < b.hlc ? -1 : a.hlc > b.hlc ? 1 : 0));
      all.clear();
      for (const one of inOrder) all.add(one);
    },
  };
}
