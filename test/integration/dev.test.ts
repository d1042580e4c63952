import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEADLINE_MS, eventually } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a build needs, the dashboard included. */
const COPIED = ['src', 'dashboard', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
/** A whole build on a machine that runs other tests too. */
const BUILD_MS = 200_000;

/** A checkout of its own: its sources are changed. */
let checkout: string;
const running: { readonly child: ChildProcess; readonly pids: () => readonly number[] }[] = [];
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'lattice-dev-'));
  for (const path of COPIED) cpSync(join(ROOT, path), join(checkout, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  // A node that can be told from the one before it.
  appendFileSync(join(checkout, 'src/app/index.ts'), 'process.stdout.write(`node ${process.pid} loads\\n`);\n');
});
afterEach(() => {
  for (const { child, pids } of running.splice(0)) {
    child.kill('SIGKILL');
    // What a failed test has left behind.
    for (const pid of pids().filter(isAlive)) process.kill(pid, 'SIGKILL');
  }
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

function startDev() {
  const { PATH = '', HOME = '' } = process.env;
  const settings = { DIOTEC360_API_PORT: '0', DIOTEC360_P2P_ENABLED: 'false', DIOTEC360_LOG_FORMAT: 'json' };
  const child = spawn(process.execPath, ['scripts/dev.mjs'], {
    cwd: checkout,
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  );
  const pids = () => Array.from(output.matchAll(/^node (\d+) loads$/gm), ([, pid]) => Number(pid));
  running.push({ child, pids });
  const urls = () => Array.from(output.matchAll(/"url":"([^"]+)".*"msg":"LATTICE READY/g), ([, url]) => url as string);
  return {
    exited,
    pids,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves with its URL when the nth node is ready. */
    ready: (n: number) => eventually(`node ${n} is ready: ${output.slice(-2000)}`, () => urls()[n - 1], BUILD_MS),
    said: (text: string) => eventually(`it says ${text}`, () => output.includes(text), BUILD_MS),
  };
}

const statusOf = async (url: string): Promise<number> =>
  (await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) })).status;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('npm run dev', () => {
  it('runs a node, restarts it when a build is whole, leaves it alone when one is not, and ends with it', async () => {
    const dev = startDev();
    const first = await dev.ready(1);
    expect([await statusOf(`${first}/livez`), await statusOf(`${first}/dashboard/`)]).toEqual([200, 200]);

    const file = join(checkout, 'src/app/index.ts');
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, `${whole}// A change.\n`);
    const second = await dev.ready(2);
    expect(await statusOf(`${second}/livez`)).toBe(200);

    writeFileSync(file, `${whole}export const wrong: number = 'text';\n`);
    await dev.said('the build has an error');
    expect(await statusOf(`${second}/livez`)).toBe(200);
    writeFileSync(file, whole);
    const third = await dev.ready(3);
    expect(await statusOf(`${third}/livez`)).toBe(200);

    // One at a time, each a process of its own, and the same node: its key and state stay.
    const pids = dev.pids();
    expect(new Set(pids).size).toBe(3);
    expect(pids.map(isAlive)).toEqual([false, false, true]);
    dev.kill('SIGTERM');
    expect(await dev.exited).toBe(0);
    expect(pids.map(isAlive)).toEqual([false, false, false]);
  });

  it('leaves no node behind when it is killed', async () => {
    const dev = startDev();
    await dev.ready(1);
    const [pid = 0] = dev.pids();
    expect(isAlive(pid)).toBe(true);
    dev.kill('SIGKILL');
    expect(await dev.exited).toBe('SIGKILL');
    await eventually('the node is gone', () => !isAlive(pid));
  });
});
