import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeHlc } from '../../../../src/core/clock/index.ts';
import {
  admit,
  contextAbove,
  type FloorRules,
  type HeldKey,
  NOTHING_HELD,
  recount,
  siblingsOf,
} from '../../../../src/core/floor/index.ts';
import type { Author, Hlc } from '../../../../src/core/types/index.ts';
import { at, authorOf, type Op, op, rulesOf } from './support.ts';

const [A, B, X] = [authorOf('a'), authorOf('b'), authorOf('e')];
const never = (): boolean => false;

function heldOf(rules: FloorRules, ...operations: readonly Op[]): HeldKey<Op> {
  return operations.reduce<HeldKey<Op>>((held, one) => admit(held, one, rules, never).held, NOTHING_HELD);
}

const names = (held: HeldKey<Op>) => [held.siblings.map(({ name }) => name), held.hidden.map(({ name }) => name)];

describe('the register above a floor', () => {
  const first = op('first', A, 1_000);
  const stolen = op('stolen', X, 2_000, [first]);

  it('brings back what a removed author had overwritten', () => {
    const held = heldOf(rulesOf(), first, stolen);
    expect(names(held)).toEqual([['stolen'], ['first']]);
    expect(names(recount(held, rulesOf({ gone: [X] })))).toEqual([['first'], ['stolen']]);
  });

  it('leaves the floor state alone, whoever wrote it', () => {
    const held = heldOf(rulesOf(), first, stolen);
    expect(names(recount(held, rulesOf({ gone: [X], floor: 5_000 })))).toEqual([['stolen'], ['first']]);
  });

  it('does not bring back what a later write of those who stay had seen', () => {
    const later = op('later', B, 3_000, [stolen], [first]);
    const held = heldOf(rulesOf(), first, stolen, later);
    expect(names(recount(held, rulesOf({ gone: [X] })))[0]).toEqual(['later']);
  });

  it('refuses what does not count, and what comes below the floor', () => {
    expect(admit(NOTHING_HELD, stolen, rulesOf({ gone: [X] }), never).outcome).toBe('uncounted');
    expect(admit(NOTHING_HELD, first, rulesOf({ floor: 5_000 }), never).outcome).toBe('below-floor');
    const held = heldOf(rulesOf(), first);
    expect(admit(held, first, rulesOf({ floor: 5_000 }), never).outcome).toBe('held');
  });

  it('says superseded of what a sibling has replaced, at or below the floor too', () => {
    const held = heldOf(rulesOf(), stolen);
    expect(admit(held, first, rulesOf({ floor: 1_500 }), never)).toEqual({ held, outcome: 'superseded' });
  });

  it('takes what the floor state has, though its author left and its time is past', () => {
    const rules = rulesOf({ gone: [X], floor: 5_000 });
    expect(admit(NOTHING_HELD, stolen, rules, () => true).outcome).toBe('added');
  });

  it('keeps of one author between two cuts the last only, unless a cut was fixed in between', () => {
    const [one, two, other] = [op('1', A, 1_000), op('2', A, 2_000), op('3', B, 3_000)];
    const after = op('4', B, 4_000, [two], [other]);
    expect(names(heldOf(rulesOf(), one, two, after))).toEqual([['4'], ['2']]);
    const across = op('5', A, 12_000);
    expect(names(heldOf(rulesOf(), one, across))).toEqual([['5'], ['1']]);
    const late = rulesOf({ late: new Map([['2', 10_000]]) });
    expect(names(heldOf(late, one, two))).toEqual([['2'], ['1']]);
  });

  it('lets come back what a later operation of its author has forgotten, in any order of arrival', () => {
    const [old, seen, forgets] = [op('old', B, 1_000), op('seen', A, 2_000), op('forgets', A, 13_000)];
    const seenIt = op('seen', A, 2_000, [old]);
    for (const order of [
      [old, seenIt, forgets],
      [forgets, old, seenIt],
      [seenIt, forgets, old],
    ])
      expect(names(heldOf(rulesOf(), ...order))[0]).toEqual(['forgets', 'old']);
    expect(seen.hlc).toBe(seenIt.hlc);
  });

  it('is the same in every order of arrival, and the same as judged anew', () => {
    const steps = fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), (made, lots) => {
        const authors = [A, B, X, authorOf('c')] as readonly Author[];
        const views = authors.map((): HeldKey<Op> => NOTHING_HELD);
        const all: Op[] = [];
        made.forEach(([by, to, tells], i) => {
          const self = authors[by] as Author;
          const view = views[by] as HeldKey<Op>;
          const context = contextAbove(view, self, { floor: 0n as Hlc, isOfRoster: () => true });
          const one = op(`${i}`, self, 1_000 + 3_000 * i, context);
          all.push(one);
          views[by] = admit(view, one, rulesOf(), never).held;
          if (tells) views[to] = heldOf(rulesOf(), ...(views[to]?.siblings ?? []), ...(views[to]?.hidden ?? []), one);
        });
        const shuffled = all.map((one) => [lots.next().value as number, one] as const).sort((a, b) => a[0] - b[0]);
        const held = heldOf(rulesOf(), ...shuffled.map(([, one]) => one));
        expect(held.siblings).toEqual(siblingsOf(all));
        expect(recount(held, rulesOf()).siblings).toEqual(held.siblings);
      }),
    );
  });
});

describe('contexts above a floor', () => {
  const left = authorOf('d');
  const known = { floor: at(5_000), isOfRoster: (author: Author) => author !== left };
  const old = op('old', left, 1_000);
  const young = op('young', A, 6_000, [old]);

  it('name an author that left for as long as the floor state has an operation of it here', () => {
    const held = { siblings: [young], hidden: [old] };
    expect(contextAbove(held, B, known).map(({ author }) => author)).toEqual([A, left]);
    expect(contextAbove({ siblings: [young], hidden: [] }, B, known).map(({ author }) => author)).toEqual([A]);
  });

  it('name whatever is above the floor', () => {
    const held = { siblings: [young], hidden: [] };
    expect(contextAbove(held, B, { ...known, floor: at(500) })).toHaveLength(2);
    expect(makeHlc(6_000, 0)).toBe(young.hlc);
  });
});
