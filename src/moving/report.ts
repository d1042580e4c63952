import { counted } from '../core/types/index.ts';
import type { ItemReport, PlanItem, Refusal, Report, Verification } from './plan.ts';

/** Keys and files that a line names one by one. */
const SHOWN = 10;
const NOUNS: Readonly<Record<PlanItem['kind'], string>> = { entries: 'key', object: 'object', records: 'record' };

/** What all items of a report come to. */
export interface Totals {
  readonly taken: number;
  readonly known: number;
  readonly deleted: number;
  readonly differing: number;
}

export function totalsOf({ items }: Report): Totals {
  const sum = (of: (item: ItemReport) => number): number => items.reduce((total, item) => total + of(item), 0);
  return {
    taken: sum(({ taken }) => taken),
    known: sum(({ known }) => known),
    deleted: sum(({ deleted }) => deleted),
    differing: sum(({ differing }) => differing.length),
  };
}

/** A report as lines for people. Texts in it come from files of others: a terminal must be kept from them. */
export function reportLines(report: Report): string[] {
  const lines: string[] = [];
  for (const group of grouped(report.items)) {
    const [first] = group;
    if (first === undefined) continue;
    const total = group.reduce((sum, item) => sum + item.taken + item.known + item.differing.length, 0);
    const checked =
      group.length > 1 && first.checked.verified
        ? 'each verified by what it says of itself'
        : checkedText(first.checked);
    lines.push(`${first.source.at}: ${counted(total, NOUNS[first.kind])}, ${checked}`);
    lines.push(...outcomeLines(group, report.dryRun));
  }
  for (const refusal of gathered(report.refused)) lines.push(...refusalLines(refusal));
  lines.push(...report.remarks);
  return lines;
}

/** Items of one source that were checked in the same way are told as one: a vault has thousands of objects. */
function grouped(items: readonly ItemReport[]): ItemReport[][] {
  const groups = new Map<string, ItemReport[]>();
  for (const item of items) {
    const key = JSON.stringify([
      item.kind,
      item.source.at,
      item.kind === 'object' ? item.checked.verified : item.checked,
    ]);
    const group = groups.get(key) ?? [];
    group.push(item);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Refusals of one source for one reason are told as one that names each. */
function gathered(refusals: readonly Refusal[]): Refusal[] {
  const groups = new Map<string, Refusal[]>();
  for (const refusal of refusals) {
    const key = JSON.stringify([refusal.source.at, refusal.code, refusal.reason]);
    const group = groups.get(key) ?? [];
    group.push(refusal);
    groups.set(key, group);
  }
  return Array.from(groups.values(), (group) => {
    const [first] = group as [Refusal];
    if (group.length === 1) return first;
    const names = group.slice(0, SHOWN).map(({ what }) => what ?? '');
    const more = group.length > SHOWN ? ` and ${group.length - SHOWN} more` : '';
    return { ...first, what: `${names.join(', ')}${more}`, stored: undefined, computed: undefined };
  });
}

const checkedText = (checked: Verification): string =>
  checked.verified ? `verified by ${checked.by}` : `NOT verified: ${checked.because}`;

function outcomeLines(group: readonly ItemReport[], dryRun: boolean): string[] {
  const { taken, known, deleted } = totalsOf({ from: '', dryRun, items: group, refused: [], remarks: [] });
  const noun = NOUNS[group[0]?.kind ?? 'entries'];
  const differing = group.flatMap((item) => item.differing);
  const parts = [`${dryRun ? 'Would import' : 'Imported'} ${counted(taken, noun)}`];
  if (known > 0) parts.push(`${known} ${known === 1 ? 'is' : 'are'} there already`);
  if (deleted > 0) parts.push(`${dryRun ? 'would delete' : 'deleted'} ${deleted} that the source deleted`);
  const lines = [`  ${parts.join(', ')}.`];
  if (differing.length > 0) {
    lines.push(
      `  ${dryRun ? 'Would leave' : 'Left'} alone ${counted(differing.length, noun)} with another value (see --overwrite):`,
    );
    for (const key of differing.slice(0, SHOWN)) lines.push(`    ${key}`);
    if (differing.length > SHOWN) lines.push(`    … and ${differing.length - SHOWN} more (all of them: --json)`);
  }
  return lines;
}

function refusalLines({ source, what, code, reason, each, next, stored, computed }: Refusal): string[] {
  const lines = [`Refused (${code}): ${source.at}${what === undefined ? '' : ` ${what}`}: ${reason}.`];
  if (stored !== undefined && !reason.includes(stored)) lines.push(`  It names ${stored}.`);
  if (computed !== undefined && !reason.includes(computed)) lines.push(`  Its content has ${computed}.`);
  for (const one of each?.slice(0, SHOWN) ?? []) lines.push(`  ${one.what}: ${one.reason}`);
  if (each !== undefined && each.length > SHOWN)
    lines.push(`  … and ${each.length - SHOWN} more (all of them: --json)`);
  if (next !== undefined) lines.push(`  ${next}`);
  return lines;
}
