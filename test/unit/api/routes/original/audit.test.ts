import { describe, expect, it } from 'vitest';
import type { AttackRow, AuditRecord } from '../../../../../src/core/original/audit.ts';
import { createHandClock, turns } from '../../../../support/clock.ts';
import { startLattice } from '../../live-lattice.ts';
import { ask, startApi, until } from '../../support.ts';

const result = '{"success": true, "message": "Überweisung geprüft"}';
const records: AuditRecord[] = [
  {
    kind: 'execution',
    id: 'first',
    row: {
      id: 1,
      tx_id: 'tx_001',
      bundle_hash: '45fc',
      intent_name: 'transfer',
      status: 'PROVED',
      result,
      merkle_root_before: 'aa',
      merkle_root_after: 'bb',
      timestamp: 1_770_585_433,
      elapsed_ms: 45,
      layer_results: '{"z3_prover": true}',
      telemetry: null,
      created_at: '2026-02-08 21:17:13',
    },
  },
  ...Array.from(
    { length: 120 },
    (_, i): AuditRecord => ({
      kind: 'attack',
      id: `attack-${i}`,
      row: {
        attack_id: `a${i}`,
        timestamp: 1000 + i,
        attack_type: i % 2 === 0 ? 'injection' : 'dos',
        category: 'code',
        blocked_by_layer: 'input_sanitizer',
        severity: 0.5,
        metadata: '{"n": 1}',
      },
    }),
  ),
];

async function startWithRecords(): Promise<string> {
  const lattice = await startLattice();
  await lattice.audit.add(records);
  return (await startApi({ lattice, complete: true })).url;
}

describe("the original's lists of executions and attacks", () => {
  it('have its keys in its order, and JSON columns as text, byte for byte [Q4]', async () => {
    const url = await startWithRecords();
    const { text } = await ask(url, '/api/persistence/executions');
    expect(text).toBe(
      '{"success":true,"executions":[{"id":1,"tx_id":"tx_001","bundle_hash":"45fc","intent_name":"transfer",' +
        `"status":"PROVED","result":${JSON.stringify(result)},"merkle_root_before":"aa","merkle_root_after":"bb",` +
        '"timestamp":1770585433.0,"elapsed_ms":45.0,"layer_results":"{\\"z3_prover\\": true}","telemetry":null,' +
        '"created_at":"2026-02-08 21:17:13"}],"count":1}',
    );
    const { attacks } = (await ask(url, '/api/persistence/attacks?limit=1')).json() as { attacks: object[] };
    expect(Object.keys(attacks[0] ?? {})).toEqual([
      'id',
      'attack_id',
      'timestamp',
      'attack_type',
      'category',
      'blocked_by_layer',
      'severity',
      'code_snippet',
      'detection_method',
      'metadata',
      'created_at',
    ]);
  });

  it.each([
    ['', 100],
    ['?limit=3', 3],
    ['?limit=+3', 100],
    ['?limit=%2B3', 3],
    ['?limit=0', 0],
    ['?limit=-1', 120],
    ['?limit=-7', 120],
    ['?limit=999999999999999999', 120],
    ['?unknown=1&limit=2', 2],
  ])('with %s have %i rows, newest first [Q4]', async (query, count) => {
    const url = await startWithRecords();
    const answer = await ask(url, `/api/persistence/attacks${query}`);
    if (query === '?limit=+3') return expect(answer.status).toBe(422);
    const { attacks, count: said } = answer.json() as { attacks: { attack_id: string }[]; count: number };
    expect([attacks.length, said]).toEqual([count, count]);
    expect(attacks.map(({ attack_id }) => attack_id)).toEqual(Array.from({ length: count }, (_, i) => `a${119 - i}`));
  });

  it('refuse a limit that is no integer in its form [A11]', async () => {
    const url = await startWithRecords();
    for (const limit of ['many', '1.5', '']) {
      const answer = await ask(url, `/api/persistence/executions?limit=${limit}`);
      expect([answer.status, answer.json()]).toEqual([
        422,
        { detail: [{ loc: ['query', 'limit'], msg: 'limit must be an integer', type: 'int_parsing' }] },
      ]);
    }
  });

  it('of any length are not made for a HEAD, for whose bytes nobody pays [A18]', async () => {
    const lattice = await startLattice();
    const made = (): never => expect.fail('the list was made');
    const { url } = await startApi({
      lattice: { ...lattice, audit: { ...lattice.audit, executions: made, attacks: made } },
    });
    for (const path of ['executions?limit=-1', 'attacks?limit=-1', 'attacks']) {
      const { status, text } = await ask(url, `/api/persistence/${path}`, { method: 'HEAD' });
      expect([status, text], path).toEqual([200, '']);
    }
  });

  it('that a stuck store keeps waiting give their places up when it goes on, after their readers were told [A18]', async () => {
    const lattice = await startLattice();
    const clock = createHandClock();
    let asked = 0;
    let goOn = (): void => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    async function* attacks(): AsyncGenerator<readonly AttackRow[]> {
      asked++;
      await gate;
      yield [];
    }
    const { url } = await startApi({ clock, lattice: { ...lattice, audit: { ...lattice.audit, attacks } } });
    const path = '/api/persistence/attacks?limit=-1';
    const stuck = Array.from({ length: 16 }, () => ask(url, path));
    await until(() => asked === 16);
    expect((await ask(url, path)).status).toBe(429);
    await clock.advance(30_000);
    expect((await Promise.all(stuck)).map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 504));
    expect((await ask(url, path)).status, 'the store is still at work for them').toBe(429);
    goOn();
    await turns(20);
    expect((await Promise.all(Array.from({ length: 16 }, () => ask(url, path)))).map(({ status }) => status)).toEqual(
      Array.from({ length: 16 }, () => 200),
    );
  });

  it('are counted in the statistics, with its keys [Q4]', async () => {
    const url = await startWithRecords();
    const { text } = await ask(url, '/api/persistence/stats');
    expect(text).toMatch(
      /^\{"success":true,"executions":\{"total_executions":1,"status_breakdown":\{"PROVED":1\},"avg_execution_time_ms":45\.0\},"attacks":\{"total_attacks_blocked":120,"attack_type_breakdown":\{"dos":60,"injection":60\},"layer_breakdown":\{"input_sanitizer":120\}\},"merkle_root":"[0-9a-f]{64}","total_bundles":0\}$/,
    );
    const { url: empty } = await startApi({ complete: true });
    expect((await ask(empty, '/api/persistence/stats')).json()).toMatchObject({
      executions: { total_executions: 0, status_breakdown: {}, avg_execution_time_ms: 0 },
      attacks: { total_attacks_blocked: 0, attack_type_breakdown: {}, layer_breakdown: {} },
    });
  });
});
