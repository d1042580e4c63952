import { expect, it } from 'vitest';
import { jsonText } from '../../../src/client/json-text.ts';

it.each([
  [{ a: [1, 'x', true, null, {}], b: undefined }, '{"a":[1,"x",true,null,{}]}'],
  ['text', '"text"'],
  [null, 'null'],
  [Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
])('%j is sent as it is', (value, text) => expect(jsonText(value)).toBe(text));

class Own {
  toJSON(): string {
    return 'something else';
  }
}
const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;

it.each<[string, unknown, RegExp]>([
  ['NaN', Number.NaN, /^the number NaN is not JSON$/],
  ['Infinity in an object', { a: Infinity }, /the number Infinity at "a"/],
  ['undefined in an array', [undefined], /^undefined at "0"/],
  ['a Map', new Map([[1, 2]]), /^a Map/],
  ['a Set', { a: [new Set()] }, /^a Set/],
  ['a Date', new Date(0), /^a Date/],
  ['a boxed number', Object(1), /^a Number/],
  ['bytes', new Uint8Array(2), /^a Uint8Array/],
  ['what turns into something else', new Own(), /^a Object/],
  ['a bigint', 1n, /^a bigint/],
  ['a function', { a: () => 1 }, /^a function at "a"/],
  ['a symbol', [Symbol('s')], /^a symbol/],
  ['what refers to itself', cyclic, /has no JSON/],
])('%s is refused and not converted', (_name, value, text) => {
  expect(() => jsonText(value)).toThrowError(
    expect.objectContaining({ code: 'invalid-value', message: expect.stringMatching(text) as string }),
  );
});
