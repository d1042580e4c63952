import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import { createNames } from '../../../../src/runtime/fleet/names.ts';
import { setConfigured } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createMemberFacts, expectedNodes, leftOf } from '../../../../src/runtime/watch/members.ts';
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
    isMember: () => true,
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

it('a configured peer is expected while it is a member, and nobody waits for one that has left [J2, RO10]', () => {
  const clock = createHandClock();
  const [gone, friend] = [2, 3].map((id) => createAuthor(id).author) as [Author, Author];
  const peers = createPeerTable(clock);
  for (const author of [gone, friend]) setConfigured((peers.ensure(author) ?? expect.fail()).link, true);
  const url = (text: string) => ({
    url: text,
    author: undefined,
    self: false,
    announced: false,
    reachable: false,
    streaming: false,
    lastHeardAt: undefined,
    error: undefined,
    errorCode: undefined,
  });
  const roster = { has: () => false, endOf: () => undefined, isWriter: () => false };
  const urls = [url('http://gone.test'), url('http://nobody.test')];
  const expected = (isMember: (author: Author) => boolean, hasTrustList: boolean) => {
    const found = expectedNodes({
      clock,
      roster,
      peers,
      isMember,
      hasTrustList: () => hasTrustList,
      http: { peers: () => urls },
      remembered: {
        at: (at) => (at === 'http://gone.test' ? { author: gone, name: '', url: at, lastHeardAt: 1 } : undefined),
      },
    });
    return [found.members.map(({ author }) => author), found.urls.map((one) => one.url)];
  };
  expect(expected((author) => author === friend, true)).toEqual([[friend], []]);
  expect(expected((author) => author === friend, false)).toEqual([[friend], ['http://nobody.test']]);
  // A list that names nobody else says nothing of whoever should answer at a configured URL.
  expect(expected(() => false, true)).toEqual([[], ['http://nobody.test']]);
  const names = { label: (author: Author) => (author === gone ? 'kyiv' : 'rome') };
  expect(leftOf({ clock, roster, peers, isMember: (author) => author === friend, names })).toEqual(['kyiv']);
});
