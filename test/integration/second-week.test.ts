import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { guideSteps } from '../support/guide.ts';
import { eventually } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LATTICE = `lattice() { node -- ${join(ROOT, 'dist/cli/main.js')} "$@"; }`;
const STEP_MS = 180_000;

const steps = guideSteps(readFileSync(join(ROOT, 'docs/second-week.md'), 'utf8'));
const nodes = new Map<string, ChildProcess>();
let dir: string;
let base: number;

/** The commands of a step, on ports that are free here. */
const onPorts = (script: string): string =>
  script.replace('--port 8003 --p2p-port 9003', `--port ${base + 3} --p2p-port ${base + 7}`);

function open(script: string): ChildProcess {
  return spawn('bash', ['-ec', `${LATTICE}\n${onPorts(script)}`], {
    cwd: dir,
    env: { PATH: process.env['PATH'] ?? '', HOME: join(dir, 'home') },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

async function run(script: string): Promise<string> {
  const child = open(script);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => (text += part));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`exit ${code}: ${script}\n${text}`);
  return text;
}

const nameOf = (line: string): string => /\/(\w+)\.env/.exec(line)?.[1] ?? '';
const start = (line: string): void => void nodes.set(nameOf(line), open(line));
async function stop(name: string): Promise<void> {
  const node = nodes.get(name);
  nodes.delete(name);
  if (node === undefined || node.exitCode !== null) return;
  process.kill(-(node.pid ?? 0), 'SIGTERM');
  await once(node, 'close');
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-second-week-'));
  mkdirSync(join(dir, 'home'));
});
afterAll(async () => {
  await Promise.all([...nodes.keys()].map(stop));
  rmSync(dir, { recursive: true, force: true });
});

it('every command of docs/second-week.md runs as it is written', async () => {
  base = await nextFreeRange(27_000 + (process.pid % 1000), 8);
  let told = '';
  for (const { script, notes } of steps) {
    const [note = ''] = notes;
    expect(notes, script).toHaveLength(1);
    if (note === 'fleet') told += await run(`${script} --base-port ${base} --p2p-base-port ${base + 4}`);
    else if (note.startsWith('stop ')) {
      for (const name of note.slice('stop '.length).split(' and ')) await stop(name);
      told += await run(script);
    } else if (note.startsWith('start ')) {
      const lines = script.split('\n');
      lines.forEach(start);
      for (const line of lines)
        await eventually(
          `${nameOf(line)} answers`,
          async () => (await run(`lattice status ${line.replace('lattice start ', '')}`)) !== '',
          STEP_MS,
        );
      if (lines.length > 1)
        await eventually(
          'all agree',
          async () => (await run('lattice doctor --fleet fleet/fleet.json')) !== '',
          STEP_MS,
        );
    } else if (note === 'again until it succeeds')
      await eventually(script, async () => ((told += await run(script)), true), STEP_MS);
    else if (note === 'until it waits for the last minute') {
      // Nothing is decided any more in that minute, and the test need not last as long.
      const child = open(script);
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', (part: string) => (text += part));
      await eventually(script, () => text.includes('This waits for it'), STEP_MS);
      process.kill(-(child.pid ?? 0), 'SIGTERM');
      await once(child, 'close');
      told += text;
    } else {
      expect(note).toBe('run');
      told += await run(script);
    }
  }
  for (const part of ['bergen is a mirror of', 'under its new key', 'oslo', 'DECIDED', '"locked"', 'FORCED'])
    expect(told).toContain(part);
  const { members } = JSON.parse(await run('lattice members --json --env-file fleet/oslo.env')) as {
    members: { name: string; role: string }[];
  };
  expect(
    members
      .filter(({ role }) => role === 'writer')
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['lima', 'oslo']);
}, 600_000);
