import { NOT_REACHED } from '../audit/checks.ts';
import type { Check, Examination } from '../audit/index.ts';
import { type Author, counted, LatticeError } from '../core/types/index.ts';
import type { CliContext } from './context.ts';
import { printable } from './output.ts';
import type { TrustList } from './trust.ts';

/**
 * What a command that verifies says of a document: `verified`, `refused`, `not-verified` where there is no trust list,
 * and `any-key` where somebody wants to look at it without one.
 */
export type Verdict = 'verified' | 'refused' | 'not-verified' | 'any-key';

const SIGNS = { ok: ['green', '✓'], failed: ['red', '✕'], 'not-checked': ['dim', '–'] } as const;

/** The verdict on an examination that was made with a trust list, or `anyKey`, or without either. */
export function verdictOf(
  { error }: Examination<unknown>,
  { trusted, anyKey }: { readonly trusted: boolean; readonly anyKey: boolean },
): Verdict {
  if (error !== undefined) return error.code === 'trust-needed' ? 'not-verified' : 'refused';
  return trusted ? 'verified' : anyKey ? 'any-key' : 'not-verified';
}

/**
 * Prints one line for each check, and one for all that were not reached. Authors have their names before them where
 * `trust` tells them.
 */
export function printChecks({ output }: CliContext, checks: readonly Check[], trust?: TrustList): void {
  const named = (text: string): string =>
    text.replaceAll(/\b[0-9a-f]{64}\b/g, (key) => {
      const name = trust?.names.get(key as Author);
      return name === undefined ? key : `${name} (${key})`;
    });
  const print = (result: Check['result'], text: string): void => {
    const [style, sign] = SIGNS[result];
    output.say(`${output.paint(style, sign)} ${printable(text)}`);
  };
  for (const { result, text } of checks) if (text !== NOT_REACHED) print(result, named(text));
  const unmade = checks.filter(({ text }) => text === NOT_REACHED).length;
  if (unmade > 0) print('not-checked', `${counted(unmade, 'further check')} ${unmade === 1 ? 'was' : 'were'} not made`);
}

/** The error with which a command ends whose document would hold if its keys were trusted. */
export function notVerified(): LatticeError {
  return new LatticeError(
    'trust-needed',
    'not verified: no trust list was given, and anyone can sign such a document with a new key',
    { next: 'Give the trust list of the fleet: --trust fleet.json, an env file of a node, or keys.' },
  );
}
