import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import initSqlJs, { type Database } from 'sql.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../src/adapters/system/index.ts';
import type { AuditRecord } from '../../../src/core/original/audit.ts';
import type { Reading } from '../../../src/moving/plan.ts';
import { readTelemetry } from '../../../src/moving/telemetry.ts';
import { originalData } from '../../support/original-data.ts';
import { startLattice } from '../api/live-lattice.ts';
import { ask, startApi } from '../api/support.ts';

const FIXTURE = resolve(import.meta.dirname, '../../fixtures/original/telemetry.db');
const hasher = nodeHasher();
const context = { hasher, unverified: false };
let directory: string;
let sqlite: Awaited<ReturnType<typeof initSqlJs>>;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-telemetry-'));
  sqlite = await initSqlJs();
});
afterAll(() => rmSync(directory, { recursive: true }));

const read = (at: string): Promise<Reading> => readTelemetry({ kind: 'telemetry', at }, context);
const recordsOf = ({ items }: Reading): readonly AuditRecord[] =>
  items.flatMap((item) => (item.kind === 'records' ? item.records : []));

let made = 0;
/** A directory of its own with a copy of the fixture. */
function copy(): string {
  const at = join(directory, `copy-${made++}.db`);
  copyFileSync(FIXTURE, at);
  return at;
}
/** A database in which `sql` was run over the fixture. */
function changed(...sql: string[]): string {
  const database: Database = new sqlite.Database(readFileSync(FIXTURE));
  for (const one of sql) database.run(one);
  const at = join(directory, `changed-${made++}.db`);
  writeFileSync(at, database.export());
  database.close();
  return at;
}
/** Every file of the directory with its bytes and time. */
const seen = (): readonly string[] =>
  readdirSync(directory).map((name) => {
    const at = join(directory, name);
    return `${name} ${statSync(at).mtimeMs} ${readFileSync(at).toString('base64')}`;
  });

describe("the original's telemetry.db", () => {
  it('is read into executions and attacks, in the order of their numbers [Q6]', async () => {
    const reading = await read(FIXTURE);
    expect(reading.refused).toEqual([]);
    expect(reading.remarks).toEqual([
      'Not taken, because a node has no place for them: telemetry_metrics, cpu_samples.',
    ]);
    expect(recordsOf(reading).map(({ kind, row }) => [kind, row['id'], row['tx_id'] ?? row['attack_id']])).toEqual([
      ['execution', 1, 'order-1'],
      ['execution', 2, 'order-2'],
      ['execution', 4, 'order-2'],
      ['attack', 1, 'feed000000000001'],
      ['attack', 2, 'feed000000000002'],
    ]);
    expect(recordsOf(reading)[1]?.row).toEqual({
      id: 2,
      tx_id: 'order-2',
      bundle_hash: null,
      intent_name: 'transfer',
      status: 'FAILED',
      result: '{"success": false, "message": "não provado"}',
      merkle_root_before: null,
      merkle_root_after: null,
      timestamp: 1_771_000_002,
      elapsed_ms: 30.5,
      layer_results: '{"z3_prover": false}',
      telemetry: null,
      created_at: '2026-02-13 16:26:42',
    });
  });

  it('gives each record the same id whenever it is read, and no two the same [Q6]', async () => {
    const [first, again] = [recordsOf(await read(FIXTURE)), recordsOf(await read(copy()))];
    expect(first).toEqual(again);
    expect(new Set(first.map(({ id }) => id)).size).toBe(5);
    for (const { id } of first) expect(id).toMatch(/^[0-9a-f]{64}$/);
  });

  it("moves into a node, whose endpoints then answer as the original's [Q3, Q4]", async () => {
    const lattice = await startLattice();
    const records = recordsOf(await read(FIXTURE));
    expect(await lattice.audit.add(records)).toEqual({ added: 5, known: 0 });
    expect(await lattice.audit.add(records)).toEqual({ added: 0, known: 5 });
    const { url } = await startApi({ lattice });
    const { executions } = (await ask(url, '/api/persistence/executions')).json() as { executions: { id: number }[] };
    expect(executions.map(({ id }) => id)).toEqual([4, 2, 1]);
    expect((await ask(url, '/api/persistence/stats')).json()).toMatchObject({
      executions: { total_executions: 3, status_breakdown: { FAILED: 1, PROVED: 2 }, avg_execution_time_ms: 21.25 },
      attacks: { total_attacks_blocked: 2, layer_breakdown: { input_sanitizer: 1, overflow: 1 } },
    });
  });

  it.skipIf(originalData === undefined)('of a real node is read whole [Q6]', async () => {
    const reading = await read(fileURLToPath(new URL('telemetry.db', originalData)));
    expect(reading.refused).toEqual([]);
    expect(reading.remarks?.join()).toContain('transaction_metrics');
    expect(recordsOf(reading).map(({ kind, row }) => [kind, row['id'], row['timestamp']])).toEqual([
      ['execution', 1, 1770585433.0514884],
      ['attack', 1, 1770585433.3168569],
      ['attack', 2, 1770585433.463136],
    ]);
  });

  it('is not changed, nor its directory, and no listener of the process is left behind [Q6]', async () => {
    const at = copy();
    const journal = `${at}-journal`;
    writeFileSync(journal, new Uint8Array(512));
    const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)]);
    const before = seen();
    expect(recordsOf(await read(at))).toHaveLength(5);
    expect(seen()).toEqual(before);
    expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(listeners);
  });

  it('in the mode of a write-ahead log that is settled is read like any other [Q6]', async () => {
    const at = copy();
    const bytes = readFileSync(at);
    bytes.set([2, 2], 18);
    writeFileSync(at, bytes);
    writeFileSync(`${at}-wal`, new Uint8Array(32));
    expect(recordsOf(await read(at))).toHaveLength(5);
  });
});

