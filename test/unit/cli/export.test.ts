import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../api/live-node.ts';
import { TOKEN } from '../api/support.ts';
import { errorOf, run } from './support.ts';

let node: LiveNode;
let dir: string;
const on = (...args: readonly string[]): string[] => [...args, '--url', node.url];
beforeAll(async () => {
  node = await startLiveNode();
  await createClient({ url: node.url, token: TOKEN }).commit([
    { op: 'put', key: 'account:1', value: { nonce: 0, balance: 5 } },
    { op: 'put', key: 'account:2', value: 'é' },
    { op: 'put', key: 'other', value: 1.5 },
  ]);
});
afterAll(() => node.end());
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-export-cli-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const LIKE = '{"state": {"other": 1.5, "account:1": {"nonce": 0, "balance": 5.0}}}';

it('export writes lines to stdout, and what it says of them to stderr [I15]', async () => {
  const { code, out, err } = await run(on('export', '--prefix', 'account:'));
  expect(code).toBe(0);
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { key: string }).key),
  ).toEqual(['account:1', 'account:2']);
  expect(err).toMatch(/^2 keys as of \d{4}-.*Z, root [0-9a-f]{64}\n$/);
  const { root } = await createClient({ url: node.url }).getStatus();
  const summary = JSON.parse((await run(on('export', '--json', '--format', 'csv'))).err) as unknown;
  expect(summary).toMatchObject({ format: 'csv', root, entries: 3, conflicts: [], vault: 0 });
});

it('no export is written as yaml, which is the form of what is said of a file alone', async () => {
  for (const form of [
    ['-o', 'yaml'],
    ['--output', 'yaml'],
  ]) {
    const { code, out, err } = await run(on('export', ...form));
    expect([code, out, err]).toEqual([2, '', expect.stringContaining('--format ndjson, csv or snapshot')]);
  }
  const file = join(dir, 'state.ndjson');
  const { code, out } = await run(on('export', '-o', 'yaml', '--out', file));
  expect([code, out]).toEqual([0, expect.stringContaining('format: ndjson')]);
});

it('an export is imported again by any name, and by standard input [I15]', async () => {
  const file = join(dir, 'backup');
  expect((await run(on('export', '--out', file))).code).toBe(0);
  const token = ['--token', TOKEN, '--json'];
  for (const { code, out } of [
    await run(on('import', file, ...token)),
    await run(on('import', '-', ...token), { stdin: readFileSync(file, 'utf8') }),
  ])
    expect([code, JSON.parse(out)]).toMatchObject([0, { totals: { known: 3 }, refused: [] }]);
});

it('export --format snapshot writes a file that the original takes, and says what it cannot keep [I13, I14]', async () => {
  writeFileSync(join(dir, 'old.json'), LIKE);
  const args = on('export', '--format', 'snapshot', '--out', 'new.json');
  const first = await run(args, { cwd: dir });
  expect([first.code, first.out]).toEqual([0, expect.stringContaining('new.json: 3 keys') as unknown]);
  expect(first.err).toContain('1 value may have had another form');
  expect(first.err).toContain('--like');
  const plain = readFileSync(join(dir, 'new.json'), 'utf8');
  const { merkle_root } = JSON.parse(plain) as { merkle_root: string };
  expect(first.out).toContain(`Root of the original: ${merkle_root}`);

  const again = await run(args, { cwd: dir });
  expect([again.code, again.err]).toEqual([1, expect.stringContaining('--force') as unknown]);
  expect(readFileSync(join(dir, 'new.json'), 'utf8')).toBe(plain);
  const like = await run([...args, '--force', '--like', 'old.json', '--json'], { cwd: dir });
  expect(JSON.parse(like.out)).toMatchObject({ file: join(dir, 'new.json'), formsLost: 0, entries: 3 });
  expect(readFileSync(join(dir, 'new.json'), 'utf8')).toContain('"nonce": 0,\n      "balance": 5.0\n');
  // Neither a part of a file nor what was put aside is left.
  expect(readdirSync(dir).toSorted()).toEqual(['new.json', 'old.json']);
});

it('export leaves nothing behind when it fails or is interrupted', async () => {
  for (const args of [
    ['--like', 'old.json'],
    ['--format', 'snapshot', '--like', 'none.json'],
    ['--format', 'snapshot', '--like', 'list.json'],
    ['--out', 'no/such/directory'],
  ]) {
    writeFileSync(join(dir, 'list.json'), '[]');
    const { code, err } = await run(on('export', ...args), { cwd: dir });
    expect(code).not.toBe(0);
    expect(err).toContain('next:');
  }
  const down = await run(['export', '--out', 'x', '--url', 'http://127.0.0.1:1', '--json'], { cwd: dir });
  expect([down.code, errorOf(down).code]).toEqual([3, 'unreachable']);
  let signal = (): void => undefined;
  const interrupted = run(on('export', '--out', 'y', '--json'), { cwd: dir, onSignal: (send) => (signal = send) });
  const early = setInterval(() => signal(), 1);
  const ended = await interrupted;
  clearInterval(early);
  expect([ended.code, errorOf(ended).code]).toEqual([1, 'aborted']);
  expect(existsSync(join(dir, 'y'))).toBe(false);
  expect(readdirSync(dir)).toEqual(['list.json']);
});

it('export --force replaces what a link names, and nothing that is no plain file', async () => {
  writeFileSync(join(dir, 'named.json'), '');
  symlinkSync('named.json', join(dir, 'link.json'));
  const to = (out: string) => run(on('export', '--out', out, '--force', '--json'), { cwd: dir });
  expect((await to('link.json')).code).toBe(0);
  expect(lstatSync(join(dir, 'link.json')).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(dir, 'named.json'), 'utf8')).not.toBe('');
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  for (const out of ['pipe', '.']) expect(errorOf(await to(out)).code).toBe('file-unwritable');
  expect(lstatSync(join(dir, 'pipe')).isFIFO()).toBe(true);
});
