import { LatticeError } from '../core/types/index.ts';

/** A setting that is not usable. */
export interface Problem {
  /** The name under which the variable was found, or the path of the env file. */
  readonly variable: string;
  /** The text or the item of a list, at most 100 characters of it. Of a secret it tells only the length. */
  readonly value: string;
  /** What is wrong, as a clause. */
  readonly rule: string;
  /** What to do, as a clause. */
  readonly fix: string;
}

const MAX_SHOWN = 100;

/**
 * The text of a Problem's value: without secrets, and without the user and password before the @ of a URL. Of a longer
 * text the first `max` characters are shown.
 */
export function shownValue(value: string, secret: boolean, max = MAX_SHOWN): string {
  if (secret) return `(${value.length} characters, not shown)`;
  const shown = value.slice(0, max) + (value.length > max ? '…' : '');
  return shown.replace(/^(.*:\/\/)?.*@/s, '$1…@');
}

/** A problem as one line: the setting, what is wrong with it, and what to do. */
export function problemLine({ variable, value, rule, fix }: Problem): string {
  return `${variable}${value === '' ? '' : `=${value}`}: ${rule}; ${fix}`;
}

/** What else whoever corrects a configuration wants to know, so that one round is enough. Sentences. */
export interface Besides {
  /** What keeps the P2P lung from running. */
  readonly p2p: readonly string[];
  /** What makes the node read-only. */
  readonly violations: readonly string[];
  readonly warnings: readonly string[];
}

/** LatticeError `invalid-config` for one or more problems, which are also its `details.problems`. */
export function invalidConfig(problems: readonly Problem[], besides?: Besides): LatticeError {
  const lines = problems.map(problemLine);
  const [first = ''] = lines;
  const message = lines.length === 1 ? first : `${lines.length} settings are not usable:\n  ${lines.join('\n  ')}`;
  const { p2p = [], violations = [], warnings = [] } = besides ?? {};
  const more = [
    ...p2p.map((text) => `P2P would not run: ${text}`),
    ...violations.map((text) => `the node would be read-only: ${text}`),
    ...warnings,
  ];
  return new LatticeError('invalid-config', [message, ...(more.length > 0 ? ['besides:', ...more] : [])].join('\n  '), {
    next:
      problems.length === 1 ? (problems[0] as Problem).fix : 'correct each setting as its line says, then start again',
    details: { problems, ...besides },
  });
}
