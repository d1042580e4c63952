import { counted, LatticeError } from '../core/types/index.ts';

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
  if (secret) return `(${counted(value.length, 'character')}, not shown)`;
  const shown = value.slice(0, max) + (value.length > max ? '…' : '');
  return shown.replace(/^(.*:\/\/)?.*@/s, '$1…@');
}

/** What is wrong with a setting, as one line. */
const faultLine = ({ variable, value, rule }: Problem): string =>
  `${variable}${value === '' ? '' : `=${value}`}: ${rule}`;

/** A problem as one line: the setting, what is wrong with it, and what to do. */
export const problemLine = (problem: Problem): string => `${faultLine(problem)}; ${problem.fix}`;

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
  const [first] = problems;
  const isOne = first !== undefined && problems.length === 1;
  // The fix of the only problem is the next step.
  const lines = isOne
    ? [faultLine(first)]
    : [`${problems.length} settings cannot be used:`, ...problems.map((problem) => `  ${problemLine(problem)}`)];
  const { p2p = [], violations = [], warnings = [] } = besides ?? {};
  const more = [
    ...p2p.map((text) => `P2P would not run: ${text}`),
    ...violations.map((text) => `The node would be read-only: ${text}`),
    ...warnings,
  ];
  if (more.length > 0) lines.push('Once that is corrected:', ...more.map((text) => `  ${text}`));
  return new LatticeError('invalid-config', lines.join('\n'), {
    next: isOne ? first.fix : 'correct each setting as its line says, then start again',
    details: { problems, ...besides },
  });
}
