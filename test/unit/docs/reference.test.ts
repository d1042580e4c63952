import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { programToRead } from '../../../scripts/reference/cli.ts';
import { anchorOf } from '../../../scripts/reference/markdown.ts';
import { referencePages } from '../../../scripts/reference/pages.ts';
import { defaultOf } from '../../../src/cli/define.ts';
import { namesOf } from '../../../src/config/variable.ts';
import { VARIABLES } from '../../../src/config/variables.ts';
import { readDocument } from './support.ts';

const FOLDER = 'docs/reference/';
const names = readdirSync(fileURLToPath(new URL(`../../../${FOLDER}`, import.meta.url)));

let made: Readonly<Record<string, string>>;
beforeAll(async () => {
  made = await referencePages();
});

describe('docs/reference', () => {
  it.each(['configuration.md', 'cli.md', 'http.md'])('%s is what the code says: else npm run -s reference', (name) => {
    expect(readDocument(FOLDER + name)).toBe(made[name]);
  });

  it('is made alike each time', async () => {
    expect(await referencePages()).toEqual(made);
  });

  it('has every variable, once', () => {
    const page = made['configuration.md'] ?? '';
    for (const { name } of VARIABLES) expect(page.match(new RegExp(`^\\| \`${name}\``, 'gm')), name).toHaveLength(1);
  });

  it('has an example for every command', () => {
    const sections = (made['cli.md'] ?? '').split(/^### /m).slice(1);
    expect(sections.length).toBeGreaterThan(30);
    expect(sections.filter((section) => !/^```sh\nlattice .+\n(?:lattice .+\n)*```$/m.test(section))).toEqual([]);
  });

  it.each(names)('%s: every link to a heading leads to one', (name) => {
    const page = readDocument(FOLDER + name);
    const seen = new Map<string, number>();
    const anchors = Array.from(page.matchAll(/^#+ (.+)$/gm), ([, heading]) => {
      const anchor = anchorOf(heading as string);
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return before === 0 ? anchor : `${anchor}-${before}`;
    });
    const links = Array.from(page.matchAll(/\]\(#([^)]+)\)/g), ([, link]) => link as string);
    expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
  });

  it.each(names)('%s: every link to a file leads to one', (name) => {
    const links = Array.from(readDocument(FOLDER + name).matchAll(/\]\(([^)#]+\.md)/g), ([, link]) => link as string);
    for (const link of links)
      expect(() => readDocument(new URL(link, `file:///${FOLDER}`).pathname.slice(1)), link).not.toThrow();
  });
});

const GUIDES = ['first-hour', 'operating', 'moving', 'failures', 'embedding', 'deployment', 'three-hosts'].map(
  (name) => `docs/${name}.md`,
);

/**
 * The command lines of a guide: those of its shell blocks and, where they begin with the program's name, those in its
 * text.
 */
function commandLines(text: string): readonly string[] {
  const blocks = Array.from(text.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block]) =>
    (block as string).split('\n'),
  ).flat();
  const inline = Array.from(
    text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`(lattice [^`]+)`/g),
    ([, line]) => line as string,
  );
  return [...blocks, ...inline].flatMap(
    (line) => /(?:^ *lattice|^ *npm run -s lattice --| dist\/cli\/main\.js) ([a-z].*)$/.exec(line)?.[1] ?? [],
  );
}

/** What of a command line the program does not know. */
function unknownIn(program: Command, line: string): string | undefined {
  const words = line.replaceAll(/"[^"]*"|'[^']*'/g, 'TEXT').split(/\s+/);
  let command = program;
  const options = [...program.options];
  for (const word of words) {
    if (word.startsWith('-')) {
      if (word !== '--help' && !options.some((option) => option.long === word || option.short === word)) return word;
      continue;
    }
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined && command === program) return word;
    if (next === undefined) continue;
    command = next;
    options.push(...command.options, ...(defaultOf(command)?.options ?? []));
  }
  // A group alone runs its default command.
  return command.commands.length > 0 && words.length > 1 && !words[1]?.startsWith('-') ? words[1] : undefined;
}

describe('the guides', () => {
  it.each(GUIDES)('%s names only commands and options that there are', (guide) => {
    const program = programToRead('0');
    expect(commandLines(readDocument(guide)).filter((line) => unknownIn(program, line) !== undefined)).toEqual([]);
  });

  it('are read for their commands', () => {
    const program = programToRead('0');
    expect(commandLines(readDocument('docs/first-hour.md')).length).toBeGreaterThan(20);
    expect(unknownIn(program, 'state put a 1 --env-file x --string')).toBeUndefined();
    expect(unknownIn(program, 'state put a 1 --strong')).toBe('--strong');
    expect(unknownIn(program, 'conflict ls')).toBe('conflict');
    expect(unknownIn(program, 'peers list')).toBe('list');
  });

  it.each(GUIDES)('%s names only variables that there are', (guide) => {
    const known = new Set(VARIABLES.flatMap((variable) => namesOf(variable)));
    const named = Array.from(
      readDocument(guide).matchAll(/\b(?:DIOTEC360|AETHEL)_[A-Z0-9_]+\b/g),
      ([name]) => name,
    ).filter((name) => name !== 'DIOTEC360_X' && name !== 'AETHEL_X');
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
