import type { Report } from './report.ts';

/**
 * Fresh seeds begin here. A fixed seed is a run that is known to pass; a fresh one is drawn from the commit, so that
 * every commit is tried on runs that nobody has seen.
 */
const FIRST_FRESH = 1_000_000;

export const verbose =
  process.env.SIM_VERBOSE === '1' ? (line: string) => void process.stdout.write(`${line}\n`) : undefined;

/** Somebody asked for certain seeds: nothing else is run. */
export const isAsked = process.env.SIM_SEED !== undefined;

/**
 * The seeds of a scenario: those asked for by SIM_SEED and SIM_SEEDS, or else `fixed` ones from 1 on, and `fresh` ones
 * that the commit's hash in SIM_COMMIT makes, where it is given. The fresh ones are printed.
 */
export function seedsOf(scenario: string, count: { readonly fixed: number; readonly fresh: number }): number[] {
  const { SIM_SEED: seed, SIM_SEEDS: seeds, SIM_COMMIT: commit } = process.env;
  const from = (first: number, length: number): number[] => Array.from({ length }, (_, i) => first + i);
  if (seed !== undefined) return from(Number(seed), Number(seeds ?? 1));
  const fixed = from(1, Number(seeds ?? count.fixed));
  if (commit === undefined || count.fresh === 0) return fixed;
  if (!/^[0-9a-f]{8,}$/.test(commit)) throw new Error(`SIM_COMMIT is the hash of a commit, not ${commit}`);
  const first = FIRST_FRESH + (Number.parseInt(commit.slice(0, 8), 16) % (900_000_000 - FIRST_FRESH));
  process.stdout.write(`${scenario}: fresh seeds ${first} to ${first + count.fresh - 1}, of commit ${commit}\n`);
  return [...fixed, ...from(first, count.fresh)];
}

/** What somebody needs to find the cause; nothing when there is none. */
export function explain(report: Report, option = ''): string {
  if (report.failures.length === 0) return '';
  return [
    `seed ${report.seed} failed (replay: npm run sim -- ${option}--seed ${report.seed} --verbose)`,
    ...report.failures.map((failure) => `  ${failure}`),
    'last operations:',
    ...report.operations.map((operation) => `  ${operation}`),
    'last events:',
    ...report.lines.map((line) => `  ${line}`),
  ].join('\n');
}

/** Prints one line about a run, where SIM_SUMMARY asks for it. */
export function summarise(report: Report): void {
  if (process.env.SIM_SUMMARY !== '1') return;
  const { lines: _, operations: __, failures: ___, ...summary } = report;
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}
