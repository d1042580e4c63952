import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborItem, encodeCbor } from '../../../../src/core/cbor/index.ts';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import { jsonValue, text } from '../wire/commits.ts';
import * as reference from './reference.ts';

const number = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n));
const item: fc.Arbitrary<CborItem> = fc.letrec<{ item: CborItem }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'medium' },
    jsonValue,
    fc.uint8Array({ maxLength: 300 }),
    number,
    text({ maxLength: 300 }),
    fc.array(tie('item'), { maxLength: 30 }),
  ),
})).item;

describe('items of messages and rows', () => {
  it('have the bytes that the DAG-CBOR library gives them (property) [B1, B2, B3, B4]', () => {
    fc.assert(
      fc.property(item, (value) => {
        expect(bytesToHex(encodeCbor(value))).toBe(bytesToHex(reference.encodeCbor(value)));
      }),
      { numRuns: 1000 },
    );
  });

  it('have them at every length of a head, and where the writer has to grow [B2]', () => {
    for (const length of [0, 23, 24, 255, 256, 4095, 8191, 8192, 65_535, 65_536, 70_000]) {
      const values: CborItem[] = [
        new Uint8Array(length).fill(7),
        'x'.repeat(length),
        'ж'.repeat(length),
        Array.from({ length }, () => 'é'),
        { name: 'ж'.repeat(length), other: [true, -1.5] },
      ];
      for (const value of values)
        expect(Buffer.compare(encodeCbor(value), reference.encodeCbor(value)), `${length}`).toBe(0);
    }
    for (const n of [0, -0, -1, 23, 24, -24, -25, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), 5e-324, 1.5])
      expect(bytesToHex(encodeCbor(n))).toBe(bytesToHex(reference.encodeCbor(n)));
  });

  it.each([
    ['NaN', Number.NaN],
    ['an infinity', -Infinity],
    ['2^53', 2 ** 53],
    ['1e300', 1e300],
    ['a lone surrogate', 'x\ud800'],
    ['a lone surrogate as a key', { '\ud800': 1 }],
  ] satisfies [string, CborItem][])('%s has no canonical form, wherever it stands [B4, B5]', (_, value) => {
    for (const around of [value, [value], [1, { a: [value] }]])
      expect(() => encodeCbor(around as CborItem)).toThrow(RangeError);
  });
});
