import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServingNode, startNode } from '../../../src/app/index.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { silentLog, TOKEN } from './support.ts';

export interface LiveNode extends ServingNode {
  /** Stops it and starts it again in the same directory. */
  restart(): Promise<LiveNode>;
  /** Stops it and removes its directory. */
  end(): Promise<void>;
}

/** A whole node in this process: store on disk, both lungs, API on a free port of 127.0.0.1. */
export async function startLiveNode(
  settings: Readonly<Record<string, string>> = {},
  directory?: string,
): Promise<LiveNode> {
  const dir = directory ?? mkdtempSync(join(tmpdir(), 'lattice-api-'));
  const env = Object.fromEntries(
    Object.entries({ API_PORT: '0', API_HOST: '127.0.0.1', API_TOKEN: TOKEN, ...settings }).map(([k, v]) => [
      `DIOTEC360_${k}`,
      v,
    ]),
  );
  const node = await startNode({ config: loadConfig({ env, cwd: dir }), logger: silentLog });
  return {
    ...node,
    async restart() {
      await node.stop();
      return startLiveNode(settings, dir);
    },
    async end() {
      await node.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
