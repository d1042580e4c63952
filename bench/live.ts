import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { keyOf, valueOf } from './support/commits.ts';
import { type Figure, median, quantile } from './support/figures.ts';
import { type BenchFleet, type BenchNode, createFleet, startAll, untilEqual } from './support/fleet.ts';
import { followChanges, openConnection, requestText } from './support/http-client.ts';
import { type LoopSample, samplesOf } from './support/loop-delay.ts';

const COMMIT = 100;
/** Commits under way at one time over all nodes, from few to more than the nodes can take. */
const STEPS = [3, 6, 12, 24] as const;
const STEP_MS = 5_000;
const EQUAL_MS = 2_000;
const SETTLE_MS = 30_000;

/** Keys of the state. The steady run only replaces them in turn, so that the state itself does not grow. */
const KEYS = 100_000;
const RATE = 1_000;
const CONNECTIONS = 24;
const SECONDS = 60;
/** Seconds that are not measured, while connections are opened, caches fill and code is compiled. */
const WARM_SECONDS = 5;

type Lung = 'p2p' | 'http';

function secondsOf(argv: readonly string[]): number {
  const at = argv.indexOf('--seconds');
  const seconds = at < 0 ? SECONDS : Number(argv[at + 1]);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 1800) throw new Error('--seconds takes 1 to 1800');
  return seconds;
}

/**
 * Writes commits of 100 operations on all nodes, `writers` at a time. `perSecond`: operations a second until the roots
 * are equal. `equal`: the time from the last answer to equal roots.
 */
async function step(
  nodes: readonly BenchNode[],
  writers: number,
  tag: number,
): Promise<{ perSecond: number; equal: number }> {
  let operations = 0;
  const from = performance.now();
  await Promise.all(
    Array.from({ length: writers }, async (_, w) => {
      while (performance.now() - from < STEP_MS) {
        const first = tag + operations;
        operations += COMMIT;
        await nodes[w % nodes.length]?.commit(
          Array.from({ length: COMMIT }, (_, i) => ({ key: keyOf(first + i), value: valueOf(first + i, 0) })),
        );
      }
    }),
  );
  const equal = await untilEqual(nodes, SETTLE_MS);
  return { perSecond: (operations * 1000) / (performance.now() - from), equal };
}

/** Writes the keys that the steady run then replaces. */
async function load(nodes: readonly BenchNode[]): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: 6 }, async (_, w) => {
      while (next < KEYS) {
        const first = next;
        next += COMMIT;
        await nodes[w % nodes.length]?.commit(
          Array.from({ length: COMMIT }, (_, i) => ({ key: `steady-${first + i}`, value: valueOf(first + i, 0) })),
        );
      }
    }),
  );
  await untilEqual(nodes, SETTLE_MS);
}

/**
 * Makes RATE single writes a second on the first node for `seconds`. `seen`: ms from each answer until the change is
 * seen on both other nodes. `answered`: ms from each request to its answer.
 */
async function steady(
  fleet: BenchFleet,
  seconds: number,
): Promise<{ seen: number[]; answered: number[]; late: number }> {
  const [writer, ...others] = fleet.nodes;
  if (writer === undefined) throw new Error('a fleet has nodes');
  const total = (seconds + WARM_SECONDS) * RATE;
  const acked = new Float64Array(total);
  const last = new Float64Array(total);
  const times = new Uint8Array(total);
  /** The number of the newest write to each key. An event of the key belongs to it: earlier ones were seen long ago. */
  const newest: number[] = [];
  const answered: number[] = [];
  let late = 0;
  const streams = await Promise.all(
    others.map((node) =>
      followChanges(node.api, (key) => {
        const n = newest[Number(key.slice('steady-'.length))];
        if (n === undefined) return;
        last[n] = performance.now();
        times[n] = (times[n] ?? 0) + 1;
      }),
    ),
  );
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(writer.port)));
  const started = performance.now();
  await Promise.all(
    connections.map(async (connection, c) => {
      for (let n = c; n < total; n += CONNECTIONS) {
        const early = started + (n * 1000) / RATE - performance.now();
        if (early > 1) await pause(early);
        else if (early < -1000) late++;
        const from = performance.now();
        newest[n % KEYS] = n;
        const path = `/api/v1/state/steady-${n % KEYS}`;
        const status = await connection.send(
          requestText('PUT', writer.port, path, writer.token, JSON.stringify(valueOf(n, 1))),
        );
        if (status !== 200) {
          const log = readFileSync(join(fleet.dir, `${writer.name}.log`), 'utf8');
          throw new Error(`a PUT was answered ${status}; the node's last words: ${log.slice(-2000)}`);
        }
        acked[n] = performance.now();
        if (n >= WARM_SECONDS * RATE) answered.push((acked[n] ?? 0) - from);
      }
      connection.close();
    }),
  );
  await untilEqual(fleet.nodes, SETTLE_MS);
  // Events of the last batch may not have reached this process yet.
  await pause(200);
  for (const stream of streams) stream.close();
  const seen: number[] = [];
  for (let n = WARM_SECONDS * RATE; n < total; n++) {
    if (times[n] !== others.length) throw new Error(`write ${n} was seen ${times[n]} times on ${others.length} nodes`);
    seen.push((last[n] ?? 0) - (acked[n] ?? 0));
  }
  return { seen, answered, late };
}

function samples(fleet: BenchFleet, node: BenchNode, from: number, until: number): LoopSample[] {
  return readFileSync(samplesOf(join(fleet.dir, `${node.name}.env`)), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LoopSample)
    .filter(({ at }) => at >= from && at <= until);
}

