import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openLevelStore } from '../src/adapters/store/index.ts';
import { nodeHasher, systemClock, systemRandom } from '../src/adapters/system/index.ts';
import {
  CutTracker,
  createTreeLoader,
  type Hlc,
  keyHash,
  LiveCells,
  leafHash,
  type Versioned,
} from '../src/core/index.ts';
import type { Author } from '../src/core/types/index.ts';
import type { Log } from '../src/ports/index.ts';
import { createWriter } from '../src/runtime/commit/writer.ts';
import { createAttestedMark } from '../src/runtime/cuts/attested.ts';
import type { CutView, FloorView } from '../src/runtime/facade/index.ts';
import { createEntries } from '../src/runtime/storage/entries.ts';
import { openState } from '../src/runtime/storage/startup.ts';
import { keyOf, NETWORK, signerOf, valueOf } from './support/commits.ts';
import { cpuSeconds, type Figure, quantile } from './support/figures.ts';
import { createFleet, startAll } from './support/fleet.ts';
import { openConnection, requestText } from './support/http-client.ts';
import { syncsPerSecond } from './support/syncs.ts';

const ENTRIES = 1_000_000;
/** Keys that change between two cuts: 10,000 a second, each once. */
const CHANGED = 100_000;
const STEP = 100;
const SLICE = 256;
const PERIOD_MS = 10_000;

const RATE = 1_000;
const CONNECTIONS = 24;
const SECONDS = 60;

const ATTESTED = 200;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const hasher = nodeHasher();
const ms = (run: () => void): number => {
  const from = performance.now();
  run();
  return performance.now() - from;
};

/** Measures the tracker of cuts alone, for a state of a million entries of which a tenth changes between two cuts. */
function trackerFigures(): Figure[] {
  const authors = [1, 2, 3].map((n) => n.toString(16).repeat(64) as Author);
  const operationOf = (n: number, at: number): Versioned => {
    const before = at <= 1 ? [] : [{ author: authors[(n + 1) % 3] as Author, hlc: (BigInt(at - 1) << 16n) as Hlc }];
    const commit = hasher.hash(new TextEncoder().encode(`${n} ${at}`));
    return {
      commit,
      index: n % STEP,
      author: authors[n % 3] as Author,
      hlc: ((BigInt(at) << 16n) + BigInt(n)) as Hlc,
      operation: { context: before },
    };
  };
  const loader = createTreeLoader(hasher, { capacity: ENTRIES });
  const live = new LiveCells({ hasher, network: NETWORK });
  const first: Versioned[] = [];
  for (let n = 0; n < ENTRIES; n++) {
    const hash = keyHash(keyOf(n), hasher);
    const operation = operationOf(n, 1);
    if (n % 10 === 0) first.push(operation);
    const leaf = leafHash(hash, [operation], hasher);
    loader.add(hash, leaf);
    live.replace(hash, undefined, leaf);
  }
  const tree = loader.finish();
  let copy = { tree, cells: live };
  const copied = ms(() => {
    copy = { tree: tree.copy(), cells: live.copy() };
  });
  const tracker = new CutTracker({ hasher, periodMs: PERIOD_MS, ...copy, at: 1 });
  const steps = Array.from({ length: CHANGED / STEP }, (_, s) => {
    const keys = Array.from({ length: STEP }, (_, i) => s * STEP + i);
    const operations = keys.map((k) => ({ key: keyOf(k * 10), operation: operationOf(k * 10, PERIOD_MS - 1) }));
    return {
      operations,
      changed: keys.map((k, i) => ({
        key: keyOf(k * 10),
        keyHash: keyHash(keyOf(k * 10), hasher),
        before: [first[k] as Versioned],
        after: [(operations[i] as (typeof operations)[number]).operation],
      })),
    };
  });
  const applied = ms(() => {
    for (const step of steps) tracker.apply(step);
  });
  const begun = ms(() => tracker.begin(PERIOD_MS));
  const slices: number[] = [];
  do slices.push(ms(() => void tracker.advance(SLICE)));
  while (tracker.moving);
  const moved = slices.reduce((sum, slice) => sum + slice, 0);
  return [
    { metric: 'copy_1m_ms', label: 'copy of a tree of 1M and its cells', value: copied, unit: 'ms' },
    { metric: 'apply_us', label: 'tracking an applied operation', value: (applied * 1000) / CHANGED, unit: 'µs' },
    { metric: 'begin_ms', label: `ordering ${CHANGED} changed keys`, value: begun, unit: 'ms', goal: { atMost: 50 } },
    { metric: 'advance_us', label: 'moving one of them at 1M', value: (moved * 1000) / CHANGED, unit: 'µs' },
    {
      metric: 'slice_p99_ms',
      label: `a slice of ${SLICE}, p99`,
      value: quantile(slices, 0.99),
      unit: 'ms',
      goal: { atMost: 10 },
    },
  ];
}

/**
 * Measures how many cuts three nodes attest with one root while all of them take writes, so that their live roots
 * hardly ever agree.
 */
