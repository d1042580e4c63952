import { describe, expect, it } from 'vitest';
import { type Answer, type Ask, ask, auth, startApi, TEST_CONFIG, TOKEN } from '../../support.ts';

const PATH = '/api/lattice/sync/switch';
const post = (headers: Record<string, string> = {}): Ask => ({ method: 'POST', headers });

describe('POST /api/lattice/sync/switch', () => {
  it('contract: switches with the token, whatever body comes along [Q8]', async () => {
    const { ask, lattice } = await startApi();
    const answer = await ask(`${PATH}?mode=http`, {
      ...post({ ...auth, 'content-type': 'text/plain' }),
      body: 'x',
    });
    expect([answer.status, answer.json()]).toEqual([
      200,
      {
        success: true,
        mode: 'HTTP',
        message: 'sync mode is http, but no HTTP peers are configured (DIOTEC360_LATTICE_NODES)',
      },
    ]);
    expect(lattice.status().mode).toBe('http');
    expect((await ask(`${PATH}?mode=P2P`, post(auth))).json()).toMatchObject({ success: true, mode: 'P2P' });
    expect(lattice.status().mode).toBe('p2p');
  });

  it('contract: without a mode it means auto, and tells the lung that carries peers, HTTP where none does [Q8]', async () => {
    const { ask, lattice } = await startApi();
    lattice.setMode('p2p', 'test');
    expect((await ask(PATH, post(auth))).json()).toMatchObject({ success: true, mode: 'HTTP' });
    expect(lattice.status().mode).toBe('auto');
  });

  it.each([
    ['no token', {}],
    ['a wrong token', { authorization: 'Bearer wrong' }],
    ['a token in another scheme', { authorization: `Basic ${TOKEN}` }],
  ])('contract: %s answers 200 with success false and changes nothing [Q8]', async (_name, headers) => {
    const { ask, lattice } = await startApi();
    const answer = await ask(`${PATH}?mode=http`, post(headers));
    expect([answer.status, Object.keys(answer.json()), answer.json().success]).toEqual([
      200,
      ['success', 'message'],
      false,
    ]);
    expect(lattice.status().mode).toBe('auto');
  });

  it('contract: an unknown mode names the three [Q8]', async () => {
    const { ask } = await startApi();
    for (const headers of [auth, {}]) {
      const answer = await ask(`${PATH}?mode=fast`, post(headers));
      expect(answer.status).toBe(200);
      expect(answer.json()).toEqual({
        success: false,
        message: expect.stringMatching(/p2p.*http.*auto/) as string,
      });
    }
  });

  describe('with DIOTEC360_LEGACY_SWITCH=loopback', () => {
    const switched = async (headers: Record<string, string>, api: object = {}): Promise<Answer> => {
      const config = { ...TEST_CONFIG.api, legacySwitch: 'loopback' as const, ...api };
      const { url } = await startApi({ config });
      return ask(url, `${PATH}?mode=http`, post(headers));
    };

    it('needs no token from the same machine [Q8]', async () => {
      expect((await switched({})).json()).toMatchObject({ success: true, mode: 'HTTP' });
      expect((await switched({}, { token: undefined })).json()).toMatchObject({ success: true });
    });

    it.each<[string, Record<string, string>]>([
      ['a page in a browser', { origin: 'http://app.test' }],
      ['a page without an origin', { origin: 'null' }],
      ['the browser of somebody', { 'sec-fetch-site': 'cross-site' }],
      ['a proxy that tells whom it asks for', { 'x-forwarded-for': '192.0.2.7' }],
      ['one that tells it otherwise', { forwarded: 'for=192.0.2.7' }],
      ['one that tells only of itself', { via: '1.1 proxy' }],
      ['one that tells it in its own way', { 'x-real-ip': '192.0.2.7' }],
    ])('needs it from %s [Q8]', async (_, headers) => {
      expect((await switched(headers)).json()).toMatchObject({ success: false });
      expect((await switched({ ...headers, ...auth })).json()).toMatchObject({ success: true });
    });

    it('needs it from another machine that a trusted proxy on loopback asks for [Q8]', async () => {
      const trusting = { trustedProxies: ['loopback'] };
      expect((await switched({ 'x-forwarded-for': '192.0.2.7' }, trusting)).json()).toMatchObject({ success: false });
      expect((await switched({ 'x-forwarded-for': '127.0.0.1' }, trusting)).json()).toMatchObject({ success: false });
    });
  });
});
