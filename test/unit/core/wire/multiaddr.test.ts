import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../../src/adapters/system/keys.ts';
import { isFlaw } from '../../../../src/core/wire/host.ts';
import { parseListenMultiaddr, parsePeerMultiaddr } from '../../../../src/core/wire/multiaddr.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import { ACCEPTED, REFUSED } from '../../../support/multiaddrs.ts';

const AUTHOR = createSigner(new Uint8Array(32).fill(7)).author;
const ID = authorToPeerId(AUTHOR);
const RSA = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N';

describe('a multiaddr of a peer', () => {
  it.each(ACCEPTED)('%s has the one form %s, which libp2p takes', (text, form, webSocket) => {
    const parsed = parsePeerMultiaddr(`${text}/p2p/${ID}`);
    if (isFlaw(parsed)) throw new Error(parsed.rule);
    expect(parsed).toEqual({
      text: `${form}/p2p/${ID}`,
      author: AUTHOR,
      peerId: ID,
      port: Number(/tcp\/(\d+)/.exec(text)?.[1]),
      webSocket,
    });
    expect(multiaddr(parsed.text).toString()).toBe(parsed.text);
    expect(parsePeerMultiaddr(parsed.text)).toEqual(parsed);
  });

  it.each([
    ['/dns4/a.b/tcp/0', `/p2p/${ID}`, 'port 0 cannot be dialled'],
    ['/dns4/a.b/tcp/9000', '', 'it does not say which peer is expected there'],
    ['/dns4/a.b/tcp/9000', '/p2p', 'it is not a TCP multiaddr'],
    ['/dns4/a.b/tcp/9000', `/p2p/${ID}/p2p-circuit`, 'it is not a TCP multiaddr'],
    ['/dns4/a.b/tcp/9000', `/ipfs/${ID}`, `/ipfs/${ID} is not a transport of this node`],
    ['/dns4/a.b/tcp/9000', '/p2p/', 'the peer id is not a peer id of an Ed25519 key (12D3KooW and 44 characters)'],
    ['/dns4/a.b/tcp/9000', `/p2p/${RSA}`, `${RSA} is not the key of a Lattice node: those begin with 12D3KooW`],
  ])('%s%s is refused: %s', (text, end, rule) => {
    expect(parsePeerMultiaddr(text + end)).toMatchObject({ rule });
  });
});

describe('a multiaddr of any use', () => {
  it.each(REFUSED)('%s is refused: %s', (text, rule, fix) => {
    const flaw = { rule, fix: fix === undefined ? expect.any(String) : expect.stringContaining(fix) };
    expect(parseListenMultiaddr(text)).toEqual(flaw);
    expect(parsePeerMultiaddr(`${text}/p2p/${ID}`)).toEqual(flaw);
  });
});

describe('a multiaddr to listen at', () => {
  it.each(ACCEPTED)('%s', (text, form, webSocket, listens) => {
    const port = Number(/tcp\/(\d+)/.exec(text)?.[1]);
    const expected = listens ? { text: form, port, webSocket } : { rule: expect.any(String), fix: expect.any(String) };
    expect(parseListenMultiaddr(text)).toEqual(expected);
    // Its own peer id says nothing new.
    expect(parseListenMultiaddr(`${text}/p2p/${ID}`)).toEqual(expected);
  });

  it('may leave the port to the system, but not name a peer wrongly', () => {
    expect(parseListenMultiaddr('/ip4/0.0.0.0/tcp/0')).toMatchObject({ text: '/ip4/0.0.0.0/tcp/0', port: 0 });
    expect(parseListenMultiaddr(`/ip4/0.0.0.0/tcp/0/p2p/${RSA}`)).toMatchObject({ rule: /not the key/ });
  });
});
