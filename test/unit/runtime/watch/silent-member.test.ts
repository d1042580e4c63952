import { expect, it } from 'vitest';
import { hexToBytes } from '../../../../src/core/types/index.ts';
import { friend, startWithFriend } from '../../api/live-lattice.ts';

/** The grace, and half a heartbeat. */
const HEARD_MS = 3_500;
/** Between two looks of the node at its own verdict. */
const LOOK_MS = 1_000;

it('a member that falls silent is named 3.5 s after its newest head to whoever asks, and a second later unasked [J2]', async () => {
  const { lattice, clock } = await startWithFriend();
  let sequence = 1;
  const root = hexToBytes(lattice.root().root) ?? expect.fail();
  const greet = () => lattice.greet(friend, { wallMs: clock.now(), sequence: ++sequence, root });
  for (let second = 0; second < 10; second++) {
    await clock.advance(1_000);
    await greet();
  }
  const silentSince = clock.now();
  const told = () => lattice.status().verdict;
  await clock.advance(HEARD_MS);
  expect(told()).toMatchObject({ kind: 'CONVERGED', members: [{ agreement: 'equal' }] });
  await clock.advance(1);
  const { kind, reasons, members } = told();
  expect([kind, reasons.map(({ code }) => code)]).toEqual(['ISOLATED', ['not-heard']]);
  expect(members).toMatchObject([{ author: friend.author, agreement: 'not-heard', since: silentSince }]);

  // It comes back, and nobody asks when it falls silent again: the time at which the kind began is that of a look.
  await greet();
  const again = clock.now();
  await clock.advance(60_000);
  const { since } = told();
  expect(since - again).toBeGreaterThan(HEARD_MS);
  expect(since - again).toBeLessThanOrEqual(HEARD_MS + LOOK_MS);
});
