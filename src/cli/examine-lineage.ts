import { joined } from '../core/types/index.ts';
import type { NodeReport } from './examine.ts';
import { bad, type Finding } from './finding.ts';

/** Topics of what follows from being of another lineage. */
const FOLLOWS: ReadonlySet<string | undefined> = new Set(['other-lineage', 'warning other-lineage']);

/**
 * Tells the nodes apart that belong to another lineage than those which went on by force (SPEC RO15). None of them
 * catches up by itself: one that was left out comes back under a new key, and one that was not has to take the record.
 */
export function examineLineage<T extends NodeReport>(reports: readonly T[]): T[] {
  return reports.map((report) => {
    const finding = lineageFinding(report, reports);
    if (finding === undefined) return report;
    const rest = report.findings.filter(({ topic }) => !FOLLOWS.has(topic));
    return { ...report, isOfOtherLineage: true, findings: [finding, ...rest] };
  });
}

function lineageFinding(report: NodeReport, all: readonly NodeReport[]): Finding | undefined {
  const { status, label } = report;
  if (status === undefined) return undefined;
  const { author, peerId, warnings } = status;
  const leavesOut = ({ roster }: NodeReport): boolean =>
    [...(roster?.members ?? []), ...(roster?.gone ?? [])].some((one) => one.author === author && one.how === 'forced');
  const without = all.filter((other) => leavesOut(other));
  const sign = { topic: 'other-lineage', about: peerId };
  if (without.length > 0 && !leavesOut(report)) {
    const who = joined(without.map((other) => other.label));
    return bad(
      `is of another lineage: ${who} went on by force without it, and ${without.length === 1 ? 'refuses' : 'refuse'} it`,
      `Stop it, move its state and its key aside, and have it taken in anew under a new key: lattice invite --name ${label} on ${without[0]?.label ?? 'a node that went on'}, then on its machine: lattice join LINE --dir DIRECTORY`,
      sign,
    );
  }
  if (!warnings.some(({ code }) => code === 'other-lineage')) return undefined;
  return bad(
    'is of another lineage: a member has begun one by force, and this node has not taken the record of that',
    'Stop it, and have it take the record that was made there: lattice members force --env-file FILE --record FILE',
    sign,
  );
}
