import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLevelStore } from '../src/adapters/store/index.ts';
import { seedToAuthor } from '../src/adapters/system/index.ts';
import { bucketRange } from '../src/core/rows/index.ts';
import { hexToBytes } from '../src/core/types/index.ts';
import type { Figure } from './support/figures.ts';
import { fillStore } from './support/fill.ts';
import { type BenchNode, createFleet, until } from './support/fleet.ts';

const JOIN_MS = 400_000;
/** Time until a cut is certified: two periods of cuts, and the time for one to settle. */
const CERTIFIED_MS = 40_000;

type Lung = 'p2p' | 'http';

const LUNG_SETTINGS: Readonly<Record<Lung, Readonly<Record<string, string>>>> = {
  p2p: { LATTICE_NODES: '' },
  http: { P2P_LISTEN: '', P2P_BOOTSTRAP: '', P2P_ENABLED: 'false' },
};

/**
 * An empty node joins one that has `entries`, written in commits of `commit` operations. Both trust only the source,
 * which is therefore a quorum by itself.
 */
async function joinOver(lung: Lung, entries: number, commit: number): Promise<Figure[]> {
  // Half a gigabyte through a proxy would take a core from the two nodes that are measured. The node's own count of
  // bytes is taken instead.
  const counted = entries < 1_000_000;
  const fleet = await createFleet({
    nodes: 2,
    settings: { LOG_LEVEL: 'info', ...LUNG_SETTINGS[lung] },
    ...(counted ? { proxied: 'both' as const } : {}),
  });
  try {
    const [source, joiner] = fleet.nodes;
    if (source === undefined || joiner === undefined) throw new Error('a fleet has nodes');
    const seedHex = readFileSync(join(fleet.dir, `${source.name}.key`), 'utf8').trim();
    trustOnly(fleet.dir, fleet.nodes, seedToAuthor(hexToBytes(seedHex) as Uint8Array));
    const filled = await fillStore(join(fleet.dir, source.name, 'state'), {
      seedHex,
      network:
        settingOf(fleet.dir, source, 'NETWORK') ?? settingOf(fleet.dir, source, 'P2P_TOPIC') ?? 'aethel/lattice/v1',
      entries,
      commit,
      prefix: 'boot',
    });
    await source.start();
    await until(
      'the source has a certified cut',
      CERTIFIED_MS,
      async () => (await source.status()).cuts?.certified !== undefined,
      100,
    );
    const { root } = await source.status();
    const bytesBefore = fleet.proxies.reduce((sum, proxy) => sum + proxy.bytes, 0);
    const cpuBefore = source.cpu();
    const spawned = performance.now();
    const started = await joiner.start();
    await until('equal roots', JOIN_MS, async () => (await joiner.status()).root === root, 100);
    const equal = performance.now() - spawned;
    const bytes = counted
      ? fleet.proxies.reduce((sum, proxy) => sum + proxy.bytes, 0) - bytesBefore
      : ((await joiner.status()).bootstrap?.bytes ?? 0);
    const [joinerCpu, sourceCpu] = [joiner.cpu(), source.cpu() - cpuBefore];
    const [joinerMemory, sourceMemory] = [joiner.memory(), source.memory()];
    // When there are few keys, the source may have pushed all of them before a bootstrap began. Every signature is then
    // verified already.
    await until(
      'all signatures verified',
      JOIN_MS,
      async () => ((await joiner.status()).bootstrap?.phase ?? 'done') === 'done',
      50,
    );
    const verified = performance.now() - spawned;
    const peak = joiner.memory();
    await joiner.stop();
    const rows = await rowsPerSecond(join(fleet.dir, joiner.name, 'state'), join(fleet.dir, 'limit'), entries);
    const seconds = (equal - started) / 1000;
    const size = entries >= 1_000_000 ? `${entries / 1_000_000}M` : `${entries / 1000}k`;
    const name = `${lung.toUpperCase()}, ${size}${commit === 1 ? ' single' : ''}`;
    const metric = `${lung}_${entries}${commit === 1 ? '_single' : ''}`;
    const perEntry = (value: number): number => (value / entries) * 1e6;
    return [
      {
        metric: `${metric}_s`,
        label: `${name}: first answer of the empty node to equal root`,
        value: seconds,
        unit: 's',
        ...(entries === 1_000_000 ? { goal: { atMost: 40 } } : {}),
      },
      {
        metric: `${metric}_per_s`,
        label: '… entries a second',
        value: entries / seconds,
        unit: '/s',
        limit: { name: 'writing the rows alone', value: rows },
      },
      {
        metric: `${metric}_verified_s`,
        label: '… until every signature is verified',
        value: (verified - started) / 1000,
        unit: 's',
      },
      {
        metric: `${metric}_bytes`,
        label: '… bytes on the wire per entry',
        value: bytes / entries,
        unit: 'B',
        limit: { name: 'its commits', value: filled.payload / entries },
      },
      {
        metric: `${metric}_joiner_cpu_us`,
        label: '… main thread of the joining node per entry',
        value: perEntry(joinerCpu),
        unit: 'µs',
      },
      { metric: `${metric}_source_cpu_us`, label: '… of the source', value: perEntry(sourceCpu), unit: 'µs' },
      {
        metric: `${metric}_joiner_mib`,
        label: '… memory of the joining node, peak to equal root',
        value: joinerMemory.peak,
        unit: 'MiB',
        ...(entries === 1_000_000 ? { goal: { atMost: 700 } } : {}),
      },
      {
        metric: `${metric}_joiner_own_mib`,
        label: '… of it not mapped from files, then',
        value: joinerMemory.own,
        unit: 'MiB',
      },
      { metric: `${metric}_joiner_verified_mib`, label: '… peak until verified', value: peak.peak, unit: 'MiB' },
      {
        metric: `${metric}_source_mib`,
        label: '… of the source, peak',
        value: sourceMemory.peak,
        unit: 'MiB',
        ...(entries === 1_000_000 ? { goal: { atMost: 700 } } : {}),
      },
      {
        metric: `${metric}_source_own_mib`,
        label: '… of it not mapped from files, then',
        value: sourceMemory.own,
        unit: 'MiB',
      },
    ];
  } finally {
    await fleet.close();
  }
}

