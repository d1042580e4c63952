import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { expect, it } from 'vitest';

const RUNTIME = join(import.meta.dirname, '..', '..', '..', '..', 'src', 'runtime');

/** Code of the runtime by its path in it, without comments. */
const files: ReadonlyMap<string, string> = new Map(
  readdirSync(RUNTIME, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [
      path.replaceAll(sep, '/'),
      readFileSync(join(RUNTIME, path), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''),
    ]),
);

const filesWith = (pattern: RegExp): string[] =>
  Array.from(files)
    .filter(([, code]) => pattern.test(code))
    .map(([path]) => path)
    .sort();

it.each([
  'entryKey',
  'keyToEntryKey',
  'entryRange',
  'entryRowRange',
  'entryRowToEntry',
  'entryKeyToHash',
  'decodeEntry',
])('only the module of entry rows knows %s: everybody else reads entries held against the tree [N12]', (name) => {
  const found = filesWith(new RegExp(`\\b${name}\\b`));
  expect(found.filter((path) => path !== 'storage/entry-rows.ts')).toEqual([]);
});

it('the search for readers of entry rows finds the one there is', () => {
  expect(filesWith(/\bentryKey\b/)).toEqual(['storage/entry-rows.ts']);
  // The bucket's name is the other way to its rows.
  expect(filesWith(/bucketRange\(\s*'entry'/)).toEqual([]);
});

it('only the writer makes rows durable; the measuring port around it passes them on [D3]', () => {
  expect(filesWith(/\.\s*batch\b|\{[^{}]*\bbatch\b[^{}]*\}\s*=|Pick<Store,[^>]*'batch'/)).toEqual([
    'commit/writer.ts',
    'watch/measured.ts',
  ]);
});
