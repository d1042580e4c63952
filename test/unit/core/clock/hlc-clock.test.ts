import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHlc, hexToHlc, hlcToBytes, hlcToHex, MAX_HLC, ZERO_HLC } from '../../../../src/core/clock/hlc.ts';
import {
  compareHlc,
  type HlcState,
  hlcCounter,
  hlcMs,
  INITIAL_HLC_STATE,
  isFuture,
  makeHlc,
  observe,
  tick,
} from '../../../../src/core/clock/index.ts';
import { compareBytes, type Hlc, LatticeError, MAX_AHEAD_MS } from '../../../../src/core/types/index.ts';

const NOW = 1_700_000_000_000;
const arbitraryHlc = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => n as Hlc);
const at = (ms: number, counter: number): HlcState => ({ last: makeHlc(ms, counter) });

describe('HLC: tick', () => {
  it('follows physical time with counter 0 [C2]', () => {
    const hlc = makeHlc(NOW, 0);
    expect(tick(INITIAL_HLC_STATE, NOW)).toEqual({ ok: true, hlc, state: { last: hlc } });
    expect(tick(at(NOW - 1, 500), NOW)).toEqual({ ok: true, hlc, state: { last: hlc } });
  });

  it('counts within one millisecond and while the clock is behind [C2]', () => {
    for (const now of [NOW, NOW - 1, NOW - 5000]) {
      const hlc = makeHlc(NOW, 8);
      expect(tick(at(NOW, 7), now)).toEqual({ ok: true, hlc, state: { last: hlc } });
    }
  });

  it('carries a full counter into the milliseconds [C2]', () => {
    const hlc = makeHlc(NOW + 1, 0);
    expect(tick(at(NOW, 65_535), NOW)).toEqual({ ok: true, hlc, state: { last: hlc } });
  });

  it('refuses beyond MAX_AHEAD_MS and not before [C3]', () => {
    const limit = NOW + MAX_AHEAD_MS;
    expect(tick(at(limit, 0), NOW)).toMatchObject({ ok: true, hlc: makeHlc(limit, 1) });
    expect(tick(at(limit, 65_534), NOW)).toMatchObject({ ok: true, hlc: makeHlc(limit, 65_535) });
    expect(tick(at(limit, 65_535), NOW)).toEqual({ ok: false, aheadMs: MAX_AHEAD_MS + 1 });
    expect(tick(at(limit + 1, 0), NOW)).toEqual({ ok: false, aheadMs: MAX_AHEAD_MS + 1 });
    expect(tick(at(limit + 1, 0), NOW + 1)).toMatchObject({ ok: true });
  });

  it('never leaves 64 bits', () => {
    expect(tick({ last: MAX_HLC }, 2 ** 48 - 1)).toMatchObject({ ok: false });
  });

  it('is strictly increasing under clock steps, bursts and observed commits [C2]', () => {
    const step = fc.record({
      stepMs: fc.integer({ min: -15_000, max: 15_000 }),
      burst: fc.nat(5),
      seen: fc.option(fc.nat(19_000)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = NOW;
        let state = INITIAL_HLC_STATE;
        let previous: Hlc = ZERO_HLC;
        for (const { stepMs, burst, seen } of steps) {
          now += stepMs;
          if (seen !== null) {
            state = observe(state, makeHlc(now + seen, 65_534));
            expect(state.last >= makeHlc(now + seen, 65_534)).toBe(true);
          }
          for (let i = 0; i < burst; i++) {
            const before = state;
            const result = tick(state, now);
            if (!result.ok) {
              expect(result.aheadMs).toBeGreaterThan(MAX_AHEAD_MS);
              break;
            }
            expect(result.hlc > previous && result.hlc > before.last).toBe(true);
            expect(hlcMs(result.hlc)).toBeGreaterThanOrEqual(now);
            expect(hlcMs(result.hlc) - now).toBeLessThanOrEqual(MAX_AHEAD_MS);
            previous = result.hlc;
            state = result.state;
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('HLC: observe and isFuture', () => {
  it('keeps the greatest', () => {
    const state = at(NOW, 3);
    expect(observe(state, makeHlc(NOW, 2))).toBe(state);
    expect(observe(state, makeHlc(NOW, 3))).toBe(state);
    expect(observe(state, makeHlc(NOW, 4))).toEqual(at(NOW, 4));
  });

  it('defers what is MAX_AHEAD_MS ahead or more [C4]', () => {
    expect(isFuture(makeHlc(NOW + MAX_AHEAD_MS - 1, 65_535), NOW)).toBe(false);
    expect(isFuture(makeHlc(NOW + MAX_AHEAD_MS, 0), NOW)).toBe(true);
    expect(isFuture(ZERO_HLC, NOW)).toBe(false);
  });

  it('whatever is not deferred leaves a local write possible (property) [C5]', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100, max: 100 }), fc.nat(65_535), fc.nat(1_000), (ms, counter, passed) => {
        const hlc = makeHlc(NOW + MAX_AHEAD_MS + ms, counter);
        fc.pre(!isFuture(hlc, NOW));
        expect(tick(observe(INITIAL_HLC_STATE, hlc), NOW + passed).ok).toBe(true);
      }),
    );
    expect(tick(observe(INITIAL_HLC_STATE, makeHlc(NOW + MAX_AHEAD_MS - 1, 65_535)), NOW).ok).toBe(true);
  });
});

describe('HLC: forms', () => {
  it('is made of 48 bits of milliseconds and 16 of counter [C1]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.nat(65_535), (ms, counter) => {
        const hlc = makeHlc(ms, counter);
        expect([hlcMs(hlc), hlcCounter(hlc)]).toEqual([ms, counter]);
        expect(BigInt(hlc)).toBe(BigInt(ms) * 65_536n + BigInt(counter));
      }),
    );
    for (const ms of [-1, 2 ** 48, 0.5, Number.NaN]) expect(() => makeHlc(ms, 0)).toThrow(RangeError);
    for (const counter of [-1, 65_536, 0.5]) expect(() => makeHlc(0, counter)).toThrow(RangeError);
  });

  it('round trips through bytes and hex, and sorts alike in all three [C1]', () => {
    fc.assert(
      fc.property(arbitraryHlc, arbitraryHlc, (a, b) => {
        expect(bytesToHlc(hlcToBytes(a))).toBe(a);
        expect(hexToHlc(hlcToHex(a))).toBe(a);
        expect(Math.sign(compareBytes(hlcToBytes(a), hlcToBytes(b)))).toBe(compareHlc(a, b));
        expect(hlcToHex(a) < hlcToHex(b)).toBe(a < b);
      }),
    );
    expect(compareHlc(5n as Hlc, 5n as Hlc)).toBe(0);
    expect(hlcToHex(makeHlc(1, 2))).toBe('0000000000010002');
    expect(hlcToBytes(makeHlc(1, 2))).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 2));
  });

  it('refuses other lengths, digits and ranges', () => {
    for (const length of [0, 7, 9]) expect(() => bytesToHlc(new Uint8Array(length))).toThrow(LatticeError);
    for (const hex of [
      '',
      '0',
      '000000000001000',
      '00000000000100020',
      '000000000001000G',
      '000000000001000A',
      ' 00000000001000a',
    ]) {
      expect(() => hexToHlc(hex)).toThrow(LatticeError);
    }
    for (const value of [-1n, 2n ** 64n]) expect(() => hlcToBytes(value as Hlc)).toThrow(RangeError);
  });

  it('reads a view within a larger buffer', () => {
    expect(bytesToHlc(Uint8Array.of(9, 9, 0, 0, 0, 0, 0, 0, 0, 7, 9).subarray(2, 10))).toBe(7n);
  });
});
