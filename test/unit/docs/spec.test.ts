import { describe, expect, it } from 'vitest';
import { citedRules, readDocument, specRules, testFiles } from './support.ts';

/** Rules that no test title names: what keeps them meanwhile, and why there is no test of their own. */
const CHECKED_BY: Readonly<Record<string, string>> = {
  E4: 'not tested alone: node.ts reads heads from the durable copy; test/sim compares what nodes tell with their disks',
  E5: 'not tested alone: peers.ts; a head taken wrongly shows as a lung that does not change in test/integration',
  E6: 'not tested alone: a period; without heads no fail-over test would pass',
  G3: 'not tested alone: the verdict is made in node.ts; test/integration/p2p checks what each verdict does to the relay',
  G4: 'a target size, not a promise; the bounds are in G1 and G2',
  X8: 'not tested alone: feed.ts; a reset is followed by repair, which test/sim runs',
  X9: 'not tested alone: every fleet of test/integration would report itself as a peer',
  D1: 'the order is that of admit in door.ts; each refusal is tested, their order is not',
  N9: 'not tested as a process: the store contract checks that nothing is acknowledged after a failed batch',
};

const spec = readDocument('SPEC.md');
const rules = specRules(spec);
const cited = new Map(testFiles().map((path) => [path, citedRules(readDocument(path))] as const));
const inTitles = new Set(Array.from(cited.values()).flat());

describe('SPEC.md', () => {
  it('numbers its rules without a gap or a repetition, in order, under the section of their letter', () => {
    const sections = spec.split(/^## /m).slice(1);
    for (const section of sections) {
      const letter = section.slice(0, 1);
      const numbers = specRules(section);
      expect(numbers, section.slice(0, 40)).toEqual(numbers.map((_, i) => `${letter}${i + 1}`));
      expect(numbers.length, section.slice(0, 40)).toBeGreaterThan(0);
    }
    expect(new Set(rules).size).toBe(rules.length);
  });

  it('refers to existing rules only', () => {
    const references = Array.from(spec.matchAll(/\[([A-Z]\d+)\]/g), (match) => match[1]);
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