describe('a telemetry.db is refused as a whole, with the reason and the next step,', () => {
  const refusedAs = async (at: string, code: string, reason: string): Promise<void> => {
    const before = seen();
    const { items, refused } = await read(at);
    expect(items).toEqual([]);
    expect(refused.map((one) => [one.code, one.takenUnverified])).toEqual([[code, false]]);
    expect(refused[0]?.reason).toContain(reason);
    expect(refused[0]?.next).toMatch(/^[A-Z].*\.$/);
    expect(seen()).toEqual(before);
  };
  const file = (content: string | Uint8Array): string => {
    const at = join(directory, `file-${made++}`);
    writeFileSync(at, content);
    return at;
  };

  it('when it is no database [Q6]', async () => {
    await refusedAs(file('{"state": {}}'), 'database-malformed', 'not an SQLite database');
    await refusedAs(file(''), 'database-malformed', 'it is empty');
    await refusedAs('/dev/null', 'database-malformed', 'not a plain file');
  });

  it('when it is cut anywhere [Q6]', async () => {
    const { size } = statSync(FIXTURE);
    for (const length of [50, 100, 1024, 5000, size - 1024, size - 1]) {
      const at = copy();
      truncateSync(at, length);
      await refusedAs(at, 'database-malformed', 'cut');
    }
  });

  it('when any of its pages is damaged, or it does no harm [Q6]', async () => {
    const whole = readFileSync(FIXTURE);
    const good = JSON.stringify(recordsOf(await read(FIXTURE)));
    let found = 0;
    for (let page = 0; page < whole.length / 1024; page++) {
      const bytes = Buffer.from(whole);
      bytes.fill(0xa5, page * 1024 + (page === 0 ? 100 : 0), page * 1024 + 200);
      const { items, refused } = await read(file(bytes));
      if (refused.length === 0) expect(JSON.stringify(recordsOf({ items, refused }))).toBe(good);
      else found++;
      expect(refused.every(({ code }) => code === 'database-malformed')).toBe(true);
    }
    expect(found).toBeGreaterThan(3);
  });

  it('when changes lie beside it that are not in it [Q6]', async () => {
    const hot = copy();
    writeFileSync(`${hot}-journal`, Uint8Array.of(0xd9, 0xd5, 0x05, 0xf9));
    await refusedAs(hot, 'database-unsettled', '-journal');
    const logged = copy();
    writeFileSync(`${logged}-wal`, new Uint8Array(32 + 24 + 1024));
    await refusedAs(logged, 'database-unsettled', '-wal');
  });

  it('when it is the database of something else [Q6]', async () => {
    const other = changed('DROP TABLE execution_logs', 'DROP TABLE attack_logs');
    await refusedAs(other, 'database-malformed', 'neither execution_logs nor attack_logs');
  });

  it('when it is larger than 256 MiB [Q6]', async () => {
    const at = copy();
    truncateSync(at, 256 * 1024 * 1024 + 1);
    const { refused } = await read(at);
    rmSync(at);
    expect(refused.map(({ code, reason }) => [code, reason])).toEqual([['file-too-large', 'it has 257 MiB, over 256']]);
  });

  it('and one that is not there is an error [Q6]', async () => {
    await expect(read(join(directory, 'none.db'))).rejects.toMatchObject({ code: 'file-unreadable' });
  });
});

