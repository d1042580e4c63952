import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSigner } from '../../src/adapters/system/index.ts';
import { type ServingNode, startNode } from '../../src/app/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { silentLog } from '../unit/api/support.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TOKEN = 'clean-token-of-no-value';
/** Three pages and more, of keys that the thief wrote in the end. */
const STOLEN = 3500;
const seeds = { thief: '01'.repeat(32), node: '02'.repeat(32) };
const authorOf = (seed: string): string => createSigner(new Uint8Array(Buffer.from(seed, 'hex'))).author;
const thief = authorOf(seeds.thief);

let dir: string;
let node: ServingNode;

async function start(seed: string): Promise<ServingNode> {
  const env = {
    DIOTEC360_API_PORT: '0',
    DIOTEC360_API_TOKEN: TOKEN,
    DIOTEC360_P2P_ENABLED: 'false',
    DIOTEC360_NODE_PRIVKEY_HEX: seed,
    DIOTEC360_TRUSTED_STATE_PUBKEYS: authorOf(seed),
  };
  return startNode({ config: loadConfig({ env, cwd: dir }), logger: silentLog });
}

const key = (i: number): string => `k/${String(i).padStart(5, '0')}`;
async function write(values: readonly (readonly [string, number])[]): Promise<void> {
  for (let at = 0; at < values.length; at += 250)
    await node.lattice.write(values.slice(at, at + 250).map(([k, value]) => ({ op: 'put', key: k, value })));
}

function clean(...words: readonly string[]): ChildProcess {
  const args = ['members', 'clean', '--author', thief, ...words, '--url', node.url, '--token', TOKEN, '--json'];
  return spawn(process.execPath, ['--', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}
async function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

let since: number;

// The store is that of the thief first, and then of a node that goes on with it under another key.
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-clean-'));
  node = await start(seeds.thief);
  await write([['early', 0]]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  since = Date.now();
  await write(Array.from({ length: STOLEN }, (_, i) => [key(i), -1]));
  await write([
    ['own', -1],
    ['pair', -1],
  ]);
  await node.stop();
  const { rename } = await import('node:fs/promises');
  const stateDir = loadConfig({ env: {}, cwd: dir }).stateDir;
  await rename(join(stateDir, 'author'), join(stateDir, 'author.old'));
  node = await start(seeds.node);
  await write([['own', 1]]);
}, 60_000);
afterAll(async () => {
  await node?.stop();
  rmSync(dir, { recursive: true, force: true });
});

it('a cleaning that is killed at every page goes on where it was, and does each key once [RO14]', async () => {
  const file = join(dir, 'backup.ndjson');
  // Half of the keys are in the backup; one of its lines is the thief's own, and is not put back.
  const lines = Array.from({ length: STOLEN / 2 }, (_, i) => ({ key: key(2 * i), value: i, author: 'bb'.repeat(32) }));
  const stolen = { key: 'pair', value: -1, author: thief, time: new Date(since + 60_000).toISOString() };
  writeFileSync(file, [...lines, stolen].map((line) => `${JSON.stringify(line)}\n`).join(''));

  const shown = await ended(clean('--since', String(since)));
  const plan = JSON.parse(shown.out) as { found: number; written: boolean };
  expect([shown.code, plan.found, plan.written], shown.err).toEqual([0, STOLEN + 1, false]);
  const { sequence: before } = node.lattice.root();
  const dry = await ended(clean('--since', String(since), '--from', file));
  expect(JSON.parse(dry.out)).toMatchObject({
    written: false,
    counts: { deleted: STOLEN / 2 + 1, 'from-backup': STOLEN / 2 },
  });
  expect(node.lattice.root().sequence).toBe(before);

  let kills = 0;
  for (;;) {
    const from = node.lattice.root().sequence;
    const child = clean('--since', String(since), '--from', file, '--yes');
    const end = ended(child);
    const watching = setInterval(() => {
      if (node.lattice.root().sequence > from) child.kill('SIGKILL');
    }, 1);
    const { code, err } = await end;
    clearInterval(watching);
    if (child.signalCode === 'SIGKILL') kills++;
    else {
      expect(code, err).toBe(0);
      break;
    }
  }
  // Each run gets on by a page at least, and none of them ends by itself while a page is left.
  expect(kills).toBeGreaterThan(3);

  for (let i = 0; i < STOLEN; i++) {
    const entry = await node.lattice.get(key(i));
    expect([entry?.value, entry?.author], key(i)).toEqual(
      i % 2 === 0 ? [i / 2, authorOf(seeds.node)] : [undefined, undefined],
    );
  }
  expect((await node.lattice.get('own'))?.value).toBe(1);
  expect(await node.lattice.get('pair')).toBeUndefined();
  expect((await node.lattice.get('early'))?.author).toBe(thief);
  const history = await node.lattice.history(key(0));
  expect(history.items.map(({ author }) => author)).toEqual([authorOf(seeds.node), thief]);

  // A run more finds nothing to do, and writes nothing.
  const { sequence } = node.lattice.root();
  const again = await ended(clean('--since', String(since), '--delete', '--yes'));
  expect([again.code, JSON.parse(again.out)]).toMatchObject([0, { found: 0 }]);
  expect(node.lattice.root().sequence).toBe(sequence);
}, 120_000);

it('answers what cannot be done [RO14]', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--since', '0', '--delete', '--from', 'x'], /exclude each other/],
    [['--since', '0', '--yes'], /--yes, to do what/],
    [['--since', 'yesterday'], /a time with its offset/],
    [[], /since when/],
    [['--since', '0', '--from', join(dir, 'nowhere.ndjson')], /nowhere/],
  ];
  for (const [words, says] of cases) {
    const { code, err } = await ended(clean(...words));
    expect([code === 0, err], words.join(' ')).toEqual([false, expect.stringMatching(says)]);
  }
  const child = spawn(process.execPath, [
    '--',
    MAIN,
    'members',
    'clean',
    '--author',
    authorOf(seeds.node),
    '--since',
    '0',
    '--delete',
    '--yes',
    '--json',
    '--url',
    node.url,
    '--token',
    TOKEN,
  ]);
  const { code, err } = await ended(child);
  expect([code, err]).toEqual([1, expect.stringContaining('may still write')]);
  expect((await node.lattice.get('own'))?.value).toBe(1);
});
