import { describe, expect, it } from 'vitest';
import { type Bytes, hexToBytes } from '../../../../src/core/types/index.ts';
import { clip, createWireReader } from '../../../../src/core/wire/fields.ts';
import { codeOf } from './support.ts';

const read = (hex: string) => createWireReader('test', hexToBytes(hex) as Bytes, 64);

describe('messages: canonical CBOR only', () => {
  it.each([
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['18ff', 255],
    ['190100', 256],
    ['19ffff', 65_535],
    ['1a00010000', 65_536],
    ['1affffffff', 2 ** 32 - 1],
    ['1b0000000100000000', 2 ** 32],
    ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ])('reads %s as %d', (hex, value) => {
    expect(read(hex).uint('n')).toBe(value);
  });

  it.each([
    ['1817', '23 in two bytes'],
    ['1900ff', '255 in three bytes'],
    ['1a0000ffff', '65,535 in five bytes'],
    ['1b00000000ffffffff', '2^32−1 in nine bytes'],
    ['1b0020000000000000', '2^53'],
    ['1bffffffffffffffff', '2^64−1'],
    ['1c', 'reserved length'],
    ['1f', 'indefinite length'],
    ['20', 'negative integer'],
    ['f93c00', '1.0 as a half float'],
    ['fb3ff0000000000000', '1.0 as a double'],
    ['', 'nothing'],
    ['19ff', 'cut short'],
  ])('refuses %s as an unsigned integer (%s) [B2]', (hex) => {
    expect(codeOf(() => read(hex).uint('n'))).toBe('malformed');
  });

  it.each([
    ['5f4100ff', 'indefinite byte string'],
    ['5800', 'length not shortest'],
    ['6161', 'text'],
    ['4261', 'cut short'],
    ['5b7fffffffffffffff', 'length beyond any buffer'],
  ])('refuses %s as bytes (%s) [B1, B2]', (hex) => {
    expect(codeOf(() => read(hex).bytes('b', 0, 64))).toBe('malformed');
  });

  it.each([
    ['62c328', 'bad continuation'],
    ['63eda080', 'lone surrogate'],
    ['62c080', 'overlong NUL'],
    ['64f7bfbfbf', 'beyond Unicode'],
    ['61ff', 'no lead byte'],
  ])('refuses %s as text (%s) [B5]', (hex) => {
    expect(codeOf(() => read(hex).text('t', 0, 64))).toBe('malformed');
  });

  it('keeps a byte order mark in text', () => {
    expect(read('63efbbbf').text('t', 0, 64)).toBe('\ufeff');
  });

  it('reads false and true, and no other simple value, as booleans', () => {
    expect([read('f4').boolean(), read('f5').boolean()]).toEqual([false, true]);
    for (const hex of ['f6', 'f7', 'f8f4', '00', '01', '']) expect(codeOf(() => read(hex).boolean())).toBe('malformed');
  });

  it('bounds the input before anything else [B6]', () => {
    expect(codeOf(() => createWireReader('test', new Uint8Array(5), 4))).toBe('malformed');
    expect(codeOf(() => createWireReader('test', new Uint8Array(4), 4))).toBe('accepted');
  });

  it('returns plain views of a Buffer within a larger one', () => {
    const buffer = Buffer.from('ffff4201028100', 'hex').subarray(2, 5);
    const bytes = createWireReader('test', buffer, 64).bytes('b', 2);
    expect(Buffer.isBuffer(bytes)).toBe(false);
    expect(bytes).toEqual(Uint8Array.of(1, 2));
  });
});

describe('clip', () => {
  it.each([
    ['short', 5, 'short'],
    ['longer', 5, 'longe'],
    ['aé', 2, 'a'],
    ['aé', 3, 'aé'],
    ['😀x', 3, ''],
    ['😀x', 4, '😀'],
    ['\ud800', 3, '\ufffd'],
  ])('cuts %j to %d bytes between characters', (text, max, expected) => {
    expect(clip(text, max)).toBe(expected);
  });
});
