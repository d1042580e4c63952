import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { type Exit, runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

interface Finding {
  readonly level: string;
  readonly text: string;
  readonly next?: string;
}
interface Diagnosis {
  readonly ok: boolean;
  readonly nodes: readonly {
    readonly url: string;
    readonly reachable: boolean;
    readonly findings: readonly Finding[];
  }[];
  readonly fleet: readonly Finding[];
  readonly causes: readonly (Finding & { readonly nodes: readonly string[] })[];
}

describe('lattice doctor', () => {
  let fleet: Fleet;
  let nodes: [Node, Node, Node];
  /** `bad`: the causes to be repaired, in their order. */
  const doctor = async (settle: number): Promise<Exit & { diagnosis: Diagnosis; bad: string[] }> => {
    const run = runCli(['doctor', '--fleet', join(fleet.dir, 'fleet.json'), '--settle', String(settle), '--json'], {
      cwd: fleet.dir,
    });
    const exit = await untilExit(run);
    const diagnosis = JSON.parse(run.stdout) as Diagnosis;
    const bad = diagnosis.causes.filter(({ level }) => level === 'bad');
    // What is to be repaired says how.
    for (const finding of bad) expect(finding.next, finding.text).toMatch(/\w/);
    return { ...exit, diagnosis, bad: bad.map(({ text }) => text) };
  };

  beforeAll(async () => {
    fleet = await startFleet();
    nodes = fleet.nodes as [Node, Node, Node];
    await nodes[0].api.put('key', 1);
    await fleet.settled();
  });

  it('exits 0 on a healthy triangle', async () => {
    const { code, diagnosis, bad } = await doctor(30);
    expect(bad).toEqual([]);
    expect(code).toBe(0);
    expect(diagnosis.ok).toBe(true);
    expect(diagnosis.nodes.map(({ reachable }) => reachable)).toEqual([true, true, true]);
    expect(diagnosis.fleet.map(({ text }) => text).join()).toMatch(/same root on 3 nodes/);
  });

  it('names the nodes that do not hear each other, with everything cut', async () => {
    fleet.block('cut');
    await nodes[1].api.put('only/here', 1);
    await eventually('each node says that it hears nobody', async () =>
      (await Promise.all(nodes.map((node) => node.api.status()))).every(({ verdict }) => verdict.kind === 'ISOLATED'),
    );
    const { code, diagnosis, bad } = await doctor(0);
    expect(code).toBe(1);
    // The fleet has three pairs of nodes, and none of them talks. The roots that differ follow from that.
    expect(bad).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/has not been heard since/)));
    expect(diagnosis.fleet.find(({ text }) => text.startsWith('different root'))?.text).toMatch(/\w/);
    fleet.restore();
    await fleet.settled();
  });

  it('names P2P when it is blocked', async () => {
    fleet.block('cut', { lung: 'p2p' });
    for (const i of fleet.nodes.keys()) await fleet.status(i, 'no P2P peer is left', ({ p2p }) => p2p.peers === 0);
    await eventually('HTTP works again', async () =>
      (await Promise.all(nodes.map((node) => node.api.status()))).every(({ http }) => http.peers === 2),
    );
    await fleet.settled();
    const { code, bad } = await doctor(0);
    expect(code).toBe(1);
    expect(bad).toEqual([expect.stringMatching(/P2P runs without a peer/)]);
    fleet.restore();
    for (const i of fleet.nodes.keys()) await fleet.status(i, 'P2P is back', ({ p2p }) => p2p.peers === 2);
  });

  it('names a node that is down', async () => {
    await nodes[2].kill();
    const { code, diagnosis, bad } = await doctor(0);
    expect(code).toBe(1);
    expect(diagnosis.nodes.find(({ url }) => url === nodes[2].api.url)).toMatchObject({ reachable: false });
    expect(bad).toEqual([expect.stringContaining(nodes[2].api.url)]);
  });

  it('exits 3 when nobody answers', async () => {
    await Promise.all(nodes.map(async (node) => (node.running ? node.kill() : undefined)));
    expect((await doctor(0)).code).toBe(3);
  });
});
