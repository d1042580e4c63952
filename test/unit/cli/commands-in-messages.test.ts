import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { programToRead } from '../../../scripts/reference/cli.ts';
import { createHint } from '../../../src/cli/hints.ts';
import { commandOf } from '../../support/guide-commands.ts';
import { eachNode, literalsOf, sourceOf, sourcesIn, textOf } from '../../support/literals.ts';

const program = programToRead('0');
const CHECKOUT = 'npm run -s lattice --';
const hint = createHint(program, CHECKOUT, {});

/** The names of what holds a sentence of a node or of an examination, which may name a command. */
const SENTENCES = /^(?:text|next|why|warning|message|abstains)$/;

const isCallOf = (node: ts.Node, name: string): node is ts.CallExpression =>
  ts.isCallExpression(node) && (node.expression.getText().split('.').at(-1) ?? '') === name;

function mayName(node: ts.Node): boolean {
  if (isCallOf(node, 'hint')) return false;
  const text = textOf(node) ?? '';
  if (hint(text) !== text || (ts.isIdentifier(node) && SENTENCES.test(node.text))) return true;
  return ts.forEachChild(node, (child) => mayName(child) || undefined) ?? false;
}

/** The calls that print what may name a command as it is. */
function bareIn(source: ts.SourceFile): readonly string[] {
  const bare: string[] = [];
  eachNode(source, (node) => {
    if (isCallOf(node, 'line') && node.arguments.some(mayName)) bare.push(`${source.fileName}: ${node.getText()}`);
  });
  return bare;
}

const sources = ['src', 'dashboard/src'].flatMap(sourcesIn);
const literals = sources.flatMap(literalsOf);
/** The commands that messages name, each with the words behind the program's name. */
const named = literals.flatMap(({ where, text }) =>
  Array.from(text.matchAll(/\blattice ([a-z][^`.,;:!?)"]*)/g), ([, line = '']) => ({ where, text, line })),
);

describe('a message that names a command', () => {
  it('is found in every part of the program', () => {
    expect(named.length).toBeGreaterThan(100);
    for (const folder of ['cli', 'runtime', 'api', 'config', 'app', 'client', 'core'])
      expect(
        named.some(({ where }) => where.startsWith(`src/${folder}/`)),
        folder,
      ).toBe(true);
    expect(named.some(({ where }) => where.startsWith('dashboard/src/'))).toBe(true);
  });

  it('names one that there is, with options that it has', () => {
    const wrong = named.flatMap(({ where, line }) => {
      const { path, options } = commandOf(program, line);
      const unknown = options.filter((option) => option !== '--NAME' && !hasOption(path, option));
      return path === '' || unknown.length > 0 ? [`${where}: lattice ${line}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it('calls the program `lattice`, because only the command line knows how its user calls it', () => {
    const others = literals.filter(({ text }) => /npm run (?:-s )?lattice|dist\/cli\/main/.test(text));
    // The second one tells that npm itself takes what is piped to it.
    const files = ['src/cli/main.ts', 'src/config/env-file.ts'];
    expect(others.map(({ where }) => where.replace(/:\d+$/, ''))).toEqual(files);
    for (const { where, text } of named) expect(hint(text), where).not.toBe(text);
  });

  it('is never printed without what makes its commands those of the user', () => {
    expect(sources.filter(({ fileName }) => fileName.startsWith('src/cli/')).flatMap(bareIn)).toEqual([]);
  });

  it('is seen where it is printed as it is', () => {
    const bare = (code: string) => bareIn(sourceOf('x.ts', code));
    expect(bare("output.line('See lattice status.'); line(`! ${printable(warning.text)}`)")).toHaveLength(2);
    expect(bare("output.say('See lattice status.'); line(hint(next)); line('the lattice'); line(value)")).toEqual([]);
  });
});

function hasOption(path: string, long: string): boolean {
  let command = program;
  const all = [...program.options];
  for (const word of path.split(' ')) {
    command = command.commands.find((one) => one.name() === word) ?? command;
    all.push(...command.options);
  }
  return all.some((option) => option.long === long);
}
