import { LatticeError } from '../../core/types/index.ts';
import { settleWithin, sleep } from '../../timing/index.ts';
import { type Cause, causesOf, mayPass, prefixOf } from '../causes.ts';
import { checkLine } from '../check.ts';
import type { ApiClient } from '../client.ts';
import { clock } from '../clock.ts';
import { connect, contextOf } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { type Expected, examineNode, type NodeReport } from '../examine.ts';
import { examineFleet } from '../examine-fleet.ts';
import { examineLineage } from '../examine-lineage.ts';
import { examineReach } from '../examine-reach.ts';
import { examineStanding } from '../examine-standing.ts';
import { EXIT } from '../exit-codes.ts';
import { bad, type Finding, info } from '../finding.ts';
import { fleetClients } from '../fleet-table.ts';
import { printable } from '../output.ts';
import type { Left } from '../standing.ts';

export interface DoctorOptions extends GlobalOptions {
  readonly fleet?: string;
  /** Seconds. */
  readonly settle: number;
  readonly check?: boolean;
}

interface Target {
  readonly client: ApiClient;
  readonly expected: Expected;
}

/** Pause between two examinations while something is wrong. */
const SETTLE_STEP_MS = 250;
/**
 * With --check all examinations together, the settling included, end by then, whatever hangs: monitoring kills a plugin
 * after ten seconds. A single request has less, so that a node that hangs is named and the others are examined.
 */
const CHECK_MS = 7000;
const CHECK_REQUEST_SECONDS = 2;

const MARKS = { ok: ['green', '✓'], info: ['dim', '·'], note: ['yellow', '!'], bad: ['red', '✗'] } as const;

/**
 * Examines each node and all nodes together. The exit code is 0 when all is well, 1 when something must be repaired,
 * and 3 when no node answers. With --check it is that of a monitoring plugin.
 */
export async function doctor(context: CliContext, urls: readonly string[], given: DoctorOptions): Promise<number> {
  const options = given.check === true ? { ...given, timeout: Math.min(given.timeout, CHECK_REQUEST_SECONDS) } : given;
  if (given.check === true) context.limitLookups?.(options.timeout);
  const targets = await targetsOf(context, urls, options);
  const begun = performance.now();
  const left = (): number => (options.check === true ? CHECK_MS : Infinity) - (performance.now() - begun);
  const examine = () => examineAll(targets, options, left());
  // Writes under way make roots differ for a moment, so a bad result is examined again for a while.
  let reports = await examine();
  while (
    reports.some((r) => r.reachable) &&
    mayPass(causesOf(present(reports), examineFleet(present(reports)))) &&
    performance.now() - begun < options.settle * 1000 &&
    left() > SETTLE_STEP_MS
  ) {
    await sleep(clock, SETTLE_STEP_MS);
    reports = (await examine()).map((report, i) => (report.isLate === true ? (reports[i] ?? report) : report));
  }
  return conclude(context, options, reports);
}

/** A report, whether it could not be finished in time, and how its node left the fleet where it has. */
type Examined = NodeReport & { readonly isLate?: true; readonly left?: Left };

/** The nodes that belong to the fleet: of the others nobody expects anything. */
const present = <T extends Examined>(reports: readonly T[]): T[] => reports.filter(({ left }) => left === undefined);

/** Examines all nodes once, within `ms`. */
async function examineAll(targets: readonly Target[], options: DoctorOptions, ms: number): Promise<Examined[]> {
  const end = performance.now() + ms;
  const inTime = <T>(work: Promise<T>, late: () => T): Promise<T> => {
    const left = end - performance.now();
    if (left === Infinity) return work;
    const lateError = new Error('late');
    return settleWithin(clock, Math.max(0, left), work, () => lateError).catch((error: unknown) => {
      if (error === lateError) return late();
      throw error;
    });
  };
  const asked = identified(
    await Promise.all(
      targets.map(async ({ client, expected }) => ({
        client,
        report: await inTime<Examined>(examineNode(client, expected), () => late(client.url, expected)),
      })),
    ),
  );
  const standing = examineLineage(
    examineStanding<Examined>(
      asked.map(({ report }) => report),
      targets.map(({ expected }) => expected),
      options.fleet,
    ),
  );
  const all = asked.flatMap(({ client }, i) => {
    const report = standing[i];
    return report === undefined ? [] : [{ client, report }];
  });
  const inside = all.filter(({ report }) => report.left === undefined);
  return await Promise.all(
    all.map(async (one) => {
      if (one.report.left !== undefined) return one.report;
      const outside = await inTime(examineReach(one, inside, options.timeout * 1000), () => [
        info('whether others reach it could not be asked in time'),
      ]);
      return { ...one.report, findings: [...one.report.findings, ...outside] };
    }),
  );
}

