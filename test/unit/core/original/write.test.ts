import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkValue } from '../../../../src/core/cbor/index.ts';
import { originalJsonText, parseOriginalJson } from '../../../../src/core/original/json.ts';
import { hasOtherForms, originalFileText, originalTime, plainToOriginal } from '../../../../src/core/original/write.ts';
import type { JsonValue } from '../../../../src/core/types/index.ts';
import { originalData } from '../../../support/original-data.ts';
import { hasPython, pythonSnapshot } from '../../../support/python.ts';

const ours = new URL('../../../fixtures/original/', import.meta.url);

describe('the text of the files of the original', () => {
  it.each(['snapshot.json', 'root-mismatch.json'])('%s is written again with its very bytes [I13]', (name) => {
    const text = readFileSync(new URL(name, ours), 'utf8').trimEnd();
    expect(originalFileText(parseOriginalJson(text))).toBe(text);
  });

  it.skipIf(originalData === undefined)('that of a real node too [I13]', () => {
    const text = readFileSync(new URL('snapshot-6-keys.json', originalData), 'utf8');
    expect(originalFileText(parseOriginalJson(text))).toBe(text);
  });

  it.skipIf(!hasPython)('is that of Python for any value of the data model [I13]', () => {
    const values = fc.sample(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 })), 300);
    const state = new Map<string, JsonValue>();
    for (const [i, value] of values.entries()) {
      // Keys with a lone surrogate are none of the model; `checkValue` refuses them and what else is none.
      try {
        state.set(`k${i} é\u007f😀`, checkValue(value));
      } catch {
        continue;
      }
    }
    expect(state.size).toBeGreaterThan(50);
    const snapshot = { state: Object.fromEntries(state), merkle_root: null, timestamp: 1.5 };
    const text = originalFileText(plainToOriginal(snapshot));
    expect(pythonSnapshot(text).text).toBe(text);
  });

  it('has numbers as Python prints them [I13]', () => {
    const numbers = [0, -5, 1.5, 1e-7, 0.0001, 123456789.125, 2 ** 53 - 1, 5e-324];
    const text = originalJsonText(plainToOriginal(numbers));
    expect(text).toBe('[0, -5, 1.5, 1e-07, 0.0001, 123456789.125, 9007199254740991, 5e-324]');
    expect([originalTime(1_770_731_639_139.157), originalTime(2000)]).toEqual(['1770731639.139157', '2.0']);
  });
});

it('a value has other forms when it has a whole number, or an object with several keys [I14]', () => {
  const cases: [JsonValue, boolean][] = [
    [null, false],
    ['1', false],
    [1.5, false],
    [2, true],
    [[], false],
    [{ a: 'x' }, false],
    [{ a: 'x', b: 'y' }, true],
    [[{ a: [0] }], true],
  ];
  for (const [value, other] of cases) expect([value, hasOtherForms(value)]).toEqual([value, other]);
});
