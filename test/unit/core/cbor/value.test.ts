import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKey, checkValue, measureValue } from '../../../../src/core/cbor/index.ts';
import { createReader, expectEnd } from '../../../../src/core/cbor/reader.ts';
import { readValue, writeValue } from '../../../../src/core/cbor/value.ts';
import { createWriter, finish } from '../../../../src/core/cbor/writer.ts';
import { type Bytes, bytesToHex, type JsonValue, LatticeError } from '../../../../src/core/types/index.ts';
import { bytesOf, codeOf, jsonValue } from '../wire/commits.ts';
import { encodeCbor } from './reference.ts';

function encode(value: JsonValue): Bytes {
  const writer = createWriter(0);
  writeValue(writer, value);
  return finish(writer);
}

function decode(bytes: Bytes): JsonValue {
  const reader = createReader(bytes);
  const value = readValue(reader);
  expectEnd(reader);
  return value;
}

function nested(depth: number, leaf: unknown = 0): unknown {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

class Point {
  x = 1;
}

const circular: unknown[] = [];
circular.push(circular);

describe('value: the JSON data model', () => {
  it.each<[string, unknown, RegExp]>([
    ['undefined', { a: [undefined] }, /"\/a\/0".*undefined/],
    ['a hole in an array', Array.from({ length: 2 }).concat([1]), /"\/0"/],
    ['bigint', 1n, /top level.*bigint/],
    ['function', [() => 1], /"\/0".*function/],
    ['symbol', [Symbol('s')], /"\/0".*symbol/],
    ['NaN', [1, Number.NaN], /"\/1".*finite/],
    ['Infinity', Number.POSITIVE_INFINITY, /finite/],
    ['-Infinity', Number.NEGATIVE_INFINITY, /finite/],
    ['2^53', 2 ** 53, /integers lie within/],
    ['-2^53', -(2 ** 53), /integers lie within/],
    ['1e300', { 'a/b': { '~': 1e300 } }, /"\/a~1b\/~0".*integers lie within/],
    ['a lone surrogate', ['\ud800'], /"\/0".*lone surrogate/],
    ['a lone low surrogate', '\udc00x', /lone surrogate/],
    ['a reversed pair', '\udc00\ud800', /lone surrogate/],
    ['a lone surrogate in a key', { '\ud800': 1 }, /a key with a lone surrogate/],
    ['nesting 33 deep', nested(33), /nest at most 32/],
    ['a circle', circular, /nest at most 32/],
    ['__proto__ as a key', JSON.parse('{"a":{"__proto__":{"x":1}}}'), /"\/a\/__proto__"/],
    ['a Date', new Date(0), /plain objects/],
    ['a Map', new Map(), /plain objects/],
    ['an instance', { p: new Point() }, /"\/p".*plain objects/],
    ['a boxed number', Object(1), /plain objects/],
    ['bytes', Uint8Array.of(1), /plain objects/],
    ['a symbol key', { [Symbol('s')]: 1 }, /symbols/],
  ])('refuses %s and names the place [V1, V2, V3, V4]', (_, value, message) => {
    expect(codeOf(() => checkValue(value))).toBe('invalid-value');
    expect(() => checkValue(value)).toThrow(message);
  });

  it('accepts the edges: ±(2^53-1), 32 levels, null prototypes, shared parts, names of Object.prototype [V1, V2, V4]', () => {
    const bare: object = Object.assign(Object.create(null) as object, { a: 1 });
    const shared = [1];
    for (const value of [
      2 ** 53 - 1,
      -(2 ** 53 - 1),
      5e-324,
      nested(32),
      bare,
      [shared, shared],
      { constructor: 1, toString: 2 },
      '',
      {},
      [],
    ]) {
      expect(decode(encode(checkValue(value)))).toEqual(value);
    }
  });

  it('stores -0 as 0 [V2]', () => {
    expect(Object.is((checkValue([-0]) as number[])[0], 0)).toBe(true);
    expect(bytesToHex(encode(checkValue(-0)))).toBe('00');
  });

  it('returns a copy', () => {
    const source = { list: [1] };
    const value = checkValue(source);
    source.list.push(2);
    expect(value).toEqual({ list: [1] });
  });

  it('limits the encoded size to 16 KiB exactly, without building what is beyond it [V1, L1]', () => {
    expect(measureValue('x'.repeat(16_381)).size).toBe(16_384);
    expect(codeOf(() => checkValue('x'.repeat(16_382)))).toBe('value-too-large');
    expect(measureValue('é'.repeat(8_190)).size).toBe(16_383);
    expect(codeOf(() => checkValue('é'.repeat(8_191)))).toBe('value-too-large');
    let wide: unknown = [0, 0];
    for (let i = 0; i < 30; i++) wide = [wide, wide];
    expect(codeOf(() => checkValue(wide))).toBe('value-too-large');
  });

  it('keeps what the DAG-CBOR library takes for something else: link-like objects and a leading byte order mark [V3]', () => {
    for (const value of [{ '/': 'x', bytes: 'x' }, { '/': 1, bytes: 1 }, '\ufeffx', { '\ufeff': 1 }]) {
      expect(decode(encode(checkValue(value)))).toEqual(value);
    }
  });

  it('orders map keys by length and then by bytes of UTF-8, not by units of UTF-16 [B3]', () => {
    const keys = ['\ufffd\ufffd\ufffd\ufffd', '\u{10000}\u{10000}\u{10000}', 'b', 'aa', 'a', ''];
    const value = Object.fromEntries(keys.map((key) => [key, 0]));
    expect(Object.keys(decode(encode(value)) as object)).toEqual([
      '',
      'a',
      'b',
      'aa',
      '\ufffd\ufffd\ufffd\ufffd',
      '\u{10000}\u{10000}\u{10000}',
    ]);
    expect(bytesToHex(encode(value))).toBe(bytesToHex(encodeCbor(value)));
  });

  it('reads every name of objects as it stands, however many there are and whatever was read before', () => {
    const names = Array.from({ length: 2000 }, (_, i) => `n${i.toString(36)}x`);
    const objects = names.map((name, i) => ({ [name]: i, [`${name}é`]: i, [name.repeat(9)]: i }));
    for (const object of [...objects, ...objects]) expect(decode(encode(object))).toEqual(object);
  });

  it('writers that overlap do not write into one another', () => {
    const [first, second] = [createWriter(8), createWriter(8)];
    writeValue(first, 'first');
    writeValue(second, 'second');
    const [a, b] = [finish(first), finish(second)];
    const [c, d] = [encode('third'), encode('f'.repeat(20_000))];
    expect([a, b, c, d].map(decode)).toEqual(['first', 'second', 'third', 'f'.repeat(20_000)]);
  });

  it('round trips, says the size, and writes what the DAG-CBOR library writes (property) [B1, B4]', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const measured = measureValue(value);
        expect(measured.value).toEqual(value);
        const bytes = encode(value);
        expect(bytes.length).toBe(measured.size);
        expect(decode(bytes)).toEqual(value);
        expect(bytesToHex(bytes)).toBe(bytesToHex(encodeCbor(value)));
      }),
      { numRuns: 300 },
    );
  });

  it('accepts bytes only if writing gives the same bytes back (property: random and damaged bytes) [B6]', () => {
    const damaged = fc.tuple(jsonValue, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([value, at, byte]) => {
      const bytes = encode(value).slice();
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ minLength: 1, maxLength: 24 })), (bytes) => {
        let value: JsonValue;
        try {
          value = decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(LatticeError);
          return;
        }
        expect(bytesToHex(encode(checkValue(value)))).toBe(bytesToHex(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('never sets a prototype while decoding [V4]', () => {
    expect(codeOf(() => decode(bytesOf('a1695f5f70726f746f5f5fa1617801')))).toBe('malformed');
  });
});

describe('key', () => {
  it('is 1 to 1,024 bytes of well-formed UTF-8 [V5]', () => {
    expect(checkKey('k')).toBe('k');
    expect(checkKey('é'.repeat(512))).toHaveLength(512);
    for (const bad of ['', 'x'.repeat(1025), 'é'.repeat(513), '\ud800', 1, null, undefined, ['k']])
      expect(codeOf(() => checkKey(bad))).toBe('invalid-key');
  });
});
