import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { type RunningProcess, runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

interface Told {
  readonly epoch: number;
  readonly members: readonly {
    readonly author: string;
    readonly role: string;
    readonly how?: string;
    readonly to?: string;
  }[];
}
interface Doctor {
  readonly ok: boolean;
  readonly causes: readonly { readonly level: string; readonly text: string; readonly next?: string }[];
  readonly nodes: readonly { readonly name: string; readonly left?: object }[];
}
interface FleetJson {
  readonly founders?: readonly string[];
  readonly nodes: readonly { readonly name: string; readonly publicKey: string }[];
}

let fleet: Fleet;
let a: Node;
let b: Node;
let c: Node;
let d: Node;
const file = (): string => join(fleet.dir, 'fleet.json');
const fleetJson = (): FleetJson => JSON.parse(readFileSync(file(), 'utf8')) as FleetJson;
const open = (...words: readonly string[]): RunningProcess =>
  runCli([...words, '--fleet', file(), '--timeout', '60'], { cwd: fleet.dir });
async function ended(...words: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const command = open(...words);
  const { code } = await untilExit(command);
  return { code, out: command.stdout, err: command.stderr };
}
const roster = async (): Promise<Told> => (await a.api.send('GET', '/api/v1/members')).json() as Told;
const doctor = async (): Promise<Doctor> =>
  JSON.parse((await ended('doctor', '--json', '--settle', '0')).out) as Doctor;

beforeAll(async () => {
  // Over one lung, which starts sooner.
  fleet = await startFleet({ nodes: 4, env: () => ({ P2P_ENABLED: 'false' }) });
  [a, b, c, d] = fleet.nodes as [Node, Node, Node, Node];
  await fleet.settled();
});

it('a turn of a key that was interrupted at any step is recognised, and goes on where it was [RO18]', async () => {
  const rotate = ['members', 'rotate', '--env-file', b.envFile, '--yes'];
  const former = b.author;
  // It ends once it has asked, so that the roster gets the new key and the node knows nothing of it.
  expect(await ended(...rotate, '--wait', '0')).toMatchObject({ code: 0 });
  const turned = await eventually('the others approve it as well, and it is decided', async () => {
    const { members } = await roster();
    const to = members.find(({ author }) => author === former)?.to;
    if (to !== undefined) return to;
    const { items } = (await a.api.send('GET', '/api/v1/members/changes')).json() as {
      items: readonly { id: string }[];
    };
    for (const { id } of items) await ended('members', 'approve', id, '--wait', '5');
    return undefined;
  });
  const told = await eventually('doctor knows of the turn', async () => {
    const { causes } = await doctor();
    return causes.find(({ text }) => text.includes('its key has turned'));
  });
  expect(told).toMatchObject({ level: 'bad', next: expect.stringContaining('members rotate --env-file') as string });

  // It ends with the new key in its place and in fleet.json, while the node still runs under the former one.
  const failed = await ended(...rotate, '--restart', 'exit 1');
  expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('the command that restarts the node')]);
  expect(fleetJson().nodes[1]?.publicKey).toBe(turned);
  expect((await b.api.status()).author).toBe(former);
  const { causes } = await doctor();
  expect(causes.map(({ text }) => text).join('\n')).toContain('its key has turned');
  expect(causes.map(({ text }) => text).join('\n')).not.toContain(', not ');

  const { epoch } = await roster();
  const done = await ended(...rotate);
  expect([done.code, done.out]).toEqual([0, expect.stringContaining('under its new key')]);
  expect((await b.api.status()).author).toBe(turned);
  // Nothing was decided anew, and there is no third key.
  expect((await roster()).epoch).toBe(epoch);
  expect(readdirSync(fleet.dir).filter((name) => name.endsWith('.next'))).toEqual([]);
  await eventually('doctor is content', async () => (await doctor()).ok);
});

