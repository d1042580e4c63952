import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import type { Fleet } from '../../src/config/index.ts';
import { type GuideStep, guideSteps } from '../support/guide.ts';
import { eventually } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** npm ci, the build and the start of three nodes, on a machine that runs other tests too. */
const START_MS = 240_000;
const AGAIN_MS = 150_000;

/** A program that goes on in a terminal of its own, until Ctrl-C. */
interface Terminal {
  readonly line: string;
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  output(): string;
}

/** A reader of guides: one directory, one shell whose functions stay, and terminals. */
let clone: string;
let functions = '';
let terminals: readonly Terminal[] = [];
const shellEnv = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: join(clone, '..', 'home'),
  npm_config_cache: execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim(),
  npm_config_prefer_offline: 'true',
});
let env: Record<string, string>;

/** The fleet of `npm start` may have got other ports than those of the guide, because these are taken. */
function portsMoved(script: string): string {
  const file = join(clone, '.lattice/fleet.json');
  if (!existsSync(file)) return script;
  const { nodes } = JSON.parse(readFileSync(file, 'utf8')) as Fleet;
  return script.replaceAll(/127\.0\.0\.1:800([012])/g, (_, i: string) => new URL(nodes[Number(i)]?.api ?? '').host);
}

function open(line: string): Terminal {
  let text = '';
  const child = spawn('bash', ['-c', `${functions}\n${portsMoved(line)}`], { cwd: clone, env, detached: true });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const ended = new Promise((resolve) => child.once('close', resolve));
  return { line, child, ended, output: () => text };
}

/** Ctrl-C: the whole group of processes gets it, as in a terminal. */
async function interrupt(terminal: Terminal): Promise<void> {
  terminals = terminals.filter((one) => one !== terminal);
  if (terminal.child.exitCode === null) process.kill(-(terminal.child.pid ?? 0), 'SIGINT');
  await terminal.ended;
}

async function started(terminal: Terminal): Promise<void> {
  const what = /start --env-file (\S+)/.exec(terminal.line)?.[1];
  const isOver = (): boolean => terminal.child.exitCode !== null;
  const settings = what === undefined ? {} : parseEnv(readFileSync(join(clone, what), 'utf8'));
  const url = `http://${settings['DIOTEC360_API_HOST']}:${settings['DIOTEC360_API_PORT']}/readyz`;
  const isUp = async (): Promise<boolean> =>
    what === undefined ? /Ctrl-C stops/.test(terminal.output()) : (await fetch(url)).ok;
  await eventually(`${terminal.line} has started`, async () => isOver() || (await isUp()), START_MS);
  if (isOver()) throw new Error(`it ended: ${terminal.output()}`);
}

async function shell(script: string): Promise<string> {
  const terminal = open(`set -e\n${script}`);
  await terminal.ended;
  if (terminal.child.exitCode !== 0)
    throw new Error(`exit ${terminal.child.exitCode}: ${script}\n${terminal.output()}`);
  return terminal.output();
}

/** Does what a step of a guide says. Resolves with what it printed. */
async function follow({ script, notes }: GuideStep): Promise<string> {
  for (const note of notes) {
    const stop = /^stop (.+)$/.exec(note)?.[1];
    for (const terminal of terminals)
      if (stop === 'all' || (stop !== undefined && terminal.line.includes(stop))) await interrupt(terminal);
  }
  if (notes.some((note) => note.startsWith('skip'))) return '';
  if (/^\w+\(\) \{.*\}$/.test(script)) {
    functions += `${script}\n`;
    return '';
  }
  if (notes.includes('terminal')) {
    const opened = script.split('\n').map(open);
    terminals = [...terminals, ...opened];
    for (const terminal of opened) await started(terminal);
    return opened.map((terminal) => terminal.output()).join('\n');
  }
  if (!notes.includes('again until it succeeds')) return shell(script);
  let output = '';
  await eventually(`it succeeds: ${script}`, async () => ((output = await shell(script)), true), AGAIN_MS);
  return output;
}

beforeAll(() => {
  clone = join(mkdtempSync(join(tmpdir(), 'lattice-guides-')), 'lattice');
  // What a fresh clone has: the files that git knows, as they are in the working tree.
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: ROOT, encoding: 'utf8' });
  for (const file of files.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(ROOT, file), join(clone, file));
  }
  env = shellEnv();
});
afterAll(async () => {
  for (const terminal of terminals) await interrupt(terminal);
  rmSync(dirname(clone), { recursive: true, force: true });
  // Some ten thousand files of two installations are removed.
});

const read = (path: string): readonly GuideStep[] => guideSteps(readFileSync(join(ROOT, path), 'utf8'));

