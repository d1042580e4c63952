import { setTimeout as pause } from 'node:timers/promises';
import type { ChangeAction, ChangeView, RosterView } from '../src/runtime/facade/index.ts';
import { type Figure, quantile } from './support/figures.ts';
import { type BenchFleet, type BenchNode, createFleet, startAll } from './support/fleet.ts';

/** Decisions of each kind: the median and the worst of so many say enough. */
const ROUNDS = 7;
const POLL_MS = 5;
/** A decision that takes longer has failed. */
const MAX_MS = 60_000;

async function ask<T>(node: BenchNode, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${node.api}${path}`, {
    method,
    headers: { authorization: `Bearer ${node.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path} of ${node.name}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const rosterOf = (node: BenchNode): Promise<RosterView> => ask(node, 'GET', '/api/v1/members');

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + MAX_MS; ; await pause(POLL_MS)) {
    if (await look()) return;
    if (performance.now() > end) throw new Error(`${what} is not so after ${MAX_MS / 1000} s`);
  }
}

/**
 * One decision: the first node asks for it, and the second approves, which makes a majority. Resolves with the time from
 * that approval until every node goes by the new roster, ms.
 */
async function decide(nodes: readonly BenchNode[], action: ChangeAction): Promise<number> {
  const [first, second] = nodes as [BenchNode, BenchNode];
  const { epoch } = await rosterOf(first);
  const { id } = await ask<ChangeView>(first, 'POST', '/api/v1/members/changes', action);
  await until('the change is known', async () =>
    (await ask<{ items: ChangeView[] }>(second, 'GET', '/api/v1/members/changes')).items.some((one) => one.id === id),
  );
  const from = performance.now();
  await ask(second, 'POST', `/api/v1/members/changes/${id}/approve`);
  for (const node of nodes) await until(`${node.name} decides`, async () => (await rosterOf(node)).epoch > epoch);
  return performance.now() - from;
}

async function decisions(nodes: readonly BenchNode[], name: string): Promise<number[]> {
  const [{ author }] = (await rosterOf(nodes[0] as BenchNode)).members as [RosterView['members'][number]];
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    times.push(await decide(nodes, { kind: 'name', author: author as never, name: `${name}-${round}` }));
  return times;
}

function figuresOf(metric: string, label: string, times: readonly number[], atMost: number): Figure[] {
  return [
    { metric: `${metric}_p50_ms`, label, value: quantile(times, 0.5), unit: 'ms' },
    {
      metric: `${metric}_max_ms`,
      label: `${label}, the longest`,
      value: Math.max(...times),
      unit: 'ms',
      goal: { atMost },
    },
  ];
}

async function withFleet(run: (fleet: BenchFleet) => Promise<Figure[]>, lung: 'p2p' | 'http'): Promise<Figure[]> {
  const settings: Readonly<Record<string, string>> = lung === 'http' ? { P2P_ENABLED: 'false' } : {};
  const fleet = await createFleet({ nodes: 3, settings });
  try {
    await startAll(fleet.nodes, lung);
    return await run(fleet);
  } finally {
    await fleet.close();
  }
}

/** Measures how long a fleet of three takes to decide a roster, with all of them up and with one down. */
export async function rosters(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const lung of ['p2p', 'http'] as const)
    figures.push(
      ...(await withFleet(async ({ nodes }) => {
        const all = await decisions(nodes, lung);
        await nodes[2]?.stop();
        const two = await decisions(nodes.slice(0, 2), `${lung}-down`);
        return [
          ...figuresOf(`${lung}_all`, `three up, over ${lung}`, all, 1000),
          ...figuresOf(`${lung}_one_down`, `one of three down, over ${lung}`, two, 5000),
        ];
      }, lung)),
    );
  return figures;
}
