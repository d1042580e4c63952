import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { eachNode, literalsOf, placeOf, sourceOf, sourcesIn } from '../../support/literals.ts';
import { retiredIn } from './words.ts';

/** What people see of a program: the words of its sentences, in the sources of all of its parts. */
const sources = ['src', 'dashboard/src'].flatMap(sourcesIn);

/** The parts of which people read the sentences. Those of the core and of adapters are for whoever reads a protocol. */
const told = ['cli', 'config', 'app', 'api', 'runtime', 'moving', 'client'].map((part) => `src/${part}/`);

/** Nouns that follow a number in sentences, in the plural. Sizes in bytes have a unit, as spans of time have. */
const COUNTED =
  'approvals|attestations|batches|blocks|changes|characters|chunks|columns|conflicts|days|deletions|digits|' +
  'entries|epochs|events|fields|files|hosts|hours|invitations|items|keys|lines|members|messages|minutes|nodes|' +
  'objects|operations|others|peers|records|requests|roots|rosters|rows|signatures|siblings|snapshots|streams|tokens|' +
  'values|versions|writers';
/** What stands behind a number: at most two words, then such a noun. */
const NOUN = new RegExp(`^ (?:(?!(?:of|to|or|and|more|than|has|no) )[a-z]+ ){0,2}(?:${COUNTED})\\b(?!=)`);

/** Numbers that are never 1: bounds of the program, by their names, and products of them. */
const BOUND = /^[A-Z][A-Z0-9_]*(?: [/*] (?:[\d_ *]+|[A-Z0-9_]+))?$/;

/**
 * The numbers before a noun in the plural that may be 1, as `1 keys`. `counted` of core/types/words.ts takes both. What
 * stands behind `of`, as in `1 of 1 approvals`, is in the plural anyway, and so is what is told apart from 1 before.
 */
function uncounted(source: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  eachNode(source, (node) => {
    if (!ts.isTemplateExpression(node)) return;
    let before = node.head.text;
    for (const { expression, literal } of node.templateSpans) {
      const isOf = /\bof (?:the |its )?$/.test(before);
      const isNumber = !ts.isCallExpression(expression) && !ts.isConditionalExpression(expression);
      const isKnown = isOf || BOUND.test(expression.getText()) || isToldFromOne(node, expression);
      if (isNumber && !isKnown && NOUN.test(literal.text))
        found.push(`${placeOf(node)}: ${expression.getText()}${literal.text}`);
      before = literal.text;
    }
  });
  return found;
}

/** Whether a template stands in a choice that asks whether its number is 1 or at least 2. */
function isToldFromOne(node: ts.Node, number: ts.Expression): boolean {
  const asked = number.getText();
  for (let at: ts.Node = node; at.parent !== undefined && !ts.isFunctionLike(at); at = at.parent)
    if (ts.isConditionalExpression(at.parent) && at !== at.parent.condition) {
      const condition = at.parent.condition.getText();
      if (condition.startsWith(asked) && /(?:===|<|>|<=) [12]$/.test(condition)) return true;
    }
  return false;
}

describe('the sentences of the program', () => {
  it('have the singular after 1: a number before a noun is counted(n, noun)', () => {
    const read = sources.filter(({ fileName }) => told.some((part) => fileName.startsWith(part)));
    expect(read.length).toBeGreaterThan(400);
    expect(read.flatMap(uncounted)).toEqual([]);
  });

  it('have none of the words that the documents leave out', () => {
    const sentences = sources.flatMap(literalsOf).filter(({ text }) => text.split(' ').length > 3);
    expect(sentences.length).toBeGreaterThan(2_000);
    expect(sentences.flatMap(({ where, text }) => retiredIn(text).map((found) => `${where}: ${found}`))).toEqual([]);
  });
});

describe('the checks of sentences', () => {
  const seen = (code: string): number => uncounted(sourceOf('x.ts', code)).length;

  it('see a number that may be 1 before a plural, also with words between', () => {
    expect(seen('`${n} keys`; `it has ${size} fields`; `${n} replaced operations were lost`')).toBe(3);
  });

  it('let counted numbers, bounds, parts of a whole and what is told from 1 stand', () => {
    expect(seen("`${counted(n, 'key')} is`; `at most ${MAX_KEYS} keys`; `1 of ${n} keys`")).toBe(0);
    expect(seen("n === 1 ? 'one key' : `${n} keys`; `${n} of 5 keys`; `${n} s`")).toBe(0);
  });
});
