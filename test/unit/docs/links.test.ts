import { describe, expect, it } from 'vitest';
import { brokenLinks, exists, namedPaths, namedScripts, namesIn, proseOf, readDocument, specRules } from './support.ts';

const inFolder = (folder: string): readonly string[] =>
  namesIn(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => folder + name);
const LINKING = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', ...inFolder('docs/')];
/** These name many files, and are the first to be read by somebody new. */
const NAMING = [
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  '.github/pull_request_template.md',
  'docs/releasing.md',
  'docs/security.md',
].concat(inFolder('docs/adr/'));

const { scripts } = JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> };
const rules = specRules(readDocument('SPEC.md'));
const MAX_COLUMNS = 120;

describe('documents', () => {
  it.each([...new Set([...LINKING, ...NAMING])])('%s: every link leads to a file, and to a heading of it', (path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  it.each(NAMING)('%s names files, scripts and rules that there are', (path) => {
    const text = readDocument(path);
    expect(namedPaths(text).filter((named) => !exists(named))).toEqual([]);
    expect(namedScripts(text).filter((name) => scripts[name] === undefined)).toEqual([]);
    const cited = Array.from(proseOf(text).matchAll(/\[([A-Z]{1,2}\d+)\](?!\()/g), ([, rule]) => rule as string);
    expect(cited.filter((rule) => !rules.includes(rule))).toEqual([]);
  });

  it.each(NAMING)('%s keeps to the width of lines, but for tables', (path) => {
    const long = readDocument(path)
      .split('\n')
      .filter((line) => line.length > MAX_COLUMNS && !line.startsWith('|'));
    expect(long).toEqual([]);
  });
});

describe('what is looked for in a document', () => {
  it('are paths in code, each alternative by itself, and none in blocks or with a placeholder', () => {
    const text =
      'See `src/core/{cbor,wire}/` and `test/sim/a.ts`, not `a.ts`, `src/<name>.ts`.\n```sh\ncat `src/x`\n```\n';
    expect(namedPaths(text)).toEqual(['src/core/cbor/', 'src/core/wire/', 'test/sim/a.ts']);
  });

  it('are scripts, with and without -s', () => {
    expect(namedScripts('`npm run -s check:types`, npm run sim -- --seed 1, `npm test`')).toEqual([
      'check:types',
      'sim',
      'test',
    ]);
  });
});
