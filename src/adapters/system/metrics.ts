import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import type { Metrics } from '../../ports/index.ts';
import { METRICS, type MetricDefinition } from './metric-table.ts';

/**
 * Combinations of label values of one metric. Labels take values from bounded sets (refusals, lungs, routes by status)
 * of some dozens each. The limit bounds memory even when a label turns out not to be bounded.
 */
export const MAX_SERIES = 512;
/**
 * Counts the updates that were dropped: an unknown name, other labels, or more than MAX_SERIES series. Anything but 0
 * is a mistake in the program.
 */
const DROPPED = 'lattice_metrics_dropped_total';

type Labels = Readonly<Record<string, string>>;
const NO_LABELS: Labels = {};

/** One value of a gauge that is read for each scrape. */
export interface Sample {
  readonly name: string;
  readonly value: number;
  readonly labels?: Labels;
}

export interface MetricsPage {
  readonly contentType: string;
  /**
   * Writes a page in Prometheus' text exposition format. `samples` are all values of the sampled gauges, so a peer that
   * is gone leaves no series behind.
   */
  render(samples: readonly Sample[]): Promise<string>;
}

/** Keeps the values of one counter or gauge. The library reads them when it writes a page. */
interface Family {
  add(labels: Labels, by: number): boolean;
  set(labels: Labels, value: number): boolean;
  clear(): void;
}

/** Made once: these metrics are the same for every node of a process, and the library cannot take them back. */
let processRegistry: Registry | undefined;

function processMetrics(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
    // These gauges are named like counters, which monitoring systems take them for. The same by type have other names.
    for (const what of ['handles', 'requests', 'resources'])
      processRegistry.removeSingleMetric(`nodejs_active_${what}_total`);
  }
  return processRegistry;
}

/** Keeps the metrics of `definitions` in memory, and writes them and the process's in Prometheus' text format. */
export function createMetrics(definitions: readonly MetricDefinition[] = METRICS): Metrics & MetricsPage {
  const registry = new Registry();
  const families = new Map<string, Family>();
  const histograms = new Map<string, (seconds: number) => void>();
  /** Gauges that have had a value by a sample. Each page clears them first, so only its own samples show. */
  const sampled = new Set<string>();
  let dropped = 0;

  for (const definition of definitions) {
    const { name, kind, labels = [] } = definition;
    if (kind === 'histogram') histograms.set(name, createHistogram(registry, definition));
    else {
      families.set(name, createFamily(registry, definition));
      // A counter without labels starts at 0 and not absent, so that a rate shows its first event.
      if (kind === 'counter' && labels.length === 0) families.get(name)?.add(NO_LABELS, 0);
    }
  }
  const ownDrops = new Counter({
    name: DROPPED,
    help: 'Updates of metrics that were not kept.',
    registers: [registry],
  });

  function update(kept: boolean | undefined): void {
    if (kept !== true) dropped++;
  }

  function gauge(name: string, value: number, labels: Labels = NO_LABELS): void {
    update(families.get(name)?.set(labels, value));
  }

  return {
    contentType: registry.contentType,
    count: (name, labels = NO_LABELS, by = 1) => update(families.get(name)?.add(labels, by)),
    gauge,
    observe(name, seconds) {
      const observe = histograms.get(name);
      if (observe === undefined || !Number.isFinite(seconds)) dropped++;
      else observe(Math.max(0, seconds));
    },
    async render(samples) {
      for (const name of sampled) families.get(name)?.clear();
      for (const { name, value, labels } of samples) {
        sampled.add(name);
        gauge(name, value, labels);
      }
      ownDrops.reset();
      ownDrops.inc(dropped);
      return `${await registry.metrics()}\n${await processMetrics().metrics()}`;
    },
  };
}

/** Counts into an array. The library's own `observe` takes twenty times as long, and every write observes. */
function createHistogram(
  registry: Registry,
  { name, help, buckets = [] }: MetricDefinition,
): (seconds: number) => void {
  const counts = new Float64Array(buckets.length + 1);
  let sum = 0;
  const series = () => {
    let total = 0;
    const bounded = [...buckets, '+Inf'].map((le, i) => ({
      metricName: `${name}_bucket`,
      labels: { le },
      value: (total += counts[i] ?? 0),
    }));
    return [
      ...bounded,
      { metricName: `${name}_sum`, labels: {}, value: sum },
      { metricName: `${name}_count`, labels: {}, value: total },
    ];
  };
  const metric = {
    name,
    help,
    get: async () => ({ name, help, type: 'histogram', values: series(), aggregator: 'sum' }),
  };
  // The registry uses no more of a metric than these members.
  registry.registerMetric(metric as unknown as Metric);
  return (seconds) => {
    let i = 0;
    while (i < buckets.length && seconds > (buckets[i] as number)) i++;
    counts[i] = (counts[i] as number) + 1;
    sum += seconds;
  };
}

function createFamily(registry: Registry, { name, kind, help, labels = [] }: MetricDefinition): Family {
  const held = new Map<string, { readonly labels: Labels; value: number }>();
  const config = { name, help, labelNames: [...labels], registers: [] };
  // The library gets the values when it writes a page: its own update costs several times that of a map.
  registry.registerMetric(
    kind === 'counter'
      ? new Counter({
          ...config,
          collect() {
            this.reset();
            for (const series of held.values()) this.inc(series.labels, series.value);
          },
        })
      : new Gauge({
          ...config,
          collect() {
            this.reset();
            // The library shows a gauge without labels as 0, but a value that nobody has set is unknown.
            if (held.size === 0 && labels.length === 0) this.remove();
            for (const series of held.values()) this.set(series.labels, series.value);
          },
        }),
  );

  function find(given: Labels): { value: number } | undefined {
    let id = '';
    let known = 0;
    for (const label of labels) {
      const value = given[label];
      if (value === undefined) return undefined;
      id += `${value}\u0000`;
      known++;
    }
    const series = held.get(id);
    if (series !== undefined) return series;
    if (held.size >= MAX_SERIES || Object.keys(given).length !== known) return undefined;
    const fresh = { labels: { ...given }, value: 0 };
    held.set(id, fresh);
    return fresh;
  }

  return {
    add(given, by) {
      if (!(by >= 0 && by < Number.POSITIVE_INFINITY)) return false;
      const series = find(given);
      if (series !== undefined) series.value += by;
      return series !== undefined;
    },
    set(given, value) {
      if (!Number.isFinite(value)) return false;
      const series = find(given);
      if (series !== undefined) series.value = value;
      return series !== undefined;
    },
    clear: () => held.clear(),
  };
}
