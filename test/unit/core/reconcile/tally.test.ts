import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionTally, SettledKeys } from '../../../../src/core/reconcile/index.ts';
import { hasher } from '../replica/support.ts';

const hashOf = (n: number): Uint8Array => hasher.hash(Uint8Array.of(n >> 24, n >> 16, n >> 8, n));
const LEAF = hashOf(-1);

/** Settles keys `from` to `to`, and returns what the session came to. */
function session(settled: SettledKeys, from: number, to: number, undelivered = 0): string {
  const tally = new SessionTally(settled);
  for (let n = from; n < to; n++) tally.noteSettled(hashOf(n), LEAF);
  tally.noteUndelivered(undelivered);
  return tally.came;
}

describe('what a session came to', () => {
  it('is fruitful while most keys are settled for the first time, and fruitless once they come again [S15]', () => {
    const settled = new SettledKeys();
    expect(session(settled, 0, 100)).toBe('fruitful');
    expect(session(settled, 50, 200)).toBe('fruitful');
    expect(session(settled, 0, 100)).toBe('fruitless');
  });

  it('is fruitless where more was listed and not delivered than was settled [S15]', () => {
    expect(session(new SettledKeys(), 0, 0, 1)).toBe('fruitless');
    expect(session(new SettledKeys(), 0, 10, 10)).toBe('fruitful');
    expect(session(new SettledKeys(), 0, 10, 11)).toBe('fruitless');
  });

  it('is neither where there was nothing to settle [S15]', () => {
    expect(session(new SettledKeys(), 0, 0)).toBe('nothing');
  });

  it('counts a key whose leaf of ours has changed since as settled for the first time [S15]', () => {
    const settled = new SettledKeys();
    expect(settled.note(hashOf(1), hashOf(2))).toBe('first');
    expect(settled.note(hashOf(1), hashOf(2))).toBe('again');
    expect(settled.note(hashOf(1), hashOf(3))).toBe('first');
  });

  it('is told of more keys than are remembered by a sample, which is bounded [S15, L2]', () => {
    const settled = new SettledKeys();
    const many = 65_536;
    expect(session(settled, 0, many)).toBe('fruitful');
    expect(settled.size).toBeLessThanOrEqual(4096);
    expect(settled.size).toBeGreaterThan(1024);
    expect(session(settled, 0, many)).toBe('fruitless');
    expect(session(settled, many, 2 * many)).toBe('fruitful');
  });

  it('never remembers more than its bound (property) [L2]', () => {
    const settled = new SettledKeys();
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 32 }),
        fc.uint8Array({ minLength: 8, maxLength: 16 }),
        (k, l) => {
          settled.note(k, l);
          return settled.size <= 4096;
        },
      ),
    );
  });
});
