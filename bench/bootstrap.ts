import { valueOf } from './support/commits.ts';
import { type Figure } from './support/figures.ts';
import { createFleet, until } from './support/fleet.ts';

const COMMIT = 100;
/** Commits on their way at once while the source is filled. */
const WRITERS = 8;
const FILL_MS = 300_000;

type Lung = 'p2p' | 'http';

const LUNG_SETTINGS: Readonly<Record<Lung, Readonly<Record<string, string>>>> = {
  p2p: { LATTICE_NODES: '' },
  http: { P2P_LISTEN: '', P2P_BOOTSTRAP: '', P2P_ENABLED: 'false' },
};

/** An empty node joins one that has `entries`. */
async function joinOver(lung: Lung, entries: number): Promise<Figure[]> {
  const fleet = await createFleet({ nodes: 2, settings: { LOG_LEVEL: 'info', ...LUNG_SETTINGS[lung] }, proxied: 'both' });
  try {
    const [source, joiner] = fleet.nodes;
    if (source === undefined || joiner === undefined) throw new Error('a fleet has nodes');
    await source.start();
    await until('the source takes writes', 20_000, async () => (await source.status()).writable, 50);
    let next = 0;
    const filled = performance.now();
    await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        while (next < entries) {
          const first = next;
          next += COMMIT;
          await source.commit(Array.from({ length: COMMIT }, (_, i) => ({ key: `boot/${first + i}`, value: valueOf(first + i, 0) })));
          if (performance.now() - filled > FILL_MS) throw new Error('filling the source takes too long');
        }
      }),
    );
    const root = (await source.status()).root;
    const bytesBefore = fleet.proxies.reduce((sum, proxy) => sum + proxy.bytes, 0);
    const cpuBefore = source.cpu();
    const memoryBefore = source.memory().now;
    const spawned = performance.now();
    const started = await joiner.start();
    await until('equal roots', FILL_MS, async () => (await joiner.status()).root === root, 20);
    const equal = performance.now() - spawned;
    const bytes = fleet.proxies.reduce((sum, proxy) => sum + proxy.bytes, 0) - bytesBefore;
    const report = (await joiner.peers())[0]?.lastRepair;
    const name = `${lung.toUpperCase()}, ${entries / 1000}k`;
    const metric = `${lung}_${entries}`;
    process.stderr.write(`${name}: ${JSON.stringify({ joiner: report, source: (await source.peers())[0]?.lastRepair })}\n`);
    return [
      { metric: `${metric}_s`, label: `${name}: first answer of the empty node to equal root`, value: (equal - started) / 1000, unit: 's' },
      { metric: `${metric}_per_s`, label: '… entries a second', value: (entries / (equal - started)) * 1000, unit: '/s' },
      { metric: `${metric}_bytes`, label: '… bytes on the wire per entry', value: bytes / entries, unit: 'B' },
      {
        metric: `${metric}_joiner_cpu_us`,
        label: '… processor time of the joining node per entry',
        value: (joiner.cpu() / entries) * 1e6,
        unit: 'µs',
      },
      { metric: `${metric}_source_cpu_us`, label: '… of the source', value: ((source.cpu() - cpuBefore) / entries) * 1e6, unit: 'µs' },
      { metric: `${metric}_joiner_mib`, label: '… memory of the joining node, peak', value: joiner.memory().peak, unit: 'MiB' },
      {
        metric: `${metric}_source_mib`,
        label: '… of the source, before and after',
        value: source.memory().now - memoryBefore,
        unit: 'MiB more',
      },
    ];
  } finally {
    await fleet.close();
  }
}

/** An empty node joins one with 10,000 and 100,000 entries over either lung; with `--million` one with a million too. */
export async function bootstrap(): Promise<readonly Figure[]> {
  const sizes = [10_000, 100_000, ...(process.argv.includes('--million') ? [1_000_000] : [])];
  const figures: Figure[] = [];
  for (const entries of sizes) for (const lung of ['p2p', 'http'] as const) figures.push(...(await joinOver(lung, entries)));
  return figures;
}
