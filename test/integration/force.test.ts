import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { eventually } from '../support/wait.ts';
import { type Ran, run } from '../unit/cli/support.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const STEP_MS = 120_000;

let dir: string;
const nodes = new Map<string, ChildProcess>();
const envOf = (name: string): string => join(dir, 'fleet', `${name}.env`);

function open(...words: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--', MAIN, ...words], {
    cwd: dir,
    env: { PATH: process.env['PATH'] ?? '', HOME: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
/** Commands run in this process, and nodes in processes of their own. */
const lattice = (...words: readonly string[]): Promise<Ran> =>
  run([...words, '--timeout', '60'], { cwd: dir, env: { HOME: dir } });
async function ok(...words: readonly string[]): Promise<string> {
  const { code, out, err } = await lattice(...words);
  expect([code, err], words.join(' ')).toEqual([0, expect.anything()]);
  return out;
}
const of = <T>(name: string, ...words: readonly string[]): Promise<T> =>
  ok(...words, '--env-file', envOf(name), '--json').then((out) => JSON.parse(out) as T);
async function start(name: string): Promise<void> {
  const child = open('start', '--env-file', envOf(name));
  for (const stream of [child.stdout, child.stderr]) stream?.resume();
  nodes.set(name, child);
  await eventually(
    `${name} answers`,
    async () => (await lattice('status', '--env-file', envOf(name))).out !== '',
    STEP_MS,
  );
}
async function end(name: string, signal: NodeJS.Signals): Promise<void> {
  const child = nodes.get(name);
  nodes.delete(name);
  if (child === undefined || child.exitCode !== null) return;
  child.kill(signal);
  await once(child, 'close');
}
const value = async (name: string, key: string): Promise<unknown> => {
  const { code, out } = await lattice('state', 'get', key, '--env-file', envOf(name), '--json');
  return code === 0 ? (JSON.parse(out) as { value: unknown }).value : undefined;
};

/** A key that was just written has a proof under the next cut that is certified. */
const proofAtCut = (key: string, file: string): Promise<true> =>
  eventually(
    `a certified cut has ${key}`,
    async () =>
      (await lattice('proof', 'get', key, '--at', 'cut', '--out', file, '--env-file', envOf('oslo'))).code === 0,
    STEP_MS,
  );

interface Cuts {
  readonly items: readonly { readonly at: number; readonly certified: boolean; readonly epoch: number }[];
}
interface Roster {
  readonly epoch: number;
  readonly hash: string;
  readonly members: readonly { readonly name: string; readonly author: string; readonly role: string }[];
  readonly warnings: readonly { readonly code: string }[];
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-force-'));
});
afterAll(async () => {
  await Promise.all([...nodes.keys()].map((name) => end(name, 'SIGKILL')));
  rmSync(dir, { recursive: true, force: true });
});

it('a fleet that lost two of three for good goes on, certifies, and takes in a new writer [RO15, RO16]', async () => {
  const base = await nextFreeRange(29_000 + (process.pid % 1000), 8);
  const ports = ['--base-port', String(base), '--p2p-base-port', String(base + 4)];
  await ok('init', '--dir', 'fleet', '--names', 'oslo,rome,kyiv', '--nodes', '3', ...ports);
  await Promise.all(['oslo', 'rome', 'kyiv'].map(start));
  await eventually(
    'all three agree',
    async () => (await of<{ verdict: { kind: string } }>('oslo', 'status')).verdict.kind === 'CONVERGED',
    STEP_MS,
  );
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  for (const [i, key] of keys.entries())
    await ok('state', 'put', key, String(i), '--env-file', envOf(['oslo', 'rome', 'kyiv'][i % 3] as string));
  await eventually('oslo has all', async () => (await of<{ live: number }>('oslo', 'status')).live === 20, STEP_MS);
  const oldProof = join(dir, 'old.proof');
  await proofAtCut('k1', oldProof);
  await Promise.all([end('rome', 'SIGKILL'), end('kyiv', 'SIGKILL')]);

  const force = (...words: readonly string[]): Promise<Ran> =>
    lattice('members', 'force', '--env-file', envOf('oslo'), ...words);
  const record = join(dir, 'force.json');
  const all = ['--without', 'rome,kyiv', '--out', record];
  // Not while the node runs, not where a majority is left, not where one of the lost answers, and not without a yes.
  expect(await force(...all, '--yes')).toMatchObject({
    code: 75,
    err: expect.stringContaining('already open in another process'),
  });
  await end('oslo', 'SIGKILL');
  const refusals: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['--without', 'kyiv', '--out', record, '--yes'], 1, /2 of 3 writers would be left/],
    [['--without', 'rome,oslo', '--out', record, '--yes'], 1, /itself would be left out/],
    [['--without', 'rome,nobody', '--out', record, '--yes'], 2, /no writer is "nobody"/],
    [['--out', record, '--yes'], 2, /who is lost/],
    [all, 2, /--yes/],
  ];
  for (const [words, code, says] of refusals)
    expect(await force(...words), words.join(' ')).toMatchObject({ code, err: expect.stringMatching(says) });
  await start('rome');
  expect(await force(...all, '--yes')).toMatchObject({
    code: 1,
    err: expect.stringContaining('not everybody is lost: rome'),
  });
  await end('rome', 'SIGKILL');

  const forced = await force(...all, '--yes');
  expect([forced.code, forced.err]).toEqual([0, expect.anything()]);
  expect(forced.out).toMatch(/begins with epoch 1, without .*rome/);
  const written = readFileSync(record, 'utf8');
  // Once more, as after an interruption: the same roster, and the same record.
  expect((await force(...all, '--yes')).out).toContain('already');
  expect(readFileSync(record, 'utf8')).toBe(written);
  expect((await force('--record', record, '--yes')).code).toBe(0);

  await start('oslo');
  for (const [i, key] of keys.entries()) expect(await value('oslo', key), key).toBe(i);
  await ok('state', 'put', 'after', '1', '--env-file', envOf('oslo'));
  const roster = await of<Roster>('oslo', 'members');
  expect(roster.epoch).toBe(1);
  expect(roster.warnings.map(({ code }) => code)).toContain('forced');
  await eventually(
    'a cut of the new lineage is certified',
    async () => (await of<Cuts>('oslo', 'cuts')).items.some(({ certified, epoch }) => certified && epoch === 1),
    STEP_MS,
  );

  // What was certified before keeps its meaning; what comes later needs the hash of the new roster.
  const trust = join(dir, 'fleet', 'fleet.json');
  await ok('proof', 'verify', oldProof, '--trust', trust, '--key', 'k1');
  const fresh = join(dir, 'new.proof');
  await proofAtCut('after', fresh);
  const refused = await lattice('proof', 'verify', fresh, '--trust', trust, '--key', 'after');
  expect([refused.code, `${refused.out}${refused.err}`]).toEqual([1, expect.stringContaining('was forced')]);
  await ok('proof', 'verify', fresh, '--trust', `roster:${roster.hash}`, '--key', 'after');

  // A lost node that comes back with its disk is refused, and told why; what it writes stays with it.
  await start('rome');
  await lattice('state', 'put', 'ghost', '1', '--env-file', envOf('rome'));
  await eventually(
    'rome is told why',
    async () =>
      (await of<{ peers: { http: { errorCode?: string } }[] }>('rome', 'peers')).peers.some(
        ({ http }) => http.errorCode === 'other-lineage',
      ),
    STEP_MS,
  );
  // Nobody says that it catches up, or that a firewall is in the way: it is of another lineage.
  const verdict = await of<{ verdict: { kind: string } }>('rome', 'status');
  expect(verdict.verdict.kind).not.toBe('CONVERGED');
  interface Doctor {
    readonly causes: readonly { level: string; text: string; next?: string; nodes: readonly string[] }[];
    readonly nodes: readonly { name: string; left?: { how?: string } }[];
  }
  const doctor = async (): Promise<Doctor> => {
    const { out } = await lattice('doctor', '--fleet', join('fleet', 'fleet.json'), '--settle', '0', '--json');
    return JSON.parse(out) as Doctor;
  };
  const { causes } = await doctor();
  const [ofRome] = causes.filter(({ nodes: by }) => by.includes('rome'));
  expect(ofRome).toMatchObject({
    level: 'bad',
    text: expect.stringMatching(/^is of another lineage: oslo went on by force without it/) as string,
    next: expect.stringContaining('lattice invite --name rome on oslo') as string,
  });
  expect(causes.map(({ text, next = '' }) => `${text} ${next}`).join('\n')).not.toMatch(/firewall|catch(es)? up/);
  await end('rome', 'SIGKILL');
  // Those who went on miss nobody who was left out.
  const alone = await doctor();
  expect(alone.causes.filter(({ level }) => level === 'bad')).toEqual([]);
  expect(alone.nodes.map(({ name, left }) => [name, left?.how])).toEqual(
    expect.arrayContaining([
      ['rome', 'forced'],
      ['kyiv', 'forced'],
    ]),
  );

  const line = (await ok('invite', '--name', 'lima', '--env-file', envOf('oslo'))).trim();
  await ok('join', line, '--dir', 'fleet', '--port', String(base + 3), '--p2p-port', String(base + 7));
  await start('lima');
  await eventually(
    'lima is a writer',
    async () =>
      (await of<Roster>('oslo', 'members')).members.some(({ name, role }) => name === 'lima' && role === 'writer'),
    STEP_MS,
  );
  // It hears of that a moment later itself.
  await eventually(
    'lima takes writes',
    async () => (await of<{ writable: boolean }>('lima', 'status')).writable,
    STEP_MS,
  );
  await ok('state', 'put', 'from-lima', '2', '--env-file', envOf('lima'));
  await eventually('oslo has it', async () => (await value('oslo', 'from-lima')) === 2, STEP_MS);
  const { epoch } = await of<Roster>('lima', 'members');
  await eventually(
    'both certify',
    async () => (await of<Cuts>('lima', 'cuts')).items.some((cut) => cut.certified && cut.epoch === epoch),
    STEP_MS,
  );
  const [a, b] = await Promise.all(['oslo', 'lima'].map((name) => of<{ root: string }>(name, 'status')));
  expect(a?.root).toBe(b?.root);
  expect(await value('lima', 'k1')).toBe(1);
  expect(await value('lima', 'ghost')).toBeUndefined();

  // Those who were left out are dropped as soon as the floor has passed their end, and then the warning is gone.
  const retired = (await of<Roster>('oslo', 'members')).members.filter(({ role }) => role === 'retired');
  expect(retired).toHaveLength(2);
  for (const { author } of retired) await ok('members', 'drop', author, '--fleet', trust, '--yes', '--wait', '100');
  expect((await of<Roster>('oslo', 'members')).warnings.map(({ code }) => code)).not.toContain('forced');
}, 600_000);