it('a retirement that was interrupted goes on waiting, and nobody misses the node afterwards [RO8]', async () => {
  const words = ['members', 'retire', d.name, '--yes'];
  // Without waiting it ends once the fleet has decided, or is about to.
  const asked = await ended(...words, '--wait', '0');
  expect([asked.code, `${asked.out}${asked.err}`]).toEqual([0, expect.not.stringContaining('can be stopped and')]);
  await eventually('it is decided', async () => {
    const { members } = await roster();
    return members.some(({ author, role }) => author === d.author && role === 'retired');
  });
  // Nor does it wait when it is asked how far that is.
  const looked = await ended(...words, '--wait', '0');
  expect([looked.code, looked.out]).toEqual([1, expect.stringContaining('still commits until')]);
  const first = open(...words, '--wait', '90');
  await eventually('it goes on waiting', () => first.stderr.includes('retired already') || first.exit !== undefined);
  first.signal('SIGKILL');
  await first.exited;
  const again = await ended(...words, '--wait', '90');
  expect(again).toMatchObject({ code: 0, out: expect.stringContaining('Its node can be stopped') as string });
  expect(again.err).toContain('is retired already');
  expect(again.err).toContain('members tidy');
  expect((await d.terminate()).code).toBe(0);

  const table = await ended('status');
  expect([table.code, table.out]).toEqual([0, expect.stringMatching(/^node-d +left the fleet on /m)]);
  const { causes, nodes } = await doctor();
  expect(causes.filter(({ text, level }) => level === 'bad' || text.includes('node-d'))).toEqual([]);
  expect(nodes.find(({ name }) => name === 'node-d')).toMatchObject({ left: { how: 'retired' } });
  // A change names those who do not answer, and that node is none of them.
  const renamed = await ended('members', 'rename', c.name, 'bergen', '--yes');
  expect([renamed.code, `${renamed.out}${renamed.err}`]).toEqual([0, expect.not.stringContaining('node-d')]);

  const before = fleetJson();
  expect(await ended('members', 'tidy', '--yes')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^node-d left the fleet on .*: it is taken out\.$/m) as string,
  });
  const after = fleetJson();
  expect(after.nodes).toEqual(before.nodes.filter(({ name }) => name !== 'node-d'));
  // Proofs are checked from the keys with which the fleet began.
  expect(after.founders).toEqual(before.founders);
  expect((await ended('members', 'tidy')).out).toContain('Nothing has to be done');
});

it('a key that was removed is told apart, and one that is dropped is carried by no lung and expected by nobody [RO10]', async () => {
  expect(await ended('members', 'remove', c.author, '--yes')).toMatchObject({ code: 0 });
  const table = runCli(['members', '--env-file', a.envFile], { cwd: fleet.dir });
  await untilExit(table);
  expect(table.stdout).toMatch(/^bergen +removed /m);
  const told = (await roster()).members.find(({ author }) => author === c.author);
  expect(told).toMatchObject({ role: 'retired', how: 'removed' });
  await c.kill();
  await eventually(
    'the floor has passed its end, and it is dropped',
    async () => (await ended('members', 'drop', c.author, '--yes')).code === 0,
  );
  await eventually('no lung carries it', async () => {
    const peer = (await a.api.peers()).find(({ author }) => author === c.author);
    return peer?.lung === 'none' && !peer.http.reachable && !peer.p2p.connected;
  });
  const { verdict } = await fleet.status(0, 'it misses nobody', (status) => status.verdict.kind === 'CONVERGED');
  expect(verdict.members.map(({ author }) => author)).toEqual([(await b.api.status()).author]);
  // Its answer is not awaited, and it is named as what it is.
  const shown = await ended('status');
  expect([shown.code, shown.out]).toEqual([0, expect.stringMatching(/^node-c +was removed from the fleet on /m)]);
  // What it wrote is cleaned by the name that people know it by.
  const cleaned = runCli(['members', 'clean', '--author', 'bergen', '--since', '0', '--env-file', a.envFile], {
    cwd: fleet.dir,
  });
  await untilExit(cleaned);
  expect(cleaned.stdout, cleaned.stderr).toContain('The state has nothing that bergen wrote since');
  await fleet.stop();
});
