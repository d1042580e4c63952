import { hlcMs } from '../../../src/core/clock/index.ts';
import type { HeldKey } from '../../../src/core/floor/index.ts';
import type { RosterState } from '../../../src/core/roster/index.ts';
import { EPOCH_MS, type Op, type State } from './world.ts';

/** What a run says of itself, for somebody who looks for the cause of a failure. */

export const timeOf = (ms: number): string => `${(ms - EPOCH_MS) / 1000} s`;

export const namesOf = (some: readonly Op[]): string => `[${some.map(({ name }) => name).join(' ')}]`;

export const heldLine = ({ siblings, hidden }: HeldKey<Op>): string => `${namesOf(siblings)} hidden ${namesOf(hidden)}`;

export const stateLine = (state: State): string =>
  [...state].map(([key, siblings]) => `${key} ${namesOf(siblings)}`).join(' ');

export function opLine({ name, key, author, hlc, operation: { kind, expires, context } }: Op): string {
  const seen = context.map((dot) => `${dot.author.slice(0, 4)}@${timeOf(hlcMs(dot.hlc))}`).join(' ');
  const end = expires === undefined ? '' : ` expires ${timeOf(expires)}`;
  return `${kind} ${key} ${name} by ${author.slice(0, 4)} at ${timeOf(hlcMs(hlc))}${end} sees ${seen}`;
}

export function rosterLine({ roster }: RosterState): string {
  return roster.members
    .map(({ author, role, until }) => {
      const end = role === 'retired' ? ` until ${timeOf(until)}` : '';
      return `${author.slice(0, 4)} ${role}${end}`;
    })
    .join(', ');
}
