import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseUrl } from '../../../../src/core/types/index.ts';

it('a URL whose host has letters beyond ASCII is one however often URLs were parsed before', () => {
  let parsed = 0;
  for (let i = 0; i < 200_000; i++) if (parseUrl('http://node.example') !== undefined) parsed++;
  expect(parsed).toBe(200_000);
  expect(parseUrl('http://b\u00fccher.example')?.host).toBe('xn--bcher-kva.example');
  expect(parseUrl('node.example:x')?.protocol).toBe('node.example:');
  expect(parseUrl('no URL')).toBeUndefined();
});

it('nothing asks URL.canParse, which is wrong about such a host once it has run hot in Node 20', () => {
  const root = new URL('../../../../src/', import.meta.url);
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  expect(sources.length).toBeGreaterThan(500);
  const asking = sources.filter((name) => /URL\.canParse\(/.test(readFileSync(new URL(name, root), 'utf8')));
  expect(asking).toEqual([]);
});
