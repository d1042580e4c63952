import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type OriginalNode,
  originalEntries,
  STATE_DIR,
  startOriginalNode,
  writeOriginalState,
} from '../test/support/original-node.ts';
import { type Figure, median } from './support/figures.ts';
import { createFleet } from './support/fleet.ts';

const ENTRIES = 100_000;
const LIVE_ENTRIES = 10_000;
const RUNS = 3;
const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

/** Runs a command line of ours to its end, and resolves with the seconds that it took. */
async function lattice(args: readonly string[]): Promise<number> {
  const from = performance.now();
  const child = spawn(process.execPath, ['--', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (out += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`lattice ${args.join(' ')} ended with ${String(code)}: ${out}`);
  return (performance.now() - from) / 1000;
}

/** The least that whoever checks the file must do: read it, parse it, and hash each value and the whole. */
function plainSeconds(file: string): number {
  const from = performance.now();
  const { state } = JSON.parse(readFileSync(file, 'utf8')) as { state: Record<string, unknown> };
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const leaves = Object.keys(state)
    .toSorted()
    .map((key) => sha256(`${key}:${JSON.stringify(state[key])}`));
  if (sha256(leaves.join('')).length !== 64) throw new Error('no hash');
  return (performance.now() - from) / 1000;
}

interface Run {
  readonly importSeconds: number;
  readonly exportSeconds: number;
}

/** Imports into a node of its own, and exports again; the file that comes out has the root of the source. */
async function run(from: string, snapshot: string, entries: number, root: string): Promise<Run> {
  const fleet = await createFleet({ nodes: 1, settings: { LOG_LEVEL: 'warn' } });
  try {
    const [node] = fleet.nodes;
    if (node === undefined) throw new Error('no node');
    await node.start();
    const to = ['--url', node.api, '--token', node.token];
    const importSeconds = await lattice(['import', from, ...to]);
    const { live } = await node.status();
    if (live !== entries) throw new Error(`${live} of ${entries} keys were imported`);
    const out = join(fleet.dir, 'exported.json');
    const exportSeconds = await lattice(['export', '--format', 'snapshot', '--out', out, '--like', snapshot, ...to]);
    const { merkle_root } = JSON.parse(readFileSync(out, 'utf8')) as { merkle_root: string };
    if (merkle_root !== root) throw new Error(`root ${merkle_root} came out where ${root} went in`);
    return { importSeconds, exportSeconds };
  } finally {
    await fleet.close();
  }
}

/**
 * Measures `lattice import` of a snapshot.json of 100,000 entries, and of a running original node of 10,000, each into a
 * node in a process of its own, from the start of the command to its end, and the way back of the former.
 */
export async function importBench(): Promise<readonly Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-bench-'));
  const [large, small] = [join(dir, 'large'), join(dir, 'small')];
  let original: OriginalNode | undefined;
  try {
    const root = writeOriginalState(large, originalEntries(ENTRIES));
    const liveRoot = writeOriginalState(small, originalEntries(LIVE_ENTRIES));
    const file = join(large, STATE_DIR, 'snapshot.json');
    const liveFile = join(small, STATE_DIR, 'snapshot.json');
    original = await startOriginalNode(small);
    const runs: Run[] = [];
    const live: Run[] = [];
    const plain: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      plain.push(plainSeconds(file));
      runs.push(await run(file, file, ENTRIES, root));
      live.push(await run(original.url, liveFile, LIVE_ENTRIES, liveRoot));
    }
    const limit = { name: 'reading, parsing and hashing the file', value: median(plain) };
    return [
      {
        metric: 'import_100000_s',
        label: `snapshot of 100k entries (${Math.round(statSync(file).size / 1024 / 1024)} MiB) into a node`,
        value: median(runs.map(({ importSeconds }) => importSeconds)),
        unit: 's',
        goal: { atMost: 10 },
        limit,
      },
      {
        metric: 'export_100000_s',
        label: '… and out again as a snapshot',
        value: median(runs.map(({ exportSeconds }) => exportSeconds)),
        unit: 's',
        limit,
      },
      {
        metric: 'import_live_10000_s',
        label: 'running original node of 10k entries into a node',
        value: median(live.map(({ importSeconds }) => importSeconds)),
        unit: 's',
        goal: { atMost: 5 },
      },
      { metric: 'import_plain_s', label: limit.name, value: limit.value, unit: 's' },
    ];
  } finally {
    await original?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
