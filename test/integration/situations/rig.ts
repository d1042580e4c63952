import { expect } from 'vitest';
import type { NodeStatus } from '../../../src/runtime/facade/index.ts';
import type { Fleet, FleetOptions, Node } from '../../support/fleet.ts';
import { startFleet } from '../../support/fleet.ts';
import type { Prometheus } from '../../support/prometheus.ts';
import { eventually } from '../../support/wait.ts';
import {
  alertsOf,
  cliOf,
  doctorOf,
  hasBrowser,
  metricsOf,
  openDashboard,
  readinessOf,
  seriesOf,
  statusOf,
  type View,
} from './look.ts';
import { LINGERING, type Row, type StageName, TABLE } from './table.ts';

/** Two cores carry all fleets at once, and other work beside them: what takes seconds may take a minute. */
const DEADLINE_MS = 150_000;

/** When the surfaces said what the table says, in ms since the situation was made. */
export interface Noticed {
  readonly status: number;
  readonly metrics: number;
  readonly ready: number;
  readonly alerts: number;
  readonly cli: number;
  readonly doctor: number;
  /** Absent where there is no browser. */
  readonly dashboard?: number;
  /** The verdict's own `since` less the time at which the situation was made. */
  readonly since: number;
  readonly sentence: string;
}

export interface Rig {
  /** A fleet whose nodes Prometheus scrapes from now on, under the instance `stage/name`. */
  fleet(stage: string, options: FleetOptions): Promise<Fleet>;
  view(stage: string, fleet: Fleet, node: number): View;
  /** Resolves when every surface of the node says what the table says of the situation, which was made at `made`. */
  holds(situation: string, view: View, made?: number): Promise<void>;
  /** Resolves when the alert fires for the node. */
  fires(alert: string, view: View): Promise<void>;
  /** What `holds` found; rejects with why it did not hold, or with why it was never asked. */
  outcome(row: Row): Promise<Noticed>;
  /** A stage has come to its end: what it has not made by then never will be. */
  ended(stage: StageName, error?: unknown): void;
}

const keyOf = ({ situation, seenFrom }: Row): string => `${situation}, seen from ${seenFrom}`;

interface Outcome {
  readonly promise: Promise<Noticed>;
  resolve(noticed: Noticed): void;
  reject(error: unknown): void;
}

function createOutcome(): Outcome {
  let resolve: Outcome['resolve'] = () => undefined;
  let reject: Outcome['reject'] = () => undefined;
  const promise = new Promise<Noticed>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Its test may ask for it later than it fails.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

export function createRig(prometheus: Prometheus): Rig {
  const targets: Record<string, string> = {};
  const outcomes = new Map(TABLE.map((row) => [keyOf(row), createOutcome()]));
  const outcomeOf = (row: Row): Outcome => outcomes.get(keyOf(row)) as Outcome;

  function rowOf(situation: string): Row {
    const found = TABLE.find((row) => row.situation === situation || keyOf(row) === situation);
    if (found === undefined) throw new Error(`the table has no situation "${situation}"`);
    return found;
  }

  return {
    async fleet(stage, options) {
      const fleet = await startFleet({ ...options, start: [], showsLog: false });
      for (const node of fleet.nodes) targets[`${stage}/${node.name}`] = node.api.url;
      prometheus.scrape(targets);
      await Promise.all((options.start ?? fleet.nodes.map((_, i) => i)).map((i) => (fleet.nodes[i] as Node).start()));
      return fleet;
    },
    view(stage, fleet, node) {
      const found = fleet.nodes[node] as Node;
      return { fleet, node: found, prometheus, instance: `${stage}/${found.name}` };
    },
    async holds(situation, view, made = Date.now()) {
      const row = rowOf(situation);
      // The stage goes on: what did not hold fails the test of its row.
      await examine(row, view, made).then(outcomeOf(row).resolve, outcomeOf(row).reject);
    },
    async fires(alert, view) {
      const fired = async () => (await alertsOf(view)).some(({ name }) => name === alert);
      await eventually(`${alert} fires for ${view.instance}`, fired, DEADLINE_MS);
    },
    outcome: (row) => outcomeOf(row).promise,
    ended(stage, error) {
      for (const row of TABLE)
        if (row.stage === stage) outcomeOf(row).reject(error ?? new Error(`${keyOf(row)}: its stage did not make it`));
    },
  };
}

/**
 * Waits for every surface; each is asked anew until it says what the row says. Those that cost a process, or a page in
 * a browser, are asked once the status says it: a machine that is busy with asking them makes nothing happen sooner.
 */
async function examine(row: Row, view: View, made: number): Promise<Noticed> {
  const until = (surface: string, look: () => Promise<void>): Promise<number> =>
    eventually(
      `${keyOf(row)}: ${surface}`,
      async () => {
        await look();
        return Date.now() - made;
      },
      DEADLINE_MS,
    );
  let status: NodeStatus | undefined;
  const told = until('status', async () => {
    status = await statusOf(view);
    expectStatus(row, status);
  });
  const untilThen: typeof until = (surface, look) => told.then(() => until(surface, look));
  const surfaces = {
    status: told,
    metrics: until('metrics', async () => expectMetrics(row, await statusOf(view), await metricsOf(view))),
    ready: until('readiness', async () => expect((await readinessOf(view)).reasons).toEqual(row.notReady)),
    alerts: until('alerts', async () => {
      const firing = [...new Set((await alertsOf(view)).map(({ name }) => name))];
      const ignored = [...LINGERING, ...(row.besides ?? [])];
      const told = firing.filter((name) => row.alerts.includes(name) || !ignored.includes(name));
      expect(told.sort()).toEqual([...row.alerts].sort());
    }),
    cli: untilThen('command line', async () => {
      const { text } = await cliOf(view);
      const now = await statusOf(view);
      expectStatus(row, now);
      expect(text).toContain(now.verdict.kind.replace('_', '-'));
      expect(text).toContain(now.verdict.sentence);
      if (row.says !== undefined) expect(text).toMatch(row.says);
    }),
    doctor: untilThen('doctor', async () => {
      const { code, text } = await doctorOf(view);
      for (const name of row.names) expect(text).toContain(name);
      if (row.says !== undefined) expect(text).toMatch(row.says);
      expect(code, text).toBe(row.doctor);
    }),
    ...(hasBrowser ? { dashboard: told.then(async () => showsOnDashboard(row, view, until)) } : {}),
  };
  const results = await Promise.allSettled(Object.values(surfaces));
  const failures = results.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  if (failures.length > 0)
    throw new Error(`${failures.join('\n')}\nthe verdict was ${JSON.stringify(status?.verdict, undefined, 1)}`);
  const names = Object.keys(surfaces) as (keyof typeof surfaces)[];
  const times = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await surfaces[name]] as const)),
  ) as Record<keyof typeof surfaces, number>;
  const { verdict } = status as NodeStatus;
  return { ...times, since: verdict.since - made, sentence: verdict.sentence };
}

