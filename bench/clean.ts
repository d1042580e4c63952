import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Figure, median, quantile } from './support/figures.ts';
import { type BenchNode, createFleet } from './support/fleet.ts';

const ENTRIES = 50_000;
const RUNS = 3;
const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
/** Writes of somebody else, whose times are measured before the cleaning and during it. */
const WRITES_PER_SECOND = 50;
const BEFORE_MS = 5000;

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
  const child = spawn(process.execPath, ['--', MAIN, ...args, '--url', node.api, '--token', node.token], {
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

/** The store is that of one key first, and then of a node that goes on with it under another key and cleans it. */
async function run(backup: boolean): Promise<Run> {
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
    const endBefore = writeSteadily(node);
    await pause(BEFORE_MS);
    const before = await endBefore();
    const endDuring = writeSteadily(node);
    const seconds = await clean(node, author, ...(backup ? ['--from', file] : ['--delete']));
    return { seconds, before, during: await endDuring() };
  } finally {
    await fleet.close();
  }
}

/**
 * Measures how fast `members clean` replaces what a key wrote, in a node of its own process and from the start of the
 * command to its end, and what that does to the writes of others meanwhile.
 */
export async function cleanBench(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const backup of [false, true]) {
    const runs: Run[] = [];
    for (let i = 0; i < RUNS; i++) runs.push(await run(backup));
    const by = backup ? 'a backup' : 'deletions';
    const name = backup ? 'backup' : 'delete';
    const p99 = (of: 'before' | 'during'): number => median(runs.map((one) => quantile(one[of], 0.99)));
    figures.push(
      {
        metric: `clean_${name}_per_s`,
        label: `${ENTRIES} entries replaced by ${by}`,
        value: ENTRIES / median(runs.map(({ seconds }) => seconds)),
        unit: '/s',
        goal: { atLeast: 10_000 },
      },
      { metric: `write_p99_before_${name}_ms`, label: "others' writes before, p99", value: p99('before'), unit: 'ms' },
      { metric: `write_p99_during_${name}_ms`, label: '… and meanwhile', value: p99('during'), unit: 'ms' },
      {
        metric: `write_p99_ratio_${name}`,
        label: '… the latter to the former',
        value: p99('during') / p99('before'),
        unit: '×',
        goal: { atMost: 2 },
      },
    );
  }
  return figures;
}