describe('the guides, as they are written, in order, in a fresh clone', () => {
  it('README: two commands lead to three nodes that agree; then each of the first things to try', async () => {
    const steps = read('README.md');
    const [run] = steps;
    const output = await follow({ ...(run as GuideStep), notes: ['terminal'] });
    expect(output).not.toMatch(/EBADENGINE|npm warn/i);
    expect(output).toMatch(/^CONVERGED 3\/3 root [0-9a-f]{64}$/m);
    expect(output).toMatch(/^Dashboard, in a browser: http:\/\/127\.0\.0\.1:\d+\/dashboard$/m);
    const tries = steps.filter(({ section }) => section === 'First things to try');
    expect(tries).toHaveLength(2);
    const first = await follow(tries[0] as GuideStep);
    for (const part of ['"hello"', '✓ every commit comes from a trusted key']) expect(first).toContain(part);
    // The last of them is a stream without end.
    const second = tries[1] as GuideStep;
    await follow({
      ...second,
      script: second.script.replace('curl -N', 'timeout 1 curl -N').concat(' || [ $? = 124 ]'),
    });
    for (const terminal of terminals) await interrupt(terminal);
    rmSync(join(clone, '.lattice'), { recursive: true });
  });

  it('the first hour, whole', async () => {
    const steps = read('docs/first-hour.md');
    expect(steps.length).toBeGreaterThan(15);
    for (const [i, step] of steps.entries()) {
      // The first command of README and of this guide are the same; what npm ci made is there.
      const expected = step.notes.map((note) => /^expect (.+)$/.exec(note)?.[1]).find((text) => text !== undefined);
      const taken = i === 0 ? { ...step, script: step.script.replace('npm ci && ', '') } : step;
      let output = await follow(taken);
      // A node that has started serves what it has, and repairs what it lacks a moment later.
      if (expected !== undefined)
        await eventually(`it prints ${expected}`, async () => {
          if (!output.includes(expected)) output = await follow(taken);
          return output.includes(expected);
        });
      if (step.script.includes('verify')) expect(output).toContain('✓');
    }
    for (const terminal of terminals) await interrupt(terminal);
  });

  it('the vault: put, get, verify, remove, by the command line and by curl', async () => {
    if (!existsSync(join(clone, 'dist'))) await shell('npm ci && npm run -s build');
    functions = '';
    const outputs: string[] = [];
    for (const step of read('docs/vault.md')) outputs.push(await follow(step));
    const all = outputs.join('\n');
    for (const part of ['verified by its SHA-256', '✓', 'every byte is as its hash names it', 'saved: 1 file written'])
      expect(all).toContain(part);
    expect(all).toMatch(/^100$/m);
    for (const terminal of terminals) await interrupt(terminal);
    rmSync(join(clone, '.lattice'), { recursive: true });
  });

  it('three hosts: files that need no edit, an installation, a proxy, and three nodes that agree', async () => {
    const steps = read('docs/three-hosts.md');
    const noted = (note: string): string =>
      steps.find(({ notes }) => notes.includes(note))?.script ?? expect.fail(note);
    functions = 'lattice() { npm run -s lattice -- "$@"; }\n';
    if (!existsSync(join(clone, 'dist'))) await shell('npm ci && npm run -s build');
    // The ports of the guide may be taken on this machine, and config check would say so.
    const base = await nextFreeRange(23_000 + (process.pid % 1000), 6);
    const [init = '', ...checks] = noted('hosts').split('\n');
    await shell([`${init} --base-port ${base} --p2p-base-port ${base + 3}`, ...checks].join('\n'));
    for (const name of ['oslo', 'rome', 'kyiv'])
      expect(await shell(`lattice config check --env-file fleet/${name}.env`)).toContain('can start with this');

    // As on the first host, below a directory of ours in place of /. The program is built already.
    const host = join(clone, '..', 'host');
    const there = (script: string): string => script.replaceAll(/(?<=[ (])\/(?=(?:opt|etc|var)\/)/g, `${host}/`);
    mkdirSync(join(host, 'etc/systemd/system'), { recursive: true });
    mkdirSync(join(host, 'etc/caddy'), { recursive: true });
    await shell('cp fleet/oslo.env fleet/oslo.key .');
    await shell(there(noted('install oslo').replace('npm ci && npm run -s build\n', '')));
    const installed = `${host}/opt/diotec360-lattice/dist/cli/main.js`;
    const id = await shell(`node -- ${installed} id --key-file ${host}/var/lib/diotec360-lattice/oslo/node.key`);
    expect(id).toContain(
      (JSON.parse(readFileSync(join(clone, 'fleet/fleet.json'), 'utf8')) as Fleet).nodes.find(
        ({ name }) => name === 'oslo',
      )?.peerId,
    );
    await shell(there(noted('caddy')));
    expect(readFileSync(join(host, 'etc/caddy/Caddyfile'), 'utf8')).toMatch(/^a\.example \{$/m);

    // The hosts are this one, which has no proxy: each node is at a port of its own.
    const at = (i: number): string => `http://127.0.0.1:${base + i}`;
    rmSync(join(clone, 'fleet'), { recursive: true });
    const local = ['a', 'b', 'c'].reduce((line, letter, i) => line.replace(`${letter}.example`, at(i)), init);
    await shell(`${local} --p2p-base-port ${base + 3}`);
    for (const name of ['oslo', 'rome', 'kyiv']) {
      const terminal = open(`lattice start --env-file fleet/${name}.env`);
      terminals = [...terminals, terminal];
      await started(terminal);
    }
    const check = noted('check').replaceAll('https://a.example', at(0)).replace('https://b.example', at(1));
    const output = await follow({ section: '', script: check, notes: ['again until it succeeds'] });
    for (const part of ['CONVERGED', '"hello"']) expect(output).toContain(part);
    for (const terminal of terminals) await interrupt(terminal);
  });
});