/** Slope of a line through the last two thirds of the samples, MiB a minute. The first third fills caches. */
function slope(all: readonly LoopSample[], pick: (sample: LoopSample) => number): number {
  const rest = all.slice(Math.floor(all.length / 3)).filter((s) => !Number.isNaN(pick(s)));
  const meanAt = rest.reduce((sum, s) => sum + s.at, 0) / rest.length;
  const mean = rest.reduce((sum, s) => sum + pick(s), 0) / rest.length;
  const above = rest.reduce((sum, s) => sum + (s.at - meanAt) * (pick(s) - mean), 0);
  return (above / rest.reduce((sum, s) => sum + (s.at - meanAt) ** 2, 0)) * 60_000;
}

async function figuresOver(lung: Lung, seconds: number): Promise<Figure[]> {
  const settings = lung === 'p2p' ? {} : { P2P_LISTEN: '', P2P_BOOTSTRAP: '', P2P_ENABLED: 'false' };
  const execArgv = ['--import', new URL('./support/loop-delay.js', import.meta.url).href];
  const fleet = await createFleet({ nodes: 3, settings: { LOG_LEVEL: 'warn', ...settings }, execArgv });
  const name = lung.toUpperCase();
  try {
    await startAll(fleet.nodes, lung);
    await load(fleet.nodes);
    const from = Date.now();
    const { seen, answered, late } = await steady(fleet, seconds);
    const measured = fleet.nodes.map((node) => samples(fleet, node, from + WARM_SECONDS * 1000, Date.now()));
    const kept = (sample: LoopSample): number => sample.keptMib ?? Number.NaN;
    for (const [i, of] of measured.entries()) {
      const every = of.filter((_, at) => at % Math.ceil(of.length / 12) === 0);
      process.stderr.write(
        `${name} ${i}: rss ${every.map((s) => Math.round(s.rssMib)).join(' ')}; kept ${every.map((s) => Math.round(kept(s))).join(' ')}\n`,
      );
    }
    const p50s = measured.map((of) => median(of.map((s) => s.p50)));
    const p99s = measured.map((of) => median(of.map((s) => s.p99)));
    const figures: Figure[] = [
      {
        metric: `${lung}_steady_p50_ms`,
        label: `${name}, ${RATE} writes/s: answered to seen on both others, p50`,
        value: quantile(seen, 0.5),
        unit: 'ms',
      },
      {
        metric: `${lung}_steady_p99_ms`,
        label: '… p99',
        value: quantile(seen, 0.99),
        unit: 'ms',
        goal: { atMost: 100 },
      },
      { metric: `${lung}_answer_p50_ms`, label: '… write answered, p50', value: quantile(answered, 0.5), unit: 'ms' },
      { metric: `${lung}_answer_p99_ms`, label: '… write answered, p99', value: quantile(answered, 0.99), unit: 'ms' },
      { metric: `${lung}_late`, label: '… writes begun over 1 s after their time', value: late, unit: '' },
      { metric: `${lung}_loop_p50_ms`, label: '… event loop, p50, worst node', value: Math.max(...p50s), unit: 'ms' },
      {
        metric: `${lung}_loop_p99_ms`,
        label: '… event loop, p99 of a second, median, worst node',
        value: Math.max(...p99s),
        unit: 'ms',
        goal: { atMost: 50 },
      },
      {
        metric: `${lung}_loop_max_ms`,
        label: '… longest wait of any',
        value: Math.max(...measured.flat().map((s) => s.max)),
        unit: 'ms',
      },
      {
        metric: `${lung}_rss_mib`,
        label: '… memory at the end, largest',
        value: Math.max(...measured.map((of) => of.at(-1)?.rssMib ?? Number.NaN)),
        unit: 'MiB',
      },
      {
        metric: `${lung}_rss_slope`,
        label: `… its growth, last two thirds of ${seconds} s`,
        value: Math.max(...measured.map((of) => slope(of, (s) => s.rssMib))),
        unit: 'MiB/min',
      },
      {
        metric: `${lung}_kept_slope`,
        label: '… growth of what full collections leave',
        value: Math.max(...measured.map((of) => slope(of, kept))),
        unit: 'MiB/min',
      },
    ];
    if (process.argv.includes('--steady')) return figures;
    let best = { perSecond: 0, equal: Number.NaN, writers: 0 };
    for (const writers of STEPS) {
      const { perSecond, equal } = await step(fleet.nodes, writers, writers * 10_000_000);
      if (equal <= EQUAL_MS && perSecond > best.perSecond) best = { perSecond, equal, writers };
    }
    figures.push(
      {
        metric: `${lung}_best_per_s`,
        label: `${name}: commits of ${COMMIT} on all three, highest with equal roots in 2 s`,
        value: best.perSecond,
        unit: 'op/s',
      },
      {
        metric: `${lung}_best_equal_ms`,
        label: '… last answer to equal roots',
        value: best.equal,
        unit: 'ms',
        goal: { atMost: EQUAL_MS },
      },
      { metric: `${lung}_best_writers`, label: '… commits on their way at once', value: best.writers, unit: '' },
    );
    return figures;
  } finally {
    await fleet.close();
  }
}

/**
 * Measures three nodes under a steady load and at their limit, over either lung. `--seconds n` sets the length of the
 * steady run, `--steady` leaves the limit out, and `--lung p2p|http` takes one lung.
 */
export async function live(): Promise<readonly Figure[]> {
  const seconds = secondsOf(process.argv);
  const at = process.argv.indexOf('--lung');
  const lungs = (['p2p', 'http'] as const).filter((lung) => at < 0 || process.argv[at + 1] === lung);
  const figures: Figure[] = [];
  for (const lung of lungs) figures.push(...(await figuresOver(lung, seconds)));
  return figures;
}
