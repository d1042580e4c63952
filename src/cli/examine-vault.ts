import type { Status } from '../client/index.ts';
import { bad, type Finding, info, note, ok } from './finding.ts';
import { byteCount } from './output.ts';

const objects = (count: number): string => (count === 1 ? '1 object' : `${count} objects`);

/** Reports what of the vault should be on the node and is not, and what is there and damaged. */
export function examineVault({ vault }: Status): Finding[] {
  if (vault === undefined || (vault.objects === 0 && vault.paused === undefined)) return [];
  const { damaged, missing, fetching, paused, starting } = vault;
  const findings: Finding[] = [];
  if (paused !== undefined)
    findings.push(
      bad(`its vault fetches nothing: ${paused}`, 'Remove the cause; the vault goes on by itself.', { topic: 'vault' }),
    );
  const [first] = damaged;
  if (first !== undefined)
    findings.push(
      bad(
        `${objects(damaged.length)} of its vault ${damaged.length === 1 ? 'is' : 'are'} damaged: ${first.text}`,
        'It fetches them from a node that has them. Check the disk on which the vault lies, then run lattice vault verify.',
        { topic: 'vault damaged' },
      ),
    );
  if (paused !== undefined || starting) return findings;
  const lack = `${objects(missing.objects)} (${byteCount(missing.bytes)})`;
  const waiting = fetching.find((one) => one.waiting !== undefined)?.waiting;
  if (missing.objects === 0) return findings.length > 0 ? findings : [ok('its vault has all that its policy asks for')];
  if (waiting === undefined || fetching.some((one) => one.waiting === undefined))
    findings.push(info(`its vault is fetching ${lack}`));
  else findings.push(note(`its vault lacks ${lack}: ${waiting.reason}`, undefined, { topic: 'vault' }));
  return findings;
}
