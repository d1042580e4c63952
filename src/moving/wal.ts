import type { OriginalState } from '../core/original/root.ts';
import { type ParsedWal, parseWal, type WalLine } from '../core/original/wal.ts';
import { applyWal, followWal, type WalBase, type WalBranch, type WalHistory } from '../core/original/wal-branches.ts';
import { counted, type Hasher } from '../core/types/index.ts';
import type { Refusal, Source } from './plan.ts';

/** What a wal.log tells, beside what the snapshots do. */
export interface ToldWal {
  readonly source: Source;
  readonly wal: ParsedWal;
  readonly history: WalHistory;
  /** Why its end is no verified state; undefined where it is one. */
  readonly refusal: Refusal | undefined;
  /** The branches, gaps and unfinished operations, as whole sentences. */
  readonly remarks: readonly string[];
}

/** Branches that are described one by one. A log of years has more, and the first and last ones tell what it is. */
const MAX_DESCRIBED = 20;

export function tellWal(source: Source, text: string, bases: readonly WalBase[], hasher: Hasher): ToldWal {
  const wal = parseWal(text);
  const history = followWal(wal.lines, bases, hasher);
  return {
    source,
    wal,
    history,
    refusal: refusalOfWal(source, wal, history, bases),
    remarks: describe(wal, history),
  };
}

/** What the log adds when all of its lines are applied in their order, as the original's own recovery does. */
export function replayAll(base: OriginalState, lines: readonly WalLine[]): OriginalState {
  const state = new Map(base);
  applyWal(state, lines);
  return state;
}

function refusalOfWal(
  source: Source,
  wal: ParsedWal,
  history: WalHistory,
  bases: readonly WalBase[],
): Refusal | undefined {
  const refused = { source, takenUnverified: true };
  const [broken] = wal.broken;
  if (broken !== undefined) {
    const others = wal.broken.length > 1 ? `, and ${counted(wal.broken.length - 1, 'other line')} is broken too` : '';
    return {
      ...refused,
      code: 'wal-malformed',
      what: `line ${broken.line}`,
      reason: `${broken.reason}${others}`,
      next: 'Take another copy. With --unverified the log is followed without its broken lines.',
    };
  }
  const last = history.branches.at(-1);
  if (last === undefined || history.end !== undefined) return undefined;
  if (last.check.kind === 'wrong') {
    const { line, stored, computed } = last.check;
    return {
      ...refused,
      code: 'wal-root-mismatch',
      what: `line ${line}`,
      reason: `line ${line} names root ${stored}, but the state has root ${computed} then`,
      next: 'Take another copy. With --unverified its lines are applied without a check.',
      stored,
      computed,
    };
  }
  const tried = ['the empty state', ...bases.map(({ name }) => name)].join(', ');
  return {
    ...refused,
    code: 'wal-unanchored',
    reason: `its last lines go on from root ${last.fromRoot}, which is not verified (tried: ${tried})`,
    next: 'Name the snapshot that it goes on from with --base. With --unverified its lines are applied to what is there.',
    stored: last.fromRoot,
  };
}

function describe({ torn, lines }: ParsedWal, history: WalHistory): string[] {
  const { branches, gaps, unfinished, everyRoot } = history;
  const finals = branches.reduce((sum, branch) => sum + branch.lines.length, 0);
  const remarks = [`It has ${counted(lines.length, 'line')}, of which ${finals} end an operation.`];
  if (branches.length > 1) {
    remarks.push(`It forks: ${branches.length} runs begin from a root of their own, and the last one is the state.`);
    const shown = branches.length > MAX_DESCRIBED ? branches.slice(-MAX_DESCRIBED) : branches;
    if (shown.length < branches.length) remarks.push(`The last ${shown.length} of them:`);
    for (const branch of shown) remarks.push(describeBranch(branch));
  }
  const [gap] = gaps;
  if (gap !== undefined) {
    const more = gaps.length > 1 ? `, and ${counted(gaps.length - 1, 'other gap')}` : '';
    remarks.push(`Sequence numbers are missing: line ${gap.line} has ${gap.next} after ${gap.after}${more}.`);
  }
  const [begun] = unfinished;
  if (begun !== undefined) {
    const others = unfinished.length > 1 ? ` and ${counted(unfinished.length - 1, 'other')}` : '';
    const what = `${begun.operation} ${JSON.stringify(begun.key)}`;
    remarks.push(`Line ${begun.line} (${what})${others} was begun and never finished.`);
  }
  if (torn) remarks.push('The last line was cut while it was written, and is left out.');
  if (!everyRoot)
    remarks.push('Roots were computed anew where the log forks and ends, because there are too many of them.');
  return remarks;
}

function describeBranch({ from, fromRoot, lines, root, check }: WalBranch): string {
  const [first, last] = [lines[0]?.line ?? 0, lines.at(-1)?.line ?? 0];
  const begin = from === undefined ? 'nothing known' : 'base' in from ? from.base : `line ${from.line}`;
  const verdict =
    check.kind === 'verified'
      ? 'verified'
      : check.kind === 'wrong'
        ? `wrong from line ${check.line} on`
        : 'not verified';
  const short = (hex: string): string => hex.slice(0, 12);
  return `Lines ${first} to ${last}: ${counted(lines.length, 'operation')} from ${short(fromRoot)} (${begin}) to ${short(root)}, ${verdict}.`;
}
