import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Prometheus, rulesOf, startPrometheus } from '../../support/prometheus.ts';
import { eventually } from '../../support/wait.ts';
import { has, read } from '../../unit/deploy/support.ts';
import { createRig, type Noticed, type Rig } from './rig.ts';
import { STAGES } from './stages.ts';
import { type StageName, TABLE } from './table.ts';

/** Everything is made at once, on two cores. */
const DEADLINE_MS = 300_000;
/** The nodes stay as the stages left them, until what takes time has fired too. */
const LAST_ALERT_MS = 60_000;
/** A frozen node is to be named within 5 s; a busy machine may take some seconds more. */
const NAMED_MS = 12_000;

/** All stages, or those that somebody who works on one of them names. */
const chosen = (Object.keys(STAGES) as StageName[]).filter(
  (name) => process.env['LATTICE_STAGES']?.split(',').includes(name) ?? true,
);
const rows = TABLE.filter(({ stage }) => chosen.includes(stage));

const RULES = read('deploy/prometheus/lattice.rules.yml');
// CI installs it; elsewhere the test is skipped where it is not there.
const absent = !has('prometheus') && process.env['LATTICE_PROXIES'] !== 'required';

describe.skipIf(absent)('in every situation all surfaces of a real node say the same', () => {
  let prometheus: Prometheus;
  let rig: Rig;
  let stages: Promise<PromiseSettledResult<void>[]>;
  const seen = new Map<string, Noticed>();

  beforeAll(async () => {
    prometheus = await startPrometheus(RULES);
    rig = createRig(prometheus);
    stages = Promise.allSettled(chosen.map((name) => STAGES[name](rig)));
  });
  afterAll(async () => {
    await stages;
    await prometheus?.stop();
    console.table(Object.fromEntries(seen));
  });

  it.each(rows)('$situation, seen from $seenFrom: $verdict', { timeout: DEADLINE_MS }, async (row) => {
    const noticed = await rig.outcome(row);
    const { sentence: _, ...times } = noticed;
    seen.set(`${row.situation}`, times as Noticed);
  });

  it('each stage came to its end', { timeout: DEADLINE_MS }, async () => {
    expect((await stages).flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))).toEqual([]);
  });

  it('a frozen node was named in time', async () => {
    for (const row of rows.filter(({ situation }) => situation === 'A frozen node'))
      expect((await rig.outcome(row)).since).toBeLessThan(NAMED_MS);
  });

  it('every alert has fired on real nodes, and every rule could be evaluated', { timeout: DEADLINE_MS }, async () => {
    await stages;
    expect(await prometheus.broken()).toEqual([]);
    if (chosen.length < Object.keys(STAGES).length) return;
    await eventually(
      'every alert has fired',
      async () => {
        const fired = await prometheus.everFired();
        const missing = rulesOf(RULES).flatMap(({ alert }) => (fired.has(alert) ? [] : alert));
        if (missing.length > 0) throw new Error(`${missing.join(', ')} never did`);
        return true;
      },
      LAST_ALERT_MS,
    );
  });
});
