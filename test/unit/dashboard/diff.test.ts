import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diffLines } from '../../../dashboard/src/lib/diff.ts';

const told = (before: string, after: string) => diffLines(before, after)?.map(({ sign, text }) => `${sign}${text}`);

it('marks the lines that only one of two texts has, and keeps the others', () => {
  expect(told('{\n  "a": 1,\n  "b": 2\n}', '{\n  "a": 1,\n  "b": 3\n}')).toEqual([
    ' {',
    '   "a": 1,',
    '-  "b": 2',
    '+  "b": 3',
    ' }',
  ]);
  expect(told('same', 'same')).toEqual([' same']);
});

it('leads from the one text to the other, and marks no line that both have at the same place', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 12 }).map((l) => l.join('\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diffLines(before, after) ?? [];
      const side = (gone: '-' | '+'): string =>
        lines.flatMap(({ sign, text: line }) => (sign === gone ? [] : [line])).join('\n');
      expect([side('+'), side('-')]).toEqual([before, after]);
      if (before === after) expect(lines.every(({ sign }) => sign === ' ')).toBe(true);
    }),
  );
});

it('does not compare texts whose comparison would take long', () => {
  expect(diffLines('\n'.repeat(501), 'x')).toBeUndefined();
});
