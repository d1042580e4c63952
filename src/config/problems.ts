import { LatticeError } from '../core/types/index.ts';

/** One setting that is not usable. */
export interface Problem {
  /** The variable as it was found, or the env file. */
  readonly variable: string;
  /** Its text or the item in question, cut to 100 characters; a secret's length only. */
  readonly value: string;
  readonly rule: string;
  readonly fix: string;
}

const MAX_SHOWN = 100;

/** `value` as a problem shows it: without a secret, and without what stands before the @ of a URL. */
export function shownValue(value: string, secret: boolean): string {
  if (secret) return `(${value.length} characters, not shown)`;
  const shown = value.slice(0, MAX_SHOWN) + (value.length > MAX_SHOWN ? '…' : '');
  return shown.replace(/^(.*:\/\/)?.*@/s, '$1…@');
}

/** One `invalid-config` error for all problems; `details.problems` is the list. `problems` is not empty. */
export function invalidConfig(problems: readonly Problem[]): LatticeError {
  const lines = problems.map(
    ({ variable, value, rule, fix }) => `${variable}${value === '' ? '' : `=${value}`}: ${rule}; ${fix}`,
  );
  const message =
    lines.length === 1 ? (lines[0] as string) : `${lines.length} settings are not usable:\n  ${lines.join('\n  ')}`;
  return new LatticeError('invalid-config', message, {
    next:
      problems.length === 1 ? (problems[0] as Problem).fix : 'correct each setting as its line says, then start again',
    details: { problems },
  });
}