function late(url: string, { name = url, peerId }: Expected): Examined {
  const finding = bad(`${name} did not answer everything in time`, 'Look at its load and its log.', {
    topic: 'down',
    about: url,
  });
  return { url, label: name, peerId, reachable: true, status: undefined, peers: [], findings: [finding], isLate: true };
}

/** Nodes that do not answer, with the name and the peer id that others know for their URLs. */
function identified<T extends { readonly report: NodeReport }>(all: readonly T[]): T[] {
  const known = all.flatMap(({ report }) => report.peers);
  return all.map((one) => {
    const { report } = one;
    if (report.status !== undefined) return one;
    const peer = known.find(({ url, alternatives = [] }) => [url, ...alternatives].includes(report.url));
    if (peer === undefined) return one;
    const label = report.label === report.url ? peer.label : report.label;
    return { ...one, report: { ...report, label, peerId: report.peerId ?? peer.peerId } };
  });
}

function conclude(context: CliContext, options: DoctorOptions, reports: readonly Examined[]): number {
  const members = present(reports);
  const fleet = examineFleet(members);
  const causes = causesOf(members, fleet);
  const well = !causes.some(({ level }) => level === 'bad');
  const check = options.check === true ? checkLine(members, causes) : undefined;
  if (options.json) {
    const { hint } = context.output;
    const hinted = <T extends Finding>(all: readonly T[]): T[] =>
      all.map((one) => (one.next === undefined ? one : { ...one, next: hint(one.next) }));
    context.output.data({
      ok: well,
      ...(check === undefined ? {} : { check }),
      causes: hinted(causes),
      nodes: reports.map(({ url, label, reachable, left, findings }) => ({
        url,
        name: label,
        reachable,
        ...(left === undefined ? {} : { left }),
        findings: hinted(findings),
      })),
      fleet: hinted(fleet),
    });
  } else if (check === undefined) show(context, reports, fleet, causes);
  else context.output.say(printable(check.line));
  if (check !== undefined) return check.code;
  if (!members.some((r) => r.reachable)) return EXIT.unreachable;
  return well ? EXIT.ok : EXIT.failed;
}

async function targetsOf(context: CliContext, urls: readonly string[], options: DoctorOptions): Promise<Target[]> {
  if (options.url !== undefined && (urls.length > 0 || options.fleet !== undefined)) {
    throw new LatticeError('usage', 'give URLs as arguments or with --url, not both');
  }
  const inContext = urls.length === 0 && options.fleet === undefined ? await contextOf(context, options) : undefined;
  const file = options.fleet ?? inContext?.fleet;
  const targets: Target[] = [];
  const { context: _name, ...direct } = options;
  for (const url of urls) targets.push({ client: await connect(context, { ...direct, url }), expected: {} });
  if (file !== undefined) {
    const members = await fleetClients(context, direct, file);
    targets.push(...members.map(({ client, ...expected }) => ({ client, expected })));
  }
  return targets.length > 0 ? targets : [{ client: await connect(context, options), expected: {} }];
}

/** Prints what is wrong first, each cause once, and then for each node what is well. */
function show(
  context: CliContext,
  reports: readonly NodeReport[],
  fleet: readonly Finding[],
  causes: readonly Cause[],
): void {
  const { line, say, paint } = context.output;
  const print = ({ level, text, next }: Finding, indent = ''): void => {
    const [style, mark] = MARKS[level];
    say(`${indent}${paint(style, mark)} ${printable(text)}`);
    if (next !== undefined) say(`${indent}  → ${printable(next)}`);
  };
  for (const cause of causes) print({ ...cause, text: `${prefixOf(cause.nodes)}${cause.text}` });
  if (causes.length > 0) line();
  for (const report of reports) {
    // What is wrong with it stands above.
    if (!report.findings.some(isFine)) continue;
    const where = report.label === report.url ? report.url : `${report.label}  ${report.url}`;
    line(paint('bold', printable(where)));
    report.findings.filter(isFine).forEach((finding) => print(finding, '  '));
  }
  const together = fleet.filter(isFine);
  if (together.length === 0) return;
  line(paint('bold', 'together'));
  together.forEach((finding) => print(finding, '  '));
}

const isFine = ({ level }: Finding): boolean => level === 'ok' || level === 'info';
