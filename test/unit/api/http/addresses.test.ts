import { describe, expect, it } from 'vitest';
import { createAddresses, plainAddress } from '../../../../src/api/http/addresses.ts';
import { json, startApi } from '../support.ts';

describe('an address', () => {
  it.each([
    ['198.51.100.9', '198.51.100.9'],
    ['198.51.100.9:4001', '198.51.100.9'],
    [' 198.51.100.9:65535 ', '198.51.100.9'],
    ['"198.51.100.9:4001"', '198.51.100.9'],
    ['2001:DB8:0:0::0001', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['"[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%eth0]:80', 'fe80::1'],
    ['::ffff:198.51.100.9', '198.51.100.9'],
    ['::ffff:c633:6409', '198.51.100.9'],
    ['[0:0:0:0:0:FFFF:198.51.100.9]:1', '198.51.100.9'],
  ])('%s is %s', (text, plain) => {
    expect(plainAddress(text)).toBe(plain);
  });

  it.each(['', 'unknown', '_hidden', '198.51.100.999', '198.51.100', '1.2.3.4:', '[2001:db8::1', 'host:80', '::g'])(
    '%j is none',
    (text) => {
      expect(plainAddress(text)).toBeUndefined();
      expect(createAddresses([]).keyOf(text)).toBe('unknown');
    },
  );

  it('of a client that has left is no trusted proxy, and nothing fails [A28]', () => {
    expect(createAddresses(['loopback']).isTrustedProxy(undefined)).toBe(false);
  });

  it('of a proxy or of loopback is known in every spelling [A18]', () => {
    const { isExempt, isTrustedProxy } = createAddresses(['10.1.0.0/16', '2001:db8::1']);
    for (const address of ['10.1.2.3:80', '[2001:DB8:0::1]:443', '::ffff:a01:203'])
      expect([address, isTrustedProxy(address), isExempt(address)]).toEqual([address, true, true]);
    for (const address of ['127.0.0.1:9', '[::1]:9'])
      expect([address, isTrustedProxy(address), isExempt(address)]).toEqual([address, false, true]);
  });
});

describe('a client behind proxies', () => {
  const guess = (from: string) => json(1, { authorization: 'Bearer wrong', 'x-forwarded-for': from });

  it.each([
    ['with the ports that it comes from', (i: number) => `198.51.100.9:${4000 + i}`],
    [
      'whose last hops are trusted proxies, with ports',
      (i: number) => `198.51.100.9:${i}, 10.0.0.${i}:${i}, 10.0.0.1:8`,
    ],
    ['that says something of itself before a proxy adds its address', (i: number) => `203.0.113.${i}, 198.51.100.9`],
    ['over IPv6 in brackets', (i: number) => `[2001:db8::${i}]:${4000 + i}`],
    ['over IPv6 in other spellings', (i: number) => (i % 2 === 0 ? '2001:DB8::7' : '2001:0db8:0:0::7')],
  ])('%s has one limit [A9, A28]', async (_title, from) => {
    const { ask } = await startApi({ config: { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] } });
    for (let i = 0; i < 10; i++) expect((await ask('/api/v1/state/a', guess(from(i)))).status).toBe(401);
    expect((await ask('/api/v1/state/a', guess(from(10)))).status).toBe(429);
    expect((await ask('/api/v1/state/a', guess('192.0.2.1'))).status).toBe(401);
  });
});
