import { beforeEach, describe, expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { createMembers, type Members } from '../../../../src/runtime/fleet/members.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createPeerTable, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createAuthor, createHandClock, hasher } from '../support.ts';

const [self, trusted, stranger] = [1, 2, 3].map((id) => createAuthor(id).author) as [Author, Author, Author];
const URL_OF = 'http://a.test';

let peers: PeerTable;
let members: Members;

beforeEach(() => {
  peers = createPeerTable(createHandClock());
  members = createMembers({ self, roster: createRoster([self, trusted], self, hasher), peers });
});

const linkOf = (author: Author) => peers.get(author)?.link;

describe('members', () => {
  it('are trusted authors, heard of or not, and nobody else at first [S9]', () => {
    expect([members.has(trusted), members.has(self), members.has(stranger)]).toEqual([true, true, false]);
    // The node itself is no peer of its own.
    expect(Array.from(peers.all(), ({ author }) => author)).toEqual([trusted]);
    expect(linkOf(trusted)?.configured).toBe(false);
  });

  it('are no peers that were merely met [S9]', () => {
    peers.ensure(stranger);
    expect(members.has(stranger)).toBe(false);
  });

  it('are peers that the configuration or an operator names [S9]', () => {
    members.configure(stranger);
    expect([members.has(stranger), linkOf(stranger)?.url]).toEqual([true, undefined]);
  });

  it('are those who answer at a URL of ours, which is kept [S9]', () => {
    members.foundAt(stranger, URL_OF, true);
    expect([members.has(stranger), linkOf(stranger)?.url]).toEqual([true, URL_OF]);
  });

  it('are not those who announced the URL at which they answer [AD4]', () => {
    members.foundAt(stranger, URL_OF, false);
    expect([members.has(stranger), linkOf(stranger)?.url]).toEqual([false, URL_OF]);
  });

  it('never list the node itself, though a configuration names every node alike', () => {
    members.configure(self);
    expect(peers.get(self)).toBeUndefined();
  });

  it('find no room in a table that is full of others, and that breaks nothing [L2]', () => {
    for (let i = 0; i < 511; i++) peers.ensure(i.toString(16).padStart(64, '0') as Author);
    members.configure(stranger);
    members.foundAt(stranger, URL_OF, true);
    members.release(stranger, { url: undefined, configured: false });
    expect([members.has(stranger), peers.get(stranger)]).toEqual([false, undefined]);
  });
});

describe('a peer that was removed', () => {
  it('is a member no more where nothing else names it, and stays known', () => {
    members.foundAt(stranger, URL_OF, true);
    members.release(stranger, { url: undefined, configured: false });
    expect(members.has(stranger)).toBe(false);
    expect(linkOf(stranger)).toMatchObject({ url: undefined, configured: false });
  });

  it('stays one where it is named elsewhere too, by what is left', () => {
    members.foundAt(stranger, URL_OF, true);
    members.release(stranger, { url: undefined, configured: true });
    expect(members.has(stranger)).toBe(true);
    members.release(stranger, { url: 'http://b.test', configured: true });
    expect(linkOf(stranger)?.url).toBe('http://b.test');
  });

  it('stays one where it is trusted', () => {
    members.configure(trusted);
    members.release(trusted, { url: undefined, configured: false });
    expect(members.has(trusted)).toBe(true);
  });
});
