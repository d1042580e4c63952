import { describe, expect, it } from 'vitest';
import {
  ago,
  bytes,
  clockOffset,
  clockTime,
  dateTime,
  duration,
  hlcMs,
  keyParts,
  plural,
  short,
  sinceTime,
} from '../../../dashboard/src/lib/format.ts';

describe('what people read', () => {
  it.each([
    [0, '0 ms'],
    [3.14, '3.1 ms'],
    [999, '999 ms'],
    [1000, '1 s'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [5_400_000, '1 h 30 min'],
    [187_200_000, '2 d 4 h'],
  ])('%d ms are %s', (ms, text) => expect(duration(ms)).toBe(text));

  it('claims no more than it knows of the recent past', () => {
    expect(ago(300)).toBe('just now');
    expect(ago(-40)).toBe('just now');
    expect(ago(5000)).toBe('5 s ago');
  });

  it('tells sizes, counts and names', () => {
    expect([bytes(12), bytes(1536), bytes(300 * 1024 * 1024), bytes(undefined)]).toEqual([
      '12 B',
      '1.5 KiB',
      '300 MiB',
      'not told',
    ]);
    expect([plural(1, 'key'), plural(1234, 'key')]).toEqual(['1 key', '1,234 keys']);
    expect(short('0123456789abcdef0123456789abcdef')).toBe('01234567…cdef');
    expect(hlcMs('018bcfe568000007')).toBe(1_700_000_000_000);
  });

  it("tells times in UTC, as the node's own sentences do, and the date where it is another one", () => {
    const at = Date.UTC(2026, 2, 1, 5, 8, 9);
    expect([clockTime(at), dateTime(at)]).toEqual(['05:08:09', '2026-03-01 05:08:09 UTC']);
    expect(sinceTime(at, at + 3_600_000)).toBe('05:08:09 UTC');
    expect(sinceTime(at, at + 86_400_000)).toBe('2026-03-01 05:08:09 UTC');
  });

  it.each([
    [12, 'in step'],
    [-49, 'in step'],
    [340, '340 ms ahead'],
    [-300_000, '5 min behind'],
  ])('a clock that is off by %d ms is %s', (ms, text) => expect(clockOffset(ms)).toBe(text));

  it.each([
    ['plain/key', ['plain/key']],
    ['two words', ['two words']],
    [' leading', ['[␣]', 'leading']],
    ['trailing  ', ['trailing', '[␣␣]']],
    ['a  b c', ['a', '[␣␣]', 'b c']],
    [' ', ['[␣]']],
    ['tab\there\n', ['tab', '[⇥]', 'here', '[↵]']],
  ])('every space of the key %j is kept or shown', (key, parts) => {
    expect(keyParts(key).map(({ text, unseen }) => (unseen ? `[${text}]` : text))).toEqual(parts);
  });
});
