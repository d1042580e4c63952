import { setTimeout as pause } from 'node:timers/promises';
import { keyOf, valueOf } from './support/commits.ts';
import { type Figure, quantile } from './support/figures.ts';
import { type BenchFleet, type BenchNode, createFleet, startAll, untilEqual } from './support/fleet.ts';
import { followChanges, openConnection, requestText } from './support/http-client.ts';

const RATE = 200;
const WRITES = 2_000;
/** Connections for the writes, several so that a slow answer does not delay the next write. */
const CONNECTIONS = 8;
const WARM_WRITES = 200;
const THROUGHPUT_MS = 5_000;
/** Commits under way at one time, in all. */
const WRITERS = 12;
const SETTLE_MS = 30_000;

type Lung = 'p2p' | 'http';

/**
 * Writes on the first node and measures each write, ms. `all`: the time from the answer until every other node has sent
 * the event of the change. `ack`: the time from the request to the answer.
 */
async function latencies(fleet: BenchFleet, tag: string): Promise<{ all: number[]; ack: number[] }> {
  const [writer, ...others] = fleet.nodes;
  if (writer === undefined) throw new Error('a fleet has nodes');
  const sent = new Map<string, number>();
  const acked = new Map<string, number>();
  const seen = new Map<string, number[]>();
  const streams = await Promise.all(
    others.map((node) =>
      followChanges(node.api, (key) => {
        const at = performance.now();
        const times = seen.get(key);
        if (times === undefined) seen.set(key, [at]);
        else times.push(at);
      }),
    ),
  );
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(writer.port)));
  const started = performance.now();
  await Promise.all(
    connections.map(async (connection, c) => {
      for (let n = c; n < WARM_WRITES + WRITES; n += CONNECTIONS) {
        const due = started + (n * 1000) / RATE;
        const early = due - performance.now();
        if (early > 1) await pause(early);
        const key = `${tag}-${n}`;
        const body = JSON.stringify(valueOf(n, 0));
        sent.set(key, performance.now());
        const status = await connection.send(
          requestText('PUT', writer.port, `/api/v1/state/${key}`, writer.token, body),
        );
        if (status !== 201) throw new Error(`a PUT was answered ${status}`);
        acked.set(key, performance.now());
      }
      connection.close();
    }),
  );
  await untilEqual(fleet.nodes, SETTLE_MS);
  // Events of the last batch may not have reached this process yet.
  await pause(200);
  for (const stream of streams) stream.close();
  const all: number[] = [];
  const ack: number[] = [];
  for (let n = WARM_WRITES; n < WARM_WRITES + WRITES; n++) {
    const key = `${tag}-${n}`;
    const times = seen.get(key) ?? [];
    if (times.length !== others.length) throw new Error(`${key} was seen on ${times.length} nodes of ${others.length}`);
    all.push(Math.max(...times) - (acked.get(key) ?? 0));
    ack.push((acked.get(key) ?? 0) - (sent.get(key) ?? 0));
  }
  return { all, ack };
}

/** Writes commits of `size` operations as fast as the writers are answered, then waits until the roots are equal. */
async function sustained(nodes: readonly BenchNode[], writers: readonly BenchNode[], size: number, tag: number) {
  let operations = 0;
  let next = tag;
  const cpu = nodes.map((node) => node.cpu());
  const from = performance.now();
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, w) => {
      const node = writers[w % writers.length];
      while (performance.now() - from < THROUGHPUT_MS) {
        const first = next;
        next += size;
        await node?.commit(
          Array.from({ length: size }, (_, i) => ({ key: keyOf(first + i), value: valueOf(first + i, 0) })),
        );
        operations += size;
      }
    }),
  );
  const wrote = performance.now() - from;
  const equal = await untilEqual(nodes, SETTLE_MS);
  const spent = Math.max(...nodes.map((node, i) => node.cpu() - (cpu[i] ?? 0)));
  return { perSecond: (operations / (wrote + equal)) * 1000, equal, cpuMicros: (spent / operations) * 1e6 };
}

async function figuresOver(lung: Lung): Promise<Figure[]> {
  const settings = lung === 'p2p' ? {} : { P2P_LISTEN: '', P2P_BOOTSTRAP: '', P2P_ENABLED: 'false' };
  const fleet = await createFleet({ nodes: 3, settings: { LOG_LEVEL: 'warn', ...settings } });
  try {
    await startAll(fleet.nodes, lung);
    const { all, ack } = await latencies(fleet, lung);
    const name = lung.toUpperCase();
    const figures: Figure[] = [
      {
        metric: `${lung}_latency_p50_ms`,
        label: `${name}: answered on one to seen on both others, p50`,
        value: quantile(all, 0.5),
        unit: 'ms',
      },
      {
        metric: `${lung}_latency_p99_ms`,
        label: `${name}: the same, p99`,
        value: quantile(all, 0.99),
        unit: 'ms',
        goal: { atMost: lung === 'p2p' ? 50 : 100 },
      },
      { metric: `${lung}_ack_p50_ms`, label: `${name}: write answered, p50`, value: quantile(ack, 0.5), unit: 'ms' },
      { metric: `${lung}_ack_p99_ms`, label: `${name}: write answered, p99`, value: quantile(ack, 0.99), unit: 'ms' },
    ];
    let tag = 0;
    for (const [who, writers] of [['one', fleet.nodes.slice(0, 1)] as const, ['all', fleet.nodes] as const]) {
      for (const size of [10, 100]) {
        const { perSecond, equal, cpuMicros } = await sustained(fleet.nodes, writers, size, (tag += 10_000_000));
        figures.push(
          {
            metric: `${lung}_${who}_${size}_per_s`,
            label: `${name}: commits of ${size} on ${who}, until equal everywhere`,
            value: perSecond,
            unit: 'op/s',
            goal: { atLeast: 2000 },
          },
          {
            metric: `${lung}_${who}_${size}_equal_ms`,
            label: `${name}: last answer to equal roots`,
            value: equal,
            unit: 'ms',
            goal: { atMost: 2000 },
          },
          {
            metric: `${lung}_${who}_${size}_cpu_us`,
            label: `${name}: processor time per operation, busiest node`,
            value: cpuMicros,
            unit: 'µs',
          },
        );
      }
    }
    return figures;
  } finally {
    await fleet.close();
  }
}

/**
 * Three nodes, each in its process: how soon the others have a write, and how many operations a second reach all of
 * them, over either lung.
 */
export async function replicate(): Promise<readonly Figure[]> {
  return [...(await figuresOver('p2p')), ...(await figuresOver('http'))];
}
