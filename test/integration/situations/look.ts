import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import type { NodeStatus } from '../../../src/runtime/facade/index.ts';
import { hasChromium, launchChromium, openContext } from '../../support/chromium.ts';
import type { Fleet, Node } from '../../support/fleet.ts';
import { runCli, untilExit } from '../../support/node-process.ts';
import type { FiringAlert, Prometheus } from '../../support/prometheus.ts';
import { type ParsedSeries, parsePage } from '../../unit/api/routes/metrics-support.ts';

/** What a program printed, and how it ended. */
export interface Printed {
  readonly code: number | null;
  readonly text: string;
}

/** The one view of a fleet that the surfaces of a node give. */
export interface View {
  readonly fleet: Fleet;
  readonly node: Node;
  readonly prometheus: Prometheus;
  /** The label `instance` of the node. */
  readonly instance: string;
}

export const statusOf = ({ node }: View): Promise<NodeStatus> => node.api.status();

export async function readinessOf({
  node,
}: View): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }> {
  const answer = await node.api.send('GET', '/readyz');
  const { reasons = [] } = answer.json() as { reasons?: readonly { readonly code: string }[] };
  return { ready: answer.status === 200, reasons: reasons.map(({ code }) => code) };
}

export async function metricsOf({ node }: View): Promise<readonly ParsedSeries[]> {
  const { status, text } = await node.api.send('GET', '/metrics');
  if (status !== 200) throw new Error(`/metrics answered ${status}`);
  return parsePage(text).series;
}

export const alertsOf = ({ prometheus, instance }: View): Promise<readonly FiringAlert[]> =>
  prometheus.firing(instance);

async function print(view: View, args: readonly string[]): Promise<Printed> {
  const ran = runCli(args, { cwd: view.fleet.dir });
  const { code } = await untilExit(ran);
  return { code, text: ran.stdout + ran.stderr };
}

/** `lattice status` of the node, as an operator reads it. */
export const cliOf = (view: View): Promise<Printed> => print(view, ['status', '--env-file', view.node.envFile]);

/** `lattice doctor` of the fleet, as an operator reads it. */
export const doctorOf = (view: View): Promise<Printed> =>
  print(view, ['doctor', '--fleet', join(view.fleet.dir, 'fleet.json'), '--settle', '0', '--timeout', '2']);

/** One series by its name and labels. */
export function seriesOf(
  all: readonly ParsedSeries[],
  name: string,
  labels: Readonly<Record<string, string>>,
): readonly ParsedSeries[] {
  return all.filter((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v));
}

/** Where there is none, and none is required, the dashboard is left out. */
export const hasBrowser = process.env['LATTICE_PROXIES'] === 'required' || hasChromium;

let browser: Promise<Browser> | undefined;

/** The dashboard of the node in a browser, as long as it is open. */
export async function openDashboard({ node }: View): Promise<{
  /** What stands in the card of the verdict. */
  said(): Promise<string>;
  /** Everything below the header. */
  shows(): Promise<string>;
  close(): Promise<void>;
}> {
  browser ??= launchChromium();
  const context = await openContext(await browser);
  const page = await context.newPage();
  await page.goto(`${node.api.url}/dashboard`);
  return {
    said: () => page.locator('section.verdict').innerText(),
    shows: () => page.getByRole('main').innerText(),
    close: () => context.close(),
  };
}

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
}
