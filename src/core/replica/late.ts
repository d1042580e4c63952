import { lastHlcAt, ZERO_HLC } from '../clock/index.ts';
import { encodeLate, encodeUntoldCut, type LateMark, lateKey, UNTOLD_CUT } from '../rows/index.ts';
import { versionOf } from '../state/index.ts';
import type { Author, Hlc, Sibling } from '../types/index.ts';
import type { RowWrite } from './step.ts';

/**
 * Most marks. An operation gets one that is older than the retention and comes to a node that had fixed a cut without
 * it. In a healthy fleet nobody sends such a thing; a node that was away for days may bring many. About 4 MB.
 */
const MAX_MARKS = 16_384;

/** Up to when the state is closed and collected, Unix ms (SPEC FL6). */
export interface Floors {
  /** An operation of up to here is taken only where the state has it or supersedes it. */
  readonly closed: number;
  /** What is dead at this time is in no entry. */
  readonly collected: number;
}

/** What `LateOperations` knows an operation by. */
type Known = Pick<Sibling, 'commit' | 'index' | 'author' | 'hlc'>;

/**
 * What came too late for cuts that this node has fixed, as far as those could close the state (SPEC FL8). All calls
 * between two `takeRows` belong to one step, whose batch has the rows.
 */
export interface LateOperations {
  readonly floors: Floors;
  /** The last HLC that is closed, and the last that is collected; zero where there is none. */
  readonly closedHlc: Hlc;
  readonly collectedHlc: Hlc;
  /** To be called between two batches. Whoever calls it makes the record durable. */
  setFloors(floors: Floors): void;
  /** The newest cut, Unix ms, of which it is not known what came too late for it. Earlier ones are like it. */
  readonly untold: number;
  readonly marks: Iterable<LateMark>;
  readonly size: number;
  /**
   * A cut is being fixed whose completion would close the state up to `bound`, both Unix ms. Until `fixed`, it is not
   * known whether an operation that comes is in the cut.
   */
  fixing(at: number, bound: number): void;
  /** The cut is fixed, and every operation that comes from here on comes too late for it. */
  fixed(at: number): void;
  /** The newest cut that is fixed or being fixed, Unix ms. */
  readonly newest: number;
  /** Takes note of an operation that has come into the state, or that its siblings supersede. */
  came(one: Known & { readonly operation: { readonly key: string } }): void;
  /** Takes note that a snapshot brings operations of which nobody knows for which cuts they are late. */
  cameUntold(hlc: Hlc): void;
  /** Whether an operation of this author and HLC has a mark, so that it may still have to be taken out. */
  has(author: Author, hlc: Hlc): boolean;
  /** Takes note that an operation is set aside, or no more: until then it comes into the state only by being put back. */
  setAside(one: Pick<Known, 'commit' | 'index'>, isAside: boolean): void;
  isAside(one: Pick<Known, 'commit' | 'index'>): boolean;
  /** This store does not know the cut at `at` (Unix ms) as its own, whatever it has signed. */
  lost(at: number): void;
  /** Forgets a mark. */
  drop(mark: LateMark): void;
  takeRows(): RowWrite[];
  load(mark: LateMark): void;
  loadUntold(at: number): void;
}

const dotOf = (author: Author, hlc: Hlc): string => `${author}.${hlc}`;

export function createLateOperations(): LateOperations {
  const marks = new Map<string, LateMark>();
  const dots = new Map<string, number>();
  const asides = new Set<string>();
  let floors: Floors = { closed: 0, collected: 0 };
  let closedHlc: Hlc = ZERO_HLC;
  let collectedHlc: Hlc = ZERO_HLC;
  let untold = 0;
  let newest = 0;
  let isFixed = true;
  /** The last HLC that the newest cut would close. */
  let bound: Hlc = ZERO_HLC;
  let rows: RowWrite[] = [];

  function add(mark: LateMark): void {
    marks.set(versionOf(mark), mark);
    const dot = dotOf(mark.author, mark.hlc);
    dots.set(dot, (dots.get(dot) ?? 0) + 1);
  }

  function drop(mark: LateMark): void {
    if (!marks.delete(versionOf(mark))) return;
    const dot = dotOf(mark.author, mark.hlc);
    const left = (dots.get(dot) ?? 1) - 1;
    if (left === 0) dots.delete(dot);
    else dots.set(dot, left);
    rows.push({ type: 'del', key: lateKey(mark) });
  }

  /** From here on nothing is known of the cuts up to the one at `at`. */
  function tellNothing(at: number): void {
    if (untold >= at) return;
    untold = at;
    rows.push({ type: 'put', key: UNTOLD_CUT, value: encodeUntoldCut(untold) });
    for (const mark of marks.values()) if (mark.fixed <= untold) drop(mark);
  }

  const isLate = (hlc: Hlc): boolean => hlc <= bound && hlc > closedHlc && newest > untold;

  return {
    get floors() {
      return floors;
    },
    get closedHlc() {
      return closedHlc;
    },
    get collectedHlc() {
      return collectedHlc;
    },
    setFloors(next) {
      floors = next;
      closedHlc = next.closed === 0 ? ZERO_HLC : lastHlcAt(next.closed);
      collectedHlc = next.collected === 0 ? ZERO_HLC : lastHlcAt(next.collected);
    },
    get untold() {
      return untold;
    },
    get marks() {
      return marks.values();
    },
    get size() {
      return marks.size;
    },
    fixing(at, closes) {
      newest = at;
      isFixed = false;
      bound = closes === 0 ? ZERO_HLC : lastHlcAt(closes);
    },
    fixed(at) {
      if (at === newest) isFixed = true;
    },
    get newest() {
      return newest;
    },
    came({ commit, index, author, hlc, operation: { key } }) {
      if (!isLate(hlc) || marks.has(versionOf({ commit, index }))) return;
      if (!isFixed || marks.size >= MAX_MARKS) return tellNothing(newest);
      const mark: LateMark = { key, commit: commit.slice(), index, author, hlc, fixed: newest };
      add(mark);
      rows.push({ type: 'put', key: lateKey(mark), value: encodeLate(mark) });
    },
    cameUntold(hlc) {
      if (isLate(hlc)) tellNothing(newest);
    },
    setAside(one, isAside) {
      if (isAside) asides.add(versionOf(one));
      else asides.delete(versionOf(one));
    },
    isAside: (one) => asides.size > 0 && asides.has(versionOf(one)),
    lost: tellNothing,
    has: (author, hlc) => dots.size > 0 && dots.has(dotOf(author, hlc)),
    drop,
    takeRows() {
      const taken = rows;
      if (taken.length > 0) rows = [];
      return taken;
    },
    load: add,
    loadUntold(at) {
      untold = Math.max(untold, at);
    },
  };
}
