import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTelemetry } from '../../../../../src/moving/telemetry.ts';
import { type OriginalNode, originalEntries, startOriginalNode, VAULT_DIR } from '../../../../support/original-node.ts';
import { type WrittenVault, writeOriginalVault } from '../../../../support/original-vault.ts';
import { run } from '../../../cli/support.ts';
import { context } from '../../../moving/support.ts';
import { type LiveNode, startLiveNode } from '../../live-node.ts';
import { ask, TOKEN } from '../../support.ts';

const FIXTURE = fileURLToPath(new URL('../../../../fixtures/original/telemetry.db', import.meta.url));
type Json = Readonly<Record<string, unknown>>;

let dir: string;
let original: OriginalNode;
let vault: WrittenVault;
let node: LiveNode;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-moved-'));
  vault = writeOriginalVault(join(dir, VAULT_DIR));
  mkdirSync(join(dir, '.diotec360_sentinel'));
  copyFileSync(FIXTURE, join(dir, '.diotec360_sentinel/telemetry.db'));
  const { items } = await readTelemetry({ kind: 'telemetry', at: FIXTURE }, context());
  const rows = (kind: string): Json[] =>
    items.flatMap((item) =>
      item.kind === 'records' ? item.records.filter((one) => one.kind === kind).map(({ row }) => row) : [],
    );
  // SQLite goes through its index of times backwards, and so through the rows of one time.
  const byTime = (list: Json[]): Json[] =>
    list.toSorted((a, b) => Number(b['timestamp']) - Number(a['timestamp']) || Number(b['id']) - Number(a['id']));
  original = await startOriginalNode(dir, {
    executions: byTime(rows('execution')),
    attacks: byTime(rows('attack')),
    nodes: ['http://127.0.0.1:8001'],
  });
  for (const [key, json] of originalEntries(12)) await original.put(key, json);
  await original.save();
  node = await startLiveNode();
  const { code, out, err } = await run(['import', dir, '--url', node.url], { env: { DIOTEC360_API_TOKEN: TOKEN } });
  expect(code, out + err).toBe(0);
});
afterAll(async () => {
  await original?.stop();
  await node?.end();
  rmSync(dir, { recursive: true, force: true });
});

/** What the original answered before it moved, and what the node answers after. */
async function both(path: string): Promise<readonly [before: Json, after: Json]> {
  const answer = await fetch(original.url + path);
  expect(answer.status, path).toBe(200);
  const after = await ask(node.url, path);
  expect(after.status, path).toBe(200);
  return [(await answer.json()) as Json, after.json()];
}

/** Members that tell of the data, by the path that has them: after the move they are what they were. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  '/api/lattice/state': ['state', 'state_size'],
  '/api/persistence/stats': ['executions', 'attacks', 'total_bundles'],
  '/api/persistence/integrity': ['success', 'is_valid', 'status'],
  '/api/persistence/executions': ['executions', 'count'],
  '/api/persistence/attacks': ['attacks', 'count'],
  '/api/persistence/attacks?limit=1': ['attacks', 'count'],
  '/api/persistence/bundles': ['count'],
  '/api/persistence/merkle-root': ['total_accounts'],
  '/api/vault/list': ['functions', 'count'],
};
/** Paths that tell of the node itself. */
const OWN = [
  '/',
  '/health',
  '/api/status',
  '/api/lattice/nodes',
  '/api/lattice/p2p/status',
  '/api/lattice/p2p/identity',
];

it('contract: no path of the original answers emptily what was moved in [A11, I10, I17, Q4]', async () => {
  for (const [path, members] of Object.entries(SAME)) {
    const [before, after] = await both(path);
    for (const member of members) {
      // The place of a bundle is told as it is here, and of an entry in the vault.
      const here = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value).replaceAll(/"bundle_path":"[^"]*[\\/]([^"\\/]+)"/g, '"bundle_path":"$1"'));
      expect(here(after[member]), `${path} ${member}`).toEqual(here(before[member]));
      expect([null, undefined, 0, '', '[]', '{}']).not.toContain(
        typeof after[member] === 'object' ? JSON.stringify(after[member]) : after[member],
      );
    }
    for (const name of Object.keys(before))
      if (path !== '/api/lattice/state') expect(Object.keys(after)).toContain(name);
  }
  for (const path of OWN) {
    const [before, after] = await both(path);
    expect(Object.keys(after).toSorted(), path).toEqual(Object.keys(before).toSorted());
  }
  const [, identity] = await both('/api/lattice/p2p/identity');
  expect(identity['peer_id']).toMatch(/^12D3KooW/);
});

it('contract: every bundle and function that the original listed is answered under its hash [I9, I10]', async () => {
  for (const { hash, bundle } of vault.contents) {
    const [before, after] = await both(`/api/persistence/bundle/${hash}`);
    expect([after['bundle'], before['bundle']]).toEqual([bundle, bundle]);
    expect(after['integrity_verified']).toBe(true);
  }
  for (const { hash, entry, bundle } of vault.functions) {
    // The original answers 500 here, and has no path to a signed bundle.
    expect((await fetch(`${original.url}/api/vault/${hash}`)).status).toBe(500);
    expect((await ask(node.url, `/api/vault/${hash}`)).json()).toMatchObject({ success: true, function: entry });
    expect((await ask(node.url, `/api/persistence/bundle/${hash}`)).json()).toMatchObject({ success: true, bundle });
  }
});
