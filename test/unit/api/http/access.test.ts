import { describe, expect, it } from 'vitest';
import { createAddresses } from '../../../../src/api/http/addresses.ts';
import { createApi } from '../../../../src/api/index.ts';
import { createHandClock } from '../../../support/clock.ts';
import { ask as askUrl, auth, clock, json, silentLog, startApi, TEST_CONFIG, TOKEN, until } from '../support.ts';

const guess = (from?: string) => ({
  ...json(1, { authorization: 'Bearer wrong', ...(from === undefined ? {} : { 'x-forwarded-for': from }) }),
});

describe('the token', () => {
  it('token: ten wrong tokens from an address in a minute lock it out, others not [A9]', async () => {
    const { ask } = await startApi({ config: { trustedProxies: ['127.0.0.1/32'] } });
    for (let i = 0; i < 10; i++) expect((await ask('/api/v1/state/a', guess('203.0.113.5'))).status).toBe(401);
    const eleventh = await ask('/api/v1/state/a', guess('203.0.113.5'));
    expect([eleventh.status, eleventh.json().code]).toEqual([429, 'too-many-failures']);
    expect(Number(eleventh.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask('/api/v1/state/a', json(1, { 'x-forwarded-for': '203.0.113.5' }))).status).toBe(429);
    expect((await ask('/api/v1/state/a', json(1, { 'x-forwarded-for': '203.0.113.6' }))).status).toBe(201);
    // The same guesses through the switch fare no better.
    const headers = { ...auth, 'x-forwarded-for': '203.0.113.5' };
    const switched = await ask('/api/lattice/sync/switch?mode=http', { method: 'POST', headers });
    expect([switched.status, switched.json().success]).toEqual([200, false]);
  });

  it('token: IPv6 clients count by their /64', async () => {
    const { ask } = await startApi({ config: { trustedProxies: ['127.0.0.1'] } });
    for (let i = 1; i <= 10; i++) await ask('/api/v1/state/a', guess(`2001:db8::${i}`));
    expect((await ask('/api/v1/state/a', guess('2001:db8:0:0:ffff::1'))).status).toBe(429);
    expect((await ask('/api/v1/state/a', guess('2001:db8:0:1::1'))).status).toBe(401);
  });

  it('token: X-Forwarded-For of a stranger does not count', async () => {
    const { ask } = await startApi();
    for (let i = 0; i < 10; i++) await ask('/api/v1/state/a', guess(`203.0.113.${i}`));
    expect((await ask('/api/v1/state/a', guess('203.0.113.99'))).status).toBe(429);
  });

  it('token: on loopback guessers are slowed down too, but cannot lock out the operator', async () => {
    const { ask } = await startApi();
    for (let i = 0; i < 10; i++) await ask('/api/v1/state/a', guess());
    expect((await ask('/api/v1/state/a', guess())).status).toBe(429);
    expect((await ask('/api/v1/state/a', json(1))).status).toBe(201);
  });

  it('token: one that differs in a letter, or is the beginning of the right one, is wrong [A9]', async () => {
    const { ask } = await startApi();
    const last = TOKEN.endsWith('x') ? 'y' : 'x';
    for (const token of [TOKEN.slice(0, -1) + last, TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase()])
      expect((await ask('/api/v1/state/a', json(1, { authorization: `Bearer ${token}` }))).status).toBe(401);
  });

  it('token: the scheme is case-insensitive', async () => {
    const { ask } = await startApi();
    expect((await ask('/api/v1/state/a', json(1, { authorization: `bearer ${TOKEN}` }))).status).toBe(201);
  });
});

describe('addresses', () => {
  it('addresses: loopback and proxies are exempt, in every notation', () => {
    const addresses = createAddresses(['10.1.0.0/16', '2001:db8::1']);
    expect(addresses.proxies).toEqual(['10.1.0.0/16', '2001:db8::1']);
    for (const a of [
      '127.0.0.1',
      '127.9.9.9',
      '::1',
      '::ffff:127.0.0.1',
      '10.1.2.3',
      '::ffff:10.1.2.3',
      '2001:db8::1',
    ]) {
      expect([a, addresses.isExempt(a)]).toEqual([a, true]);
    }
    for (const a of ['10.2.0.1', '1.2.3.4', '2001:db8::2', '', 'x'])
      expect([a, addresses.isExempt(a)]).toEqual([a, false]);
    expect(addresses.keyOf('::ffff:1.2.3.4')).toBe('1.2.3.4');
    expect(addresses.keyOf('fe80::1%eth0')).toBe('fe80:0:0:0');
  });
});

describe('trusted proxies', () => {
  it.each([
    ['loopback', ['127.0.0.1', '127.8.8.8', '::1'], ['10.0.0.1', '169.254.1.1']],
    ['linklocal', ['169.254.1.1', 'fe80::1%eth0'], ['10.0.0.1']],
    ['uniquelocal', ['10.0.0.1', '172.31.0.1', '192.168.1.1', 'fd00::1'], ['172.32.0.1', '169.254.1.1']],
  ])('may be named: %s', (name, inside, outside) => {
    const { isTrustedProxy } = createAddresses([name]);
    expect(inside.filter(isTrustedProxy)).toEqual(inside);
    expect(outside.filter(isTrustedProxy)).toEqual([]);
  });

  it.each(['nonsense', '1.2.3.4/', '1.2.3.4/99', 'toString', ''])(
    'that are not understood end the start: %s',
    (name) => {
      expect(() => createAddresses([name])).toThrow(expect.objectContaining({ code: 'invalid-config' }));
    },
  );

  it('that are named are believed, so that each client behind them counts for itself [A9, A18]', async () => {
    const { ask } = await startApi({ config: { trustedProxies: ['loopback'] } });
    for (let i = 0; i < 10; i++) expect((await ask('/api/v1/state/a', guess('203.0.113.5'))).status).toBe(401);
    expect((await ask('/api/v1/state/a', guess('203.0.113.5'))).status).toBe(429);
    expect((await ask('/api/v1/state/a', guess('203.0.113.6'))).status).toBe(401);
  });

  it('that are missing make everybody behind a local proxy one client, whose guesses lock out its right token too [A9]', async () => {
    const { ask } = await startApi();
    for (let i = 0; i < 10; i++) await ask('/api/v1/state/a', guess(`203.0.113.${i}`));
    expect((await ask('/api/v1/state/a', json(1, { 'x-forwarded-for': '203.0.113.99' }))).status).toBe(429);
    expect((await ask('/api/v1/state/a', json(1))).status).toBe(201);
  });
});