async function agreement(): Promise<Figure[]> {
  const fleet = await createFleet({ nodes: 3 });
  try {
    await startAll(fleet.nodes, 'p2p');
    const connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, c) => {
        const node = fleet.nodes[c % 3] as (typeof fleet.nodes)[number];
        return { node, connection: await openConnection(node.port) };
      }),
    );
    const [started, from] = [performance.now(), Date.now()];
    const total = SECONDS * RATE;
    let late = 0;
    const lags: number[] = [];
    const asking = setInterval(() => {
      for (const { api } of fleet.nodes)
        void fetch(`${api}/api/v1/floor`)
          .then(async (answer) => (await answer.json()) as FloorView)
          .then(({ at, now }) => lags.push((now - (at ?? 0)) / 1000));
    }, 1000);
    await Promise.all(
      connections.map(async ({ node, connection }, c) => {
        for (let n = c; n < total; n += CONNECTIONS) {
          const early = started + (n * 1000) / RATE - performance.now();
          if (early > 1) await pause(early);
          else if (early < -1000) late++;
          await connection.send(
            requestText('PUT', node.port, `/api/v1/state/cut-${n % 20_000}`, node.token, JSON.stringify(valueOf(n, 0))),
          );
        }
        connection.close();
      }),
    );
    const ended = Date.now();
    clearInterval(asking);
    // The first cut that all three attest is the first floor.
    const followed = lags.slice(3 * 2 * (PERIOD_MS / 1000));
    // In this time the last cut settles and is attested.
    await pause(2 * PERIOD_MS);
    const views = await Promise.all(
      fleet.nodes.map(
        async (node) => ((await (await fetch(`${node.api}/api/v1/cuts`)).json()) as { items: CutView[] }).items,
      ),
    );
    const during = (at: number): boolean => at > from && at <= ended;
    const times = new Set(views.flat().flatMap(({ at }) => (during(at) ? [at] : [])));
    const agreed = [...times].filter((at) =>
      views.every((items) => items.some((v) => v.at === at && v.ours && v.attesters.length === 3)),
    );
    const rate = total / ((ended - from) / 1000);
    return [
      { metric: 'agreement_writes_per_s', label: 'three nodes, writes a second', value: rate, unit: '/s' },
      { metric: 'agreement_cuts', label: 'cuts in that time', value: times.size, unit: '' },
      {
        metric: 'agreement_equal',
        label: 'with one root by all three',
        value: agreed.length,
        unit: '',
        limit: { name: 'all of them', value: times.size },
      },
      { metric: 'floor_lag_p50_s', label: 'floor behind the clock, p50', value: quantile(followed, 0.5), unit: 's' },
      {
        metric: 'floor_lag_max_s',
        label: '… at most',
        value: Math.max(...followed),
        unit: 's',
        goal: { atMost: 20 },
      },
      { metric: 'agreement_late_requests', label: 'requests begun more than 1 s late', value: late, unit: '' },
    ];
  } finally {
    await fleet.close();
  }
}

/** Measures what it costs a node to make durable that it attests a cut, before it does. */
async function promiseFigures(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-bench-cuts-'));
  const store = await openLevelStore(join(dir, 'store'));
  try {
    const { replica, rows } = await openState({
      store,
      hasher,
      random: systemRandom(),
      network: NETWORK,
      self: signerOf(1).author,
      isKnown: () => true,
      directory: dir,
    });
    const writer = createWriter({
      replica,
      store,
      hasher,
      entries: createEntries({ rows, hasher, replica }),
      signer: signerOf(1),
      clock: systemClock({ onError: () => undefined }),
      log: silent,
      onStep: () => undefined,
      onDurable: () => undefined,
      onFatal: (error) => {
        throw error;
      },
    });
    const mark = createAttestedMark({ replica, writer, stored: 0 });
    const under = hasher.hash(Uint8Array.of(1));
    const [waited, used]: [number[], number[]] = [[], []];
    for (let n = 1; n <= ATTESTED; n++) {
      const [from, fromCpu] = [performance.now(), cpuSeconds()];
      if (!(await mark.advance(n * PERIOD_MS, under))) throw new Error('a later cut is not attested');
      waited.push(performance.now() - from);
      used.push((cpuSeconds() - fromCpu) * 1000);
    }
    await writer.drain();
    return [
      {
        metric: 'promise_ms',
        label: 'durable that a cut is attested, p50',
        value: quantile(waited, 0.5),
        unit: 'ms',
        goal: { atMost: 1 },
        limit: { name: 'a durable append', value: 1000 / syncsPerSecond(dir) },
      },
      { metric: 'promise_cpu_ms', label: '… of processor time', value: quantile(used, 0.5), unit: 'ms' },
    ];
  } finally {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Measures what cuts cost, and whether nodes under load agree on them. */
export async function cuts(): Promise<readonly Figure[]> {
  return [...trackerFigures(), ...(await promiseFigures()), ...(await agreement())];
}
