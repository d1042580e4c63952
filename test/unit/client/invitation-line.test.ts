import { describe, expect, it } from 'vitest';
import { invitedTo, isLocalUrl, localOnly } from '../../../src/client/invitation-line.ts';

const TUNNEL = 'http://127.0.0.1:8000';
const node = { peerId: 'a', announced: [], atHand: TUNNEL, multiaddrs: ['/dns4/a.example/tcp/9000/p2p/a'] };
const urlsOf = (...given: Parameters<typeof invitedTo>): unknown[] => invitedTo(...given).map(({ url }) => url);

describe('the addresses in the line of an invitation [JN3]', () => {
  it('are what the operator named, then what the node announces, then where it was asked', () => {
    const announced = ['https://a.example', 'https://b.example'];
    expect(invitedTo({ ...node, announced, atHand: 'https://c.example' })).toEqual([
      { peerId: 'a', url: 'https://a.example', multiaddrs: node.multiaddrs },
      { peerId: 'a', url: 'https://b.example', multiaddrs: [] },
      { peerId: 'a', url: 'https://c.example', multiaddrs: [] },
    ]);
    expect(urlsOf({ ...node, announced, named: 'https://n.example' })).toEqual(['https://n.example', ...announced]);
    expect(urlsOf({ ...node, announced, atHand: 'https://a.example' })).toEqual(announced);
  });

  it('are none of the own machine where there is another, as at the end of a tunnel', () => {
    expect(urlsOf({ ...node, announced: ['https://a.example'] })).toEqual(['https://a.example']);
    expect(urlsOf(node)).toEqual([TUNNEL]);
    expect(urlsOf({ ...node, named: TUNNEL, announced: ['https://a.example'] })).toEqual([TUNNEL, 'https://a.example']);
  });

  it('are told apart where a node is reached on its own machine alone', () => {
    const two = [...invitedTo(node), ...invitedTo({ ...node, peerId: 'b', announced: ['https://b.example'] })];
    expect(localOnly(two)).toEqual([TUNNEL]);
    expect(localOnly(invitedTo({ ...node, announced: ['https://a.example'] }))).toEqual([]);
    for (const url of ['http://localhost:1', 'http://a.localhost', 'http://[::1]:8000', 'http://127.9.0.1'])
      expect(isLocalUrl(url), url).toBe(true);
    for (const url of ['http://127.example', 'http://192.0.2.1', 'https://localhost.example'])
      expect(isLocalUrl(url), url).toBe(false);
  });
});
