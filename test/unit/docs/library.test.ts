import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { flawsOfExamples } from '../../../scripts/reference/library/examples.ts';
import { callables, ENTRIES, missing, readExports, readProgram } from '../../../scripts/reference/library/read.ts';
import { unnamedTypes } from '../../../scripts/reference/library/unnamed.ts';
import { libraryPages } from '../../../scripts/reference/library.ts';
import { readDocument } from './support.ts';

const program = readProgram([...ENTRIES.map(({ source }) => source), 'src/core/index.ts']);

describe('what the package exports', () => {
  it.each(ENTRIES)('$imported: every function and method has a sentence, its errors and an example', (entry) => {
    const exports = readExports(program, entry);
    expect(callables(exports).length).toBeGreaterThan(3);
    expect(missing(exports)).toEqual([]);
  });

  it.each(ENTRIES)('$imported: every type that a call names can be named', ({ source }) => {
    expect(unnamedTypes(program, source)).toEqual([]);
  });

  it.each(ENTRIES)('$imported: a signature ends before the body', (entry) => {
    for (const { name, signature } of callables(readExports(program, entry))) {
      const parsed = ts.createSourceFile(
        'x.ts',
        `interface X {\n${signature.replaceAll(/^function /gm, '')}\n}`,
        ts.ScriptTarget.Latest,
      );
      const flaws = (parsed as ts.SourceFile & { readonly parseDiagnostics: readonly unknown[] }).parseDiagnostics;
      expect(flaws, name).toEqual([]);
    }
  });

  it('is missed where a docstring lacks it', () => {
    const doc = { text: 'does something', throws: undefined, example: '' };
    expect(missing([{ kind: 'function', name: 'f', signature: 'function f(): void;', doc }])).toHaveLength(3);
  });

  it('is told by the reference: else npm run -s reference', () => {
    for (const [name, text] of Object.entries(libraryPages()))
      expect(readDocument(`docs/reference/${name}`)).toBe(text);
  });

  it('is used rightly by every example, in docstrings and in the guide', () => {
    expect(flawsOfExamples(['docs/embedding.md'])).toEqual([]);
    // The compiler reads the whole package for it.
  });
});
