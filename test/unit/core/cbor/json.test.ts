import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../../src/core/cbor/index.ts';
import { type JsonValue, LatticeError } from '../../../../src/core/types/index.ts';
import { codeOf, jsonValue } from '../wire/commits.ts';

const deep = (n: number) => '['.repeat(n) + ']'.repeat(n);

describe('strict JSON text', () => {
  it.each<[string, string]>([
    ['a duplicate key', '{"a":1,"b":{"c":1,"c":2}}'],
    ['a duplicate key, one of them escaped', '{"a":1,"\\u0061":2}'],
    ['2^53', '9007199254740992'],
    ['-2^53', '[-9007199254740992]'],
    ['a long integer', '123456789012345678901'],
    ['1e300', '1e300'],
    ['2^53 with a fraction of zero', '9007199254740992.0'],
    ['a number beyond a double', '1e400'],
    ['a lone surrogate', '"\ud800"'],
    ['a lone surrogate by escape', '"\\ud800"'],
    ['a lone low surrogate by escape', '"x\\uDC00"'],
    ['a reversed pair', '"\\udc00\\ud800"'],
    ['a lone surrogate in a key', '{"\\ud800":1}'],
    ['nesting 33 deep', deep(33)],
    ['nesting far beyond the stack', '['.repeat(200_000)],
    ['nested objects far beyond the stack', '{"a":'.repeat(100_000)],
    ['__proto__', '{"__proto__":{"polluted":1}}'],
    ['__proto__ by escape', '{"\\u005f_proto__":{"polluted":1}}'],
    ['nothing', ''],
    ['white space only', ' \n'],
    ['a byte order mark', '\ufeff1'],
    ['two values', '1 2'],
    ['a trailing comma in an array', '[1,]'],
    ['a trailing comma in an object', '{"a":1,}'],
    ['a missing value', '[,1]'],
    ['a missing colon', '{"a" 1}'],
    ['a bare key', '{a:1}'],
    ['single quotes', "'a'"],
    ['a comment', '1 // one'],
    ['NaN', 'NaN'],
    ['Infinity', '-Infinity'],
    ['undefined', 'undefined'],
    ['a leading zero', '01'],
    ['a leading plus', '+1'],
    ['a bare point', '.5'],
    ['a trailing point', '1.'],
    ['an empty exponent', '1e'],
    ['hex', '0x10'],
    ['an open string', '"abc'],
    ['an open escape', '"abc\\'],
    ['an open \\u', '"\\u12'],
    ['an unknown escape', '"\\x41"'],
    ['a key of Object.prototype as an escape', '"\\constructor"'],
    ['a raw newline in a string', '"a\nb"'],
    ['a NUL in a string', '"\0"'],
    ['an open array', '[1'],
    ['an open object', '{"a":1'],
    ['a no-break space as white space', '\u00a01'],
    ['a truncated literal', 'tru'],
    ['a literal run on', 'truest'],
    ['upper-case literals', 'True'],
  ])('refuses %s [V6]', (_, text) => {
    expect(codeOf(() => parseJson(text))).toBe('invalid-json');
  });

  it('names line and column [V6]', () => {
    expect(() => parseJson('{\n  "a": 1,\n  "a": 2\n}')).toThrow(/^line 3, column 3: the key "a" stands twice/);
    expect(() => parseJson('[1,\n 1e300]')).toThrow(/^line 2, column 2: an integer/);
    expect(() => parseJson('[1')).toThrow(/^line 1, column 3: the text ends/);
    expect(() => parseJson('[1;')).toThrow(/^line 1, column 3: ";" where/);
  });

  it('accepts the edges', () => {
    expect(parseJson(' [ 9007199254740991 , -9007199254740991,1E2 ,0.1,1e-400] \r\n\t')).toEqual([
      9007199254740991, -9007199254740991, 100, 0.1, 0,
    ]);
    expect(Object.is(parseJson('-0'), 0)).toBe(true);
    expect(parseJson('"\\ud83d\\ude00\\"\\\\\\/\\b\\f\\n\\r\\t\u2028"')).toBe('\u{1f600}"\\/\b\f\n\r\t\u2028');
    expect(parseJson('{"constructor":1,"toString":{},"":[]}')).toEqual({ constructor: 1, toString: {}, '': [] });
    expect(parseJson(deep(32))).toBeDefined();
    expect(parseJson(deep(34), 34)).toBeDefined();
    expect(codeOf(() => parseJson(deep(35), 34))).toBe('invalid-json');
  });

  it('refuses numbers whose digits a double does not keep, where these are to be kept, in any notation [P5]', () => {
    const read = (text: string) => parseJson(text, undefined, { exactNumbers: true });
    for (const text of ['0', '-0', '0.0', '0e999', '5', '5.000', '1.50e1', '150E-1', '0.1', '-0.30000000000000004'])
      expect(read(text), text).toBe(Number(text) === 0 ? 0 : Number(text));
    expect(read('5e-324')).toBe(5e-324);
    expect(read(`1${'0'.repeat(15)}.${'0'.repeat(1000)}`)).toBe(1e15);
    for (const text of ['5.0000000000000000001', '0.1000000000000000055', '1e-400', '-2e-324', '0.10000000000000001'])
      expect(
        codeOf(() => read(text)),
        text,
      ).toBe('invalid-json');
    // The time is linear in the length: a quadratic one would take minutes.
    expect(codeOf(() => read(`0.1${'0'.repeat(2_000_000)}1`))).toBe('invalid-json');
  });

  it('leaves Object.prototype alone', () => {
    const value = parseJson('{"constructor":{"prototype":{"polluted":true}}}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('reads every value back from every layout (property)', () => {
    fc.assert(
      fc.property(jsonValue, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        expect(parseJson(JSON.stringify(value, null, indent))).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  it('is never looser than JSON.parse, and agrees with it where both accept (property: damaged text) [V6]', () => {
    const characters = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      '\\',
      'u',
      '0',
      'e',
      'E',
      '+',
      '-',
      '.',
      '1',
      '9',
      't',
      '\n',
      ' ',
      '\ud800',
    );
    const damaged = fc.tuple(jsonValue, fc.nat(), fc.boolean(), characters).map(([value, at, insert, character]) => {
      const text = JSON.stringify(value);
      const place = at % (text.length + 1);
      return text.slice(0, place) + character + text.slice(insert ? place : place + 1);
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.string()), (text) => {
        let ours: JsonValue;
        try {
          ours = parseJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(LatticeError);
          return;
        }
        // JSON.parse keeps -0, which the data model does not have.
        expect(ours).toEqual(JSON.parse(text, (_, v: unknown) => (v === 0 ? 0 : v)));
      }),
      { numRuns: 2000 },
    );
  });
});
