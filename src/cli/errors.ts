import { LatticeProblem } from '../client/errors.ts';
import { LatticeError } from '../core/types/index.ts';
import { EXIT, EXIT_BY_CODE } from './exit-codes.ts';
import { HELP } from './hints.ts';
import { type Output, printable } from './output.ts';

/** The exit code that scripts can rely on for an error. */
export function exitCodeOf(error: unknown): number {
  return error instanceof LatticeError ? EXIT_BY_CODE[error.code] : EXIT.failed;
}

/**
 * Writes a line with the cause and a line with the next step to stderr, or one object as data. Both may quote what a
 * file or a node says.
 */
export function reportError(error: unknown, output: Output, asData: boolean): void {
  const known = error instanceof LatticeError;
  const code = known ? error.code : 'internal';
  const whole = error instanceof Error ? error.message : String(error);
  const message = oneLine(whole);
  const next = oneLine(
    (known ? error.next : undefined) ??
      (known ? HELP : 'This is a bug: please report it with the command that you ran.'),
  );
  if (asData) {
    output.remarkData({ error: { code, message, next: output.hint(next) } });
    return;
  }
  // The flaws of a configuration have a line each. What a node or a file says has one line in all.
  const lines = code === 'invalid-config' && !(error instanceof LatticeProblem) ? whole.split('\n') : [message];
  output.remark(`error: ${lines.map(printable).join('\n  ')}`);
  output.remark(`  next: ${printable(next)}`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
