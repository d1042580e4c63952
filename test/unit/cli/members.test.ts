import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLevelStore } from '../../../src/adapters/store/index.ts';
import { createSigner } from '../../../src/adapters/system/index.ts';
import { type ServingNode, startNode } from '../../../src/app/index.ts';
import { readInvitation } from '../../../src/cli/invite-line.ts';
import { nextFreeRange } from '../../../src/cli/up/ports.ts';
import { writeInvitation } from '../../../src/client/invitation-line.ts';
import { type Fleet, planFleet, writeFleet } from '../../../src/config/fleet.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { encodeSignedTwice, SIGNED_TWICE } from '../../../src/core/rows/index.ts';
import type { Bytes } from '../../../src/core/types/index.ts';
import { createSignedAttestation } from '../../../src/core/wire/index.ts';
import { eventually } from '../../support/wait.ts';
import { silentLog } from '../api/support.ts';
import { errorOf, type Ran, run } from './support.ts';

const NAMES = ['kyiv', 'oslo', 'rome'];
/** A key that no node has: the base point of the curve, which everybody may know. */
const NOBODY = '5866666666666666666666666666666666666666666666666666666666666666';

interface Roster {
  readonly hash: string;
  readonly epoch: number;
}
interface Evidence {
  readonly items: readonly { readonly id: string; readonly kind: string; readonly author: string }[];
}

let dir: string;
let base: number;
let fleet: Fleet;
const nodes = new Map<string, ServingNode>();

const start = async (name: string): Promise<void> => {
  const envFile = join(dir, `${name}.env`);
  const env = { DIOTEC360_P2P_ENABLED: 'false' };
  nodes.set(name, await startNode({ config: loadConfig({ env, envFile, cwd: dir }), logger: silentLog }));
};
const stop = async (name: string): Promise<void> => {
  await nodes.get(name)?.stop();
  nodes.delete(name);
};
const of = (name: string): string[] => ['--env-file', join(dir, `${name}.env`)];
/** A command about all nodes, with the tokens of their env files. */
const all = (...words: readonly string[]): Promise<Ran> => run([...words, '--fleet', join(dir, 'fleet.json')]);
const idIn = (text: string): string => /members approve .*?([0-9a-f]{8})/.exec(text)?.[1] ?? '';

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-members-'));
  base = await nextFreeRange(28_000 + (process.pid % 1000), 8);
  const plan = planFleet({
    dir,
    nodes: 3,
    basePort: base,
    p2pBasePort: base + 4,
    names: NAMES,
    network: 'test/members',
  });
  writeFleet(plan);
  ({ fleet } = plan);
  await Promise.all(NAMES.map(start));
  await eventually('all three agree', async () =>
    [...nodes.values()].every(({ lattice }) => lattice.status().verdict.kind === 'CONVERGED'),
  );
}, 120_000);
afterAll(async () => {
  await Promise.all([...nodes.keys()].map(stop));
  rmSync(dir, { recursive: true, force: true });
});

