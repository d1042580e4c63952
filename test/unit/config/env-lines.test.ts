import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { flawsOf } from '../../../src/config/env-lines.ts';

const N = 'DIOTEC360_NODE_NAME';

describe('flaws of an env file', () => {
  it.each([
    ['# inside an unquoted value', `${N}=a#b`, 'line 1: DIOTEC360_NODE_NAME is cut off at the #'],
    ['# at its beginning', `${N}=#b`, 'line 1: DIOTEC360_NODE_NAME is cut off at the #'],
    ['text behind a closing quote', `${N}="a" b`, 'line 1: DIOTEC360_NODE_NAME has text behind its closing quote'],
    ['a quote inside single quotes', `${N}='it's'`, 'has text behind its closing quote'],
    ['a reference in braces', `${N}="\${HOST}-1"`, 'holds a $ reference'],
    ['a plain reference', `${N}=$HOST`, 'holds a $ reference'],
    ['a home directory', 'DIOTEC360_STATE_DIR=~/state', 'begins with ~'],
    ['a name twice', `${N}=a\n#\n${N}=b`, 'line 3: DIOTEC360_NODE_NAME stands in line 1 too, and the last one counts'],
    ['an older name', 'AETHEL_NODE_NAME=a#b', 'AETHEL_NODE_NAME is cut off'],
    ['options of Node.js', 'NODE_OPTIONS=--inspect', 'NODE_OPTIONS has no effect'],
  ])('warns of %s', (_, text, sentence) => {
    const { unreadable, warnings } = flawsOf(text);
    expect(unreadable).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(sentence);
  });

  it.each([
    ['a comment behind a value', `${N}=a # b`],
    ['a comment behind no value', `${N}= # b`],
    ['a comment behind quotes', `${N}="a#b" # c`],
    ['a # in quotes', `${N}='a#b'`],
    ['a $ without a name', `${N}=a$`],
    ['a ~ inside', `${N}=a~b`],
    ['a value over lines', `${N}="a\nb#c\nd"\nDIOTEC360_NODE_ROLE=r`],
    ['what other programs mean', 'OTHER=a#b\nOTHER=$X\nOTHER="a" b'],
    ['Windows line ends', `${N}=a\r\nDIOTEC360_NODE_ROLE=r\r\n`],
  ])('leaves alone %s', (_, text) => {
    expect(flawsOf(text)).toEqual({ unreadable: [], warnings: [] });
  });

  it('names lines that are no assignments, and quotes that never close', () => {
    expect(flawsOf(`a\n${N}="x\n${N}=y\n=z`).unreadable).toEqual([1, 2, 4]);
  });

  it.each([
    ['a tab before the name', `\t${N}=x`],
    ['a tab behind it', `${N}\t=x`],
    ['a tab behind export', `export\t${N}=x`],
    ['a carriage return that ends no line', `A=1\r${N}=x\r`],
    ['a tab alone in the line above', `\t\n${N}=x`],
    ['a tab before a comment above', `\t# a\n${N}=x`],
    ['a comment that ends with one', `# a\r${N}=x`],
  ])('%s makes a line of which the variable would be lost without a word', (_what, line) => {
    expect(parseEnv(line)[N]).toBeUndefined();
    expect(flawsOf(line).unreadable).toEqual([1]);
  });

  it('warns at most 20 times, and shows no value', () => {
    const { warnings } = flawsOf(Array.from({ length: 100 }, () => 'DIOTEC360_API_TOKEN=secret#secret').join('\n'));
    expect(warnings).toHaveLength(20);
    expect(warnings.join()).not.toContain('secret');
  });
});
