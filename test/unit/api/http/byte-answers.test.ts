import { describe, expect, it } from 'vitest';
import { byteRange } from '../../../../src/api/http/byte-answers.ts';

describe('ranges', () => {
  it.each<readonly [header: string, range: ReturnType<typeof byteRange>]>([
    ['bytes=0-0', { from: 0, to: 1 }],
    ['Bytes=1-2', { from: 1, to: 3 }],
    ['bytes=,1-2, ', { from: 1, to: 3 }],
    ['bytes=-3', { from: 7, to: 10 }],
    ['bytes=-99', { from: 0, to: 10 }],
    ['bytes=9-9999999999999999999', { from: 9, to: 10 }],
    [`bytes=0-${'9'.repeat(400)}`, { from: 0, to: 10 }],
    ['bytes=10-', 'none'],
    ['bytes=9999999999999999999-', 'none'],
    ['bytes=-0', 'none'],
    ['bytes=5-2', undefined],
    ['bytes=0-1,5-6', undefined],
    ['bytes=', undefined],
    ['bytes=-', undefined],
    ['bytes=a-b', undefined],
    ['bytes=1 - 2', undefined],
    ['bytes=0x1-2', undefined],
    ['bytes 0-1', undefined],
    ['items=0-1', undefined],
  ])('of ten bytes, %s asks for %j [Y12]', (header, range) => {
    expect(byteRange(header, 10)).toEqual(range);
    expect(byteRange(header, 0)).toBeUndefined();
  });
});
