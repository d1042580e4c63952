import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../api/live-node.ts';
import { ask, TOKEN } from '../api/support.ts';
import { snapshotText } from '../moving/support.ts';
import { run } from './support.ts';

const DATABASE = new URL('../../fixtures/original/telemetry.db', import.meta.url).pathname;
let node: LiveNode;
beforeAll(async () => {
  node = await startLiveNode();
});
afterAll(() => node.end());

interface Told {
  readonly items: readonly { readonly kind: string; readonly taken: number; readonly known: number }[];
  readonly remarks: readonly string[];
}
async function imported(...more: string[]): Promise<Told> {
  const env = { DIOTEC360_API_TOKEN: TOKEN };
  const { code, out, err } = await run(['import', DATABASE, '--url', node.url, '--json', ...more], { env });
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as Told;
}

it('lattice import takes the executions and attacks of a telemetry.db once, and over restarts [Q1, Q6]', async () => {
  const dry = await imported('--dry-run');
  expect(dry.remarks.join()).toContain('telemetry_metrics');
  const client = createClient({ url: node.url });
  expect((await client.listAuditRecords({ kind: 'attack' })).records).toEqual([]);
  expect((await imported()).items).toMatchObject([{ kind: 'records', taken: 5, known: 0 }]);
  node = await node.restart();
  expect((await imported('--dry-run')).items).toMatchObject([{ kind: 'records', taken: 0, known: 5 }]);
  expect((await imported()).items).toMatchObject([{ kind: 'records', taken: 0, known: 5 }]);
  const { executions, count } = (await ask(node.url, '/api/persistence/executions')).json() as {
    executions: { id: number; elapsed_ms: number | null }[];
    count: number;
  };
  expect([count, executions.map(({ id, elapsed_ms }) => [id, elapsed_ms])]).toEqual([
    3,
    [
      [4, null],
      [2, 30.5],
      [1, 12],
    ],
  ]);
});

it('lattice import of a directory leaves out what the node refuses, names it, and ends with 4 [I2, U5]', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-partly-'));
  const argv = ['import', dir, '--url', node.url];
  const env = { DIOTEC360_API_TOKEN: TOKEN };
  try {
    writeFileSync(join(dir, 'snapshot.json'), snapshotText({ 'vault/mine': 1, 'partly/taken': 2 }));
    copyFileSync(DATABASE, join(dir, 'telemetry.db'));
    for (const more of [['--dry-run'], []]) {
      const { code, out, err } = await run([...argv, ...more], { env });
      expect(code, out + err).toBe(4);
      expect(out).toContain('Refused (reserved-key): ');
      expect(out).toContain('"vault/mine"');
      expect(out).toContain('5 are there already');
      expect(err).toContain('1 part of the import was refused');
    }
    expect((await createClient({ url: node.url }).getEntry('partly/taken'))?.value).toBe(2);

    writeFileSync(join(dir, 'snapshot.json'), snapshotText({ 'vault/mine': 1 }));
    rmSync(join(dir, 'telemetry.db'));
    const { code, err } = await run([...argv, '--json'], { env });
    expect(code, 'nothing was taken').toBe(1);
    expect(err).toContain('"reserved-key"');
  } finally {
    rmSync(dir, { recursive: true });
  }
});
