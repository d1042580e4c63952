import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import { createNames } from '../../../../src/runtime/fleet/names.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createMemberFacts } from '../../../../src/runtime/watch/members.ts';
import { createAuthor, createHandClock, log } from '../support.ts';

it('nobody expects a member that retires once it is not heard or its end has come, and a mirror is known as one [J2, J6, RO3]', async () => {
  const clock = createHandClock();
  const [stays, leaves, mirrors] = [2, 3, 4].map((id) => createAuthor(id).author) as [Author, Author, Author];
  const until = clock.now() + 60_000;
  const peers = createPeerTable(clock);
  for (const author of [stays, leaves, mirrors]) peers.ensure(author);
  const hear = (): void => {
    const peer = peers.get(leaves);
    if (peer !== undefined) Object.assign(peer.view, { heardAt: { p2p: undefined, http: clock.monotonic() } });
  };
  const facts = createMemberFacts({
    clock,
    graceMs: 3_000,
    heartbeatMs: 1_000,
    roster: {
      has: () => true,
      isWriter: (author) => author !== mirrors,
      endOf: (author) => (author === leaves ? until : undefined),
    },
    hasTrustList: () => true,
    peers,
    http: { peers: () => [], find: () => undefined },
    peerIdOf: authorToPeerId,
    lungOf: () => 'none',
    root: () => '00'.repeat(32),
    agreedCutOf: () => undefined,
    names: createNames({
      self: createAuthor(1).author,
      ownName: 'one',
      configured: new Map(),
      remembered: new Map(),
      peerIdOf: authorToPeerId,
      log,
    }),
    remembered: { of: () => undefined, at: () => undefined },
  });
  const expected = () => facts().map(({ author }) => author);
  // It is not heard, as the former key of a node whose key has turned.
  expect(expected()).toEqual([stays, mirrors]);
  hear();
  expect(new Set(expected())).toEqual(new Set([stays, leaves, mirrors]));
  await clock.advance(60_001);
  hear();
  expect(expected()).toEqual([stays, mirrors]);
  expect(facts().map(({ isMirror }) => isMirror)).toEqual([false, true]);
});
