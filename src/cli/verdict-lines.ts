import type { Status } from '../client/index.ts';
import type { CliContext } from './context.ts';
import { type Output, printable, type Style } from './output.ts';

type Verdict = Status['verdict'];

const STYLES: Readonly<Record<Verdict['kind'], Style>> = {
  READ_ONLY: 'red',
  DIVERGED: 'red',
  ISOLATED: 'red',
  DEGRADED: 'yellow',
  STARTING: 'yellow',
  CONVERGED: 'green',
  ALONE: 'bold',
};

/** The status of a node, which has no verdict where the node is of an earlier version. */
type AnyStatus = Omit<Status, 'verdict'> & { readonly verdict?: Verdict };

/** The verdict in one word, in its colour; the health of the lungs where the node tells no verdict. */
export function verdictWord(output: Output, { verdict, health }: AnyStatus): string {
  return verdict === undefined
    ? health
    : output.paint(STYLES[verdict.kind] ?? 'yellow', verdict.kind.replaceAll('_', '-'));
}

/**
 * Whether the roots of nodes that say CONVERGED differ at one look at all of them. Each node says so of what it has
 * heard, and whoever looks at all sees the newest writes on their way.
 */
export function rootsDiffer(seen: readonly AnyStatus[]): boolean {
  const claims = seen.some(({ verdict }) => verdict?.kind === 'CONVERGED');
  return claims && new Set(seen.map(({ root }) => root)).size > 1;
}

/** The verdict's sentence, which every surface shows alike. Empty where the node tells none. */
export function verdictSentence({ verdict }: AnyStatus): string {
  return printable(verdict?.sentence ?? '');
}

/**
 * The verdict on a node: its word and sentence, then every reason that the sentence does not tell, and what to do. They
 * are for `Output.say`, because they name commands.
 */
export function verdictLines({ output }: CliContext, status: AnyStatus): string[] {
  const { verdict } = status;
  if (verdict === undefined) return [];
  const lines = [`${verdictWord(output, status)}  ${verdictSentence(status)}`];
  for (const { text, next, heals } of verdict.reasons) {
    if (!verdict.sentence.includes(text.replace(/\.$/, ''))) lines.push(`  ${printable(text)}`);
    if (next !== undefined) lines.push(`    → ${printable(next)}`);
    else if (heals === 'by-itself') lines.push('    → This ends by itself.');
  }
  return lines;
}
