import { expect, it } from 'vitest';
import {
  advance,
  checkForcedRoster,
  encodeForced,
  forcedBytes,
  forcedRoster,
  NO_VOTES,
  type RosterState,
} from '../../../../src/core/roster/index.ts';
import { type Bytes, bytesToHex } from '../../../../src/core/types/index.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { base64url } from '../../../../src/runtime/read/base64url.ts';
import { chainFor } from '../../../../src/runtime/read/rosters.ts';
import { createAuthor, EPOCH_MS, hasher, NETWORK } from '../support.ts';

const [one, two, three] = [createAuthor(1), createAuthor(2), createAuthor(3)];

it('what was certified before a forced roster has a chain that ends before it, and what comes later goes through it [Z12, RO15]', () => {
  const roster = createRoster([one.author, two.author, three.author], one.author, hasher);
  const founders = roster.from(0)[0] ?? expect.fail();
  roster.fix();
  const renamed = {
    ...founders.state.roster,
    epoch: 1,
    previous: founders.state.hash,
    members: founders.state.roster.members.map((member, i) => ({ ...member, name: `node${i}` })),
  };
  const first = advance(founders.state, renamed, hasher);
  const decided: Bytes = new Uint8Array([1]);
  roster.take({ state: first, start: EPOCH_MS, certificate: decided }, NO_VOTES);
  const start = EPOCH_MS + 100_000;
  const forced = { network: NETWORK, author: one.author, roster: forcedRoster(first, [one.author], start), start };
  const certificate = encodeForced(forced, one.sign(forcedBytes(forced, hasher)));
  const { state } = checkForcedRoster(certificate, first, { network: NETWORK, hasher });
  roster.take({ state, start, certificate }, NO_VOTES);

  const whole = [decided, certificate].map(base64url);
  const chain = (from?: RosterState, certifies?: RosterState) =>
    chainFor(roster, from === undefined ? undefined : bytesToHex(from.hash), certifies?.hash).rosters ?? [];
  expect(chain()).toEqual(whole);
  expect([chain(undefined, founders.state), chain(undefined, first), chain(undefined, state)]).toEqual([
    [base64url(decided)],
    [base64url(decided)],
    whole,
  ]);
  // Whoever pins a roster from after it has nothing to go through.
  expect(chain(state, founders.state)).toEqual(chain(state));
});