// The cases follow each other on one fleet, because each of them leaves a roster behind.
describe('lattice members, on real nodes', () => {
  it('lists who belongs to the fleet, and which roster each node goes by', async () => {
    const one = await run(['members', ...of('kyiv')]);
    expect([one.code, one.out]).toEqual([0, expect.stringContaining('epoch 0')]);
    expect(one.out).toMatch(/^kyiv .*this node$/m);
    const every = await all('members', 'ls');
    expect([every.code, every.out.match(/^(oslo|rome|kyiv) +0 /gm)]).toMatchObject([0, { length: 3 }]);
  });

  it('does nothing without a yes', async () => {
    const words = ['members', 'add', NOBODY, '--fleet', join(dir, 'fleet.json')];
    const no = await run(words, { tty: true, stdin: 'n\n' });
    expect([no.code, no.err]).toEqual([1, expect.stringContaining('nothing was done')]);
    const nobody = await run(words);
    expect([nobody.code, nobody.err]).toEqual([2, expect.stringContaining('--yes')]);
    expect((await run(['members', 'changes', ...of('oslo')])).out).toBe('Nobody has asked for a change.\n');
  });

  it('asks each node of the operator with its own token, and waits until it is decided', async () => {
    const words = ['members', 'add', NOBODY, '--name', 'node4', '--fleet', join(dir, 'fleet.json')];
    const asked = await run(words, { tty: true, stdin: 'y\n' });
    expect([asked.code, asked.err]).toEqual([0, '']);
    for (const part of ['node4 joins as a mirror.', '2 of 3 writers must approve', 'Do it? [y/N]', 'rome', 'DECIDED'])
      expect(asked.out).toContain(part);
    const { code, out } = await all('members', 'retire', 'node4', '--yes', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { change: { stage: 'decided', epoch: 2 } }]);
  }, 60_000);

  it('waits for operators elsewhere, says who is missing, and goes on when they approve or withdraw', async () => {
    const alone = await run(['members', 'rename', 'oslo', 'bergen', '--yes', '--wait', '0.1', ...of('kyiv')]);
    expect([alone.code, alone.out]).toEqual([1, expect.stringContaining('1 of 2 approvals')]);
    expect(alone.out).toMatch(/missing: .*rome/);
    const id = idIn(alone.err);
    const waits = run(['members', 'wait', id, ...of('kyiv')]);
    await eventually('rome has heard of it', async () =>
      (await run(['members', 'changes', ...of('rome')])).out.includes(id),
    );
    expect(await run(['members', 'approve', id, ...of('rome')])).toMatchObject({ code: 0, err: '' });
    expect(await waits).toMatchObject({ code: 0, out: expect.stringContaining('DECIDED') as string });
    const asked = await run(['members', 'settings', '--certify', 'two-thirds', '--yes', '--wait', '0', ...of('kyiv')]);
    expect(asked.code).toBe(0);
    const open = await run(['members', 'changes', ...of('kyiv')]);
    expect(open.out).toContain('two thirds of the writers, and tombstones stay for 24 h');
    const back = await run(['members', 'withdraw', idIn(asked.err), ...of('kyiv')]);
    expect(back).toMatchObject({ code: 0, out: expect.stringContaining('WITHDRAWN') as string });
    expect((await run(['members', 'wait', idIn(asked.err), ...of('kyiv')])).code).toBe(1);
  }, 60_000);

  it('says what does not fit, and does none of it', async () => {
    const unknown = await all('members', 'promote', 'nobody', '--yes');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('The members: ')]);
    const twice = await all('members', 'add', fleet.nodes[0]?.peerId ?? '', '--yes');
    expect([twice.code, twice.err]).toEqual([1, expect.stringContaining('is a member already')]);
    const back = await all('members', 'add', NOBODY, '--yes');
    expect([back.code, back.err]).toEqual([1, expect.stringContaining('never returns')]);
  });

  it('is joined by one line, with a key that nobody else can use it for, and becomes a writer [JN1, JN2, JN3]', async () => {
    const invited = await all('invite', '--name', 'node4', '--ttl', '10m');
    expect([invited.code, invited.err]).toEqual([0, expect.stringContaining('lattice join LINE')]);
    expect(invited.err).toContain('where only a newcomer on the same machine reaches the node');
    const line = invited.out.trim();
    const home = join(dir, 'new');
    mkdirSync(home, { mode: 0o700 });
    const ports = ['--port', String(base + 3), '--p2p-port', String(base + 7)];
    const forged = writeInvitation({ ...readInvitation(line), hash: '00'.repeat(32) });
    expect(await run(['join', forged, '--dir', home, ...ports])).toMatchObject({
      code: 1,
      err: expect.stringContaining('do not lead to that of the invitation') as string,
    });
    const joined = await run(['join', line, '--dir', home, ...ports]);
    expect([joined.code, joined.err, joined.out]).toEqual([
      0,
      '',
      expect.stringContaining('node4 is a mirror of test/members'),
    ]);
    expect(await run(['join', line, '--dir', join(dir, 'other'), ...ports])).toMatchObject({
      code: 1,
      err: expect.stringContaining('another key') as string,
    });
    writeFileSync(join(dir, 'node4.env'), readFileSync(join(home, 'node4.env')), { mode: 0o600 });
    writeFileSync(join(dir, 'node4.key'), readFileSync(join(home, 'node4.key')), { mode: 0o600 });
    await nodes.get('kyiv')?.lattice.write([{ op: 'put', key: 'before', value: 1 }]);
    await start('node4');
    await eventually(
      'it is a writer, and writes',
      async () => (await nodes.get('node4')?.lattice.write([{ op: 'put', key: 'by-node4', value: 2 }])) !== undefined,
      120_000,
    );
    await eventually('all have it', async () =>
      (await Promise.all([...nodes.values()].map(({ lattice }) => lattice.get('by-node4')))).every(Boolean),
    );
    expect((await all('invite', 'ls')).out).toMatch(/node4 +writer +done/);
  }, 180_000);

  it('proves what a verifier checks who keeps the hash of a later roster [Z12]', async () => {
    const { hash, epoch } = JSON.parse((await run(['members', '--json', ...of('oslo')])).out) as Roster;
    const file = join(dir, 'since.proof');
    const got = await run(['proof', 'get', 'before', '--since-roster', hash, '--out', file, ...of('oslo')]);
    expect(got).toMatchObject({ code: 0 });
    const verify = (pin: string): Promise<Ran> =>
      run(['proof', 'verify', file, '--trust', `roster:${pin}`, '--key', 'before', '--network', 'test/members']);
    expect(epoch).toBeGreaterThan(0);
    expect(await verify(hash)).toMatchObject({ code: 0, out: expect.stringContaining('held the value 1') as string });
    expect(await verify('11'.repeat(32))).toMatchObject({ code: 1 });
  });

  it('shows what a key signed twice, as a document that anybody can check [EV2]', async () => {
    await stop('kyiv');
    const liar = createSigner(Buffer.from(readFileSync(join(dir, 'oslo.key'), 'utf8').trim(), 'hex'));
    const claimed = (n: number): Bytes => {
      const claim = { network: 'test/members', author: liar.author, at: 1_700_000_000_000, entries: n };
      const hashes = { root: new Uint8Array(32).fill(n), trustHash: new Uint8Array(32) };
      return createSignedAttestation({ ...claim, ...hashes }, liar.sign).bytes;
    };
    const store = await openLevelStore(join(dir, 'kyiv', 'state'));
    const value = encodeSignedTwice([{ kind: 'two-roots', statements: [claimed(1), claimed(2)] }]);
    await store.batch([{ type: 'put', key: SIGNED_TWICE, value }]);
    await store.close();
    await start('kyiv');

    const { items } = JSON.parse((await run(['evidence', 'ls', '--json', ...of('kyiv')])).out) as Evidence;
    expect(items).toMatchObject([{ kind: 'two-roots', author: liar.author }]);
    const [{ id }] = items as [Evidence['items'][number]];
    expect((await run(['evidence', ...of('kyiv')])).out).toContain(id);
    const file = join(dir, 'liar.evidence');
    const exported = await run(['evidence', 'export', id, '--out', file, ...of('kyiv')]);
    expect(exported).toMatchObject({ code: 0, err: expect.stringContaining('lattice evidence verify') as string });
    expect((await run(['evidence', 'export', id, ...of('kyiv')])).out).toBe(readFileSync(file, 'utf8'));
    const verified = await run(['evidence', 'verify', file, '--trust', join(dir, 'fleet.json')]);
    expect(verified).toMatchObject({ code: 0, out: expect.stringContaining('oslo (') as string });
    const by = (author: string, ...trust: readonly string[]): Promise<Ran> =>
      run(['evidence', 'verify', file, '--author', author, ...trust]);
    const named = ['--trust', join(dir, 'fleet.json')];
    for (const author of ['oslo', liar.author, liar.author.toUpperCase()])
      expect(await by(author, ...named), author).toMatchObject({ code: 0 });
    expect(await by(liar.author)).toMatchObject({ code: 0 });
    expect(await by('kyiv', ...named)).toMatchObject({
      code: 1,
      err: expect.stringContaining('it is about') as string,
    });
    expect(await by('bergen', ...named)).toMatchObject({ code: 2, err: expect.stringContaining('oslo') as string });
    expect(await by('oslo')).toMatchObject({ code: 2, err: expect.stringContaining('--trust') as string });
  }, 60_000);

  it('names the nodes that do not answer, and decides without them', async () => {
    await stop('rome');
    const { code, out } = await all('members', 'rename', 'bergen', 'oslo', '--yes', '--wait', '1');
    expect([code, out]).toEqual([1, expect.stringContaining('rome does not answer')]);
    const { out: shown } = await run(['members', 'changes', ...of('kyiv')]);
    const id = /^([0-9a-f]{8}) +waiting/m.exec(shown)?.[1] ?? '';
    expect(await run(['members', 'approve', id, ...of('node4')])).toMatchObject({ code: 0 });
    await start('rome');
  }, 60_000);

  it('says what a short retention costs before it asks, and takes back no invitation without an id', async () => {
    const { retentionMs } = nodes.get('oslo')?.lattice.members.roster() ?? expect.fail();
    const asked = await all('members', 'settings', '--retention', '1s');
    expect([asked.code, asked.err]).toEqual([2, expect.stringContaining('--yes')]);
    expect(asked.out).toMatch(/tombstones stay for 1 s\. That is less than .* takes: .* set aside .*lattice recover/);
    // What is no shorter than before, or long enough, costs nothing new.
    for (const retention of ['48h', '12h'])
      expect((await all('members', 'settings', '--retention', retention)).out).not.toContain('That is less');
    expect(nodes.get('oslo')?.lattice.members.roster().retentionMs).toBe(retentionMs);
    // A script is told with what came of it.
    const costs: unknown[] = [];
    for (const hours of ['11h', String(retentionMs / 3_600_000) + 'h']) {
      const { code, out } = await all('members', 'settings', '--retention', hours, '--yes', '--json');
      expect(code).toBe(0);
      costs.push((JSON.parse(out) as { cost?: string }).cost);
    }
    expect(costs).toEqual([expect.stringContaining('lattice recover'), undefined]);
    const removed = await run(['invite', 'rm', 'zz', ...of('oslo'), '--json']);
    expect([removed.code, errorOf(removed)]).toMatchObject([
      2,
      { message: '"zz" is not the id of an invitation', next: expect.stringContaining('lattice invite ls') as string },
    ]);
  });

  it('has every node of the operator approve, also where it does not wait for the decision', async () => {
    for (const name of ['trondheim', 'rome']) {
      const member = name === 'rome' ? 'trondheim' : 'rome';
      const { code, out } = await all('members', 'rename', member, name, '--yes', '--json', '--wait', '0');
      const { change, nodes: votes } = JSON.parse(out) as {
        change: { id: string; missing: unknown[] };
        nodes: { approved: boolean }[];
      };
      expect([code, votes.length, votes.filter(({ approved }) => !approved)]).toEqual([0, votes.length, []]);
      expect(votes.length).toBeGreaterThan(1);
      // What is shown is how it stands after the approvals.
      expect(change.missing).toEqual([]);
      expect(await run(['members', 'wait', change.id.slice(0, 8), ...of('oslo')])).toMatchObject({ code: 0 });
    }
  });

  it('gives no member the name of another one', async () => {
    const named = await all('members', 'rename', 'rome', 'oslo', '--yes', '--json');
    expect([named.code, errorOf(named)]).toMatchObject([1, { message: expect.stringContaining('"oslo"') as string }]);
  });

  it('decides no new key of a node while another one answers in its place', async () => {
    const epoch = nodes.get('oslo')?.lattice.members.roster().epoch;
    const words = ['members', 'rotate', ...of('rome'), '--fleet', join(dir, 'fleet.json'), '--yes', '--json'];
    const rotated = await run([...words, '--url', fleet.nodes[0]?.api ?? '']);
    expect([rotated.code, errorOf(rotated)]).toMatchObject([2, { code: 'usage' }]);
    expect(nodes.get('oslo')?.lattice.members.roster().epoch).toBe(epoch);
    expect(readdirSync(dir).filter((name) => name.endsWith('.next'))).toEqual([]);
  });

  it('turns the key of a node that runs, in one command', async () => {
    const before = fleet.nodes.find(({ name }) => name === 'rome')?.peerId ?? '';
    let restarted: Promise<void> | undefined;
    const words = ['rotate', ...of('rome'), '--fleet', join(dir, 'fleet.json'), '--yes', '--wait', '120'];
    const rotated = await run(['members', ...words], {
      onOutput(soFar) {
        if (soFar.includes('Restart the node')) restarted ??= stop('rome').then(() => start('rome'));
      },
    });
    expect(rotated).toMatchObject({ code: 0, out: expect.stringContaining('under its new key') as string });
    await restarted;
    const told = JSON.parse(readFileSync(join(dir, 'fleet.json'), 'utf8')) as Fleet;
    // Proofs are checked from the keys with which the fleet began, whoever its nodes are by now.
    expect(told.founders).toEqual(fleet.nodes.map(({ publicKey }) => publicKey));
    const after = told.nodes.find(({ name }) => name === 'rome')?.peerId;
    expect([after, after === before]).toEqual([nodes.get('rome')?.lattice.status().peerId, false]);
    await eventually(
      'it writes under the new key',
      async () => (await nodes.get('rome')?.lattice.write([{ op: 'put', key: 'by-rome', value: 3 }])) !== undefined,
    );
    await eventually('all have it', async () =>
      (await Promise.all([...nodes.values()].map(({ lattice }) => lattice.get('by-rome')))).every(Boolean),
    );
  }, 180_000);
});
