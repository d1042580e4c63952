import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Author } from '../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
import { createMemoryFleet } from '../../support/memory-members.ts';
import { startLattice } from '../api/live-lattice.ts';
import { startApi, type TestApi } from '../api/support.ts';
import { createAuthor } from '../runtime/support.ts';
import { type Ran, run } from './support.ts';

const NAMES = ['oslo', 'rome', 'kyiv'];
const NEWCOMER = authorToPeerId(createAuthor(9).author);

let dir: string;
let apis: TestApi[];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-members-'));
  const founders = NAMES.map((_, i) => createAuthor(i + 1).author);
  const fleet = createMemoryFleet(founders);
  apis = await Promise.all(
    founders.map(async (author, i) => {
      const lattice = await startLattice({ id: i + 1, trusted: founders });
      writeFileSync(join(dir, `${NAMES[i]}.env`), `DIOTEC360_API_TOKEN=token-of-${NAMES[i]}\n`);
      return startApi({ lattice: { ...lattice, members: fleet(author) }, config: { token: `token-of-${NAMES[i]}` } });
    }),
  );
  writeFleet(founders);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function writeFleet(founders: readonly Author[]): void {
  const nodes = founders.map((publicKey, i) => ({
    name: NAMES[i],
    role: '',
    peerId: authorToPeerId(publicKey),
    publicKey,
    api: apis[i]?.url,
    p2p: '',
    envFile: `${NAMES[i]}.env`,
  }));
  writeFileSync(join(dir, 'fleet.json'), JSON.stringify({ network: 'test', nodes }));
}

const members = (line: string, tty?: { readonly stdin: string }): Promise<Ran> =>
  run(
    ['members', ...line.split(' '), '--fleet', join(dir, 'fleet.json')],
    tty === undefined ? {} : { ...tty, tty: true },
  );

describe('lattice members', () => {
  it('lists who belongs to the fleet, and which roster each node goes by', async () => {
    const one = await run(['members', '--url', apis[0]?.url ?? '']);
    expect([one.code, one.out]).toEqual([0, expect.stringContaining('epoch 0')]);
    expect(one.out).toContain('this node');
    const all = await members('ls');
    expect([all.code, all.out.match(/^(oslo|rome|kyiv) +0 /gm)]).toEqual([0, expect.objectContaining({ length: 3 })]);
  });

  it('asks each node of the operator with its own token, and waits until it is decided', async () => {
    const asked = await members(`add ${NEWCOMER} --name node4`, { stdin: 'y\n' });
    expect([asked.code, asked.err]).toEqual([0, '']);
    for (const part of [
      'node4 joins as a mirror.',
      '2 of 3 writers must approve',
      'Do it? [y/N]',
      'oslo',
      'rome',
      'DECIDED',
    ])
      expect(asked.out).toContain(part);
    const { code, out } = await members('promote node4 --yes --json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { change: { stage: 'decided', epoch: 2 } }]);
  });

  it('does nothing without a yes', async () => {
    const no = await members(`add ${NEWCOMER}`, { stdin: 'n\n' });
    expect([no.code, no.err]).toEqual([1, expect.stringContaining('nothing was done')]);
    const nobody = await members(`add ${NEWCOMER}`);
    expect([nobody.code, nobody.err]).toEqual([2, expect.stringContaining('--yes')]);
    expect(await run(['members', 'changes', '--url', apis[0]?.url ?? ''])).toMatchObject({
      out: 'Nobody has asked for a change.\n',
    });
  });

  it('waits for operators elsewhere, says who is missing, and goes on when they approve or withdraw', async () => {
    const alone = ['--url', apis[0]?.url ?? '', '--token', 'token-of-oslo'];
    const { code, out, err } = await run(['members', 'add', NEWCOMER, '--yes', '--wait', '0.1', ...alone]);
    expect([code, out, err]).toEqual([
      1,
      expect.stringContaining('1 of 2 approvals'),
      expect.stringContaining('lattice members approve'),
    ]);
    const [, id = ''] = /members approve .*?([0-9a-f]{8})/.exec(err) ?? [];
    const waits = run(['members', 'wait', id, ...alone]);
    const rome = ['--url', apis[1]?.url ?? '', '--token', 'token-of-rome'];
    expect(await run(['members', 'approve', id, ...rome])).toMatchObject({ code: 0, err: '' });
    expect(await waits).toMatchObject({ code: 0, out: expect.stringContaining('DECIDED') });

    const second = JSON.parse(
      (await run(['members', 'rename', 'nobody', 'x', '--yes', '--json', ...alone])).err,
    ) as object;
    expect(second).toMatchObject({ error: { code: 'not-found' } });
    const asked = await run([
      'members',
      'settings',
      '--certify',
      'two-thirds',
      '--yes',
      '--wait',
      '0',
      '--json',
      ...alone,
    ]);
    const { change } = JSON.parse(asked.out) as { change: { id: string; stage: string } };
    expect([asked.code, change.stage]).toEqual([0, 'waiting']);
    expect(await run(['members', 'withdraw', change.id, ...alone])).toMatchObject({
      code: 0,
      out: expect.stringContaining('WITHDRAWN'),
    });
    expect(await run(['members', 'wait', change.id, ...alone])).toMatchObject({ code: 1 });
  });

  it('names the nodes that do not answer, and decides without them', async () => {
    await apis[2]?.close();
    const { code, out } = await members('settings --certify two-thirds --yes');
    expect([code, out]).toEqual([0, expect.stringContaining('kyiv does not answer')]);
    expect(out).toContain('DECIDED');
  });

  it('keeps the last writer', async () => {
    const api = await startApi();
    const only = ['--url', api.url, '--token', 'test-token-of-no-value'];
    const { code, err } = await run(['members', 'remove', api.lattice.self.author, '--yes', ...only]);
    expect([code, err]).toEqual([1, expect.stringContaining('no writer left')]);
  });
});
