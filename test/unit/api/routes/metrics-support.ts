import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSigner, systemRandom } from '../../../../src/adapters/system/index.ts';
import { type ServingNode, startNode } from '../../../../src/app/index.ts';
import { loadConfig } from '../../../../src/config/index.ts';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import type { Log } from '../../../../src/ports/index.ts';
import { eventually } from '../../../support/wait.ts';

export interface LiveNode {
  readonly url: string;
  readonly token: string;
  readonly seedHex: string;
  readonly node: ServingNode;
}

/** A log that keeps nothing, so that a test's output is its own. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/**
 * Two nodes in this process that trust each other, the second knowing the first by its URL; they agree on one written
 * key when it resolves.
 */
export async function startPair(): Promise<{ readonly nodes: readonly [LiveNode, LiveNode]; stop(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-metrics-'));
  const random = systemRandom();
  const seeds = [random.bytes(32), random.bytes(32)];
  const authors = seeds.map((seed) => createSigner(seed).author);
  const started: LiveNode[] = [];
  for (const [i, seed] of seeds.entries()) {
    const token = bytesToHex(random.bytes(16));
    const config = loadConfig({
      cwd: dir,
      env: {
        DIOTEC360_NODE_NAME: `node-${i}`,
        DIOTEC360_NODE_PRIVKEY_HEX: bytesToHex(seed),
        DIOTEC360_TRUSTED_STATE_PUBKEYS: authors.join(','),
        DIOTEC360_STATE_DIR: `state-${i}`,
        DIOTEC360_VAULT_DIR: `vault-${i}`,
        DIOTEC360_SENTINEL_DIR: `sentinel-${i}`,
        DIOTEC360_API_HOST: '127.0.0.1',
        DIOTEC360_API_PORT: '0',
        DIOTEC360_API_TOKEN: token,
        DIOTEC360_LATTICE_NODES: started.map(({ url }) => url).join(','),
        DIOTEC360_LOG_LEVEL: 'debug',
      },
    });
    const node = await startNode({ config, logger: silent });
    started.push({ url: node.url, token, seedHex: bytesToHex(seed), node });
  }
  const [a, b] = started as [LiveNode, LiveNode];
  await a.node.lattice.write([{ op: 'put', key: 'greeting', value: 'hello' }]);
  await eventually(
    'the second node agrees',
    () => b.node.lattice.peers().some((peer) => peer.agreement === 'equal') && b.node.lattice.root().live === 1,
  );
  return {
    nodes: [a, b],
    async stop() {
      await Promise.all(started.map(({ node }) => node.stop()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** One series of a page in the text format. */
export interface ParsedSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the Prometheus text format; throws on a line that it does not know. */
export function parsePage(text: string): {
  readonly types: ReadonlyMap<string, string>;
  readonly series: readonly ParsedSeries[];
} {
  const types = new Map<string, string>();
  const series: ParsedSeries[] = [];
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) types.set(type[1] as string, type[2] as string);
    if (line === '' || line.startsWith('#')) continue;
    const parsed = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/i.exec(line);
    if (parsed === null) throw new Error(`not a line of the format: ${line}`);
    const labels = Object.fromEntries(
      Array.from((parsed[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, name, value]) => [
        name as string,
        value as string,
      ]),
    );
    series.push({ name: parsed[1] as string, labels, value: Number(parsed[3]) });
  }
  return { types, series };
}
