import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../../src/cli/errors.ts';
import { isErrorCode, LatticeError } from '../../../src/core/types/index.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const handbook = readFileSync(join(root, 'docs', 'failures.md'), 'utf8');

/** Codes of errors that carry a next step, with a file that throws them. */
function codesThatAskForAction(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const source = readFileSync(join(root, 'src', file), 'utf8');
    for (const match of source.matchAll(/new LatticeError\(\s*'([a-z-]+)'/g)) {
      if (/\bnext\b/.test(argumentsAt(source, match.index))) found.set(match[1] as string, file);
    }
  }
  return found;
}

/** The text from the call at `start` to its closing parenthesis. */
function argumentsAt(source: string, start: number): string {
  let depth = 0;
  for (let i = source.indexOf('(', start); i < source.length; i++) {
    if (source[i] === '(') depth++;
    else if (source[i] === ')' && --depth === 0) return source.slice(start, i);
  }
  return source.slice(start);
}

describe('the failure handbook', () => {
  const codes = codesThatAskForAction();

  test('finds the codes in the source', () => expect(codes.size).toBeGreaterThan(40));

  test.each([...codes])('names %s of %s', (code) => {
    expect(handbook.includes(`\`${code}\``)).toBe(true);
  });

  test('names the exit codes that the command line has', () => {
    const rows = Array.from(handbook.split('## The command line')[1]?.matchAll(/^\| (`[^|]+) \| (\d+) \|/gm) ?? []);
    expect(rows.length).toBeGreaterThan(8);
    const codesOf = (names: string): string[] =>
      Array.from(names.matchAll(/`([a-z-]+)`/g), ([, code]) => code as string);
    for (const [, names, exitCode] of rows) {
      for (const code of codesOf(names as string)) {
        if (!isErrorCode(code)) throw new Error(`${code} is no code of ours`);
        expect([code, exitCodeOf(new LatticeError(code, ''))]).toEqual([code, Number(exitCode)]);
      }
    }
  });

  test('every link leads somewhere', () => {
    for (const [, target] of handbook.matchAll(/\]\(([^)#][^)]*)\)/g))
      expect(() => readFileSync(join(root, 'docs', target as string))).not.toThrow();
    for (const [, anchor] of handbook.matchAll(/\]\(#([^)]+)\)/g)) {
      const headings = [...handbook.matchAll(/^#+ (.+)$/gm)].map(([, text]) =>
        (text as string).toLowerCase().replaceAll(' ', '-'),
      );
      expect(headings).toContain(anchor);
    }
  });
});
