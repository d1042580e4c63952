import { describe, expect, it } from 'vitest';
import { parseBaseUrl } from '../../../../src/core/wire/base-url.ts';
import { isSpaceHost, spaceAppOf } from '../../../../src/core/wire/hugging-face.ts';
import { parsePeerMultiaddr } from '../../../../src/core/wire/multiaddr.ts';

describe('a Hugging Face Space', () => {
  it.each([
    ['https://huggingface.co/spaces/acme/ledger', 'https://acme-ledger.hf.space'],
    ['https://huggingface.co/spaces/Acme-360/My_Ledger.v2/', 'https://acme-360-my-ledger-v2.hf.space'],
    ['https://www.huggingface.co/spaces/acme/ledger/tree/main', 'https://acme-ledger.hf.space'],
    ['https://hf.co/spaces/acme/ledger', 'https://acme-ledger.hf.space'],
  ])('whose page is %s answers at %s', (page, app) => {
    expect(spaceAppOf(page)).toBe(app);
    expect(parseBaseUrl(page)).toEqual({
      rule: 'it is the page of a Hugging Face Space, and no node answers there',
      fix: `write ${app}, its app`,
    });
    expect(parseBaseUrl(app)).toBe(app);
  });

  it('is not seen where there is none', () => {
    for (const url of ['https://huggingface.co/acme/model', 'https://a.example/spaces/acme/ledger', 'acme-ledger'])
      expect(spaceAppOf(url), url).toBeUndefined();
    for (const host of ['a.example', 'nothf.space', 'huggingface.co.example']) expect(isSpaceHost(host)).toBe(false);
  });

  it.each(['/ip4/huggingface.co/tcp/9000/p2p/PEER_ID_1', '/dns4/acme-ledger.hf.space/tcp/9000/p2p/PEER_ID_1'])(
    'takes no P2P connections: %s',
    (address) => {
      expect(parsePeerMultiaddr(address)).toMatchObject({
        rule: 'a Hugging Face Space takes no P2P connections',
        fix: expect.stringMatching(/leave this address out.*LATTICE_NODES/) as unknown,
      });
    },
  );
});
