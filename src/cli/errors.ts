import { LatticeError } from '../core/types/index.ts';
import type { Output } from './output.ts';

export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, store: 74 } as const;

/** The exit code that scripts can rely on for an error. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof LatticeError)) return EXIT.failed;
  if (error.code === 'usage' || error.code === 'invalid-config' || error.code === 'invalid-fleet') return EXIT.usage;
  if (error.code === 'unreachable' || error.code === 'timeout') return EXIT.unreachable;
  if (error.code.startsWith('store-') || error.code === 'damaged-row' || error.code === 'root-mismatch')
    return EXIT.store;
  return EXIT.failed;
}

/** Writes one line with the cause and one with the next step to stderr; with `json` one JSON object. */
export function reportError(error: unknown, output: Output, json: boolean): void {
  const known = error instanceof LatticeError;
  const code = known ? error.code : 'internal';
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const next = oneLine(
    (known ? error.next : undefined) ??
      (known ? 'See lattice --help.' : 'This is a bug: please report it with the command that you ran.'),
  );
  if (json) {
    output.remark(JSON.stringify({ error: { code, message, next } }));
    return;
  }
  output.remark(`error: ${message}`);
  output.remark(`  next: ${next}`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
