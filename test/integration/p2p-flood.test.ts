import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import type { FloodReport } from '../support/stranger.ts';

const SECONDS = 4;
const OLD_KEYS = 400;
/** Between two writes of a node. */
const WRITE_MS = 100;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Strangers in a process of their own. Resolves when they begin; `over` resolves with what they did. */
async function startStrangers(node: Node): Promise<{ readonly over: Promise<FloodReport> }> {
  const { p2p } = await node.api.status();
  const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(
    process.execPath,
    [
      '--import',
      file('../support/ts-loader.mjs'),
      file('../support/stranger.ts'),
      `/ip4/127.0.0.1/tcp/${node.p2pPort}/p2p/${node.peerId}`,
      p2p.topic,
      node.api.url,
      String(SECONDS),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  await Promise.race([new Promise((resolve) => child.stdout?.once('data', resolve)), closed]);
  const report = async (): Promise<FloodReport> => {
    const code = await closed;
    if (code !== 0) throw new Error(`the strangers ended with ${code} before their report, after “${out.trim()}”`);
    return JSON.parse(out.slice('ready'.length)) as FloodReport;
  };
  return { over: report() };
}

/** What the busiest honest link carries while every node writes, B a second. Either of its nodes may have dialled. */
async function busiestWhile(name: string, fleet: Fleet): Promise<number> {
  const links = (): readonly number[] =>
    [
      [0, 1],
      [0, 2],
      [1, 2],
    ].map(([a = 0, b = 0]) => fleet.proxy(a, b, 'p2p').bytes + fleet.proxy(b, a, 'p2p').bytes);
  const before = links();
  const from = performance.now();
  const end = from + SECONDS * 1000;
  await Promise.all(
    fleet.nodes.map(async (node) => {
      for (let i = 0; performance.now() < end; i++) {
        await node.api.put(`${name}/${node.name}/${i}`, 'x'.repeat(100));
        await pause(WRITE_MS);
      }
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  return Math.max(...links().map((bytes, i) => bytes - (before[i] ?? 0))) / seconds;
}

describe.each([
  ['closed', 'false'],
  ['open', 'true'],
])('strangers on the P2P port of a fleet that is %s', (_, open) => {
  it('bring no honest link above twice its own traffic, and no node off P2P [G7, G8, S9]', async () => {
    const fleet = await startFleet({ env: () => ({ P2P_OPEN: open, LATTICE_NODES: '' }) });
    const [victim] = fleet.nodes as [Node];
    const connected = (): Promise<unknown> =>
      Promise.all(
        fleet.nodes.map((_node, i) => fleet.status(i, 'P2P connects both others', ({ p2p }) => p2p.peers >= 2)),
      );
    await connected();
    await Promise.all(Array.from({ length: OLD_KEYS }, (_x, i) => victim.api.put(`old/${i}`, 'x'.repeat(100))));
    await fleet.settled();
    const quiet = await busiestWhile('quiet', fleet);
    const { over } = await startStrangers(victim);
    const flooded = await busiestWhile('flooded', fleet);
    const report = await over;
    expect(report.connected + report.refused).toBeGreaterThan(0);
    if (open === 'true') expect(report.bytes).toBeGreaterThan(0);
    expect(flooded / quiet).toBeLessThan(2);
    await fleet.settled();
    await connected();
    for (const node of fleet.nodes) expect(node.process.log().filter(({ msg }) => msg === 'P2P failed')).toEqual([]);
    console.info(`P2P flood, open ${open}: ${(flooded / quiet).toFixed(2)} × own traffic, ${JSON.stringify(report)}`);
    await fleet.stop();
  });
});
