import { describe, expect, it } from 'vitest';
import { exists, namedPaths, namesIn, readDocument } from './support.ts';

const FOLDER = 'docs/adr/';
const SECTIONS = ['Context', 'Decision', 'Consequences', 'Where'];

const files = namesIn(FOLDER).filter((name) => name !== 'README.md');
const headingOf = (file: string): string => readDocument(FOLDER + file).split('\n', 1)[0] as string;
const rows = Array.from(
  readDocument(`${FOLDER}README.md`).matchAll(/^\| \[(\d+)\]\(([^)]+)\) \| (.+) \|$/gm),
  ([, number, file, title]) => ({ number, file, title }),
);

describe('the records of decisions', () => {
  it('are numbered from 0001 on without a gap, in their names as in their headings', () => {
    expect(files.length).toBeGreaterThan(0);
    files.forEach((file, i) => {
      const number = String(i + 1).padStart(4, '0');
      expect(file).toMatch(new RegExp(`^${number}(?:-[a-z0-9]+)+\\.md$`));
      expect(headingOf(file)).toMatch(new RegExp(`^# ${number} \\S`));
    });
  });

  it('stand in the index, each once, in order, under their own headings', () => {
    expect(rows).toEqual(
      files.map((file) => ({ number: file.slice(0, 4), file, title: headingOf(file).replace(/^# \d+ /, '') })),
    );
  });

  it.each(files)('%s has its four sections, in order and with something in each', (file) => {
    const sections = readDocument(FOLDER + file)
      .split(/^## /m)
      .slice(1);
    expect(sections.map((section) => section.split('\n', 1)[0])).toEqual(SECTIONS);
    for (const section of sections) expect(section.split('\n').slice(1).join('\n').trim(), section).not.toBe('');
  });

  it.each(files)('%s says where to look, and every place is there', (file) => {
    const where = readDocument(FOLDER + file).split('## Where')[1] ?? '';
    expect(namedPaths(where).length).toBeGreaterThan(0);
    // Files of the root too: they have no folder by which they are known elsewhere.
    const named = Array.from(where.matchAll(/`([^`\s]+)`/g), ([, path]) => path as string);
    expect(named.filter((path) => !exists(path))).toEqual([]);
  });
});
