import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import type { Fleet } from '../../src/config/index.ts';
import { guideSteps } from '../support/guide.ts';
import { ORIGINAL_ENV } from '../support/original-env.ts';
import { eventually } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LATTICE = `lattice() { node -- ${join(ROOT, 'dist/cli/main.js')} "$@"; }`;
/** Some ten commands, on a machine that runs other tests too. */
const STEP_MS = 120_000;

describe('every command of docs/operating.md, as it is written', () => {
  const steps = guideSteps(readFileSync(join(ROOT, 'docs/operating.md'), 'utf8'));
  let dir: string;
  let nodes: ChildProcess[] = [];

  function open(script: string): ChildProcess {
    return spawn('bash', ['-ec', `${LATTICE}\n${script}`], {
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
  /** Runs commands that go on until Ctrl-C, each until it has printed something. A write makes something happen. */
  async function watch(lines: readonly string[]): Promise<string> {
    const watching = lines.map((line) => ({ line, text: '', child: open(line) }));
    for (const one of watching)
      for (const stream of [one.child.stdout, one.child.stderr])
        stream?.setEncoding('utf8').on('data', (part: string) => (one.text += part));
    nodes = [...nodes, ...watching.map(({ child }) => child)];
    const silent = () => watching.filter(({ text }) => text === '').map(({ line }) => line);
    await eventually(
      'each of them shows something',
      async () => {
        const over = watching.find(({ child }) => child.exitCode !== null);
        if (over !== undefined) throw new Error(`it ended with ${over.child.exitCode}: ${over.line}\n${over.text}`);
        await run(`lattice state put watched '"${silent().length} left"' --env-file fleet/node1-huggingface.env`);
        return silent().length === 0;
      },
      STEP_MS,
    );
    for (const { child } of watching) {
      process.kill(-(child.pid ?? 0), 'SIGINT');
      await once(child, 'close');
    }
    return watching.map(({ text }) => text).join('');
  }
  const noted = (note: string): string => steps.find(({ notes }) => notes.includes(note))?.script ?? expect.fail(note);

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'lattice-operating-'));
    mkdirSync(join(dir, 'home'));
  });
  afterAll(async () => {
    for (const node of nodes) {
      if (node.exitCode !== null) continue;
      process.kill(-(node.pid ?? 0), 'SIGTERM');
      await once(node, 'close');
    }
    rmSync(dir, { recursive: true, force: true });
  });

  it('stands in a block that says how it runs', () => {
    expect(steps.length).toBeGreaterThan(7);
    for (const { script, notes } of steps) expect(notes, script).toHaveLength(1);
  });

  it('makes a fleet of three, which runs, and is watched, written to and proven', async () => {
    // The ports of the guide may be taken on this machine.
    const base = await nextFreeRange(26_000 + (process.pid % 1000), 6);
    await run(`${noted('fleet')} --base-port ${base} --p2p-base-port ${base + 3}`);
    nodes = noted('terminals').split('\n').map(open);
    const fleet = JSON.parse(readFileSync(join(dir, 'fleet/fleet.json'), 'utf8')) as Fleet;
    await eventually(
      'all three agree',
      async () => {
        const all = await Promise.all(
          fleet.nodes.map(async ({ api }) => await (await fetch(`${api}/api/v1/status`)).json()),
        );
        return (all as { verdict: { kind: string } }[]).every(({ verdict }) => verdict.kind === 'CONVERGED');
      },
      STEP_MS,
    );
    let told = '';
    for (const { script, notes } of steps) {
      if (notes.includes('run')) told += await run(script);
      if (notes.includes('until interrupted')) told += await watch(script.split('\n'));
      // A busy machine is a warning.
      if (notes.includes('monitoring')) told += await run(`${script} || [ $? = 1 ]`);
      if (notes.includes('again until it succeeds')) {
        await eventually('it succeeds', async () => ((told += await run(script)), true), STEP_MS);
      }
    }
    for (const part of ['CONVERGED', 'LATTICE ', 'greeting', '✓ every commit comes from a trusted key'])
      expect(told).toContain(part);
  });

  it('makes a fleet of env files that there are already', async () => {
    for (const [n, file] of ['.env.node1.huggingface', '.env.node2.diotec360', '.env.node3.backup'].entries()) {
      const { text = '' } = ORIGINAL_ENV.find((one) => one.file === file && one.version === 'e8fcc57') ?? {};
      writeFileSync(join(dir, `.env.node${n + 1}`), text, { mode: 0o600 });
    }
    const told = await run(noted('from').replaceAll('--dir fleet', '--dir adopted'));
    for (const part of ['Nothing was written', 'the old files are as they were']) expect(told).toContain(part);
  });
});
