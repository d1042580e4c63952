import { describe, expect, it } from 'vitest';
import { findPeer } from '../../../../src/runtime/fleet/find-peer.ts';
import { createNames } from '../../../../src/runtime/fleet/names.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createAuthor, createHandClock, log } from '../support.ts';

const [self, a, b, c] = [1, 2, 3, 4].map((id) => createAuthor(id).author) as [never, never, never, never];
const peers = createPeerTable(createHandClock());
for (const author of [a, b, c]) peers.ensure(author);
const peerIdOf = (author: string): string => `id-${author}`;
const names = createNames({
  self,
  ownName: 'bergen',
  configured: new Map([
    [a, 'oslo'],
    [b, 'oslo'],
    [c, 'moss'],
  ]),
  remembered: new Map(),
  peerIdOf,
  log,
});
const find = (text: string) => findPeer(text, peers.all(), { names, peerIdOf })?.author;

describe('the peer that a person means', () => {
  it('is found by name, label, peer id and author [J5]', () => {
    expect(find('moss')).toBe(c);
    expect(find(names.label(a))).toBe(a);
    expect(find(peerIdOf(b))).toBe(b);
    expect(find(c)).toBe(c);
    expect(find('nobody')).toBeUndefined();
  });

  it('is asked for where two nodes have the name [J5]', () => {
    expect(() => find('oslo')).toThrow('2 nodes are named oslo');
  });
});
