import type { Hasher } from '../types/index.ts';
import { createRootTable, type OriginalState, originalRoot, type RootTable } from './root.ts';
import type { WalLine } from './wal.ts';

/**
 * The history that a wal.log tells. The original's node went back to its snapshot.json at each start, whatever the log
 * said, so that a log of several runs forks: each run goes on from a root of its own.
 */
export interface WalHistory {
  /** In the order of the file. The last one is what the log ends with. */
  readonly branches: readonly WalBranch[];
  /** The state after the last branch, where every root up to there was found right. */
  readonly end: { readonly state: OriginalState; readonly root: string } | undefined;
  /** Every root on the way to `end`, from its base on, and the final lines that lead there. */
  readonly way: { readonly roots: ReadonlySet<string>; readonly lines: ReadonlySet<number> };
  /** Pending lines of which no final line followed: the original may have done these operations or not. */
  readonly unfinished: readonly WalLine[];
  /** Missing sequence numbers, from the one before the gap to the one after it. */
  readonly gaps: readonly { readonly line: number; readonly after: number; readonly next: number }[];
  /** Whether each final root was computed anew. Else that was done where branches fork and end, for want of time. */
  readonly everyRoot: boolean;
}

/** A run of lines of which each goes on from the root that the one before it ended with. */
export interface WalBranch {
  /** Where it goes on from; undefined where no base and no line has that root. */
  readonly from: { readonly base: string } | { readonly line: number } | undefined;
  readonly fromRoot: string;
  /** Its final lines. */
  readonly lines: readonly WalLine[];
  /** The root that it ends with by the log. */
  readonly root: string;
  /**
   * `verified`: the roots are those of the states. `wrong`: the line's root is not the one of its state. `unanchored`:
   * it goes on from nothing that is known, or from a line that is itself not verified.
   */
  readonly check:
    | { readonly kind: 'verified' }
    | { readonly kind: 'wrong'; readonly line: number; readonly stored: string; readonly computed: string }
    | { readonly kind: 'unanchored' };
}

/** A state from which a log may go on. */
export interface WalBase {
  readonly name: string;
  readonly state: OriginalState;
}

/**
 * Leaves that are hashed to check every root: some 2 GiB, a few seconds. A log of a thousand operations over twenty
 * thousand keys is within it.
 */
const EVERY_ROOT_LEAVES = 32_000_000;
/** Leaves that are hashed where only forks and ends are checked. Branches beyond it stay unverified. */
const ENDS_LEAVES = 64_000_000;

/** Where a root was reached: in a branch after so many of its lines, or at a base. */
type Place = { readonly base: WalBase } | { readonly branch: number; readonly count: number };

/** Links the final lines of a log by their roots, and computes the roots anew from the bases. */
export function followWal(lines: readonly WalLine[], bases: readonly WalBase[], hasher: Hasher): WalHistory {
  const emptyRoot = originalRoot(new Map(), hasher);
  const rootOf = (before: string): string => (before === 'empty' ? emptyRoot : before);
  const places = new Map<string, Place>();
  const empty: WalBase = { name: 'the empty state', state: new Map() };
  for (const base of [empty, ...bases]) places.set(originalRoot(base.state, hasher), { base });

  const drafts: { from: Place | undefined; fromRoot: string; lines: WalLine[]; root: string }[] = [];
  for (const line of lines) {
    if (line.after === undefined) continue;
    const before = rootOf(line.before);
    let draft = drafts.at(-1);
    if (draft?.root !== before) {
      draft = { from: places.get(before), fromRoot: before, lines: [], root: before };
      drafts.push(draft);
    }
    draft.lines.push(line);
    draft.root = line.after;
    // What a base has is certain, and what a line claims is not.
    const known = places.get(line.after);
    if (known === undefined || !('base' in known))
      places.set(line.after, { branch: drafts.length - 1, count: draft.lines.length });
  }

  const finals = drafts.reduce((sum, draft) => sum + draft.lines.length, 0);
  const largest = Math.max(0, ...bases.map(({ state }) => state.size)) + finals;
  const everyRoot = finals * largest <= EVERY_ROOT_LEAVES;
  /** How far each branch is verified: the lines of it that are right. */
  const good: number[] = [];
  const branches: WalBranch[] = [];
  let end: WalHistory['end'];
  const forks = everyRoot ? undefined : forksOf(drafts);
  let work = 0;
  drafts.forEach((draft, index) => {
    const { from, fromRoot, root } = draft;
    const branch = { from: shownPlace(from, drafts), fromRoot, lines: draft.lines, root };
    if (!everyRoot) work += largest * (1 + (forks?.get(index)?.size ?? 0));
    const state = work > ENDS_LEAVES || !isGood(from, good) ? undefined : stateAt(from, drafts);
    if (state === undefined) {
      good.push(0);
      branches.push({ ...branch, check: { kind: 'unanchored' } });
      return;
    }
    const only = everyRoot ? undefined : (forks?.get(index) ?? new Set<number>());
    const wrong = firstWrong(state, draft.lines, createRootTable(state, hasher), only);
    good.push(wrong === undefined ? draft.lines.length : wrong.index);
    branches.push({
      ...branch,
      check: wrong === undefined ? { kind: 'verified' } : { kind: 'wrong', ...wrong.fault },
    });
    if (wrong === undefined && index === drafts.length - 1) end = { state, root };
  });
  return {
    branches,
    end,
    way: wayTo(end === undefined ? undefined : drafts.length - 1, drafts),
    unfinished: unfinishedOf(lines),
    gaps: gapsOf(lines),
    everyRoot,
  };
}

