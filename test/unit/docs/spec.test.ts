import { describe, expect, it } from 'vitest';
import { citedRules, readDocument, specRules, testFiles } from './support.ts';

/** Rules that no test title names: what keeps them meanwhile, and why there is no test of their own. */
const CHECKED_BY: Readonly<Record<string, string>> = {};

const spec = readDocument('SPEC.md');
const rules = specRules(spec);
const cited = new Map(testFiles().map((path) => [path, citedRules(readDocument(path))] as const));
const inTitles = new Set(Array.from(cited.values()).flat());

describe('SPEC.md', () => {
  it('numbers its rules without a gap or a repetition, in order, under the section of their letter', () => {
    for (const section of spec.split(/^## /m).slice(1)) {
      const letter = /^([A-Z]{1,2}): /.exec(section)?.[1];
      const numbers = specRules(section);
      // The terms stand in a section without a letter, hence without rules.
      expect(numbers, section.slice(0, 40)).toEqual(
        letter === undefined ? [] : numbers.map((_, i) => `${letter}${i + 1}`),
      );
      expect(numbers.length > 0, section.slice(0, 40)).toBe(letter !== undefined);
    }
    expect(new Set(rules).size).toBe(rules.length);
  });

  it('refers to existing rules only', () => {
    const references = Array.from(spec.matchAll(/\[([A-Z]{1,2}\d+)\]/g), (match) => match[1]);
    expect(references.filter((rule) => !rules.includes(rule as string))).toEqual([]);
  });

  it('has every rule in a test title, or in the list of those checked otherwise', () => {
    expect(rules.filter((rule) => !inTitles.has(rule) && CHECKED_BY[rule] === undefined)).toEqual([]);
  });

  it('has no rule in that list that a title names, or that does not exist', () => {
    const listed = Object.keys(CHECKED_BY);
    expect(listed.filter((rule) => inTitles.has(rule) || !rules.includes(rule))).toEqual([]);
  });

  it.each(Array.from(cited).filter(([, numbers]) => numbers.length > 0))('%s cites existing rules', (_, numbers) => {
    expect(numbers.filter((rule) => !rules.includes(rule))).toEqual([]);
  });
});

describe('rule numbers in titles', () => {
  it('are found at the end of a title, and nowhere else', () => {
    expect(citedRules("it('holds [V1, B6]', () => {")).toEqual(['V1', 'B6']);
    expect(citedRules('it("holds [K1]",\n')).toEqual(['K1']);
    expect(citedRules("const letters = ['[V1]', 'a [V2] b'];")).toEqual([]);
  });
});
