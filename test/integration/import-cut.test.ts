import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import initSqlJs from 'sql.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { type RunningProcess, runCli, untilExit } from '../support/node-process.ts';
import { originalEntries, STATE_DIR, VAULT_DIR, writeOriginalState } from '../support/original-node.ts';
import { contentBundle, fileText } from '../support/original-vault.ts';
import { createProxy } from '../support/proxy.ts';
import { eventually } from '../support/wait.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/original/telemetry.db', import.meta.url));
const ENTRIES = 1_500;
const BUNDLES = 40;
/** Rows that are added to the three executions of the fixture. */
const ROWS = 800;
/** So slow a way to the node that the kill comes in the midst of a part, however late this process looks. */
const BYTES_PER_SECOND = 40_000;

let fleet: Fleet;
let node: Node;
let old: string;
beforeEach(async () => {
  fleet = await startFleet({ nodes: 1 });
  [node] = fleet.nodes as [Node];
  old = join(fleet.dir, 'old');
  writeOriginalState(old, originalEntries(ENTRIES));
  const bundles = join(old, VAULT_DIR, 'bundles');
  mkdirSync(bundles, { recursive: true });
  for (let i = 0; i < BUNDLES; i++) {
    const { hash, bundle } = contentBundle(`intent_${i}`, `intent pay_${i}() { ${'guard true; '.repeat(200)}}`);
    writeFileSync(join(bundles, `${hash.slice(0, 16)}.ae_bundle`), fileText(bundle));
  }
  const database = new (await initSqlJs()).Database(readFileSync(FIXTURE));
  database.run(`INSERT INTO execution_logs (tx_id, intent_name, status, result, timestamp, elapsed_ms)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    SELECT 'order-' || (100 + i), 'transfer', 'PROVED', '{}', 1700000000.5 + i, 1.5 FROM n`);
  mkdirSync(join(old, '.diotec360_sentinel'));
  writeFileSync(join(old, '.diotec360_sentinel', 'telemetry.db'), database.export());
  database.close();
});
afterEach(async () => await fleet.stop());

/** Every file and directory of the original with its bytes and the time of its last change. */
function fingerprint(): readonly string[] {
  return readdirSync(old, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const [path, { mtimeMs }] = [join(old, name), statSync(join(old, name))];
      const isFile = statSync(path).isFile();
      return `${name} ${mtimeMs} ${isFile ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''}`;
    });
}

interface Held {
  readonly keys: number;
  readonly objects: number;
  readonly records: number;
}
const EVERYTHING: Held = { keys: ENTRIES, objects: BUNDLES, records: ROWS + 3 };

async function held(): Promise<Held> {
  const json = async (path: string): Promise<Record<string, unknown>> =>
    (await node.api.send('GET', path)).json() as Record<string, unknown>;
  const [stats, root] = [await json('/api/persistence/stats'), await json('/api/persistence/merkle-root')];
  const vault = await json('/api/v1/vault/status');
  const { total_executions: records } = stats['executions'] as { total_executions: number };
  return { keys: root['total_accounts'] as number, objects: vault['objects'] as number, records };
}

const importing = (...more: string[]): RunningProcess =>
  runCli(['import', old, '--env-file', node.envFile, ...more], { cwd: fleet.dir });

async function totals(): Promise<{ readonly taken: number; readonly known: number }> {
  const run = importing('--json');
  const { code } = await untilExit(run);
  expect(code, run.stdout + run.stderr).toBe(0);
  return (JSON.parse(run.stdout) as { totals: { taken: number; known: number } }).totals;
}

/** What is there is whole: no value, object or record in part. */
async function expectWhole(): Promise<void> {
  const { state } = JSON.parse(readFileSync(join(old, STATE_DIR, 'snapshot.json'), 'utf8')) as { state: object };
  const shown = (await node.api.send('GET', '/api/lattice/state')).json() as { state: Record<string, unknown> };
  for (const [key, value] of Object.entries(shown.state)) expect(value).toEqual((state as typeof shown.state)[key]);
  const { bundles } = (await node.api.send('GET', '/api/persistence/bundles')).json() as {
    bundles: { integrity_verified: boolean }[];
  };
  expect(bundles.filter(({ integrity_verified: intact }) => !intact)).toEqual([]);
  const verified = await node.api.send('POST', '/api/v1/vault/verify');
  expect(verified.text).not.toContain('"fault"');
}

describe('an import of a whole directory', () => {
  it.each(['keys', 'records', 'objects'] as const)(
    'that kill -9 cuts among its %s is simply run again, and takes what is missing [I3, I4]',
    async (part) => {
      const before = fingerprint();
      const way = await createProxy(Number(new URL(node.api.url).port));
      way.throttle(BYTES_PER_SECOND);
      const cut = importing('--url', `http://127.0.0.1:${way.port}`);
      await eventually(`some ${part} are there`, async () => (await held())[part] > 0);
      cut.signal('SIGKILL');
      expect(await untilExit(cut)).toMatchObject({ signal: 'SIGKILL' });
      await way.close();
      const left = await held();
      expect(left[part]).toBeGreaterThan(0);
      expect(left[part]).toBeLessThan(EVERYTHING[part]);
      await expectWhole();
      expect(fingerprint()).toEqual(before);

      const all = ENTRIES + BUNDLES + ROWS + 5;
      const again = await totals();
      expect(again.taken + again.known).toBe(all);
      expect(again.known).toBeGreaterThan(0);
      expect(await held()).toEqual(EVERYTHING);
      expect(await totals()).toMatchObject({ taken: 0, known: all });
      expect((await node.api.status()).conflicts).toBe(0);
      await expectWhole();
      expect(fingerprint()).toEqual(before);
    },
  );

  it.each(['keys', 'records', 'objects'] as const)(
    'whose node is killed among its %s says so, and goes on once the node is back [I3, I4]',
    async (part) => {
      const before = fingerprint();
      const way = await createProxy(Number(new URL(node.api.url).port));
      way.throttle(BYTES_PER_SECOND);
      const cut = importing('--url', `http://127.0.0.1:${way.port}`);
      await eventually(`some ${part} are there`, async () => (await held())[part] > 0);
      const told = await held();
      await node.kill();
      expect((await untilExit(cut)).code).not.toBe(0);
      expect(cut.stderr).toMatch(/next: /);
      await way.close();
      await node.start();
      // What was acknowledged is there.
      const left = await held();
      for (const one of ['keys', 'objects', 'records'] as const) expect(left[one]).toBeGreaterThanOrEqual(told[one]);
      await expectWhole();
      await totals();
      expect(await held()).toEqual(EVERYTHING);
      expect((await totals()).taken).toBe(0);
      expect(fingerprint()).toEqual(before);
    },
  );
});
