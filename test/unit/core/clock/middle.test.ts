import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { middleClock } from '../../../../src/core/clock/index.ts';

const ascending = (clocks: readonly number[]): number[] => [...clocks].sort((a, b) => a - b);

describe('the middle clock', () => {
  it('is our own where nobody else has one [C6]', () => {
    expect(middleClock(5, [])).toBe(5);
  });

  it('is the earlier one of two, so that a clock ahead is the wrong one [C6]', () => {
    expect([middleClock(0, [40]), middleClock(40, [0])]).toEqual([0, 0]);
    expect([middleClock(0, [-40]), middleClock(-40, [0])]).toEqual([-40, -40]);
    expect(middleClock(0, [0, 40, 40])).toBe(0);
  });

  it('is that of the two that agree, our own counted [C6]', () => {
    expect([middleClock(0, [0, 40]), middleClock(40, [0, 0])]).toEqual([0, 0]);
    expect([middleClock(0, [-40, 0]), middleClock(-40, [0, 0])]).toEqual([0, 0]);
  });

  it('is the lower median of all clocks (property) [C6]', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.integer(), { maxLength: 12 }), (own, others) => {
        const all = ascending([own, ...others]);
        expect(middleClock(own, ascending(others))).toBe(all[(all.length - 1) >> 1]);
      }),
    );
  });

  it('lies among the right clocks as long as they are a majority, whatever the others claim (property) [C6]', () => {
    const fleet = fc.integer({ min: 1, max: 6 }).chain((liars) =>
      fc.record({
        right: fc.array(fc.integer({ min: -50, max: 50 }), { minLength: liars + 1, maxLength: 8 }),
        claims: fc.array(fc.integer(), { minLength: liars, maxLength: liars }),
      }),
    );
    fc.assert(
      fc.property(fleet, ({ right, claims }) => {
        const [own, ...others] = right as [number, ...number[]];
        const middle = middleClock(own, ascending([...others, ...claims]));
        expect(middle).toBeGreaterThanOrEqual(Math.min(...right));
        expect(middle).toBeLessThanOrEqual(Math.max(...right));
      }),
    );
  });
});
