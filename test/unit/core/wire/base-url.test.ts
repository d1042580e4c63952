import { describe, expect, it } from 'vitest';
import { parseBaseUrl } from '../../../../src/core/wire/base-url.ts';

describe('a base URL', () => {
  it.each([
    ['http://node.example.org', 'http://node.example.org'],
    ['HTTPS://Node.Example.ORG', 'https://node.example.org'],
    ['http://a.example:80', 'http://a.example'],
    ['https://a.example:443/', 'https://a.example'],
    ['http://a.example:443', 'http://a.example:443'],
    ['http://a.example:08000', 'http://a.example:8000'],
    ['http://a.example.', 'http://a.example'],
    ['http://a.example.:8000///', 'http://a.example:8000'],
    ['https://a.example/Base/node1/', 'https://a.example/Base/node1'],
    ['https://a.example/x/../base', 'https://a.example/base'],
    ['http://192.0.2.1:8000', 'http://192.0.2.1:8000'],
    ['http://[2001:DB8:0::1]:8000', 'http://[2001:db8::1]:8000'],
    ['http://my_node:8000', 'http://my_node:8000'],
    ['http://bücher.example', 'http://xn--bcher-kva.example'],
  ])('%s has the one form %s', (text, form) => {
    expect(parseBaseUrl(text)).toBe(form);
    expect(parseBaseUrl(form)).toBe(form);
  });

  it.each([
    ['', 'it is not a URL', 'write http://'],
    ['node.example.org', 'it is not a URL', 'write http://node.example.org'],
    ['node.example.org:8000', 'it is not an HTTP URL', 'write http://node.example.org:8000'],
    ['http://', 'it is not a URL', /https:\/\/node\.example\.org/],
    ['http:///a.example', 'it is not a URL', /https:\/\/node\.example\.org/],
    ['http:a.example', 'it is not a URL', /https:\/\/node\.example\.org/],
    ['http://a.example:99999', 'it is not a URL', /https:\/\/node\.example\.org/],
    ['http://1.2.3.4.5', 'it is not a URL', /https:\/\/node\.example\.org/],
    ['ws://a.example', 'it is not an HTTP URL', 'write http:// or https://'],
    ['http://user:secret@a.example', 'a base URL has no user and no password', /leave them out/],
    ['http://a.example?', 'a base URL has no query and no fragment', /leave out/],
    ['http://a.example/?x=1', 'a base URL has no query and no fragment', /leave out/],
    ['http://a.example/#', 'a base URL has no query and no fragment', /leave out/],
    ['http://a.example:0', 'port 0 cannot be reached', /port that the node listens on/],
    ['http://a..b', 'it has no valid host', /https:\/\/node\.example\.org/],
    ['http://.', 'it has no valid host', /https:\/\/node\.example\.org/],
    ["http://a'b.example", 'it has no valid host', /https:\/\/node\.example\.org/],
    [' http://a.example', 'it contains a blank or a backslash', /https:\/\/node\.example\.org/],
    ['http://a.exam\tple', 'it contains a blank or a backslash', /https:\/\/node\.example\.org/],
    ['http://a.example\\base', 'it contains a blank or a backslash', /https:\/\/node\.example\.org/],
    [`http://a.example/${'x'.repeat(2048)}`, 'it is longer than 2048 characters', 'write a shorter one'],
    [`http://a.example/${'ä'.repeat(500)}`, 'it is longer than 2048 characters', 'write a shorter one'],
  ])('%j is refused: %s', (text, rule, fix) => {
    expect(parseBaseUrl(text)).toEqual({ rule, fix: typeof fix === 'string' ? fix : expect.stringMatching(fix) });
  });

  it('is never shown again with its password', () => {
    expect(JSON.stringify(parseBaseUrl('user:secret@a.example:8000'))).not.toContain('secret');
  });
});
