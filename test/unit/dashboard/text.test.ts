import { describe, expect, it } from 'vitest';
import { ago, bytes, duration, hlcMs, peerName, plural, short } from '../../../dashboard/src/lib/format.ts';

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
    expect(peerName({ url: 'http://10.0.0.1:8000' })).toBe('10.0.0.1:8000');
    expect(hlcMs('018bcfe568000007')).toBe(1_700_000_000_000);
  });
});
