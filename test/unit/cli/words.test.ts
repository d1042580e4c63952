import { describe, expect, it } from 'vitest';
import { alignColumns } from '../../../src/cli/output.ts';
import { readTime, timeOfHlc, timesOf } from '../../../src/cli/times.ts';
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

  it.each([
    ['2028-02-29T12:00Z', Date.UTC(2028, 1, 29, 12)],
    ['2027-01-31 23:59:59.5+01:00', Date.UTC(2027, 0, 31, 22, 59, 59, 500)],
    ['2027-12-31T23:30-02:00', Date.UTC(2028, 0, 1, 1, 30)],
    ['1800000000000', 1_800_000_000_000],
  ])('%s is read as a time', (text, ms) => {
    expect(readTime(text)).toBe(ms);
  });

  it.each([
    '2027-02-30T12:00Z',
    '2027-02-29T00:00+01:00',
    '2027-04-31T12:00Z',
    '2027-13-01T12:00Z',
    '2027-01-00T12:00Z',
    '2027-01-31T24:00Z',
    '2027-01-31T24:00:00+02:00',
    '2027-01-31T12:60Z',
    '2027-01-31T12:00:60Z',
    '2027-01-31T12:00',
    '2027-01-31',
    'tomorrow',
    '',
  ])('%j is refused, because no calendar has it or its offset is missing', (text) => {
    expect(() => readTime(text)).toThrow('It must be a time with its offset');
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
