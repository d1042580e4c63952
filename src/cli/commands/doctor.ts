import { setTimeout as wait } from 'node:timers/promises';
import { LatticeError } from '../../core/types/index.ts';
import { type CliContext, connect, type GlobalOptions, readTextFile } from '../context.ts';
import { EXIT } from '../errors.ts';
import { examineFleet, examineNode, type Finding, type NodeReport } from '../examine.ts';
import { readFleet } from '../fleet-file.ts';
import { printable } from '../output.ts';

export interface DoctorOptions extends GlobalOptions {
  readonly fleet?: string;
  /** Seconds. */
  readonly settle: number;
}

/** Between two looks while roots settle. */
const SETTLE_STEP_MS = 250;

const MARKS = { ok: ['green', '✓'], note: ['yellow', '!'], bad: ['red', '✗'] } as const;

export async function doctor(context: CliContext, urls: readonly string[], options: DoctorOptions): Promise<number> {
  const targets = await targetsOf(context, urls, options);
  const examine = (): Promise<NodeReport[]> => Promise.all(targets.map((t) => examineNode(t.client, t.peerId)));
  try {
    // Writes in flight make roots differ for a moment, so what is bad is looked at again for a while.
    const deadline = performance.now() + options.settle * 1000;
    let reports = await examine();
    while (reports.some((r) => r.reachable) && !isWell(reports) && performance.now() < deadline) {
      await wait(SETTLE_STEP_MS);
      reports = await examine();
    }
    const fleet = examineFleet(reports);
    const well = isWell(reports);
    if (options.json)
      context.output.json({ ok: well, nodes: reports.map(({ url, reachable, findings }) => ({ url, reachable, findings })), fleet });
    else show(context, reports, fleet);
    if (!reports.some((r) => r.reachable)) return EXIT.unreachable;
    return well ? EXIT.ok : EXIT.failed;
  } finally {
    for (const { client } of targets) client.close();
  }
}

function isWell(reports: readonly NodeReport[]): boolean {
  return ![...reports.flatMap((r) => r.findings), ...examineFleet(reports)].some((f) => f.level === 'bad');
}

async function targetsOf(context: CliContext, urls: readonly string[], options: DoctorOptions) {
  const named: { url: string; peerId: string | undefined }[] = urls.map((url) => ({ url, peerId: undefined }));
  if (options.fleet !== undefined) {
    const fleet = readFleet(await readTextFile(context, options.fleet, 1024 * 1024));
    for (const node of fleet.nodes) named.push({ url: node.api, peerId: node.peerId });
  }
  if (named.length === 0) return [{ client: await connect(context, options), peerId: undefined }];
  if (options.url !== undefined) throw new LatticeError('usage', 'give URLs as arguments or with --url, not both');
  return await Promise.all(named.map(async ({ url, peerId }) => ({ client: await connect(context, { ...options, url }), peerId })));
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