describe('a table of a telemetry.db', () => {
  const LOOP = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';

  it.each([
    ['a view', 'DROP TABLE execution_logs', `CREATE VIEW execution_logs AS ${LOOP}`],
    ['one without a needed column', 'ALTER TABLE execution_logs DROP COLUMN status'],
    ['one with a computed column', 'ALTER TABLE execution_logs ADD COLUMN x TEXT AS (hex(zeroblob(9e8)))'],
  ])('that is %s is refused, and the others are taken [Q6]', async (_, ...sql) => {
    const reading = await read(changed(...sql));
    expect(reading.refused.map(({ what, code }) => [what, code])).toEqual([['execution_logs', 'database-malformed']]);
    expect(recordsOf(reading).map(({ kind }) => kind)).toEqual(['attack', 'attack']);
  });

  it('that is missing, or has more columns, is told [Q6]', async () => {
    const reading = await read(changed('DROP TABLE attack_logs', 'ALTER TABLE execution_logs ADD COLUMN note TEXT'));
    expect(reading.remarks).toEqual([
      expect.stringContaining('telemetry_metrics'),
      'Columns of execution_logs that are not taken: note.',
      'It has no table attack_logs.',
    ]);
    expect(recordsOf(reading)).toHaveLength(3);
  });

  it('without a column that may be empty is taken [Q6]', async () => {
    const reading = await read(changed('ALTER TABLE execution_logs DROP COLUMN telemetry'));
    expect(recordsOf(reading)[0]?.row['telemetry']).toBeNull();
    expect(reading.refused).toEqual([]);
  });

  it('with more rows than a node keeps is refused as a whole [Q5, Q6]', async () => {
    const row = "'t', NULL, 'i', 'PROVED', NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL";
    const many = `${LOOP} LIMIT 100000`;
    const reading = await read(changed(`INSERT INTO execution_logs SELECT NULL, ${row} FROM (${many})`));
    expect(reading.refused.map(({ what, code }) => [what, code])).toEqual([['execution_logs', 'audit-full']]);
    expect(recordsOf(reading).map(({ kind }) => kind)).toEqual(['attack', 'attack']);
  });
});

describe('a row of a telemetry.db', () => {
  it.each([
    ['status', "x'00ff'", 'status is bytes'],
    ['timestamp', "'soon'", 'timestamp is not a number'],
    ['elapsed_ms', '9e999', 'elapsed_ms is beyond'],
    ['result', `printf('%.70000c', 'x')`, 'bytes as JSON, over 65536'],
    ['status', `printf('%.200c', 'x')`, 'status has 200 bytes, over 128'],
  ])('whose %s is %s is refused alone, by table and number [Q2, Q6]', async (column, value, reason) => {
    const reading = await read(changed(`UPDATE execution_logs SET ${column} = ${value} WHERE id = 2`));
    expect(reading.refused).toEqual([
      expect.objectContaining({ what: 'execution_logs row 2', code: 'invalid-record' }),
    ]);
    expect(reading.refused[0]?.reason).toContain(reason);
    expect(recordsOf(reading)).toHaveLength(4);
  });

  it('is not named beyond a hundred, which are counted [Q6]', async () => {
    const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 150) SELECT i FROM n';
    const row = "'t', NULL, 'i', x'00', NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL";
    const reading = await read(changed(`INSERT INTO execution_logs SELECT NULL, ${row} FROM (${numbers})`));
    expect(reading.refused).toHaveLength(101);
    expect(reading.refused.at(-1)?.reason).toContain('50 more rows of execution_logs');
  });
});

describe('a telemetry.db that is written meanwhile', () => {
  it('is read again, and refused while it goes on changing [Q6]', async () => {
    const at = copy();
    const writing = setInterval(() => appendFileSync(at, new Uint8Array(1024)), 0);
    const answers: Reading[] = [];
    try {
      for (let i = 0; i < 20; i++) answers.push(await read(at));
    } finally {
      clearInterval(writing);
    }
    for (const { items, refused } of answers) {
      if (refused.length > 0) expect(refused.map(({ code }) => code)).toEqual(['database-unsettled']);
      else expect(recordsOf({ items, refused })).toHaveLength(5);
    }
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readTelemetry({ kind: 'telemetry', at: FIXTURE }, { ...context, signal })).rejects.toThrow('enough');
  });
});