describe('host names', () => {
  it('hosts: on a loopback bind only loopback names and configured ones are answered [A12]', async () => {
    const { ask, url } = await startApi({ config: { allowedHosts: ['node.test'] } });
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, 'localhost', `[::1]:${port}`, 'NODE.test:80', 'node.test.']) {
      expect([host, (await ask('/health', { headers: { host } })).status]).toEqual([host, 200]);
    }
    for (const host of ['evil.test', `evil.test:${port}`, '127.0.0.1.evil.test']) {
      const answer = await ask('/api/v1/status', { headers: { host } });
      expect([host, answer.status, answer.json().code]).toEqual([host, 421, 'misdirected-request']);
    }
  });

  it('hosts: on other binds every name is answered unless some are configured', async () => {
    const open = await startApi({ config: { host: '0.0.0.0' } });
    expect((await open.ask('/health', { headers: { host: 'any.test' } })).status).toBe(200);
    const closed = await startApi({ config: { host: '0.0.0.0', allowedHosts: ['node.test'] } });
    expect((await closed.ask('/health', { headers: { host: 'any.test' } })).status).toBe(421);
    expect((await closed.ask('/health')).status).toBe(200);
  });
});

describe('browsers', () => {
  it('CORS: configured origins are let in, preflight included; others get no header [A12]', async () => {
    const { ask } = await startApi();
    const preflight = await ask('/api/v1/state/a', {
      method: 'OPTIONS',
      headers: {
        origin: 'http://app.test',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('http://app.test');
    expect(preflight.headers['access-control-allow-methods']).toContain('PUT');
    expect(preflight.headers['access-control-allow-headers']).toContain('if-match');
    const simple = await ask('/health', { headers: { origin: 'http://app.test' } });
    expect(simple.headers['access-control-allow-origin']).toBe('http://app.test');
    const foreign = await ask('/health', { headers: { origin: 'http://evil.test' } });
    expect(foreign.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('CORS: * lets every origin in, an empty list none', async () => {
    const any = await startApi({ config: { corsOrigins: ['*'] } });
    expect(
      (await any.ask('/health', { headers: { origin: 'http://x.test' } })).headers['access-control-allow-origin'],
    ).toBe('*');
    const none = await startApi({ config: { corsOrigins: [] } });
    expect(
      (await none.ask('/health', { headers: { origin: 'http://x.test' } })).headers['access-control-allow-origin'],
    ).toBeUndefined();
  });

  it('headers: CSP, nosniff, no-referrer and a request id', async () => {
    const { ask } = await startApi();
    for (const path of ['/', '/api/v1/nothing', '/api/v1/%ff']) {
      const { headers } = await ask(path);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
      );
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
    }
    expect((await ask('/')).headers['x-request-id']).toMatch(/^[0-9a-f]{8}-/);
  });
});

describe('the server', () => {
  it('listen: a taken port is named with the way out', async () => {
    const { url, lattice } = await startApi();
    const port = Number(new URL(url).port);
    const config = { ...TEST_CONFIG, api: { ...TEST_CONFIG.api, port } };
    const second = await createApi({ lattice, config, clock, log: silentLog });
    await expect(second.listen()).rejects.toMatchObject({
      code: 'address-in-use',
      next: expect.stringContaining('DIOTEC360_API_PORT') as string,
    });
    await second.close();
    expect((await askUrl(url, '/health')).status).toBe(200);
  });

  it('listen: an address that this machine does not have is named with the way out', async () => {
    const { lattice } = await startApi();
    const config = { ...TEST_CONFIG, api: { ...TEST_CONFIG.api, host: '192.0.2.1', port: 8000 } };
    const elsewhere = await createApi({ lattice, config, clock, log: silentLog });
    await expect(elsewhere.listen()).rejects.toMatchObject({
      code: 'address-unavailable',
      message: 'cannot listen on port 8000 of 192.0.2.1: this machine has no such address',
      next: expect.stringContaining('DIOTEC360_API_HOST') as string,
    });
    await elsewhere.close();
  });

  it('close: a request under way is finished, and one that never ends is cut', async () => {
    const drain = createHandClock();
    const { ask, lattice, close } = await startApi({ clock: drain, times: { drainMs: 300 } });
    const { store } = lattice;
    store.hold();
    const finished = ask('/api/v1/state/a', json(1));
    await until(() => store.held.length === 1);
    const stuck = ask('/api/v1/state/b', json(1)).catch(() => 'cut');
    await until(() => lattice.status().queues?.writer === 1);
    const closing = close();
    store.held[0]?.release();
    expect((await finished).status).toBe(201);
    await drain.advance(300);
    expect(await stuck).toBe('cut');
    await closing;
  });
});
