import { dirname, resolve } from 'node:path';
import { LatticeError } from '../../core/types/index.ts';
import { sleep } from '../../timing/index.ts';
import { checkLine } from '../check.ts';
import type { ApiClient } from '../client.ts';
import { clock } from '../clock.ts';
import { connect, contextOf } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { readToken } from '../contexts.ts';
import { examineNode, type NodeReport } from '../examine.ts';
import { examineFleet } from '../examine-fleet.ts';
import { examineReach } from '../examine-reach.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finding } from '../finding.ts';
import { readFleet } from '../fleet-file.ts';
import { readTextFile } from '../input.ts';
import { printable } from '../output.ts';

export interface DoctorOptions extends GlobalOptions {
  readonly fleet?: string;
  /** Seconds. */
  readonly settle: number;
  readonly check?: boolean;
}

interface Target {
  readonly client: ApiClient;
  readonly peerId: string | undefined;
}

/** Pause between two examinations while roots are still different. */
const SETTLE_STEP_MS = 250;

const MARKS = { ok: ['green', '✓'], info: ['dim', '·'], note: ['yellow', '!'], bad: ['red', '✗'] } as const;

/**
 * Examines each node and all nodes together. The exit code is 0 when all is well, 1 when something must be repaired,
 * and 3 when no node answers. With --check it is that of a monitoring plugin.
 */
export async function doctor(context: CliContext, urls: readonly string[], options: DoctorOptions): Promise<number> {
  const targets = await targetsOf(context, urls, options);
  const examine = async (): Promise<NodeReport[]> => {
    const inside = await Promise.all(
      targets.map(async ({ client, peerId }) => ({ client, report: await examineNode(client, peerId) })),
    );
    return await Promise.all(
      inside.map(async (one) => {
        const outside = await examineReach(one, inside, options.timeout * 1000);
        return { ...one.report, findings: [...one.report.findings, ...outside] };
      }),
    );
  };
  // Writes under way make roots differ for a moment, so a bad result is examined again for a while.
  const deadline = performance.now() + options.settle * 1000;
  let reports = await examine();
  while (reports.some((r) => r.reachable) && !isWell(reports) && performance.now() < deadline) {
    await sleep(clock, SETTLE_STEP_MS);
    reports = await examine();
  }
  return conclude(context, options, reports);
}

function conclude(context: CliContext, options: DoctorOptions, reports: readonly NodeReport[]): number {
  const fleet = examineFleet(reports);
  const well = isWell(reports);
  const check = options.check === true ? checkLine(reports, fleet) : undefined;
  if (options.json) {
    context.output.data({
      ok: well,
      ...(check === undefined ? {} : { check }),
      nodes: reports.map(({ url, reachable, findings }) => ({ url, reachable, findings })),
      fleet,
    });
  } else if (check === undefined) show(context, reports, fleet);
  else context.output.line(printable(check.line));
  if (check !== undefined) return check.code;
  if (!reports.some((r) => r.reachable)) return EXIT.unreachable;
  return well ? EXIT.ok : EXIT.failed;
}

function isWell(reports: readonly NodeReport[]): boolean {
  return ![...reports.flatMap((r) => r.findings), ...examineFleet(reports)].some((f) => f.level === 'bad');
}

/** A fleet.json has a few lines for each node. */
const MAX_FLEET_BYTES = 1024 * 1024;

async function targetsOf(context: CliContext, urls: readonly string[], options: DoctorOptions): Promise<Target[]> {
  if (options.url !== undefined && (urls.length > 0 || options.fleet !== undefined)) {
    throw new LatticeError('usage', 'give URLs as arguments or with --url, not both');
  }
  const inContext = urls.length === 0 && options.fleet === undefined ? await contextOf(context, options) : undefined;
  const file = options.fleet ?? inContext?.fleet;
  const targets: Target[] = [];
  const { context: _name, ...direct } = options;
  for (const url of urls) targets.push({ client: await connect(context, { ...direct, url }), peerId: undefined });
  if (file !== undefined) {
    const fleet = readFleet(await readTextFile(context, file, MAX_FLEET_BYTES));
    for (const node of fleet.nodes) {
      const token = options.token ?? (await tokenBeside(context, file, node.envFile));
      targets.push({
        client: await connect(context, { ...direct, url: node.api, ...(token === undefined ? {} : { token }) }),
        peerId: node.peerId,
      });
    }
  }
  return targets.length > 0 ? targets : [{ client: await connect(context, options), peerId: undefined }];
}

/** The token in a node's env file, where this machine has that file. */
async function tokenBeside(context: CliContext, fleetFile: string, envFile: string): Promise<string | undefined> {
  try {
    return envFile === ''
      ? undefined
      : await readToken(context, resolve(dirname(resolve(context.cwd, fleetFile)), envFile));
  } catch (error) {
    if (error instanceof LatticeError) return undefined;
    throw error;
  }
}

function show(context: CliContext, reports: readonly NodeReport[], fleet: readonly Finding[]): void {
  const { line, paint } = context.output;
  const print = (finding: Finding): void => {
    const [style, mark] = MARKS[finding.level];
    line(`  ${paint(style, mark)} ${printable(finding.text)}`);
    if (finding.next !== undefined) line(`    → ${printable(finding.next)}`);
  };
  for (const report of reports) {
    line(paint('bold', report.status === undefined ? report.url : `${report.url}  ${printable(report.status.name)}`));
    report.findings.forEach(print);
  }
  if (fleet.length > 0) {
    line(paint('bold', 'together'));
    fleet.forEach(print);
  }
}
