import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLevelStore } from '../src/adapters/store/index.ts';
import { createVerifier, nodeHasher, systemClock, systemRandom } from '../src/adapters/system/index.ts';
import { createMetrics } from '../src/adapters/system/metrics.ts';
import type { HttpLung, Log, Store, StoreOperation } from '../src/ports/index.ts';
import { createNode } from '../src/runtime/index.ts';
import { keyOf, NETWORK, signerOf, valueOf } from './support/commits.ts';
import { cpuSeconds, type Figure, quantile } from './support/figures.ts';
import { createFleet } from './support/fleet.ts';
import { openConnection, requestText } from './support/http-client.ts';
import { syncsPerSecond } from './support/syncs.ts';

const COMMIT = 100;
/** Commits that wait at one time. A batch of the writer takes about twenty of them. */
const IN_FLIGHT = 40;
const COMMITS = 600;
const CONNECTIONS = 64;
const WARM_MS = 1_500;
const RUN_MS = 4_000;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const absent = (): Promise<never> => Promise.reject(new Error('there is no network in this bench'));
const noHttp: HttpLung = { identify: absent, request: absent, stream: absent };

/** Runs `count` jobs with `width` of them at a time. Resolves with the seconds that they took. */
async function inParallel(count: number, width: number, job: (n: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const from = performance.now();
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) await job(next++);
    }),
  );
  return (performance.now() - from) / 1000;
}

/**
 * Measures signed durable writes through a node without lungs. For comparison, its batches are then written directly
 * into another store.
 */
async function nodeFigures(dir: string): Promise<Figure[]> {
  const store = await openLevelStore(join(dir, 'node'));
  let recorded: (readonly StoreOperation[])[] | undefined;
  const recording: Store = {
    ...store,
    batch(operations) {
      recorded?.push(operations);
      return store.batch(operations);
    },
  };
  const node = await createNode(
    {
      name: 'bench',
      role: '',
      version: '0',
      network: NETWORK,
      trusted: [],
      bootstrap: [],
      urls: [],
      heartbeatMs: 1000,
      graceMs: 3000,
      pollMs: 10_000,
      directory: dir,
      violations: [],
      warnings: [],
      p2p: { topic: NETWORK, bootstrap: [] },
    },
    {
      store: recording,
      hasher: nodeHasher(),
      signer: signerOf(1),
      verifier: createVerifier(),
      clock: systemClock(),
      random: systemRandom(),
      log: silent,
      metrics: createMetrics(),
      http: noHttp,
      peerIdOf: (author) => author,
      onFatal: (error) => {
        throw error;
      },
    },
  );
  const commit = (first: number, version: number): Promise<unknown> =>
    node.lattice.write(
      Array.from({ length: COMMIT }, (_, i) => ({
        op: 'put',
        key: keyOf(first + i),
        value: valueOf(first + i, version),
      })),
    );
  await inParallel(COMMITS / 4, IN_FLIGHT, (n) => commit(10_000_000 + n * COMMIT, 0));
  const cpu = cpuSeconds();
  const created = await inParallel(COMMITS, IN_FLIGHT, (n) => commit(n * COMMIT, 0));
  const createdCpu = cpuSeconds() - cpu;
  const replace = (version: number): Promise<number> =>
    inParallel(COMMITS, IN_FLIGHT, (n) => commit(((n * 131) % COMMITS) * COMMIT, version));
  const replaced = await replace(1);
  const replacedCpu = cpuSeconds() - cpu - createdCpu;
  // What is replaced twice and more leaves rows behind that go later.
  await replace(2);
  const cpuBeforeThird = cpuSeconds();
  const third = await replace(3);
  const thirdCpu = cpuSeconds() - cpuBeforeThird;
  // Batches are recorded in a run that is not timed, because rows that are kept are work for the garbage collector.
  recorded = [];
  await inParallel(COMMITS / 2, IN_FLIGHT, (n) => commit(30_000_000 + n * COMMIT, 0));
  const batches = recorded;
  recorded = undefined;
  const single = await inParallel(COMMITS / 6, 1, (n) => commit(20_000_000 + n * COMMIT, 0));
  await node.stop();
  await store.close();

  const raw = await openLevelStore(join(dir, 'raw'));
  const rawSeconds = await inParallel(batches.length, 1, (n) => raw.batch(batches[n] ?? []));
  await raw.close();
  const rows = batches.flat();
  const bytes = rows.reduce((sum, o) => sum + o.key.length + (o.type === 'put' ? o.value.length : 0), 0);
  const operations = COMMITS * COMMIT;
  const limit = { name: 'the store alone', value: operations / 2 / rawSeconds };
  return [
    {
      metric: 'commit_new_per_s',
      label: 'durable signed writes, new keys',
      value: operations / created,
      unit: 'op/s',
      goal: { atLeast: 30_000 },
      limit,
    },
    {
      metric: 'commit_replace_per_s',
      label: 'durable signed writes, replacing',
      value: operations / replaced,
      unit: 'op/s',
      goal: { atLeast: 30_000 },
      limit,
    },
    {
      metric: 'commit_replace_third_per_s',
      label: '… for the third time',
      value: operations / third,
      unit: 'op/s',
    },
    {
      metric: 'commit_new_per_cpu_s',
      label: 'new keys, per second of the main thread',
      value: operations / createdCpu,
      unit: 'op/s',
    },
    {
      metric: 'commit_replace_per_cpu_s',
      label: 'replacing, per second of the main thread',
      value: operations / replacedCpu,
      unit: 'op/s',
    },
    {
      metric: 'commit_replace_third_per_cpu_s',
      label: '… for the third time',
      value: operations / thirdCpu,
      unit: 'op/s',
    },
    { metric: 'commit_single_per_s', label: 'one commit at a time', value: operations / 6 / single, unit: 'op/s' },
    { metric: 'store_per_s', label: 'the same batches, store alone', value: limit.value, unit: 'op/s' },
    { metric: 'store_rows_per_s', label: 'rows of them', value: rows.length / rawSeconds, unit: 'rows/s' },
    {
      metric: 'store_bytes_per_operation',
      label: 'bytes stored per operation',
      value: bytes / (operations / 2),
      unit: 'B',
    },
    {
      metric: 'operations_per_batch',
      label: 'operations per durable batch',
      value: operations / 2 / batches.length,
      unit: '',
    },
  ];
}

