import type { Status } from '../client/index.ts';
import { counted } from '../core/types/index.ts';
import type { NodeReport } from './examine.ts';
import { bad, type Finding, note, ok } from './finding.ts';
import { SHORT_ROOT } from './output.ts';

type KnownReport = NodeReport & { readonly status: Status };

/**
 * Compares roots, rosters, networks and versions of the nodes. A single node gives no findings, and one of another
 * lineage is compared with nobody: it has nothing in common with the others any more.
 */
export function examineFleet(reports: readonly NodeReport[]): Finding[] {
  const known = reports.filter((r) => r.status !== undefined && r.isOfOtherLineage !== true) as KnownReport[];
  if (known.length < 2) return [];
  const epochs = known.map(({ status }) => status.trust.epoch ?? 0);
  const epoch = Math.max(...epochs);
  const compare = (what: string, value: (status: Status) => string, differ: (text: string) => Finding): Finding => {
    const byValue = new Map<string, string[]>();
    for (const { label, status } of known) byValue.set(value(status), [...(byValue.get(value(status)) ?? []), label]);
    const found = [...byValue];
    if (found.length === 1) return ok(`same ${what} on ${counted(known.length, 'node')}: ${found[0]?.[0] ?? ''}`);
    return differ(`different ${what}: ${found.map(([v, urls]) => `${v} on ${urls.join(', ')}`).join('; ')}`);
  };
  return [
    compare(
      'network',
      (s) => s.network,
      (text) => bad(text, 'Set the same DIOTEC360_NETWORK (or topic) everywhere.'),
    ),
    epoch === 0
      ? compare(
          'trust list',
          (s) => s.trust.hash,
          (text) => bad(text, 'Set the same DIOTEC360_TRUSTED_STATE_PUBKEYS everywhere.', { topic: 'trust' }),
        )
      : compare(
          'roster',
          ({ trust: { hash, epoch: own = 0 } }) => `that of epoch ${own} (${hash.slice(0, SHORT_ROOT)})`,
          (text) =>
            bad(
              text,
              epochs.every((one) => one === epoch)
                ? 'Two rosters of one epoch make two fleets. Compare lattice members of all nodes, and begin anew with the members of one side.'
                : `Those behind epoch ${epoch} catch up by themselves once they reach a member. See who is where: lattice members --fleet`,
              { topic: 'trust' },
            ),
        ),
    compare(
      'root',
      (s) => s.root,
      (text) =>
        bad(text, 'Wait while writes go on; then look at lattice peers, and repair with lattice sync now.', {
          topic: 'root',
        }),
    ),
    compare(
      'version',
      (s) => s.version,
      (text) => note(text, 'Bring every node to the same version.'),
    ),
    ...twins(known),
  ];
}

function twins(known: readonly KnownReport[]): Finding[] {
  const seen = new Map<string, KnownReport>();
  const findings: Finding[] = [];
  for (const report of known) {
    const twin = seen.get(report.status.peerId);
    if (twin !== undefined && twin.status.incarnation !== report.status.incarnation) {
      findings.push(
        bad(`${twin.url} and ${report.url} run with the same key`, 'Stop one of them and give it a key of its own.', {
          topic: 'clone',
        }),
      );
    }
    seen.set(report.status.peerId, report);
  }
  return findings;
}
