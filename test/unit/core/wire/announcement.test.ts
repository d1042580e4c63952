import { describe, expect, it } from 'vitest';
import { createVerifier } from '../../../../src/adapters/system/ed25519.ts';
import type { Author } from '../../../../src/core/types/index.ts';
import {
  type Announcement,
  announcedAddresses,
  announcementBytes,
  decodeAnnouncement,
  MAX_ANNOUNCED,
  signAnnouncement,
} from '../../../../src/core/wire/announcement.ts';
import { decodeGossip, encodeGossip } from '../../../../src/core/wire/gossip.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import { decodeSync, encodeSync } from '../../../../src/core/wire/sync.ts';
import { encodeCbor } from '../cbor/reference.ts';
import { alice, codeOf, expectRobust, filled } from './support.ts';

const peerId = authorToPeerId(alice.author);
const announcement: Announcement = {
  network: 'test',
  author: alice.author,
  sequence: 7,
  name: 'oslo',
  urls: ['https://oslo.example'],
  multiaddrs: [`/dns4/oslo.example/tcp/9000/p2p/${peerId}`],
};
const signed = signAnnouncement(announcement, alice.sign);
const authorBytes = Uint8Array.from(Buffer.from(alice.author, 'hex'));

/** What a decoder says to an announcement of other fields. */
function codeOfOther(other: Partial<Record<keyof Announcement, unknown>>): unknown {
  const { network, sequence, name, urls, multiaddrs } = { ...announcement, ...other };
  const payload = encodeCbor([1, network, authorBytes, sequence, name, urls, multiaddrs]);
  return codeOf(() => decodeAnnouncement(encodeCbor([payload, filled(64, 1)])));
}

describe('an announcement', () => {
  it('is read as it was signed, and its signature covers every field [AD1]', async () => {
    const read = decodeAnnouncement(signed.bytes);
    expect(read).toEqual(signed);
    const verifier = createVerifier();
    const isGood = (one: Announcement): Promise<boolean> =>
      verifier.verify(alice.author, announcementBytes(one), signed.signature);
    expect(await isGood(read.announcement)).toBe(true);
    for (const other of [{ network: 'other' }, { sequence: 8 }, { name: '' }, { urls: [] }, { multiaddrs: [] }])
      expect(await isGood({ ...announcement, ...other })).toBe(false);
  });

  it('refuses or reproduces any other bytes', () => {
    expectRobust({ decode: decodeAnnouncement, encode: ({ bytes }) => bytes }, signed.bytes);
  });

  it.each([
    ['no network', { network: '' }],
    ['the sequence 0', { sequence: 0 }],
    ['a name of 65 bytes', { name: 'n'.repeat(65) }],
    ['too many URLs', { urls: Array.from({ length: MAX_ANNOUNCED + 1 }, (_, i) => `http://a${i}.example`) }],
    ['an URL twice', { urls: ['http://a.example', 'http://a.example'] }],
    ['an URL in another form', { urls: ['http://A.example/'] }],
    ['what is no URL', { urls: ['ftp://a.example'] }],
    ['an URL of 513 bytes', { urls: [`http://a.example/${'p'.repeat(496)}`] }],
    ['a multiaddr without a peer id', { multiaddrs: ['/dns4/oslo.example/tcp/9000'] }],
    ['a multiaddr in another form', { multiaddrs: [`/dns4/OSLO.example/tcp/9000/p2p/${peerId}`] }],
    [
      'the key of somebody else',
      { multiaddrs: [`/ip4/192.0.2.1/tcp/1/p2p/${authorToPeerId('00'.repeat(32) as Author)}`] },
    ],
  ])('with %s is malformed [AD1]', (_, other) => {
    expect(codeOfOther({})).toBe('accepted');
    expect(codeOfOther(other)).toBe('malformed');
  });

  it('travels as message 7 of gossip, and in the sync messages 27 and 28 [AD3]', () => {
    const frame = encodeGossip({ type: 'announcement', announcement: signed.bytes });
    expect(frame).toEqual(encodeCbor([7, signed.bytes]));
    expect(decodeGossip(frame, { stream: false })).toEqual({ type: 'announcement', announcement: signed.bytes });
    for (const [type, number] of [
      ['addresses', 27],
      ['addresses-back', 28],
    ] as const) {
      const message = { type, has: [filled(8, 1), filled(8, 2)], announcements: [signed.bytes] };
      const bytes = encodeSync(message);
      expect(bytes).toEqual(encodeCbor([number, Uint8Array.of(...filled(8, 1), ...filled(8, 2)), [signed.bytes]]));
      expect(decodeSync(bytes)).toEqual(message);
      expectRobust({ decode: decodeSync, encode: encodeSync }, bytes);
    }
  });

  it('is made of addresses in any form, to which the peer id of the node is added [AD1]', () => {
    expect(
      announcedAddresses(
        ['HTTPS://Oslo.example/', '/dns4/Oslo.example/tcp/9000', `/ip6/::1/tcp/1/p2p/${peerId}`],
        peerId,
      ),
    ).toEqual({
      urls: ['https://oslo.example'],
      multiaddrs: [`/dns4/oslo.example/tcp/9000/p2p/${peerId}`, `/ip6/::1/tcp/1/p2p/${peerId}`],
    });
    expect(codeOf(() => announcedAddresses(['/ip4/0.0.0.0/tcp/9000'], peerId))).toBe('invalid-address');
    expect(codeOf(() => announcedAddresses(['ftp://oslo.example'], peerId))).toBe('invalid-address');
    const five = Array.from({ length: MAX_ANNOUNCED + 1 }, (_, i) => `http://a${i}.example`);
    expect(codeOf(() => announcedAddresses(five, peerId))).toBe('invalid-address');
  });
});
