import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { placeholderIn } from '../../../../src/core/wire/placeholder.ts';

describe('a placeholder [N20]', () => {
  it.each([
    ['PEER_ID_1', 'PEER_ID_1'],
    ['/ip4/NODE1_IP/tcp/4001', 'NODE1_IP'],
    ['NODE2_PUBKEY_HERE', 'NODE2_PUBKEY_HERE'],
    ['GENERATE_AND_REPLACE_WITH_64_CHAR_HEX_PRIVATE_KEY', 'GENERATE_AND_REPLACE_WITH_64_CHAR_HEX_PRIVATE_KEY'],
    ['https://YOUR_SERVER', 'YOUR_SERVER'],
    ['/p2p/{PEER_ID}', '{PEER_ID}'],
    ['${PEER_ID}', '${PEER_ID}'],
    ['<the token>', '<the token>'],
    ['@TOKEN@', '@TOKEN@'],
    ['your_key_here', 'your_key_here'],
    ['your-secret-key-here-change-in-production', 'your-secret-key-here-change-in-production'],
    ['change-me', 'change-me'],
    ['QmNode2ActualPeerID', 'QmNode2ActualPeerID'],
    ['QmXXXXXXXXXXXX', 'QmXXXXXXXXXXXX'],
    ['12D3KooW...', '12D3KooW...'],
  ])('is found in %s', (text, placeholder) => {
    expect(placeholderIn(text)).toBe(placeholder);
  });

  it.each([
    'node1_huggingface',
    'NODE_1',
    'https://static.192.0.2.1.clients.your-server.example',
    'https://my_node:8000',
    '12D3KooWGBfCdoGdXRYDbKHL1o7uhTBmgVNCXHzLNXNdmhwfFsXj',
    '/ip6/2001:db8::1/tcp/9000',
    'aethel/lattice/v1',
    'a-token-of-more-than-16-characters',
  ])('is not seen in %s', (text) => {
    if (text.includes('your-server')) expect(placeholderIn(text)).not.toBe(text);
    else expect(placeholderIn(text)).toBeUndefined();
  });

  it('is never a whole random secret', () => {
    for (let i = 0; i < 2000; i++) {
      const secret = randomBytes(32).toString(i % 2 === 0 ? 'base64url' : 'hex');
      expect(placeholderIn(secret)).not.toBe(secret);
    }
  });
});