/** Sends PUTs of one key each over keep-alive connections, and measures them for RUN_MS after WARM_MS. */
async function putLoad(
  port: number,
  token: string,
  connections: number,
): Promise<{ perSecond: number; p50: number; p99: number }> {
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(port)));
  const times: number[] = [];
  const start = performance.now() + WARM_MS;
  const end = start + RUN_MS;
  let n = 0;
  await Promise.all(
    open.map(async (connection, c) => {
      for (;;) {
        const from = performance.now();
        if (from >= end) break;
        const body = JSON.stringify(valueOf(n, c));
        const status = await connection.send(
          requestText('PUT', port, `/api/v1/state/put-${connections}-${n++}`, token, body),
        );
        if (status !== 201 && status !== 200) throw new Error(`a PUT was answered ${status}`);
        if (from >= start) times.push(performance.now() - from);
      }
      connection.close();
    }),
  );
  return { perSecond: (times.length / RUN_MS) * 1000, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

async function httpFigures(syncs: number): Promise<Figure[]> {
  const fleet = await createFleet({
    nodes: 1,
    settings: { P2P_LISTEN: '', P2P_BOOTSTRAP: '', P2P_ENABLED: 'false', LATTICE_NODES: '' },
  });
  const bare = fork(fileURLToPath(new URL('./support/bare-server.js', import.meta.url)), { execArgv: [] });
  process.once('exit', () => bare.kill('SIGKILL'));
  try {
    const [node] = fleet.nodes;
    if (node === undefined) throw new Error('a fleet of one has a node');
    const barePort = await new Promise<number>((resolve) => bare.once('message', (port) => resolve(Number(port))));
    await node.start();
    const bareMany = await putLoad(barePort, node.token, CONNECTIONS);
    const cpu = node.cpu();
    const many = await putLoad(node.port, node.token, CONNECTIONS);
    // The processor time includes the warm-up and the count does not, so the count is scaled to both times.
    const cpuMicros = ((node.cpu() - cpu) / ((many.perSecond * (RUN_MS + WARM_MS)) / 1000)) * 1e6;
    const bareOne = await putLoad(barePort, node.token, 1);
    const one = await putLoad(node.port, node.token, 1);
    return [
      {
        metric: 'put_64_per_s',
        label: 'durable PUTs, 64 connections',
        value: many.perSecond,
        unit: '/s',
        goal: { atLeast: 4000 },
        limit: { name: 'bare Fastify', value: bareMany.perSecond },
      },
      { metric: 'put_64_cpu_us', label: 'the same, processor time of the node each', value: cpuMicros, unit: 'µs' },
      { metric: 'put_64_p50_ms', label: 'the same, p50', value: many.p50, unit: 'ms' },
      { metric: 'put_64_p99_ms', label: 'the same, p99', value: many.p99, unit: 'ms' },
      {
        metric: 'put_1_per_s',
        label: 'durable PUTs, one connection',
        value: one.perSecond,
        unit: '/s',
        limit: { name: "the disk's syncs", value: syncs },
      },
      { metric: 'put_1_p50_ms', label: 'the same, p50', value: one.p50, unit: 'ms' },
      { metric: 'put_1_p99_ms', label: 'the same, p99', value: one.p99, unit: 'ms' },
      { metric: 'bare_64_per_s', label: 'bare Fastify, 64 connections', value: bareMany.perSecond, unit: '/s' },
      { metric: 'bare_1_per_s', label: 'bare Fastify, one connection', value: bareOne.perSecond, unit: '/s' },
      { metric: 'disk_syncs_per_s', label: 'append and fdatasync', value: syncs, unit: '/s' },
    ];
  } finally {
    bare.kill('SIGTERM');
    await fleet.close();
  }
}

/** Measures durable signed writes through the runtime in this process, and over HTTP to a node in another one. */
export async function write(): Promise<readonly Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-bench-'));
  try {
    const syncs = syncsPerSecond(dir);
    return [...(await nodeFigures(dir)), ...(await httpFigures(syncs))];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
