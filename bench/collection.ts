import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Figure, quantile } from './support/figures.ts';
import { fillStore } from './support/fill.ts';
import { type BenchNode, createFleet, until } from './support/fleet.ts';
import { type LoopSample, samplesOf } from './support/loop-delay.ts';

const ENTRIES = 1_000_000;
const DELETED = 100_000;
/** Longer than deletions stay (24 h), and than the hour on which they leave. */
const LATER_MS = 26 * 3_600_000;
const COLLECTED_MS = 200_000;
/** What `npm run bench` compiles lies three folders below the package; this module is none of what it compiles. */
const CLOCK = new URL('../../../test/support/preload/wrong-clock.mjs', import.meta.url);
const LOOP = new URL('./support/loop-delay.js', import.meta.url);
/** The store puts its files together in the background; what it keeps has settled by then. */
const SETTLE_MS = 15_000;

const sizeOf = (directory: string): number =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

/** Runs `work` with a node of its own process whose clock is a day ahead, over a store that `fillStore` has made. */
async function withNode<T>(
  entries: number,
  deleted: number,
  work: (node: BenchNode, stateDir: string, samples: () => readonly LoopSample[]) => Promise<T>,
): Promise<T> {
  process.env['CLOCK_AHEAD_MS'] = String(LATER_MS);
  const fleet = await createFleet({
    nodes: 1,
    settings: { LOG_LEVEL: 'warn' },
    execArgv: [CLOCK, LOOP].flatMap((module) => ['--import', module.href]),
  });
  try {
    const [node] = fleet.nodes;
    if (node === undefined) throw new Error('a fleet has nodes');
    const envFile = join(fleet.dir, `${node.name}.env`);
    const setting = (name: string): string | undefined =>
      new RegExp(`^DIOTEC360_${name}=(.*)$`, 'm').exec(readFileSync(envFile, 'utf8'))?.[1];
    const stateDir = join(fleet.dir, node.name, 'state');
    await fillStore(stateDir, {
      seedHex: readFileSync(join(fleet.dir, `${node.name}.key`), 'utf8').trim(),
      network: setting('NETWORK') ?? setting('P2P_TOPIC') ?? 'aethel/lattice/v1',
      entries,
      commit: 100,
      prefix: 'collected',
      deleted,
    });
    await node.start();
    const samples = (): LoopSample[] =>
      readFileSync(samplesOf(envFile), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LoopSample);
    return await work(node, stateDir, samples);
  } finally {
    await fleet.close();
  }
}

/**
 * Measures what it costs a node to collect the deletions of a large state, and the space that its store then takes
 * beside that of a store which never had them.
 */
export async function collectionBench(): Promise<readonly Figure[]> {
  const left = ENTRIES - DELETED;
  const collected = await withNode(ENTRIES, DELETED, async (node, stateDir, samples) => {
    const before = sizeOf(stateDir);
    let began = 0;
    await until(
      'the deletions have left',
      COLLECTED_MS,
      async () => {
        const { entries } = await node.status();
        if (began === 0 && entries < ENTRIES) began = performance.now();
        return entries === left;
      },
      20,
    );
    const seconds = (performance.now() - began) / 1000;
    const now = Date.now() + LATER_MS;
    const during = samples().filter(({ at }) => at >= now - seconds * 1000 - 1000);
    await pause(SETTLE_MS);
    return { seconds, during, before, after: sizeOf(stateDir) };
  });
  const fresh = await withNode(left, 0, async (_, stateDir) => {
    await pause(SETTLE_MS);
    return sizeOf(stateDir);
  });
  const mib = (bytes: number): number => bytes / 2 ** 20;
  return [
    {
      metric: 'collected_per_s',
      label: `${DELETED} deletions leave a state of ${ENTRIES}`,
      value: DELETED / collected.seconds,
      unit: '/s',
    },
    {
      metric: 'loop_p99_ms',
      label: '… event loop, p99 of a second, worst',
      value: quantile(
        collected.during.map(({ p99 }) => p99),
        1,
      ),
      unit: 'ms',
      goal: { atMost: 50 },
    },
    { metric: 'store_before_mib', label: 'store before', value: mib(collected.before), unit: 'MiB' },
    {
      metric: 'store_after_mib',
      label: '… after',
      value: mib(collected.after),
      unit: 'MiB',
      goal: { atMost: 1.3 * mib(fresh) },
      limit: { name: 'a store that never had them', value: mib(fresh) },
    },
  ];
}