type Draft = { readonly from: Place | undefined; readonly fromRoot: string; readonly lines: readonly WalLine[] };

function shownPlace(place: Place | undefined, drafts: readonly Draft[]): WalBranch['from'] {
  if (place === undefined) return undefined;
  if ('base' in place) return { base: place.base.name };
  const line = drafts[place.branch]?.lines[place.count - 1];
  return line === undefined ? undefined : { line: line.line };
}

const isGood = (place: Place | undefined, good: readonly number[]): place is Place =>
  place !== undefined && ('base' in place || place.count <= (good[place.branch] ?? 0));

/** The branches on the way to a place, the earliest first, each with how many of its lines belong to the way. */
function segmentsTo(place: Place, drafts: readonly Draft[]): { base: WalBase; segments: (readonly WalLine[])[] } {
  const segments: (readonly WalLine[])[] = [];
  let at: Place | undefined = place;
  // A branch goes on from an earlier one, so this ends.
  while (at !== undefined && !('base' in at)) {
    const draft: Draft | undefined = drafts[at.branch];
    segments.push(draft?.lines.slice(0, at.count) ?? []);
    at = draft?.from;
  }
  return { base: at?.base ?? { name: '', state: new Map() }, segments: segments.reverse() };
}

function stateAt(place: Place, drafts: readonly Draft[]): Map<string, WalLine['value']> {
  const { base, segments } = segmentsTo(place, drafts);
  const state = new Map(base.state);
  for (const segment of segments) applyWal(state, segment);
  return state;
}

/** Applies lines in their order, pending ones too. */
export function applyWal(state: Map<string, WalLine['value']>, lines: readonly WalLine[]): void {
  for (const { operation, key, value } of lines) {
    if (operation === 'PUT') state.set(key, value);
    else state.delete(key);
  }
}

/** Applies the lines of a branch to `state`, and finds the first root that is not the one of the state then. */
function firstWrong(
  state: Map<string, WalLine['value']>,
  lines: readonly WalLine[],
  table: RootTable,
  only: ReadonlySet<number> | undefined,
): { index: number; fault: { line: number; stored: string; computed: string } } | undefined {
  for (const [index, line] of lines.entries()) {
    applyWal(state, [line]);
    if (line.operation === 'PUT') table.set(line.key, line.value);
    else table.delete(line.key);
    if (only !== undefined && !only.has(index + 1) && index + 1 < lines.length) continue;
    const computed = table.root();
    if (computed !== line.after) return { index, fault: { line: line.line, stored: line.after ?? '', computed } };
  }
  return undefined;
}

/** For each branch, after how many of its lines others go on. */
function forksOf(drafts: readonly Draft[]): ReadonlyMap<number, ReadonlySet<number>> {
  const forks = new Map<number, Set<number>>();
  for (const { from } of drafts) {
    if (from === undefined || 'base' in from) continue;
    const counts = forks.get(from.branch) ?? new Set();
    forks.set(from.branch, counts.add(from.count));
  }
  return forks;
}

function wayTo(branch: number | undefined, drafts: readonly Draft[]): WalHistory['way'] {
  const roots = new Set<string>();
  const lines = new Set<number>();
  let at: Place | undefined = branch === undefined ? undefined : { branch, count: drafts[branch]?.lines.length ?? 0 };
  while (at !== undefined && !('base' in at)) {
    const draft: Draft | undefined = drafts[at.branch];
    for (const { after, line } of draft?.lines.slice(0, at.count) ?? []) {
      if (after !== undefined) roots.add(after);
      lines.add(line);
    }
    if (draft !== undefined) roots.add(draft.fromRoot);
    at = draft?.from;
  }
  return { roots, lines };
}

function unfinishedOf(lines: readonly WalLine[]): WalLine[] {
  const open = new Map<string, WalLine>();
  for (const line of lines) {
    const operation = JSON.stringify([line.operation, line.key, line.before]);
    if (line.after === undefined) open.set(operation, line);
    else open.delete(operation);
  }
  return [...open.values()];
}

function gapsOf(lines: readonly WalLine[]): { line: number; after: number; next: number }[] {
  const gaps: { line: number; after: number; next: number }[] = [];
  lines.forEach(({ line, sequence }, i) => {
    const previous = lines[i - 1];
    if (previous !== undefined && sequence !== previous.sequence + 1)
      gaps.push({ line, after: previous.sequence, next: sequence });
  });
  return gaps;
}
