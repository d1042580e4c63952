import { LatticeError } from '../core/types/index.ts';
import { type CliContext, usageError } from './context.ts';

/** An answer has a word. Whatever is longer is no yes. */
const MAX_ANSWER_BYTES = 64;

/**
 * Asks on the terminal whether to go on, unless `--yes` has answered that. Rejects with LatticeError `usage` where nobody
 * can be asked, and with `aborted` for any answer but yes.
 */
export async function confirm(
  { output, stdin }: CliContext,
  question: string,
  { yes = false, json = false }: { readonly yes?: boolean; readonly json?: boolean },
): Promise<void> {
  if (yes) return;
  if (!output.interactive || json)
    throw usageError('this asks before it does anything, and there is nobody to ask', 'Add --yes to do it.');
  output.write(`${question} [y/N] `);
  let answer = '';
  for await (const chunk of stdin) {
    answer += new TextDecoder().decode(chunk);
    if (answer.includes('\n') || answer.length > MAX_ANSWER_BYTES) break;
  }
  if (/^\s*y(es)?\s*$/i.test(answer)) return;
  throw new LatticeError('aborted', 'nothing was done', { next: 'Answer y, or add --yes, to do it.' });
}
