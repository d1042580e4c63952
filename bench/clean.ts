import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Figure, median, quantile } from './support/figures.ts';
import { type BenchNode, createFleet, until } from './support/fleet.ts';

const ENTRIES = 50_000;
const RUNS = 3;
/** The command as it is installed: what `npm run bench` compiles lies two folders below the package that the build has made. */
const BUILT = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** Writes of somebody else, whose times are measured before the cleaning and during it. */
const WRITES_PER_SECOND = 50;
const BEFORE_MS = 5000;
/** Time for the check of 50,000 entries that a node makes after its start. */
const CHECK_MS = 60_000;
/** How a client deletes the same keys: so many commits at a time, each of so many operations. */
const COMMITS = 4;
const OPERATIONS = 64;

/** How the entries are replaced: by the command, or by a client that only deletes them. */
type Way = 'delete' | 'backup' | 'plain';

/** Writes at a steady rate until it is told to stop, and answers the time of each write, ms. */
function writeSteadily(node: BenchNode): () => Promise<number[]> {
  const times: number[] = [];
  let stopped = false;
  const done = (async () => {
    const began = performance.now();
    for (let i = 0; ; i++) {
      await pause(Math.max(0, began + (i * 1000) / WRITES_PER_SECOND - performance.now()));
      if (stopped) return;
      const from = performance.now();
      await node.commit([{ key: `others/${i % 100}`, value: i }]);
      times.push(performance.now() - from);
    }
  })();
  return async () => {
    stopped = true;
    await done;
    return times;
  };
}

async function clean(node: BenchNode, author: string, ...words: readonly string[]): Promise<number> {
  const args = ['members', 'clean', '--author', author, '--since', '0', ...words, '--yes', '--json'];
  const from = performance.now();
  const child = spawn(process.execPath, ['--', BUILT, ...args, '--url', node.api, '--token', node.token], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const { found } = JSON.parse(out) as { found: number };
  if (code !== 0 || found !== ENTRIES) throw new Error(`members clean ended with ${String(code)}, and ${found} keys`);
  return (performance.now() - from) / 1000;
}

interface Run {
  readonly seconds: number;
  readonly before: readonly number[];
  readonly during: readonly number[];
}

/** Deletes the same keys over HTTP, without looking at what is there. */
async function deletePlainly({ api, token }: BenchNode): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const from = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next; at < ENTRIES; at = next) {
      next += OPERATIONS;
      const count = Math.min(OPERATIONS, ENTRIES - at);
      const operations = Array.from({ length: count }, (_, i) => ({ op: 'delete', key: `stolen/${at + i}` }));
      const response = await fetch(`${api}/api/v1/commits`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ operations }),
      });
      if (response.status !== 201) throw new Error(`a commit of deletions was answered ${response.status}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: COMMITS }, worker));
  return (performance.now() - from) / 1000;
}

/** The store is that of one key first, and then of a node that goes on with it under another key and cleans it. */
async function run(way: Way): Promise<Run> {
  const fleet = await createFleet({ nodes: 1, settings: { LOG_LEVEL: 'warn', TRUSTED_STATE_PUBKEYS: '' } });
  try {
    const [node] = fleet.nodes;
    if (node === undefined) throw new Error('no node');
    await node.start();
    const lines: string[] = [];
    for (let at = 0; at < ENTRIES; at += 250) {
      const entries = Array.from({ length: 250 }, (_, i) => ({ key: `stolen/${at + i}`, value: { n: at + i } }));
      await node.commit(entries);
      for (const { key } of entries) lines.push(JSON.stringify({ key, value: { n: -1 } }));
    }
    const { author } = await node.status();
    await node.stop();
    const env = readFileSync(join(fleet.dir, `${node.name}.env`), 'utf8');
    const keyFile = /^(?:DIOTEC360_)?KEY_FILE=(.*)$/m.exec(env)?.[1] ?? `${node.name}.key`;
    writeFileSync(join(fleet.dir, keyFile), `${randomBytes(32).toString('hex')}\n`);
    rmSync(join(fleet.dir, node.name, 'state', 'author'));
    const file = join(fleet.dir, 'backup.ndjson');
    writeFileSync(file, `${lines.join('\n')}\n`);
    await node.start();
    // What has been checked once after a start is checked at a quarter of that pace from then on.
    await until('the check after the start', CHECK_MS, async () => (await node.status()).integrity === undefined);
    const endBefore = writeSteadily(node);
    await pause(BEFORE_MS);
    const before = await endBefore();
    const endDuring = writeSteadily(node);
    const seconds =
      way === 'plain'
        ? await deletePlainly(node)
        : await clean(node, author, ...(way === 'backup' ? ['--from', file] : ['--delete']));
    return { seconds, before, during: await endDuring() };
  } finally {
    await fleet.close();
  }
}

const rate = (runs: readonly Run[]): number => ENTRIES / median(runs.map(({ seconds }) => seconds));
const p99 = (runs: readonly Run[], of: 'before' | 'during'): number =>
  median(runs.map((one) => quantile(one[of], 0.99)));

/**
 * Measures how fast `members clean` replaces what a key wrote, in a node of its own process and from the start of the
 * command to its end, and what that does to the writes of others meanwhile. Beside it: how fast a client deletes these
 * keys over HTTP, without reading any.
 */
export async function cleanBench(): Promise<readonly Figure[]> {
  const runs: Record<Way, Run[]> = { plain: [], delete: [], backup: [] };
  for (let i = 0; i < RUNS; i++)
    for (const way of ['plain', 'delete', 'backup'] as const) runs[way].push(await run(way));
  const limit = { name: 'plain deletions', value: rate(runs.plain) };
  const meanwhile = (way: Way): Figure[] => [
    {
      metric: `write_p99_before_${way}_ms`,
      label: "others' writes before, p99",
      value: p99(runs[way], 'before'),
      unit: 'ms',
    },
    { metric: `write_p99_during_${way}_ms`, label: '… and meanwhile', value: p99(runs[way], 'during'), unit: 'ms' },
    {
      metric: `write_p99_ratio_${way}`,
      label: '… the latter to the former',
      value: p99(runs[way], 'during') / p99(runs[way], 'before'),
      unit: '×',
      ...(way === 'plain' ? {} : { goal: { atMost: 2 } }),
    },
  ];
  const replaced = (way: Way, by: string): Figure => ({
    metric: `clean_${way}_per_s`,
    label: `${ENTRIES} entries replaced by ${by}`,
    value: rate(runs[way]),
    unit: '/s',
    goal: { atLeast: 10_000 },
    limit,
  });
  return [
    { metric: 'plain_deletions_per_s', label: `${ENTRIES} plain deletions`, value: rate(runs.plain), unit: '/s' },
    ...meanwhile('plain'),
    replaced('delete', 'deletions'),
    ...meanwhile('delete'),
    replaced('backup', 'a backup'),
    ...meanwhile('backup'),
  ];
}
