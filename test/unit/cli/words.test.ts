import { describe, expect, it } from 'vitest';
import { alignColumns } from '../../../src/cli/output.ts';
import { timeOfHlc, timesOf } from '../../../src/cli/times.ts';
import { hlcToHex } from '../../../src/core/clock/index.ts';
import type { Hlc } from '../../../src/core/types/index.ts';
import { inZone } from './support.ts';

describe('words for people', () => {
  it('times are in the zone of the machine with its offset, or in UTC', () => {
    const ms = Date.UTC(2026, 10, 28, 23, 5, 31, 123);
    const shown = (zone: string, at = ms): readonly string[] =>
      inZone(zone, () => [timesOf({}).at(at), timesOf({}).exact(at), timesOf({ utc: true }).at(at)]);
    expect(shown('Europe/Oslo')).toEqual([
      '2026-11-29 00:05:31+01:00',
      '2026-11-29 00:05:31.123+01:00',
      '2026-11-28 23:05:31Z',
    ]);
    expect(shown('America/St_Johns')[0]).toBe('2026-11-28 19:35:31-03:30');
    expect(shown('UTC')[0]).toBe('2026-11-28 23:05:31Z');
    for (const at of [8.64e15 + 1, Number.NaN, 2 ** 53]) expect(shown('Asia/Tokyo', at)[0]).toBe(`${at} ms after 1970`);
    expect(shown('Asia/Tokyo', 8.64e15)[0]).toContain('ms after 1970');
  });

  it('the time of a hybrid logical clock is its first 48 bits', () => {
    const ms = Date.UTC(2026, 10, 28);
    expect(timeOfHlc(hlcToHex(((BigInt(ms) << 16n) | 7n) as Hlc))).toBe(ms);
  });

  it('columns are aligned by what is seen, and a long last cell moves nothing', () => {
    const rows = [
      ['a', '\u001b[32mbb\u001b[39m', 'c'],
      ['aaa', 'a reason that is longer than any cell'],
      ['aa', 'b', ''],
    ];
    expect(alignColumns(rows)).toEqual([
      'a    \u001b[32mbb\u001b[39m  c',
      'aaa  a reason that is longer than any cell',
      'aa   b',
    ]);
  });
});
