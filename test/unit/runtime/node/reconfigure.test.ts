import { expect, it } from 'vitest';
import { certify, friend, startWithFriend } from '../../api/live-lattice.ts';
import { createAuthor } from '../support.ts';

it('what was attested for a trust list that was replaced certifies nothing [N18, Z4]', async () => {
  const started = await startWithFriend();
  const { lattice } = started;
  const { at } = await certify(started);
  expect(lattice.status().cuts?.certified).toMatchObject({ at, quorum: 2 });
  const third = createAuthor(3);
  // Two of three are a quorum as well, so the two attestations would do for the new list.
  await lattice.reconfigure({
    trusted: [lattice.self.author, friend.author, third.author],
    bootstrap: [],
    urls: [],
    violations: [],
    warnings: [],
    p2p: { bootstrap: [] },
  });
  expect(lattice.status().trust.authors).toHaveLength(3);
  expect(lattice.status().cuts?.certified).toBeUndefined();
  expect(lattice.cuts().flatMap(({ attesters }) => attesters)).not.toContain(friend.author);
});
