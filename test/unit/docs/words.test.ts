import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDocument } from './support.ts';
import { FENCED, proseOf, retiredIn } from './words.ts';

const GUIDES = readdirSync(new URL('../../../docs/', import.meta.url))
  .filter((name) => name.endsWith('.md'))
  .map((name) => name.slice(0, -'.md'.length));
const DOCUMENTS = [
  'SPEC.md',
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  ...GUIDES.map((name) => `docs/${name}.md`),
] as const;

const MAX_COLUMNS = 120;

/** Lines that are too wide, where they are neither in a table nor in code, nor wide by the target of a link alone. */
function wideLines(text: string): readonly string[] {
  return text
    .replaceAll(FENCED, '')
    .split('\n')
    .filter((line) => !line.startsWith('|') && line.replaceAll(/\]\([^)]*\)/g, ']()').length > MAX_COLUMNS);
}

const spec = readDocument('SPEC.md');
const glossary = /^## Terms\n([\s\S]*?)^## /m.exec(spec)?.[1] ?? '';
const terms = Array.from(glossary.matchAll(/^- \*\*([^*]+)\*\*/gm), ([, term]) => term as string);

/** Whether a text uses a term, in the singular or the plural. */
function uses(text: string, term: string): boolean {
  const stem = term.endsWith('y') ? `${term.slice(0, -1)}(?:y|ies)` : `${term}(?:e?s)?`;
  return new RegExp(`(?<![\\w-])${stem.replaceAll(' ', '\\s+')}(?![\\w-])`, 'i').test(text);
}

describe('the terms at the head of SPEC.md', () => {
  it('are there, each once, in the order of the alphabet', () => {
    expect(terms.length).toBeGreaterThan(50);
    expect(new Set(terms).size).toBe(terms.length);
    expect(terms).toEqual(terms.toSorted((a, b) => a.localeCompare(b, 'en', { sensitivity: 'base' })));
  });

  it('are the only bold words of the document beside the numbers of its rules', () => {
    const bold = Array.from(spec.matchAll(/\*\*([^*]+)\*\*/g), ([, text]) => text as string);
    expect(bold.filter((text) => !/^\[[A-Z]{1,2}\d+\]$/.test(text))).toEqual(terms);
  });

  it('are each explained in one to three sentences', () => {
    const items = glossary.split(/^- /m).slice(1);
    expect(items).toHaveLength(terms.length);
    for (const item of items) {
      expect(item).toMatch(/^\*\*[^*]+\*\*(?: \([^)]+\))?: [A-Z0-9][\s\S]*\.\s*$/);
      expect(item.split(/\.\s+(?=[A-Z]|$)/).filter((sentence) => sentence !== '').length, item).toBeLessThanOrEqual(3);
    }
  });

  it.each(terms)('%s is used in a rule', (term) => {
    const rules = spec.slice(spec.indexOf(glossary) + glossary.length);
    expect(uses(proseOf(rules), term)).toBe(true);
  });
});

describe('the documents', () => {
  it.each(DOCUMENTS)(`%s has no line over ${MAX_COLUMNS} columns outside tables, code and links`, (path) => {
    expect(wideLines(readDocument(path))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s has none of the retired words', (path) => {
    expect(retiredIn(readDocument(path))).toEqual([]);
  });

  it.each(['README.md', 'ARCHITECTURE.md', ...GUIDES.map((name) => `docs/${name}.md`)])(
    '%s names only files of the core and of the documents that there are',
    (path) => {
      const text = readDocument(path);
      const folder = path.slice(0, path.lastIndexOf('/') + 1);
      const named = Array.from(text.matchAll(/`(core\/[\w/-]+\.ts)`/g), ([, file]) => `src/${file}`);
      const linked = Array.from(text.matchAll(/\]\(([^)#:]+\.md)/g), ([, file]) => folder + (file as string));
      for (const file of [...named, ...linked])
        expect(() => readDocument(new URL(file, 'file:///').pathname.slice(1)), file).not.toThrow();
    },
  );
});

describe('the checks of the documents', () => {
  it('see a wide line, and let tables, code and the targets of links be wide', () => {
    const wide = 'word '.repeat(30);
    expect(wideLines(wide)).toEqual([wide]);
    expect(wideLines(`| ${wide} |\n\n\`\`\`sh\n${wide}\n\`\`\`\n[a](${'x'.repeat(200)})`)).toEqual([]);
  });

  it('see a retired word, also across lines and in a form of bytes, and let it stand as a name in code', () => {
    expect(retiredIn('`[1, session\nnonce]` of a feed')).toHaveLength(2);
    expect(retiredIn('`legacy`, which is feedback\n\n```\nfeed\n```\n')).toEqual([]);
  });

  it('see a term in the singular and the plural, as a whole word', () => {
    expect([uses('two key hashes', 'key hash'), uses('entries', 'entry'), uses('push\nstream', 'push stream')]).toEqual(
      [true, true, true],
    );
    expect([uses('cutter', 'cut'), uses('a by-peer', 'peer')]).toEqual([false, false]);
  });
});