/** The page that a node serves shows the sentence of the verdict that the status tells at that time. */
async function showsOnDashboard(
  row: Row,
  view: View,
  until: (surface: string, look: () => Promise<void>) => Promise<number>,
): Promise<number> {
  const page = await openDashboard(view);
  try {
    return await until('dashboard', async () => {
      const now = await statusOf(view);
      expectStatus(row, now);
      expect(await page.said()).toContain(now.verdict.sentence);
      if (row.says !== undefined) expect(await page.shows()).toMatch(row.says);
    });
  } finally {
    await page.close();
  }
}

const takesWrites = ({ verdict, writable = verdict !== 'READ_ONLY' }: Row): boolean => writable;

function expectStatus(row: Row, { verdict, writable }: NodeStatus): void {
  expect({
    verdict: verdict.kind,
    codes: [...new Set(verdict.reasons.map(({ code }) => code))],
    members: Object.fromEntries(verdict.members.map(({ label, agreement }) => [label, agreement])),
  }).toEqual({ verdict: row.verdict, codes: row.codes, members: row.members });
  for (const name of row.names) expect(verdict.sentence).toContain(name);
  const heals = verdict.reasons.some((reason) => reason.heals === 'operator') ? 'operator' : 'by-itself';
  expect(verdict.reasons.length === 0 ? undefined : heals).toBe(row.heals);
  expect(writable).toBe(takesWrites(row));
}

/** Every figure agrees with the verdict: a node that is not heard is never equal and never without lag. */
function expectMetrics(row: Row, { verdict }: NodeStatus, series: Awaited<ReturnType<typeof metricsOf>>): void {
  const value = (name: string, labels: Record<string, string>): number | undefined =>
    seriesOf(series, name, labels)[0]?.value;
  expect(
    seriesOf(series, 'lattice_verdict', {})
      .filter((one) => one.value === 1)
      .map(({ labels }) => labels),
  ).toEqual([{ kind: row.verdict }]);
  expect(value('lattice_writable', {})).toBe(takesWrites(row) ? 1 : 0);
  for (const [name, agreement] of Object.entries(row.members)) {
    const labels = { name };
    expect(value('lattice_peer_agreement', { name, agreement }), `${name} ${agreement}`).toBe(1);
    expect(value('lattice_peer_root_equal', labels), `root of ${name}`).toBe(agreement === 'equal' ? 1 : 0);
    const lag = value('lattice_peer_lag_seconds', labels);
    if (agreement === 'equal') expect(lag, `lag of ${name}`).toBe(0);
    else expect(lag, `lag of ${name}`).toBeGreaterThan(0);
  }
  const readOnly = verdict.members.filter((member) => (member.readOnly?.length ?? 0) > 0);
  expect(
    seriesOf(series, 'lattice_peer_read_only', {})
      .filter((one) => one.value === 1)
      .map(({ labels }) => labels['name']),
  ).toEqual(readOnly.map(({ label }) => label));
}
