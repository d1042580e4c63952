import net from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHostName, isIPv4, localUrl, parsePort, shortIPv6 } from '../../../../src/core/wire/host.ts';

/** Texts near IP addresses: some are, most have one thing wrong. */
const group = fc.oneof(
  fc.integer({ min: 0, max: 0x1ffff }).map((n) => n.toString(16)),
  fc.constantFrom('', '0', '00', '0000', 'FFFF', '12345', 'g', '.', '1.2.3.4', '255.255.255.255', '1.2.3', '01.2.3.4'),
);
const nearIPv6 = fc.array(group, { maxLength: 10 }).map((groups) => groups.join(':'));
const number = fc.oneof(
  fc.integer({ min: 0, max: 300 }).map(String),
  fc.constantFrom('', '00', '01', '1e2', '0x1', ' 1', '-1', '１'),
);
const nearIPv4 = fc.array(number, { maxLength: 6 }).map((numbers) => numbers.join('.'));

describe('IP addresses', () => {
  it('are those that the platform takes, but for zones', () => {
    fc.assert(
      fc.property(fc.oneof(nearIPv6, nearIPv4, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        expect([text, isIPv4(text)]).toEqual([text, net.isIPv4(text)]);
        expect([text, shortIPv6(text) !== undefined]).toEqual([text, net.isIPv6(text) && !text.includes('%')]);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['fe80::1%eth0', undefined],
    ['1::2::3', undefined],
  ])('%s has the short form %s', (text, short) => {
    expect(shortIPv6(text)).toBe(short);
  });
});

describe('the URL of a server on its own machine', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:8000'],
    ['0.0.0.0', 'http://127.0.0.1:8000'],
    ['::', 'http://[::1]:8000'],
    ['[::]', 'http://[::1]:8000'],
    ['0:0::0', 'http://[::1]:8000'],
    ['::ffff:0.0.0.0', 'http://127.0.0.1:8000'],
    ['::1', 'http://[::1]:8000'],
    ['[::1]', 'http://[::1]:8000'],
    ['FD00::0001', 'http://[fd00::1]:8000'],
    ['node.example.org', 'http://node.example.org:8000'],
  ])('bound to %s is %s', (host, url) => expect(localUrl(host, 8000)).toBe(url));
});

describe('host names and ports', () => {
  it.each(['localhost', 'node.example.org', 'a.b.', 'my_service.internal', 'xn--nde-hna.example', 'A1'])(
    '%s is a host name',
    (text) => expect(isHostName(text)).toBe(true),
  );

  it.each(['', '.', 'a..b', '-a', 'a-', '1.2.3', '192.0.2.1', 'a b', 'ä.example', `${'a'.repeat(64)}.b`])(
    '%j is no host name',
    (text) => expect(isHostName(text)).toBe(false),
  );

  it('a port is a plain decimal number up to 65535', () => {
    expect(['0', '1', '65535'].map(parsePort)).toEqual([0, 1, 65_535]);
    expect(['', '00', '080', '65536', '+1', '1.0', '1e3', '８'].map(parsePort)).toEqual(Array(8).fill(undefined));
  });
});
