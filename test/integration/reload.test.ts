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

  /** The same without the fourth. */
  function withoutFourth(node: Node): Record<string, string> {
    const at = fleet.nodes.indexOf(node);
    const ports = [fleet.proxy(at, 3, 'http').port, fleet.proxy(at, 3, 'p2p').port];
    const isFourth = (item: string): boolean =>
      item === fourth.author || ports.some((port) => item.endsWith(`:${port}`) || item.includes(`/tcp/${port}/`));
    const lists = Object.entries(whole.get(node) ?? {});
    return Object.fromEntries(
      lists.map(([name, list]) => [
        name,
        list
          .split(',')
          .filter((item) => !isFourth(item))
          .join(','),
      ]),
    );
  }

  beforeAll(async () => {
    fleet = await startFleet({ nodes: 4, start: [] });
    three = fleet.nodes.slice(0, 3);
    fourth = fleet.nodes[3] as Node;
    for (const node of three) {
      const env = parseEnv(readFileSync(node.envFile, 'utf8'));
      whole.set(node, Object.fromEntries(LISTS.map((name) => [name, env[`DIOTEC360_${name}`] ?? ''])));
      node.configure(withoutFourth(node));
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
    // Nothing passes meanwhile, so that the reload alone lets go of what was refused.
    fleet.block('cut');
    for (const node of others) {
      await join(node);
      expect((await node.api.peer(first.author)).refused).toEqual({ count: 0, reasons: {} });
    }
    fleet.restore();
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

  it('takes a new token and level on SIGHUP, and shows neither in its log [N18, M6]', async () => {
    const [node] = three as [Node];
    const token = 'the.new.token.of.the.first';
    node.configure({ API_TOKEN: token, LOG_LEVEL: 'debug' });
    node.process.signal('SIGHUP');
    const reloaded = () =>
      node.process
        .log()
        .find(({ msg, changed }) => msg === 'configuration reloaded' && JSON.stringify(changed).includes('TOKEN'));
    await eventually('it has reloaded', () => reloaded() !== undefined);
    expect(reloaded()).toMatchObject({ changed: ['DIOTEC360_API_TOKEN', 'DIOTEC360_LOG_LEVEL'], needsRestart: [] });
    const put = (with_: string) => node.api.send('PUT', '/api/v1/state/by-token', { body: 1, token: with_ });
    expect((await put(node.token)).status).toBe(401);
    expect((await put(token)).status).toBe(201);
    await eventually('it logs more', () => node.process.log().some(({ level }) => level === 'debug'));
    expect(node.process.stdout).not.toContain(token);
    node.configure({ API_TOKEN: node.token, LOG_LEVEL: 'info' });
    expect((await node.api.send('POST', '/api/v1/config/reload', { token })).status).toBe(200);
  });

  it('leaves everything as it is for a file that cannot be used, and names what needs a restart [N18, A20]', async () => {
    const [node] = three as [Node];
    const before = await node.api.status();
    node.configure({ TRUSTED_STATE_PUBKEYS: 'nobody', LOG_LEVEL: 'debug' });
    const refused = await node.api.send('POST', '/api/v1/config/reload');
    expect([refused.status, refused.json()]).toEqual([
      422,
      expect.objectContaining({
        code: 'invalid-config',
        detail: expect.stringContaining('TRUSTED_STATE_PUBKEYS') as unknown,
      }),
    ]);
    expect((await node.api.status()).trust).toEqual(before.trust);
    node.configure({ ...whole.get(node), LOG_LEVEL: 'info', HEARTBEAT_INTERVAL: '0.9' });
    expect(await reload(node)).toMatchObject({ changed: [], needsRestart: ['DIOTEC360_HEARTBEAT_INTERVAL'] });
    node.configure({ HEARTBEAT_INTERVAL: undefined });
  });

  it('lets a node go again: what it wrote stays, what it writes is refused, and its connections end [N18, S9]', async () => {
    const { root } = await fleet.settled();
    for (const node of three) {
      node.configure(withoutFourth(node));
      const report = await reload(node);
      expect(report.untrusted).toEqual([fourth.author]);
      expect(report.warnings).toEqual([expect.stringContaining(`author ${fourth.author} is trusted no more`)]);
    }
    for (const i of [0, 1, 2]) await fleet.status(i, 'the fourth is disconnected', ({ p2p }) => p2p.peers === 2);
    expect((await three[0]?.api.status())?.root).toBe(root);
    await fourth.api.put('unheard', 1);
    await three[2]?.api.put('among three', 3);
    const { entries } = await fleet.settled([0, 1, 2]);
    expect(entries.map(({ key }) => key)).toEqual(['after', 'among three', 'before', 'by-token', 'from the fourth']);
    // Its push streams have ended, too: it hears nothing of what the three write, nor of them.
    await fleet.status(3, 'the fourth hears nobody', ({ verdict }) => verdict.kind === 'ISOLATED');
    expect(await fourth.api.get('among three')).toBeUndefined();
  });
});
