import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { type GuideStep, guideSteps } from '../support/guide.ts';
import {
  type OriginalNode,
  originalEntries,
  STATE_DIR,
  startOriginalNode,
  VAULT_DIR,
  writeOriginalState,
} from '../support/original-node.ts';
import { writeOriginalVault } from '../support/original-vault.ts';
import { hasPython, pythonSnapshot } from '../support/python.ts';
import { eventually } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLI = join(ROOT, 'dist/cli/main.js');
const FIXTURES = join(ROOT, 'test/fixtures/original');
/** A start, or a repair, on a machine that runs other tests too. */
const SLOW_MS = 200_000;
/** The nodes of the guide: the name of each, and the port that the guide has for it. */
const NODES = [
  { old: 'node1', name: 'node1-huggingface', role: 'genesis-public' },
  { old: 'node2', name: 'node2-diotec360', role: 'genesis-primary' },
  { old: 'node3', name: 'node3-backup', role: 'genesis-backup' },
] as const;

/** A program that goes on in a terminal of its own, until Ctrl-C. */
interface Terminal {
  readonly script: string;
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  output(): string;
}

let dir: string;
let base: number;
let terminals: readonly Terminal[] = [];
const originals = new Map<string, OriginalNode>();
const old = (...path: readonly string[]): string => join(dir, 'old', ...path);

/** The guide's ports may be taken on this machine. The guide itself is followed to the letter. */
const atOurPorts = (text: string): string =>
  text.replaceAll(/\b800([012])\b/g, (_, i: string) => String(base + Number(i)));

function open(script: string): Terminal {
  let text = '';
  const names = `lattice() { '${process.execPath}' -- '${CLI}' "$@"; }\nOLD='${old()}'\n`;
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('bash', ['-c', `${names}${atOurPorts(script)}`], {
    cwd: dir,
    env: { PATH, HOME },
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const ended = new Promise((resolve) => child.once('close', resolve));
  return { script, child, ended, output: () => text };
}

async function shell(script: string): Promise<string> {
  const terminal = open(`set -e\n${script}`);
  await terminal.ended;
  const { exitCode } = terminal.child;
  if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${script}\n${terminal.output()}`);
  return terminal.output();
}

/** Opens a terminal, and resolves when the node that it starts is ready, or its import has told of a first round. */
async function openTerminal(script: string): Promise<void> {
  const terminal = open(script);
  terminals = [...terminals, terminal];
  const envFile = /start --env-file (\S+)/.exec(script)?.[1];
  const port =
    envFile === undefined ? undefined : parseEnv(readFileSync(join(dir, envFile), 'utf8'))['DIOTEC360_API_PORT'];
  await eventually(
    `${script} goes on`,
    async () => {
      if (terminal.child.exitCode !== null) throw new Error(`it ended: ${terminal.output()}`);
      return port === undefined ? terminal.output() !== '' : (await fetch(`http://127.0.0.1:${port}/livez`)).ok;
    },
    SLOW_MS,
  );
}

/** Ctrl-C, in the terminal whose script has `part` in it. */
async function interrupt(part: string): Promise<void> {
  const found = terminals.filter(({ script }) => script.includes(part));
  expect(found, part).toHaveLength(1);
  terminals = terminals.filter((one) => !found.includes(one));
  for (const { child, ended } of found) {
    if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGINT');
    await ended;
  }
}

async function startOriginal(name: string): Promise<OriginalNode> {
  const node = await startOriginalNode(old(name), { port: base + Number(name.at(-1)) - 1 });
  originals.set(name, node);
  return node;
}

/** Does what the comments before a block say, and then the block. Resolves with what it printed. */
async function follow({ script, notes }: GuideStep): Promise<string> {
  for (const note of notes) {
    const [, verb, isOriginal, what = ''] = /^(stop|start) (original )?(.+)$/.exec(note) ?? [];
    if (verb === 'start') await startOriginal(what);
    else if (isOriginal !== undefined) await originals.get(what)?.stop();
    else if (verb === 'stop') await interrupt(what);
  }
  if (notes.includes('names')) return '';
  if (notes.includes('terminal')) {
    await openTerminal(script);
    return '';
  }
  if (!notes.includes('again until it succeeds')) return shell(script);
  let output = '';
  await eventually(`it succeeds: ${script}`, async () => ((output = await shell(script)), true), SLOW_MS);
  return output;
}

/** The SHA-256 of every file of an original, by its path. What a new node keeps below `lattice` is its own. */
function hashes(directory: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name);
    if (!statSync(path).isFile() || relative(directory, path).split('/').includes('lattice')) continue;
    found[name] = createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  return found;
}

const stateAt = async (url: string): Promise<Record<string, unknown>> =>
  ((await (await fetch(`${url}/api/lattice/state`)).json()) as { state: Record<string, unknown> }).state;
const rootAt = async (url: string): Promise<string> =>
  ((await (await fetch(`${url}/api/v1/status`)).json()) as { root: string }).root;
