import { readFileSync } from 'node:fs';

/** One measured figure of a bench. */
export interface Figure {
  /** The name in the JSON line. */
  readonly metric: string;
  readonly label: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
  /** The limit with which the figure is compared, measured in the same run and unit. */
  readonly limit?: { readonly name: string; readonly value: number };
}

export type Bench = () => Promise<readonly Figure[]>;

/** Rounds to about three digits, because more would claim an accuracy that no run has. */
export function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

function meets({ value, goal }: Figure): boolean {
  return goal === undefined || ('atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost);
}

function text(value: number): string {
  return rounded(value).toLocaleString('en-GB', { maximumFractionDigits: 3 });
}

/** Makes a table of figures: the figure, its goal, whether the goal is met, and the share of the limit. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { label, value, unit, goal, limit } = figure;
    const wanted = goal === undefined ? '' : 'atLeast' in goal ? `≥ ${text(goal.atLeast)}` : `≤ ${text(goal.atMost)}`;
    const share = limit === undefined ? '' : `${text(value / limit.value)} of ${limit.name}`;
    return [
      label,
      `${text(value)} ${unit}`.trim(),
      wanted,
      goal === undefined ? '' : meets(figure) ? 'met' : 'MISSED',
      share,
    ];
  });
  const all = [['figure', 'value', 'goal', '', 'beside its limit'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The value below which the part `q` (0 to 1) of `values` lies. NaN when there are no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * Processor seconds of the main thread of this process or of another. For work that waits for nothing, this is the time
 * that the work takes on an idle machine, whatever else is running. Where the system is not Linux, the wall time is
 * taken for this process and NaN for another.
 */
export function cpuSeconds(pid: number | 'self' = 'self'): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ', 1)[0]) / 1e9;
  } catch {
    if (pid !== 'self') return Number.NaN;
    return performance.now() / 1000;
  }
}

/** The processor seconds that `work` takes. */
export function seconds(work: () => void): number {
  const from = cpuSeconds();
  work();
  return cpuSeconds() - from;
}
