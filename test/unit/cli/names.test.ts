import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, type FakeNode, peerOf, run, startFakeNode, TOKEN } from './support.ts';

let node: FakeNode;
beforeEach(async () => {
  node = await startFakeNode();
});
afterEach(() => node.close());

const on = (...argv: string[]): string[] => [...argv, '--url', node.url, '--token', TOKEN];
const ID = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const OTHER = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X';

/** The peer that a ping was for, as the node was asked. */
async function pinged(...argv: string[]): Promise<unknown> {
  const bodies: unknown[] = [];
  node.onRequest = (path, body) => {
    if (path === '/api/v1/peers/ping') bodies.push((JSON.parse(body) as { peer: string }).peer);
  };
  await run(on('peers', 'ping', ...argv));
  return bodies[0];
}

describe('a peer is named', () => {
  beforeEach(() => {
    node.peers = [
      peerOf({ peerId: ID, author: 'ab'.repeat(32), name: 'oslo', label: 'oslo', url: 'http://127.0.0.1:2' }),
      peerOf({ peerId: OTHER, name: 'my node', label: 'my node', url: 'http://127.0.0.1:3' }),
    ];
  });

  it('by its name, which may have spaces, its peer id, key or URL', async () => {
    expect(await pinged('oslo')).toBe(ID);
    expect(await pinged('my node')).toBe(OTHER);
    for (const id of [ID, 'ab'.repeat(32), 'http://127.0.0.1:2']) expect(await pinged(id)).toBe(id);
  });

  it('in the remarks of a table, where the addresses that it announces stay whole', async () => {
    const multiaddr = `/ip4/127.0.0.1/tcp/9001/p2p/${ID}`;
    node.peers = [peerOf({ peerId: ID, name: 'oslo', label: 'oslo', announces: [multiaddr] })];
    expect((await run(on('peers'))).out).toContain(`announces ${multiaddr}`);
  });

  it('by the label that tells two of one name apart, while the bare name is an error with both ids', async () => {
    node.peers = [
      peerOf({ peerId: ID, name: 'oslo', label: 'oslo (…6vnc6iDEp)' }),
      peerOf({ peerId: OTHER, name: 'oslo', label: 'oslo (…Nft9HyQ6X)' }),
    ];
    const ran = await run(on('peers', 'diff', 'oslo', '--json'));
    expect([ran.code, errorOf(ran)]).toEqual([
      2,
      { code: 'usage', message: '2 nodes have the name "oslo"', next: `Name one by its id: ${ID}, ${OTHER}.` },
    ]);
    expect(await pinged('oslo (…Nft9HyQ6X)')).toBe(OTHER);
  });

  it('and an error lists the peers that there are', async () => {
    const ran = await run(on('peers', 'rm', 'bergen', '--json'));
    expect([ran.code, errorOf(ran)]).toEqual([
      1,
      { code: 'not-found', message: 'the node knows no peer "bergen"', next: 'Its peers: oslo, my node.' },
    ]);
  });

  it('where it is removed: by the URL that it has', async () => {
    await run(on('peers', 'rm', 'oslo'));
    expect(node.seen).toContain('DELETE /api/v1/peers?url=http%3A%2F%2F127.0.0.1%3A2');
  });

  it('first in lists, its id beside it', async () => {
    expect((await run(on('peers'))).out).toMatch(new RegExp(`^oslo +p2p .* ${ID}`, 'm'));
    expect((await run(on('sync', 'status'))).out).toMatch(/^my node /m);
    expect((await run(on('sync', 'now'))).out).toMatch(/^oslo /m);
  });
});

it('lists call no silent peer equal, and name the peers that their remarks name', async () => {
  const author = 'ab'.repeat(32);
  node.status = {
    ...node.status,
    verdict: {
      ...node.status.verdict,
      members: [{ author, label: 'oslo', lung: 'none', agreement: 'not-heard', lastHeardAt: Date.UTC(2026, 10, 28) }],
    },
  };
  const http = { reachable: false, streaming: false, error: `peer ${ID} did not answer` };
  node.peers = [peerOf({ author, peerId: ID, name: 'oslo', label: 'oslo', agreement: 'equal', http })];
  for (const argv of [['peers'], ['sync', 'status'], ['sync', 'now']]) {
    const { out } = await run(on(...argv, '--utc'));
    expect(out, argv.join(' ')).toMatch(/^oslo .*not heard since 2026-11-28 00:00:00Z/m);
    expect(out, argv.join(' ')).not.toMatch(/^oslo .* equal /m);
  }
  expect((await run(on('peers'))).out).toContain('HTTP: peer oslo did not answer');
});

it('history and conflicts name the authors, and tell concurrent from earlier', async () => {
  node.peers = [peerOf({ author: 'bb', name: 'oslo', label: 'oslo' })];
  const item = { version: 'v', deleted: false, value: 1, author: 'bb', at: Date.UTC(2026, 10, 28) };
  node.intercept = (path) =>
    path === '/api/v1/history'
      ? {
          status: 200,
          body: {
            key: 'k',
            complete: true,
            items: [
              { ...item, author: 'aa'.repeat(32), current: true },
              { ...item, current: false, concurrent: true },
              { ...item, current: false, deleted: true },
            ],
          },
        }
      : undefined;
  const { out, err } = await run(on('history', 'k', '--utc'));
  expect(out.split('\n')).toEqual([
    '2026-11-28 00:00:00.000Z  current  1',
    '  by test-node, version v',
    '2026-11-28 00:00:00.000Z  concurrent  1',
    '  by oslo, version v',
    '2026-11-28 00:00:00.000Z  earlier  (deleted)',
    '  by oslo, version v',
    '',
  ]);
  expect(err).toContain('lattice conflicts resolve');
  expect((await run(on('conflicts', '--utc'))).out).toContain('by oslo at 1970-01-01 00:00:00.001Z');
});
