import { beforeEach, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../src/core/cbor/index.ts';
import { metaKey } from '../../../../src/core/rows/index.ts';
import type { Author } from '../../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import type { PeerAddress } from '../../../../src/runtime/facade/index.ts';
import { createMembers, type Members } from '../../../../src/runtime/fleet/members.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createPeerTable, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import type { HttpPeer } from '../../../../src/runtime/transport/http-peer.ts';
import {
  type AddedPeersBook,
  type AddedPeersDeps,
  createAddedPeers,
  loadAddedPeers,
  multiaddrAuthor,
} from '../../../../src/runtime/upkeep/added-peers.ts';
import { createAuthor, hasher, log, openTestState, outcomeOf, type TestState, turns, until } from '../support.ts';

const friend = createAuthor(2).author;
const URL_A = 'http://a.test:8000';
const addressOf = (author: Author, host = 'a.test'): string => `/dns4/${host}/tcp/9000/p2p/${authorToPeerId(author)}`;
const ADDRESS = addressOf(friend);

let state: TestState;
let peers: PeerTable;
let members: Members;
let book: AddedPeersBook;
let configured: AddedPeersDeps['configured'];
/** URLs that HTTP looks after, and who has proven to answer there. */
let urls: HttpPeer[];
/** What P2P was last told to stay connected with, and how often. */
let dialled: (readonly string[])[];
/** The URLs that HTTP looked after whenever the list had changed. */
let changes: (readonly string[])[];

const hasUrl = (url: string): boolean => book.addressesOf(undefined, [url]).includes(url);
const hasAuthor = (author: Author): boolean => book.addressesOf(author, []).length > 0;

const urlOf = (url: string, author?: Author): HttpPeer => ({
  url,
  author,
  self: false,
  announced: false,
  reachable: author !== undefined,
  streaming: false,
  error: undefined,
  errorCode: undefined,
  lastHeardAt: undefined,
});

/** A start of the node over the same store. */
async function open(): Promise<void> {
  const { self, clock, writer, store } = state;
  const added = await loadAddedPeers(store);
  peers = createPeerTable(clock);
  members = createMembers({ self: self.author, roster: createRoster([], self.author, hasher), peers });
  urls = [...configured.urls, ...added.urls].map((url) => urlOf(url));
  dialled = [];
  changes = [];
  book = createAddedPeers({
    writer,
    added: { now: added },
    configured,
    self: self.author,
    http: {
      add: (url) => void urls.push(urlOf(url)),
      remove(url) {
        const owner = urls.find((one) => one.url === url)?.author;
        urls = urls.filter((one) => one.url !== url);
        if (owner !== undefined) book.release(owner);
      },
      find: (author) => urls.find((one) => one.author === author),
      peers: () => urls,
    },
    members,
    onChange: () => changes.push(urls.map(({ url }) => url)),
    stayWith: (multiaddrs) => dialled.push(multiaddrs),
    log,
  });
}

/** The owner of a URL proves there who it is. */
function proven(url: string, author: Author): void {
  urls = urls.map((one) => (one.url === url ? urlOf(url, author) : one));
  members.foundAt(author, url, true);
}

beforeEach(async () => {
  state = await openTestState();
  configured = { urls: [], multiaddrs: [], authors: [] };
  await open();
});

const looked = (): string[] => urls.map(({ url }) => url);

describe('a peer that is added', () => {
  it('by URL is looked after at once, once, and after a restart too [A24]', async () => {
    expect(await book.add({ url: URL_A })).toBe(true);
    expect(await book.add({ url: `${URL_A}/` })).toBe(false);
    expect([looked(), hasUrl(URL_A), state.store.batches]).toEqual([[URL_A], true, 1]);
    // Writes wait for those who are named first before any of them is dialled.
    expect(changes).toEqual([[]]);
    expect(await loadAddedPeers(state.store)).toEqual({ urls: [URL_A], multiaddrs: [] });
    await open();
    expect([looked(), hasUrl(URL_A)]).toEqual([[URL_A], true]);
  });

  it('by multiaddr is a member and stayed connected with, and after a restart too [A24]', async () => {
    expect(members.has(friend)).toBe(false);
    expect(await book.add({ multiaddr: ` ${ADDRESS} ` })).toBe(true);
    expect(await book.add({ multiaddr: ADDRESS })).toBe(false);
    expect([members.has(friend), hasAuthor(friend), dialled.at(-1)]).toEqual([true, true, [ADDRESS]]);
    await open();
    expect([members.has(friend), hasAuthor(friend), dialled]).toEqual([true, true, [[ADDRESS]]]);
  });

  it('is nothing new where the configuration names it [A24]', async () => {
    configured = { urls: [URL_A], multiaddrs: [ADDRESS], authors: [friend] };
    await open();
    expect(await book.add({ url: URL_A })).toBe(false);
    expect(await book.add({ multiaddr: ADDRESS })).toBe(false);
    expect([state.store.batches, hasUrl(URL_A), hasAuthor(friend)]).toEqual([0, false, false]);
  });

  it('is there only once that is durable: a store that fails changes nothing', async () => {
    state.store.hold();
    const [first, second] = [book.add({ url: URL_A }), book.add({ multiaddr: ADDRESS })];
    const ends = [outcomeOf(first), outcomeOf(second)];
    await until('the row is on its way', () => state.store.held.length === 1);
    await turns();
    expect([ends[0]?.state, hasUrl(URL_A), looked()]).toEqual(['pending', false, []]);
    state.store.held[0]?.fail();
    await expect(first).rejects.toMatchObject({ code: 'store-write-failed' });
    await expect(second).rejects.toMatchObject({ code: 'store-write-failed' });
    expect([hasUrl(URL_A), looked(), members.has(friend), dialled]).toEqual([false, [], false, [[]]]);
    expect(state.fatal).toHaveLength(1);
  });

  it('is kept beside those that are added at the same moment', async () => {
    const all = ['a', 'b', 'c'].map((name) => `http://${name}.test`);
    expect(await Promise.all(all.map((url) => book.add({ url })))).toEqual([true, true, true]);
    await book.add({ multiaddr: ADDRESS });
    expect(await loadAddedPeers(state.store)).toEqual({ urls: all, multiaddrs: [ADDRESS] });
  });

  it('is one of 64 of its kind [A24, L2]', async () => {
    for (let i = 0; i < 64; i++) await book.add({ url: `http://${i}.test` });
    await expect(book.add({ url: URL_A })).rejects.toMatchObject({ code: 'too-many-peers' });
    expect(await book.add({ multiaddr: ADDRESS })).toBe(true);
    await book.remove({ url: 'http://7.test' });
    expect(await book.add({ url: URL_A })).toBe(true);
  });
});

describe('a peer whose URL another key has taken', () => {
  it('is a member no more, unless an address or a configuration still names it [S9]', async () => {
    const second = createAuthor(3).author;
    configured = { urls: [URL_A], multiaddrs: [], authors: [] };
    await open();
    proven(URL_A, friend);
    expect(members.has(friend)).toBe(true);
    proven(URL_A, second);
    book.release(friend);
    expect([members.has(friend), members.has(second), peers.get(friend)?.link.url]).toEqual([false, true, undefined]);
    await book.add({ multiaddr: ADDRESS });
    proven(URL_A, friend);
    proven(URL_A, second);
    book.release(friend);
    expect([members.has(friend), peers.get(friend)?.link.url]).toEqual([true, undefined]);
  });
});

describe('a peer that is removed', () => {
  it('by URL is let go of, and whoever answered there is a member no more [A24]', async () => {
    await book.add({ url: URL_A });
    proven(URL_A, friend);
    await book.remove({ url: 'HTTP://A.test:8000/' });
    expect([looked(), members.has(friend), peers.get(friend)?.link.url]).toEqual([[], false, undefined]);
    expect(await loadAddedPeers(state.store)).toEqual({ urls: [], multiaddrs: [] });
    await expect(book.remove({ url: URL_A })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('by multiaddr is stayed connected with no longer [A24]', async () => {
    await book.add({ multiaddr: ADDRESS });
    await book.remove({ multiaddr: ADDRESS });
    expect([members.has(friend), hasAuthor(friend), dialled]).toEqual([false, false, [[], [ADDRESS], []]]);
  });

  it('stays a member by a URL, an address or a configuration that still names it [A24]', async () => {
    const second = addressOf(friend, 'b.test');
    await book.add({ url: URL_A });
    proven(URL_A, friend);
    await book.add({ multiaddr: ADDRESS });
    await book.add({ multiaddr: second });
    await book.remove({ url: URL_A });
    expect([members.has(friend), peers.get(friend)?.link.url]).toEqual([true, undefined]);
    await book.remove({ multiaddr: ADDRESS });
    expect(members.has(friend)).toBe(true);
    await book.remove({ multiaddr: second });
    expect(members.has(friend)).toBe(false);
    await book.add({ url: URL_A });
    await book.add({ multiaddr: ADDRESS });
    proven(URL_A, friend);
    await book.remove({ multiaddr: ADDRESS });
    expect([members.has(friend), peers.get(friend)?.link.url]).toEqual([true, URL_A]);
    configured = { ...configured, authors: [friend] };
    await open();
    await book.add({ multiaddr: ADDRESS });
    await book.remove({ multiaddr: ADDRESS });
    expect(members.has(friend)).toBe(true);
  });

  it('of the configuration is refused, of nobody not found [A24]', async () => {
    configured = { urls: [URL_A], multiaddrs: [ADDRESS], authors: [friend] };
    await open();
    await expect(book.remove({ url: URL_A })).rejects.toMatchObject({ code: 'peer-configured' });
    await expect(book.remove({ multiaddr: ADDRESS })).rejects.toMatchObject({ code: 'peer-configured' });
    await expect(book.remove({ url: 'http://b.test' })).rejects.toMatchObject({ code: 'not-found' });
    // A refusal holds up nobody who comes after.
    expect(await book.add({ url: 'http://b.test' })).toBe(true);
  });
});

describe('an address', () => {
  it.each([
    ['HTTP://Node.Example:8000//', 'http://node.example:8000'],
    [' https://node.example/Base/ ', 'https://node.example/Base'],
    ['http://[2001:DB8::1]:8000', 'http://[2001:db8::1]:8000'],
  ])('%s is compared as %s [A24]', async (url, normal) => {
    await book.add({ url });
    expect(looked()).toEqual([normal]);
  });

  it.each<readonly [what: string, peer: () => PeerAddress]>([
    ['another scheme', () => ({ url: 'ftp://node.example' })],
    ['a user', () => ({ url: 'http://user:secret@node.example' })],
    ['a query', () => ({ url: 'http://node.example/?a=1' })],
    ['a fragment', () => ({ url: 'http://node.example/#a' })],
    ['no host', () => ({ url: 'http://' })],
    ['a host that is none', () => ({ url: 'http://a_b!c' })],
    ['a port that is none', () => ({ url: 'http://node.example:123456' })],
    ['a URL beyond 2,048 characters', () => ({ url: `http://node.example/${'a'.repeat(2_030)}` })],
    ['no peer id', () => ({ multiaddr: '/ip4/192.0.2.1/tcp/9' })],
    ['a port beyond 65,535', () => ({ multiaddr: ADDRESS.replace('9000', '65536') })],
    ['an id that is none', () => ({ multiaddr: `${ADDRESS}x` })],
    ['an address beyond 1,024 characters', () => ({ multiaddr: addressOf(friend, 'a'.repeat(1_024)) })],
    ['the node itself', () => ({ multiaddr: addressOf(state.self.author) })],
  ])('with %s is refused, and nothing is written [A24]', async (_, peer) => {
    await expect(book.add(peer())).rejects.toMatchObject({ code: 'invalid-peer' });
    await expect(book.remove(peer())).rejects.toMatchObject({ code: 'invalid-peer' });
    expect([state.store.batches, looked(), dialled]).toEqual([0, [], [[]]]);
  });

  it.each(['/ws', '/wss', '/tls/ws', ''])('may say %j between port and id', (transport) => {
    expect(multiaddrAuthor(ADDRESS.replace('/p2p', `${transport}/p2p`))).toBe(friend);
  });
});

it.each([
  ['no list', encodeCbor('x')],
  ['a list too few', encodeCbor([[]])],
  ['something else in a list', encodeCbor([[], [1]])],
])('a row that has %s is damage', async (_, value) => {
  await state.store.batch([{ type: 'put', key: metaKey('added-peers'), value }]);
  await expect(loadAddedPeers(state.store)).rejects.toMatchObject({ code: 'damaged-row' });
});