const at = (i: number): string => `http://127.0.0.1:${base + i}`;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-moving-'));
  base = await nextFreeRange(24_000 + (process.pid % 1000), 3);
  // Three originals whose states differ, as their sync leaves them.
  const state = originalEntries(600);
  for (const [i, { old: name, name: nodeName, role }] of NODES.entries()) {
    mkdirSync(old(name, STATE_DIR), { recursive: true });
    const others = [0, 1, 2].filter((other) => other !== i).map(at);
    const settings = {
      P2P_ENABLED: 'false',
      P2P_LISTEN: '/ip4/0.0.0.0/tcp/9000',
      P2P_TOPIC: 'aethel/lattice/v1',
      LATTICE_NODES: others.join(','),
      STATE_DIR,
      VAULT_DIR,
      SENTINEL_DIR: '.diotec360_sentinel',
      HEARTBEAT_INTERVAL: '5',
      PEERLESS_TIMEOUT: '60',
      HTTP_POLL_INTERVAL: '10',
      NODE_NAME: nodeName,
      NODE_ROLE: role,
    };
    const text = Object.entries(settings).map(([key, value]) => `DIOTEC360_${key}=${value}\n`);
    writeFileSync(old(name, '.env'), text.join(''));
    writeOriginalState(old(name), i === 1 ? state : new Map([...state].slice(i, 100)));
    if (i === 1) {
      writeOriginalVault(old(name, VAULT_DIR));
      mkdirSync(old(name, '.diotec360_sentinel'));
      copyFileSync(join(FIXTURES, 'telemetry.db'), old(name, '.diotec360_sentinel', 'telemetry.db'));
    }
    await startOriginal(name);
  }
}, SLOW_MS);

afterAll(async () => {
  for (const { script } of terminals) await interrupt(script);
  for (const node of originals.values()) await node.stop();
  rmSync(dir, { recursive: true, force: true });
}, SLOW_MS);

it('docs/moving.md: three nodes of the original are moved over one by one, and back [I1, I4, I8, I13, I14]', async () => {
  const steps = guideSteps(readFileSync(join(ROOT, 'docs/moving.md'), 'utf8'));
  expect(steps.length).toBeGreaterThan(18);
  const source = originals.get('node2') as OriginalNode;
  const untouched = new Map<string, Readonly<Record<string, string>>>();
  for (const step of steps) {
    const { script, notes } = step;
    // While the live original feeds the new fleet it goes on to be written.
    if (notes.includes('quiet')) {
      await source.put('account:000000', '{"nonce": 1.0, "balance": 7}');
      await source.put('late', '"é"');
      await source.delete('rate:000000');
    }
    const stopped = notes.map((note) => /^stop original (.+)$/.exec(note)?.[1]).find((name) => name !== undefined);
    if (stopped !== undefined) {
      await originals.get(stopped)?.stop();
      untouched.set(stopped, hashes(old(stopped)));
    }
    if (notes.includes('start original node3'))
      for (const [name, before] of untouched) {
        const now = hashes(old(name));
        const snapshot = join(STATE_DIR, 'snapshot.json');
        // Of the one that goes back, the snapshot alone is another one.
        if (name === 'node3') expect(now).toEqual({ ...before, [snapshot]: now[snapshot] });
        else expect([name, now]).toEqual([name, before]);
      }
    const output = await follow(step);
    if (script.includes('--dry-run')) {
      expect(output).toContain(`Would import 600 keys`);
      expect(output).toContain('Imported 600 keys');
      expect(output).toContain(source.root);
    }
    if (notes.includes('files')) {
      const { executions } = (await (await fetch(`${at(1)}/api/persistence/stats`)).json()) as {
        executions: { total_executions: number };
      };
      expect(executions.total_executions).toBeGreaterThan(0);
    }
    if (notes.includes('scripts')) {
      expect(output.match(/"status":"VALID"/g)).toHaveLength(3);
      const states = await Promise.all([0, 1, 2].map(async (i) => stateAt(at(i))));
      expect(states[0]).toMatchObject({ 'account:000000': { balance: 7, nonce: 1 }, late: 'é' });
      expect(states[0]).not.toHaveProperty('rate:000000');
      expect(Object.keys(states[0] ?? {})).toHaveLength(600);
      // Those files that came over HTTP before are the same objects as in the directory.
      const { objects } = (await (await fetch(`${at(0)}/api/v1/vault/status`)).json()) as { objects: number };
      expect(objects).toBe(10);
      for (const state of states) expect(state).toEqual(states[0]);
      expect(new Set(await Promise.all([0, 1, 2].map((i) => rootAt(at(i))))).size).toBe(1);
    }
    if (notes.includes('back')) {
      expect(output).toContain('"status":"VALID"');
      // The original that goes back has the state of today under the root that node2 had as an original.
      expect(originals.get('node3')?.root).toBe(source.root);
      expect(output).toContain(source.root);
    }
  }
  const exported = readFileSync(join(dir, 'snapshot.json'), 'utf8');
  if (hasPython) expect(pythonSnapshot(exported)).toEqual({ root: source.root, text: exported });
  expect(existsSync(join(dir, 'node3-snapshot-before.json'))).toBe(true);

  // The other two go back in the same way: then three originals have the state and the root of today.
  for (const name of ['node1-huggingface', 'node2-diotec360']) await interrupt(`${name}.env`);
  for (const name of ['node1', 'node2']) {
    copyFileSync(join(dir, 'snapshot.json'), old(name, STATE_DIR, 'snapshot.json'));
    await startOriginal(name);
  }
  for (const i of [0, 1, 2]) {
    const answer = (await (await fetch(`${at(i)}/api/persistence/integrity`)).json()) as Record<string, unknown>;
    expect(answer).toMatchObject({ status: 'VALID', merkle_root: source.root });
  }
});
