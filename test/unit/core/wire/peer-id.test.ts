import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../../src/adapters/system/keys.ts';
import type { Author } from '../../../../src/core/types/index.ts';
import { authorToPeerId, peerIdToAuthor } from '../../../../src/core/wire/peer-id.ts';

describe('peer id', () => {
  it('is the one libp2p computes from the same key [K3]', async () => {
    for (let i = 0; i < 50; i++) {
      const seed = Uint8Array.from({ length: 32 }, (_, j) => (i * 37 + j * 101) & 255);
      const { author } = createSigner(seed);
      const peerId = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed)).toString();
      expect(authorToPeerId(author)).toBe(peerId);
      expect(peerIdToAuthor(peerId)).toBe(author);
    }
  });

  it('of extreme keys is one that libp2p reads', () => {
    for (const author of ['00'.repeat(32), 'ff'.repeat(32), '01'.padEnd(64, '0')] as Author[]) {
      const peerId = authorToPeerId(author);
      expect(peerIdFromString(peerId).toString()).toBe(peerId);
      expect(peerIdToAuthor(peerId)).toBe(author);
    }
  });

  it('of another kind of key, or none, has no author', async () => {
    const good = authorToPeerId('ab'.repeat(32) as Author);
    const secp = peerIdFromPrivateKey(await generateKeyPair('secp256k1')).toString();
    const rsa = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N';
    const cid = peerIdFromString(good).toCID().toString();
    const wrong = [
      '',
      '1',
      rsa,
      secp,
      cid,
      good.slice(1),
      `${good}1`,
      `z${good}`,
      ` ${good}`,
      good.replace(/.$/, '0'), // not in the alphabet
      `12D3KooZ${good.slice(8)}`, // the length byte of the key is another
      '1'.repeat(52),
      'z'.repeat(52),
    ];
    for (const text of wrong) expect(peerIdToAuthor(text), text).toBeUndefined();
  });

  it('of what is no author is a programmer error', () => {
    for (const text of ['', 'ab', 'g'.repeat(64), 'ab'.repeat(33)])
      expect(() => authorToPeerId(text as Author)).toThrow(RangeError);
  });
});
