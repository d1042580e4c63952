import { keyOf, valueOf } from './support/commits.ts';
import type { Figure } from './support/figures.ts';
import { type BenchNode, createFleet, startAll, until, untilEqual, untilLung } from './support/fleet.ts';

const ENTRIES = 10_000;
const COMMIT = 100;
const DEADLINE_MS = 45_000;

/** Writes to the first node. Resolves with the time until every other node shows the key, ms. */
async function writeToSeen(nodes: readonly BenchNode[], key: string): Promise<number> {
  const [writer, ...others] = nodes;
  const from = performance.now();
  await writer?.commit([{ key, value: key }]);
  await until(
    'the write on every node',
    DEADLINE_MS,
    async () => (await Promise.all(others.map((node) => node.has(key)))).every(Boolean),
    5,
  );
  return performance.now() - from;
}

/** Measures the loss and the return of P2P while HTTP stays, and the start and the stop of a node with a state. */
export async function failover(): Promise<readonly Figure[]> {
  const fleet = await createFleet({ nodes: 3, proxied: true });
  try {
    const { nodes, proxies } = fleet;
    await startAll(nodes, 'p2p');
    for (let first = 0; first < ENTRIES; first += COMMIT) {
      await nodes[0]?.commit(
        Array.from({ length: COMMIT }, (_, i) => ({ key: keyOf(first + i), value: valueOf(first + i, 0) })),
      );
    }
    await untilEqual(nodes, DEADLINE_MS);
    const before = await writeToSeen(nodes, 'before');

    for (const proxy of proxies) proxy.cut();
    const cut = await writeToSeen(nodes, 'cut');
    const after = await writeToSeen(nodes, 'over-http');
    for (const proxy of proxies) proxy.restore();
    const back = await untilLung(nodes, 'p2p', DEADLINE_MS);

    for (const proxy of proxies) proxy.blackhole();
    const silent = await writeToSeen(nodes, 'silent');
    for (const proxy of proxies) proxy.restore();
    await untilEqual(nodes, DEADLINE_MS);

    const last = nodes.at(-1);
    if (last === undefined) throw new Error('a fleet has nodes');
    const stopped = await last.stop();
    const started = await last.start();
    const startCpu = last.cpu() * 1000;
    return [
      { metric: 'p2p_write_ms', label: 'write to seen on both others, P2P', value: before, unit: 'ms' },
      {
        metric: 'cut_to_seen_ms',
        label: 'P2P reset and refused, to a write seen by HTTP',
        value: cut,
        unit: 'ms',
        goal: { atMost: 5000 },
      },
      { metric: 'http_write_ms', label: 'the next write, HTTP', value: after, unit: 'ms' },
      {
        metric: 'restored_to_p2p_ms',
        label: 'P2P passes again, to every peer on P2P',
        value: back,
        unit: 'ms',
        goal: { atMost: 30_000 },
      },
      {
        metric: 'silent_to_seen_ms',
        label: 'P2P silent, to a write seen by HTTP',
        value: silent,
        unit: 'ms',
        goal: { atMost: 5000 },
      },
      {
        metric: 'start_ms',
        label: 'process start to answering, 10,000 entries',
        value: started,
        unit: 'ms',
        goal: { atMost: 1500 },
      },
      { metric: 'start_cpu_ms', label: 'processor time of it', value: startCpu, unit: 'ms' },
      { metric: 'stop_ms', label: 'SIGTERM to exit', value: stopped, unit: 'ms', goal: { atMost: 2000 } },
    ];
  } finally {
    await fleet.close();
  }
}
