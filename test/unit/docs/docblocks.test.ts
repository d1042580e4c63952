import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = new URL('../../../', import.meta.url);
const FOLDERS = ['src', 'test', 'bench', 'scripts', 'dashboard/src'];

/** Lines where a docblock ends and the next begins: editors and the reference take only the second one. */
function stackedDocblocks(source: string): number[] {
  return Array.from(
    source.matchAll(/\*\/[ \t]*\n[ \t]*\/\*\*/g),
    ({ index }) => source.slice(0, index).split('\n').length,
  );
}

test('a stack of docblocks is found, a comment of the file before the first docblock is none', () => {
  expect(stackedDocblocks('/** One. */\n  /** Two. */\nconst a = 1;')).toEqual([1]);
  expect(stackedDocblocks('const a = 1;\n/**\n * One.\n */\n/**\n * Two.\n */\nconst b = 1;')).toEqual([4]);
  expect(stackedDocblocks('/** The file. */\n\n/** Two. */\nconst a = 1;')).toEqual([]);
});

test('every name has one docblock: of two on top of each other the first is lost', () => {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(fileURLToPath(new URL(folder, ROOT)), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(?:ts|tsx|mjs)$/.test(path) && !path.endsWith('docblocks.test.ts'))
      .map((path) => `${folder}/${path}`)
      .flatMap((path) => stackedDocblocks(readFileSync(new URL(path, ROOT), 'utf8')).map((line) => `${path}:${line}`)),
  );
  expect(found).toEqual([]);
});
