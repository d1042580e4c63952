import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Prometheus, rulesOf, startPrometheus } from '../../support/prometheus.ts';
import { eventually } from '../../support/wait.ts';
import { has, read, run } from '../../unit/deploy/support.ts';
import { closeBrowser } from './look.ts';
import { createRig, type Noticed, type Rig } from './rig.ts';
import { STAGES } from './stages.ts';
import { type StageName, TABLE } from './table.ts';

/** Everything is made at once, on two cores. */
const DEADLINE_MS = 900_000;
/** The nodes stay as the stages left them, until what takes time has fired too. */
const LAST_ALERT_MS = 150_000;
/** A frozen node is to be named within 5 s. A machine that is busy with all stages at once may take several times that. */
const NAMED_MS = 30_000;

const isRequired = process.env['LATTICE_PROXIES'] === 'required';
/** A small disk takes a mount of the process's own, which not every system lets everybody have. */
const hasSmallDisks = isRequired || run('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;
/** All stages, or those that somebody who works on one of them names. */
const chosen = (Object.keys(STAGES) as StageName[]).filter(
  (name) => (process.env['LATTICE_STAGES']?.split(',').includes(name) ?? true) && (name !== 'disk' || hasSmallDisks),
);
const rows = TABLE.filter(({ stage }) => chosen.includes(stage));

/** How many stages go on at once: more of them only wait for each other's processes on two cores. */
const AT_ONCE = 4;

/** Begins with the stages, in the order in which they are listed. */
function startStages(rig: Rig): Readonly<Record<string, Promise<void>>> {
  const turns: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  const made = chosen.map((name, i) => {
    const stage = (turns[i % AT_ONCE] as Promise<unknown>).then(async () => {
      await STAGES[name](rig).then(
        () => rig.ended(name),
        (error: unknown) => {
          rig.ended(name, error);
          throw error;
        },
      );
    });
    turns[i % AT_ONCE] = stage.catch(() => undefined);
    return [name, stage] as const;
  });
  return Object.fromEntries(made);
}

const RULES = read('deploy/prometheus/lattice.rules.yml');
// CI installs it; elsewhere the test is skipped where it is not there.
const absent = !has('prometheus') && !isRequired;

describe.skipIf(absent)('in every situation all surfaces of a real node say the same', () => {
  let prometheus: Prometheus;
  let rig: Rig;
  let made: Readonly<Record<string, Promise<void>>>;
  const seen = new Map<string, Omit<Noticed, 'sentence'>>();

  beforeAll(async () => {
    prometheus = await startPrometheus(RULES);
    rig = createRig(prometheus);
    made = startStages(rig);
  });
  afterAll(async () => {
    await Promise.allSettled(Object.values(made));
    await closeBrowser();
    await prometheus?.stop();
    console.table(Object.fromEntries(seen));
  });

  it.each(rows)('$situation, seen from $seenFrom: $verdict', { timeout: DEADLINE_MS }, async (row) => {
    const { sentence: _sentence, ...times } = await rig.outcome(row);
    seen.set(`${row.situation}, ${row.seenFrom}`, times);
  });

  it('each stage came to its end', { timeout: DEADLINE_MS }, async () => {
    const ends = await Promise.allSettled(Object.values(made));
    expect(ends.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))).toEqual([]);
  });

  it('a frozen node was named in time', async () => {
    for (const row of rows.filter(({ situation }) => situation === 'A frozen node'))
      expect((await rig.outcome(row)).since).toBeLessThan(NAMED_MS);
  });

  it('every alert has fired on real nodes, and every rule could be evaluated', { timeout: DEADLINE_MS }, async () => {
    await Promise.allSettled(Object.values(made));
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
