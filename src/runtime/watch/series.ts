import type { Clock, Log, Machine, Metrics } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { SeriesPoint, SeriesView } from '../facade/index.ts';

const STEP_MS = 5_000;
/** One hour of steps. */
const MAX_POINTS = 720;
/**
 * The buckets of the latency. Each is 10 % wider than the one before, beginning at 0.1 ms; 160 of them reach over six
 * minutes.
 */
const GROWTH = 1.1;
const LEAST_MS = 0.1;
const BUCKETS = 160;

export interface SeriesDeps {
  readonly clock: Clock;
  /** The metrics to which everything counted is passed on. */
  readonly metrics: Metrics;
  readonly log: Pick<Log, 'error'>;
  /** When absent, as in simulations, points have no figures of the machine. */
  readonly machine?: Machine | undefined;
}

export interface SeriesRecorder {
  /** The metrics that the node counts with. They sum up the present step, and pass everything on. */
  readonly metrics: Metrics;
  /** Begins to record. `standing` is read at the end of each step. */
  start(standing: () => Standing): void;
  stop(): void;
  /** The points later than `since` (Unix ms), oldest first. */
  view(since?: number): SeriesView;
}

/** What a point tells of the end of its step, beside the sums over the step. */
export type Standing = Pick<SeriesPoint, 'peersEqual' | 'peers' | 'heard' | 'conflicts'>;

/** The sums of one step. */
interface Sums {
  changes: number;
  writes: number;
  gossipBytesIn: number;
  gossipBytesOut: number;
  httpBytesIn: number;
  httpBytesOut: number;
  repairs: number;
  transitions: number;
}

const ZERO: Sums = {
  changes: 0,
  writes: 0,
  gossipBytesIn: 0,
  gossipBytesOut: 0,
  httpBytesIn: 0,
  httpBytesOut: 0,
  repairs: 0,
  transitions: 0,
};

/** Records one hour of what the node did, in steps of five seconds, from the same counters that the metrics show. */
export function createSeries({ clock, metrics, log, machine }: SeriesDeps): SeriesRecorder {
  const points: SeriesPoint[] = [];
  const latency = createQuantile();
  let sums = { ...ZERO };
  let steps: Repetition | undefined;

  function add(name: string, labels: Readonly<Record<string, string>>, by: number): void {
    switch (name) {
      case 'lattice_changed_keys_total':
        sums.changes += by;
        break;
      case 'lattice_writes_total':
        if (labels['outcome'] === 'durable') sums.writes += by;
        break;
      case 'lattice_gossip_bytes_total':
        if (labels['direction'] === 'sent') sums.gossipBytesOut += by;
        else sums.gossipBytesIn += by;
        break;
      case 'lattice_sync_bytes_total':
        if (labels['lung'] !== 'http') break;
        if (labels['direction'] === 'sent') sums.httpBytesOut += by;
        else sums.httpBytesIn += by;
        break;
      case 'lattice_repairs_total':
        sums.repairs += by;
        break;
      case 'lattice_transitions_total':
        sums.transitions += by;
        break;
      default:
    }
  }

  function step(standing: () => Standing): void {
    const { peersEqual, peers, heard, conflicts } = standing();
    const p99 = latency.take(0.99);
    const sample = machine?.sample();
    points.push({
      at: clock.now(),
      ...sums,
      ...(p99 === undefined ? {} : { latencyP99Ms: p99 }),
      peersEqual,
      peers,
      heard,
      conflicts,
      ...(sample === undefined ? {} : { loopP99Ms: sample.loopP99Ms, rss: sample.rss }),
    });
    if (points.length > MAX_POINTS) points.shift();
    sums = { ...ZERO };
  }

  return {
    metrics: {
      count(name, labels = {}, by = 1) {
        add(name, labels, by);
        metrics.count(name, labels, by);
      },
      gauge: (name, value, labels) => metrics.gauge(name, value, labels),
      observe(name, seconds, labels) {
        if (name === 'lattice_replication_seconds') latency.add(seconds * 1000);
        metrics.observe(name, seconds, labels);
      },
    },
    start(standing) {
      steps ??= every(clock, STEP_MS, () => step(standing), {
        onError: (err) => log.error({ err }, 'a step of the series is missing'),
      });
    },
    stop: () => steps?.stop(),
    view: (since = 0) => ({ stepMs: STEP_MS, items: points.filter(({ at }) => at > since) }),
  };
}

/** Computes quantiles within 10 % in the memory of BUCKETS numbers. */
function createQuantile(): { add(ms: number): void; take(q: number): number | undefined } {
  const counts = new Uint32Array(BUCKETS);
  let total = 0;
  return {
    add(ms) {
      const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / Math.log(GROWTH));
      const index = Math.min(bucket, BUCKETS - 1);
      counts[index] = (counts[index] ?? 0) + 1;
      total++;
    },
    /**
     * The upper bound of the bucket that has the quantile, in ms to one decimal; then counting starts again. Undefined
     * when nothing was added.
     */
    take(q) {
      if (total === 0) return undefined;
      let left = Math.ceil(total * q);
      let index = 0;
      while (index < BUCKETS - 1) {
        left -= counts[index] ?? 0;
        if (left <= 0) break;
        index++;
      }
      counts.fill(0);
      total = 0;
      return Math.round(LEAST_MS * GROWTH ** index * 10) / 10;
    },
  };
}
