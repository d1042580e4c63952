import { expect, it } from 'vitest';
import { applyChange, type ChangeAction, NO_VOTES, stateOf } from '../../../../src/core/roster/index.ts';
import { roleReasons } from '../../../../src/runtime/fleet/role.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createAuthor, hasher } from '../support.ts';

const [self, a] = [1, 2].map((id) => createAuthor(id).author) as [never, never];

/** The reasons that the roster gives, after the changes. */
function reasons(trusted: readonly never[], ...actions: readonly ChangeAction[]): readonly string[] {
  const roster = createRoster(trusted, self, hasher);
  for (const action of actions) {
    const { state } = roster.present;
    const next = stateOf(applyChange(state, action, 5), state.departed, hasher);
    roster.take({ state: next, start: 0, certificate: new Uint8Array(1) }, NO_VOTES);
  }
  return roleReasons(self, roster).flatMap(({ code, text }) => (text === undefined ? [] : code));
}

it('keeps who is no writer of the roster from writing, and says which it is [RO3, N3]', () => {
  expect(reasons([self, a])).toEqual([]);
  expect(reasons([a])).toEqual(['untrusted-self']);
  expect(reasons([a], { kind: 'add', author: self, name: '', role: 'mirror' })).toEqual(['mirror']);
  expect(reasons([a], { kind: 'add', author: self, name: '', role: 'writer' })).toEqual([]);
});
