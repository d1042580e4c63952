import { describe, expect, it } from 'vitest';
import { TARIFF } from '../../../../src/api/http/costs.ts';
import { startLattice } from '../live-lattice.ts';
import { auth, json, startApi, until } from '../support.ts';

describe('what requests cost their clients', () => {
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
  const proxied = { config: { trustedProxies: ['127.0.0.1'] } };

  /** Shares that do not fill again within a test. */
  const share = (burstMs: number) => ({ burstMs, msPerSecond: 0.001 });
  const { read, costly } = TARIFF;

  it('a client whose requests cost more than its share is answered 429 with Retry-After; others and loopback are not [A18]', async () => {
    const { ask } = await startApi({ ...proxied, limits: { client: share(2.5 * read.ms + costly.ms) } });
    expect((await ask('/api/v1/history/a', from('203.0.113.5'))).status).toBe(200);
    for (let i = 0; i < 3; i++) expect((await ask('/api/v1/health', from('203.0.113.5'))).status).toBe(200);
    const over = await ask('/api/v1/health', from('203.0.113.5'));
    expect([over.status, over.json()['code']]).toEqual([429, 'rate-limited']);
    expect(Number(over.headers['retry-after'])).toBeGreaterThan(0);
    expect([over.headers['ratelimit-limit'], over.headers['ratelimit-remaining']]).toEqual(['41', '0']);
    expect((await ask('/nothing', from('203.0.113.5'))).status).toBe(429);
    expect((await ask('/api/v1/health', from('203.0.113.6'))).status).toBe(200);
    for (let i = 0; i < 5; i++) expect((await ask('/api/v1/health')).status).toBe(200);
  });

  it('the addresses of one IPv6 /64 are one client, HEAD counts as GET, probes have no limit [A18]', async () => {
    const { ask } = await startApi({ ...proxied, limits: { client: share(1.5 * read.ms) } });
    expect((await ask('/api/v1/health', from('2001:db8::1'))).status).toBe(200);
    expect((await ask('/api/v1/health', { ...from('2001:db8::2'), method: 'HEAD' })).status).toBe(200);
    expect((await ask('/api/v1/health', from('2001:db8::ffff'))).status).toBe(429);
    for (let i = 0; i < 4; i++) expect((await ask('/livez', from('2001:db8::1'))).status).toBe(200);
  });

  it('a proof at a cut costs as much as what is costly [A18]', async () => {
    const { ask } = await startApi({ ...proxied, limits: { client: share(costly.ms) } });
    expect((await ask('/api/v1/proof/a', from('203.0.113.5'))).status).toBe(200);
    expect((await ask('/api/v1/proof/a?at=cut', from('203.0.113.5'))).status).not.toBe(429);
    expect((await ask('/api/v1/proof/a', from('203.0.113.5'))).status).toBe(429);
  });

  it('an answer costs by its bytes, and what one page overdraws the next ones wait for [A18]', async () => {
    const { ask } = await startApi({ ...proxied, limits: { client: share(10) } });
    for (let i = 0; i < 70; i++) await ask(`/api/v1/state/large-${i}`, json({ text: 'x'.repeat(16_000) }));
    const page = await ask('/api/v1/state?limit=1000', from('203.0.113.5'));
    expect([page.status, page.text.length > 1_000_000]).toEqual([200, true]);
    await expect.poll(async () => (await ask('/api/v1/health', from('203.0.113.5'))).status).toBe(429);
  });

  it('an answer that is not sent costs as one that is: HEAD is no way around [A18]', async () => {
    const { ask } = await startApi({ ...proxied, limits: { client: share(10) } });
    for (let i = 0; i < 70; i++) await ask(`/api/v1/state/large-${i}`, json({ text: 'x'.repeat(16_000) }));
    const head = await ask('/api/v1/state?limit=1000', { ...from('203.0.113.5'), method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    await expect.poll(async () => (await ask('/api/v1/health', from('203.0.113.5'))).status).toBe(429);
  });

  it('what is refused uses up the share of its client alone [A18]', async () => {
    const limits = { client: share(2.5 * read.ms), everybody: share(2.5 * read.ms) };
    const { ask } = await startApi({ ...proxied, limits });
    const refused = [{ path: '/api/v1/config' }, { path: '/api/v1/sync/stream' }];
    for (const { path } of [...refused, ...refused, ...refused])
      expect((await ask(path, from('203.0.113.5'))).status).toBe(401);
    expect((await ask('/api/v1/sync', { ...from('203.0.113.5'), method: 'POST', body: 'x'.repeat(100) })).status).toBe(
      415,
    );
    expect((await ask('/api/v1/health', from('203.0.113.5'))).json()['code']).toBe('rate-limited');
    expect((await ask('/api/v1/health', from('203.0.113.6'))).status).toBe(200);
  });

  it('the right token has a share of its own, which strangers of the same address cannot use up [A18]', async () => {
    const { ask } = await startApi({ ...proxied, limits: { client: share(read.ms) } });
    const { headers } = from('203.0.113.5');
    expect((await ask('/api/v1/health', { headers })).status).toBe(200);
    expect((await ask('/api/v1/health', { headers })).status).toBe(429);
    expect((await ask('/api/v1/state/a', json(1, headers))).status).toBe(201);
    expect((await ask('/api/v1/config', { headers: { ...auth, ...headers } })).status).toBe(200);
    // A wrong one has none.
    expect((await ask('/api/v1/config', { headers: { authorization: 'Bearer wrong', ...headers } })).status).toBe(401);
  });

  it('all clients together have a share too, so that many addresses are no way around [A18]', async () => {
    const { ask } = await startApi({ ...proxied, limits: { everybody: share(2.5 * read.ms) } });
    for (let i = 0; i < 3; i++) expect((await ask('/api/v1/health', from(`203.0.113.${i}`))).status).toBe(200);
    const next = await ask('/api/v1/health', from('203.0.113.99'));
    expect([next.status, next.json()['code']]).toEqual([429, 'overloaded']);
    expect((await ask('/api/v1/state/a', json(1, from('203.0.113.99').headers))).status).toBe(201);
  });

  it('a proxy that is not trusted is one client, on loopback too, however many stand behind it [A18]', async () => {
    const { ask } = await startApi({ limits: { client: share(2.5 * read.ms) } });
    const through = [from('203.0.113.5'), { headers: { forwarded: 'for=203.0.113.6' } }, from('127.0.0.1')];
    for (const request of through) expect((await ask('/api/v1/health', request)).status).toBe(200);
    for (const request of through) expect((await ask('/api/v1/health', request)).status).toBe(429);
    expect((await ask('/api/v1/health')).status).toBe(200);
  });

  it('requests that begin together do not all find the same share, and a client has 16 under way at most [A18]', async () => {
    const lattice = await startLattice();
    const gates: (() => void)[] = [];
    const { ask } = await startApi({
      ...proxied,
      lattice: {
        ...lattice,
        async list(options) {
          await new Promise<void>((open) => gates.push(open));
          return lattice.list(options);
        },
      },
      limits: { everybody: share(15 * 19) },
    });
    const asked = (count: number, address: string) =>
      Array.from({ length: count }, async () => {
        const answer = await ask('/api/v1/state', from(address));
        return answer.status === 200 ? 200 : answer.json()['code'];
      });
    const first = asked(18, '203.0.113.5');
    await until(() => gates.length === 16);
    expect(await Promise.race(first)).toBe('rate-limited');
    const second = asked(4, '203.0.113.6');
    expect(await Promise.race(second)).toBe('overloaded');
    await until(() => gates.length === 19);
    for (const open of gates) open();
    expect((await Promise.all(first)).filter((outcome) => outcome === 200)).toHaveLength(16);
    expect((await Promise.all(second)).filter((outcome) => outcome === 200)).toHaveLength(3);
    const later = asked(1, '203.0.113.6');
    await until(() => gates.length === 20);
    gates.at(-1)?.();
    expect(await Promise.all(later)).toEqual([200]);
  });
});
