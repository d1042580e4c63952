import type { Metrics } from '../../ports/index.ts';

/**
 * Series kept. Names and label values come from bounded sets (refusal codes, lungs, peers), some hundred on a full node;
 * the bound holds memory even when a label turns out not to be bounded.
 */
export const MAX_SERIES = 1024;

type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface MetricsSnapshot {
  /** In an order that does not change: the series of a name stand together. */
  readonly series: readonly Series[];
  /** Updates that went nowhere because they would have begun series number MAX_SERIES + 1. */
  readonly overflow: number;
}

/** Counters and gauges in memory, read as a whole by whoever renders them. */
export function memoryMetrics(): Metrics & { snapshot(): MetricsSnapshot } {
  const held = new Map<string, { kind: Series['kind']; name: string; labels: Labels; value: number }>();
  let overflow = 0;

  function update(kind: Series['kind'], name: string, labels: Labels, next: (value: number) => number): void {
    const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const id = JSON.stringify([name, kind, pairs]);
    const series = held.get(id);
    if (series !== undefined) series.value = next(series.value);
    else if (held.size < MAX_SERIES) held.set(id, { kind, name, labels: Object.fromEntries(pairs), value: next(0) });
    else overflow++;
  }

  return {
    count: (name, labels = {}, by = 1) => update('counter', name, labels, (value) => value + by),
    gauge: (name, value, labels = {}) => update('gauge', name, labels, () => value),
    snapshot: () => ({
      series: [...held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, series]) => ({ ...series })),
      overflow,
    }),
  };
}