function trustOnly(dir: string, nodes: readonly BenchNode[], author: string): void {
  for (const { name } of nodes) {
    const file = join(dir, `${name}.env`);
    const text = readFileSync(file, 'utf8').replace(
      /^DIOTEC360_TRUSTED_STATE_PUBKEYS=.*$/m,
      `DIOTEC360_TRUSTED_STATE_PUBKEYS=${author}`,
    );
    writeFileSync(file, text);
  }
}

function settingOf(dir: string, { name }: BenchNode, setting: string): string | undefined {
  return new RegExp(`^DIOTEC360_${setting}=(.*)$`, 'm').exec(readFileSync(join(dir, `${name}.env`), 'utf8'))?.[1];
}

/** The limit of the store, keys a second: copies the joining node's rows into a new store in the same batches. */
async function rowsPerSecond(from: string, to: string, entries: number): Promise<number> {
  const source = await openLevelStore(from);
  const target = await openLevelStore(to);
  let ms = 0;
  for (const bucket of ['entry', 'key'] as const) {
    for await (const rows of source.iterate(bucketRange(bucket))) {
      const began = performance.now();
      await target.batch(rows.map(([key, value]) => ({ type: 'put', key, value })));
      ms += performance.now() - began;
    }
  }
  await Promise.all([source.close(), target.close()]);
  rmSync(to, { recursive: true, force: true });
  return entries / (ms / 1000);
}

/**
 * Measures how an empty node joins a node with 10,000 and with 100,000 entries over either lung, written in commits of
 * 100 operations and, over P2P, also of one. `--million` adds a million entries, `--only SIZE` takes one size, and
 * `--lung p2p|http` one lung.
 */
export async function bootstrap(): Promise<readonly Figure[]> {
  const only = process.argv.indexOf('--only');
  const all = [10_000, 100_000, ...(process.argv.includes('--million') ? [1_000_000] : [])];
  const sizes = only === -1 ? all : [Number(process.argv[only + 1])];
  const lungs = (['p2p', 'http'] as const).filter(
    (lung) => !process.argv.includes('--lung') || process.argv.includes(lung),
  );
  const figures: Figure[] = [];
  for (const entries of sizes) {
    for (const lung of lungs) figures.push(...(await joinOver(lung, entries, 100)));
    if (entries <= 100_000 && lungs.includes('p2p')) figures.push(...(await joinOver('p2p', entries, 1)));
  }
  return figures;
}
