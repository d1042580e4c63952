import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../../../src/core/types/index.ts';

it.each([0, 1, 31, 32, 63, 64, 65, 128, 1000])(
  'hex of %i bytes has two lower-case digits for each, and reads back',
  (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + 11) & 255);
    const hex = bytesToHex(bytes);
    expect(hex).toBe(Buffer.from(bytes).toString('hex'));
    expect(hexToBytes(hex)).toEqual(bytes);
  },
);

it('a kept name costs little more than its characters', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const bytes = new Uint8Array(32);
  const keep = (names: string[], count: number): void => {
    for (let i = 0; i < count; i++) {
      bytes[i % 32] = i;
      names.push(bytesToHex(bytes));
    }
  };
  keep([], 10_000);
  gc();
  const before = process.memoryUsage().heapUsed;
  const names: string[] = [];
  keep(names, 50_000);
  gc();
  expect((process.memoryUsage().heapUsed - before) / names.length).toBeLessThan(300);
});
