import { LatticeError } from '../core/types/index.ts';
import { EXIT, EXIT_BY_CODE } from './exit-codes.ts';
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
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const next = oneLine(
    (known ? error.next : undefined) ??
      (known ? 'See lattice --help.' : 'This is a bug: please report it with the command that you ran.'),
  );
  if (asData) {
    output.remarkData({ error: { code, message, next: output.hint(next) } });
    return;
  }
  output.remark(`error: ${printable(message)}`);
  output.remark(`  next: ${printable(next)}`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
