import type { Status } from '../client/index.ts';
import type { Author } from '../core/types/index.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import type { Expected, NodeReport } from './examine.ts';
import { bad, type Finding, info, note } from './finding.ts';
import { shellWord } from './output.ts';
import { type Left, leftBy, leftText, standingIn, tidyWith, type Witness } from './standing.ts';
import { timesOf } from './times.ts';

/** A report on a node, and how it left where it has. */
export type StandingReport<T extends NodeReport> = T & { readonly left?: Left };

/**
 * Judges each report by what the fleet says of the key that a fleet.json expects there: who has left is missed by nobody,
 * whose key has turned is the same node, and anybody else is a stranger at that URL. `expected` has the nodes in the
 * order of the reports; `file` is the fleet.json where the user has named it.
 */
export function examineStanding<T extends NodeReport>(
  reports: readonly T[],
  expected: readonly Expected[],
  file: string | undefined,
): StandingReport<T>[] {
  const witnesses = reports.flatMap(({ roster, status }): Witness[] =>
    roster === undefined || status === undefined ? [] : [{ author: status.author, roster }],
  );
  const now = Date.now();
  const judged = reports.map((report, i): StandingReport<T> => {
    const named = expected[i] ?? {};
    const { status } = report;
    const author = named.author === undefined ? undefined : (status?.author ?? named.author);
    const left = author === undefined ? undefined : leftBy(witnesses, author, now);
    if (left !== undefined && !goesOnElsewhere(report, left))
      return { ...report, left, findings: [leftFinding(left, status !== undefined, file)] };
    if (status === undefined) return report;
    const told = keyFindings(status, named, witnesses, now, file);
    // Why it refuses writes is told better by the turn that was interrupted.
    const isTurning = told.some(({ topic }) => topic === 'turning');
    const isRetired = status.readOnlyReasons.every(({ code }) => code === 'retired');
    const rest = report.findings.filter(({ topic, own }) => !(isTurning && isRetired && own && topic === 'read-only'));
    return { ...report, findings: [...told, ...rest] };
  });
  // That nobody hears the key to which one has turned follows from that turn.
  const awaited = new Set(
    judged.flatMap(({ findings }) => findings.flatMap(({ topic, to }) => (topic === 'turning' ? (to ?? []) : []))),
  );
  return judged.map((report) => ({
    ...report,
    findings: report.findings.filter(({ topic, about = '' }) => !(topic === 'silent' && awaited.has(about))),
  }));
}

/** Whether a node that was left out by force runs on in its own lineage, which somebody has to end. */
function goesOnElsewhere({ roster }: NodeReport, { how, author }: Left): boolean {
  return how === 'forced' && roster?.members.some((one) => one.author === author && one.role !== 'retired') === true;
}

function leftFinding(left: Left, isUp: boolean, file: string | undefined): Finding {
  const text = leftText(left, timesOf({}));
  return isUp
    ? info(`${text}, and still runs`, `Stop it, and take it out of fleet.json: ${tidyWith(file)}`)
    : info(`${text}: nobody expects it any more`, `Take it out of fleet.json: ${tidyWith(file)}`);
}

/** What is to be said of the key that answers, where it is not the one that is expected, or one that has turned. */
function keyFindings(
  { author, peerId }: Status,
  { author: expected = author, peerId: expectedId = peerId, known }: Expected,
  witnesses: readonly Witness[],
  now: number,
  file: string | undefined,
): Finding[] {
  const turnedTo = (key: string): string | undefined => {
    for (const { roster } of witnesses) {
      const standing = standingIn(roster, key, now);
      if (standing.kind === 'turned') return standing.to;
    }
    return undefined;
  };
  const named = file === undefined ? '' : ` --fleet ${shellWord(file)}`;
  const next = turnedTo(author);
  if (next !== undefined && (author === expected || next === expected))
    return [
      bad(
        `its key has turned to ${authorToPeerId(next as Author)}, and it still runs under the former one, which may soon write no more`,
        `The turn was interrupted. Go on with it on the machine of that node: lattice members rotate --env-file ${shellWord(known?.inFleet?.envFile ?? 'FILE')}${named}`,
        { topic: 'turning', about: peerId, to: authorToPeerId(next as Author) },
      ),
    ];
  if (peerId === expectedId) return [];
  if (turnedTo(expected) === author)
    return [
      note(
        'fleet.json has a former key of it, and it goes on under its present one',
        `Have the present key written there: ${tidyWith(file)}`,
        { topic: 'former-key', about: peerId },
      ),
    ];
  const left = leftBy(witnesses, expected, now);
  const isMember = witnesses.some(({ roster }) => standingIn(roster, author, now).kind === 'member');
  if (left !== undefined && isMember)
    return [
      note(
        `fleet.json has a key for it that ${leftText(left, timesOf({}))}, and a member answers there under another one`,
        `Have the key that answers written there: ${tidyWith(file)}`,
        { topic: 'former-key', about: peerId },
      ),
    ];
  return [bad(`is ${peerId}, not ${expectedId}`, 'Another node answers at this URL: check ports and proxies.')];
}
