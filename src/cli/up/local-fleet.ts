import { existsSync } from 'node:fs';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fleet, type FleetNode, planFleet, writeFleet } from '../../config/fleet.ts';
import { LatticeError } from '../../core/types/index.ts';
import { readFleet } from '../fleet-file.ts';
import { whoAnswers } from '../who-answers.ts';
import { areFree, nextFreeRange } from './ports.ts';

const NODES = 3;
/** Time for the program on one of our ports to answer. A node of ours answers at once. */
const WHO_TIMEOUT_MS = 1500;

/** The first ports to try. */
export interface BasePorts {
  readonly api: number;
  readonly p2p: number;
}

/**
 * Reads the fleet in `dir`, or makes it, and sees that its ports are free. Where one is taken, the fleet moves to the
 * next free range, and `say` is told so. Rejects with LatticeError `already-running` or `no-ports`, and as planFleet
 * and writeFleet do.
 */
export async function prepareFleet(dir: string, base: BasePorts, say: (text: string) => void): Promise<Fleet> {
  const file = join(dir, 'fleet.json');
  if (!existsSync(file)) {
    const [api, p2p] = await freeBases(base, NODES, say);
    const plan = planFleet({ dir, nodes: NODES, basePort: api, p2pBasePort: p2p });
    writeFleet(plan);
    return plan.fleet;
  }
  const fleet = readFleet(await readFile(file, 'utf8'), file);
  if (await areFree(fleet.nodes.flatMap((node) => [apiPort(node), p2pPort(node)]))) return fleet;
  await refuseIfRunning(fleet, dir);
  const [api, p2p] = await freeBases(
    { api: apiPort(fleet.nodes[0]), p2p: p2pPort(fleet.nodes[0]) },
    fleet.nodes.length,
    say,
  );
  return await moveFleet(dir, fleet, api, p2p);
}

async function freeBases(
  base: BasePorts,
  count: number,
  say: (text: string) => void,
): Promise<[api: number, p2p: number]> {
  const found: [number, number] = [await nextFreeRange(base.api, count), await nextFreeRange(base.p2p, count)];
  for (const [name, wanted, got] of [['API', base.api, found[0]] as const, ['P2P', base.p2p, found[1]] as const]) {
    if (got !== wanted)
      say(`${name} ports ${wanted}–${wanted + count - 1} are not all free: taking ${got}–${got + count - 1}`);
  }
  return found;
}

function apiPort(node: FleetNode | undefined): number {
  return Number(new URL(node?.api ?? 'http://127.0.0.1:8000').port || 80);
}

function p2pPort(node: FleetNode | undefined): number {
  return Number(/\/tcp\/(\d+)/.exec(node?.p2p ?? '')?.[1] ?? 9000);
}

/** Rejects when a node of the fleet runs already: two processes with one node key would sign as the same author. */
async function refuseIfRunning(fleet: Fleet, dir: string): Promise<void> {
  await Promise.all(
    fleet.nodes.map(async (node) => {
      if ((await whoAnswers(node.api, WHO_TIMEOUT_MS)) === node.peerId) {
        throw new LatticeError('already-running', `${node.name} of ${dir} runs already at ${node.api}`, {
          next: 'Use it, or stop it first; a second fleet needs another --dir.',
        });
      }
    }),
  );
}

/** Replaces the ports in the env files and in fleet.json, and changes nothing else in them. */
async function moveFleet(dir: string, fleet: Fleet, api: number, p2p: number): Promise<Fleet> {
  const apiPorts = new Map(fleet.nodes.map((node, i) => [apiPort(node), api + i]));
  const p2pPorts = new Map(fleet.nodes.map((node, i) => [p2pPort(node), p2p + i]));
  const move = (text: string): string =>
    text.replace(/(\/tcp\/|DIOTEC360_API_PORT=|http:\/\/[^\s,/"]*:)(\d+)/g, (all, before: string, port: string) => {
      const moved = (before === '/tcp/' ? p2pPorts : apiPorts).get(Number(port));
      return moved === undefined ? all : `${before}${moved}`;
    });
  const edit = async (name: string): Promise<string> => {
    const path = join(dir, name);
    const text = move(await readFile(path, 'utf8'));
    const { mode } = await stat(path);
    await writeFile(`${path}.new`, text, { mode: mode & 0o777 });
    await rename(`${path}.new`, path);
    return text;
  };
  for (const node of fleet.nodes) await edit(node.envFile);
  return readFleet(await edit('fleet.json'), join(dir, 'fleet.json'));
}
