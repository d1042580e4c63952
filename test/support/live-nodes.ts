import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type NodeLogLine, type ServingNode, startNode } from '../../src/app/index.ts';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { loadConfig, planFleet, writeFleet } from '../../src/config/index.ts';
import { type Api, createApiClient } from './api.ts';
import { eventually } from './wait.ts';

/** Below the range that systems take ephemeral ports from. */
const FIRST_PORT = 12_000;
const PORT_SPREAD = 18_000;

export interface LiveNode {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly peerId: string;
  readonly author: string;
  /** Absolute. */
  readonly envFile: string;
  readonly keyFile: string;
  readonly api: Api;
  readonly node: ServingNode;
  /** What was logged, in order. */
  readonly lines: readonly {
    readonly level: string;
    readonly component: string;
    readonly msg: string;
    readonly fields: object;
  }[];
}

export interface LiveNodes {
  readonly dir: string;
  readonly nodes: readonly LiveNode[];
  /** Until all have each other as peers on both lungs, and one root that they know of each other. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

type Line = LiveNode['lines'][number];

const recordInto =
  (lines: Line[]) =>
  ({ level, component, message, fields }: NodeLogLine): void => {
    if (level !== 'debug') lines.push({ level, component, msg: message, fields });
  };

/**
 * Real nodes in this process, configured as `lattice init` writes it, in a temporary directory: for tests of what
 * stands before a node. Those of nodes among themselves use startFleet.
 */
export async function startLiveNodes(count: number, env: Readonly<Record<string, string>> = {}): Promise<LiveNodes> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-live-'));
  const basePort = await nextFreeRange(FIRST_PORT + Math.floor(Math.random() * PORT_SPREAD), count);
  const p2pBasePort = await nextFreeRange(basePort + count, count);
  const names = Array.from({ length: count }, (_, i) => `live-${String.fromCharCode(97 + i)}`);
  const plan = planFleet({ dir, nodes: count, basePort, p2pBasePort, names, network: 'test/live' });
  writeFleet(plan);
  const nodes: LiveNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(({ node }) => node.stop()));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    for (const { name, api: url, peerId, publicKey, envFile: file } of plan.fleet.nodes) {
      const envFile = join(dir, file);
      appendFileSync(
        envFile,
        Object.entries(env)
          .map(([key, value]) => `DIOTEC360_${key}=${value}\n`)
          .join(''),
      );
      const lines: Line[] = [];
      const node = await startNode({ config: loadConfig({ env: {}, envFile, cwd: dir }), logger: recordInto(lines) });
      const token = parseEnv(readFileSync(envFile, 'utf8'))['DIOTEC360_API_TOKEN'] ?? '';
      const keyFile = join(dir, `${name}.key`);
      nodes.push({
        name,
        url,
        token,
        peerId,
        author: publicKey,
        envFile,
        keyFile,
        api: createApiClient(url, token),
        node,
        lines,
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    dir,
    nodes,
    async settled() {
      await eventually(
        'all nodes have all peers on both lungs, and one root',
        async () => {
          const all = await Promise.all(nodes.map(({ api }) => api.status()));
          const connected = all.every(({ p2p, http }) => p2p.peers === count - 1 && http.peers === count - 1);
          const told = all.every(({ converged }) => converged.equal === count - 1);
          return connected && told && new Set(all.map(({ root }) => root)).size === 1;
        },
        60_000,
      );
    },
    stop,
  };
}
