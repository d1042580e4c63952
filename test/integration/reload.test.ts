import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

interface Report {
  readonly changed: readonly string[];
  readonly needsRestart: readonly string[];
  readonly untrusted: readonly string[];
  readonly warnings: readonly string[];
}

const LISTS = ['TRUSTED_STATE_PUBKEYS', 'LATTICE_NODES', 'P2P_BOOTSTRAP'] as const;

async function reload(node: Node): Promise<Report> {
  const { status, json } = await node.api.send('POST', '/api/v1/config/reload');
  expect(status, JSON.stringify(json())).toBe(200);
  return json() as Report;
}

describe('a running fleet of three', () => {
  let fleet: Fleet;
  let three: readonly Node[];
  let fourth: Node;
  /** The lists of each node as `lattice init` wrote them, with all four nodes. */
  const whole = new Map<Node, Record<string, string>>();
  beforeAll(async () => {
    fleet = await startFleet({ nodes: 4, start: [] });
    three = fleet.nodes.slice(0, 3);
    fourth = fleet.nodes[3] as Node;
    for (const node of three) {
      const env = parseEnv(readFileSync(node.envFile, 'utf8'));
      const lists = Object.fromEntries(LISTS.map((name) => [name, env[`DIOTEC360_${name}`] ?? '']));
      whole.set(node, lists);
      const proxied = [
        fleet.proxy(fleet.nodes.indexOf(node), 3, 'http'),
        fleet.proxy(fleet.nodes.indexOf(node), 3, 'p2p'),
      ];
      const isFourth = (item: string): boolean =>
        item === fourth.author ||
        proxied.some(({ port }) => item.includes(`:${port}`) || item.includes(`/tcp/${port}/`));
      node.configure(
        Object.fromEntries(
          LISTS.map((name) => [
            name,
            (lists[name] ?? '')
              .split(',')
              .filter((item) => !isFourth(item))
              .join(','),
          ]),
        ),
      );
    }
    await Promise.all(three.map((node) => node.start()));
    await three[0]?.api.put('before', 'three');
    await fleet.settled([0, 1, 2]);
  });

  it('takes in a fourth node by a reload of each, without a restart; every rule acts by the new list [N18]', async () => {
    const started = await Promise.all(three.map((node) => node.api.status()));
    const join = async (node: Node): Promise<void> => {
      node.configure(whole.get(node) ?? {});
      const changed = LISTS.map((name) => `DIOTEC360_${name}`);
      expect(await reload(node)).toEqual({ changed, needsRestart: [], untrusted: [], warnings: [] });
    };
    const [first, ...others] = three as [Node, Node, Node];
    await fourth.start();
    const written = await fourth.api.put('from the fourth', 4);
    await join(first);
    await eventually('the first has it', async () => (await first.api.get('from the fourth')) !== undefined);
    // What the first hands on is by an author whom the two others do not trust yet, and they remember that.
    for (const node of others)
      await eventually(`${node.name} refuses it`, async () => {
        const { refused } = await node.api.peer(first.author);
        return refused.reasons['untrusted-author'] === 1;
      });
    for (const node of others) await join(node);
    await three[1]?.api.put('after', 'four');
    const { entries } = await fleet.settled();
    expect(entries.map(({ key }) => key)).toEqual(['after', 'before', 'from the fourth']);
    expect(entries.find(({ key }) => key === 'from the fourth')?.version).toBe(written.version);
    const now = await Promise.all(three.map((node) => node.api.status()));
    expect(now.map(({ incarnation }) => incarnation)).toEqual(started.map(({ incarnation }) => incarnation));
    for (const { trust } of now) expect(trust.authors).toHaveLength(4);
    expect(new Set([...now, await fourth.api.status()].map(({ trust }) => trust.hash)).size).toBe(1);
    // A quorum of four is three.
    const certified = await fleet.status(
      0,
      'a cut of four is certified',
      ({ cuts }) => cuts?.certified?.quorum === 3,
      60_000,
    );
    expect(certified.cuts?.certified?.attesters.length).toBeGreaterThanOrEqual(3);
    for (const i of [0, 1, 2]) await fleet.status(i, 'both lungs carry the fourth', ({ p2p }) => p2p.peers === 3);
  });
});
