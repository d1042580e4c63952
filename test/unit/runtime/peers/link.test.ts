import { expect, it } from 'vitest';
import { initialPath } from '../../../../src/runtime/peers/failover.ts';
import {
  createLink,
  noteReachesUs,
  type PeerLink,
  setConfigured,
  setConnected,
  setPath,
  setUrl,
} from '../../../../src/runtime/peers/link.ts';

const NOW = 1_000;
const path = { ...initialPath(NOW), lung: 'p2p' as const };
const url = 'http://a.test';

it('nothing is known of the ways to a new peer, and no lung carries it', () => {
  expect(createLink(NOW)).toEqual({
    configured: false,
    url: undefined,
    connected: false,
    reachesUs: false,
    path: { lung: 'none', since: NOW, coveredSince: undefined, stableMs: 15_000, lostAt: undefined },
  });
});

it.each<readonly [what: string, note: (link: PeerLink) => void, changed: Partial<PeerLink>]>([
  ['is configured', (link) => setConfigured(link, true), { configured: true }],
  ['has a URL', (link) => setUrl(link, url), { url }],
  ['is connected', (link) => setConnected(link, true), { connected: true }],
  ['has asked us something', noteReachesUs, { reachesUs: true }],
  ['is carried by a lung', (link) => setPath(link, path), { path }],
])('that a peer %s changes that alone', (_, note, changed) => {
  const link = createLink(NOW);
  note(link);
  expect(link).toEqual({ ...createLink(NOW), ...changed });
});

it('what was set can be taken back', () => {
  const link = createLink(NOW);
  setConfigured(link, true);
  setUrl(link, url);
  setConnected(link, true);
  setConfigured(link, false);
  setUrl(link, undefined);
  setConnected(link, false);
  expect(link).toEqual(createLink(NOW));
});
