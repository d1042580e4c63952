import type { Status, Verdict } from './types.ts';

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'mute';

/** How each kind of verdict is shown: its title, its sign, and the tone of both. */
export const VERDICT_WORDS: Readonly<
  Record<Verdict['kind'], { readonly title: string; readonly sign: string; readonly tone: Tone }>
> = {
  READ_ONLY: { title: 'READ-ONLY', sign: '✕', tone: 'bad' },
  DIVERGED: { title: 'DIVERGED', sign: '≠', tone: 'bad' },
  ISOLATED: { title: 'ISOLATED', sign: '?', tone: 'bad' },
  DEGRADED: { title: 'DEGRADED', sign: '!', tone: 'warn' },
  STARTING: { title: 'STARTING', sign: '…', tone: 'info' },
  CONVERGED: { title: 'CONVERGED', sign: '=', tone: 'ok' },
  // A node that expects no other one lacks nothing.
  ALONE: { title: 'ALONE', sign: '1', tone: 'ok' },
};

/** Warnings that the reasons of the verdict do not say already. Equal roots say nothing of them. */
export function warningsBeside({ verdict, warnings }: Status): Status['warnings'] {
  const said = new Set(verdict.reasons.map(({ text }) => text));
  return warnings.filter(({ text }) => !said.has(text));
}

/** What a node that refuses writes says of the cause, in a few words. */
const READ_ONLY_WORDS: Readonly<Record<string, string>> = {
  'safe-mode': 'configuration forbids writes',
  'untrusted-self': 'own key not trusted',
  mirror: 'mirror',
  retired: 'key retired',
  clone: 'key in use elsewhere',
  'own-history': 'waits for its own commits',
  'clock-jump': 'clock jumped',
  'clock-skew': 'clock is wrong',
  'clock-ahead': 'state ahead of its clock',
  'lost-batches': 'store lost writes',
  disk: 'disk full',
};

/** The causes in a few words. A later version of a node may tell codes that this page does not know. */
export const readOnlyWords = (codes: readonly string[]): string =>
  codes.map((code) => READ_ONLY_WORDS[code] ?? code).join(', ');
