import { describe, expect, it } from 'vitest';
import { MAX_COMMIT_BYTES } from '../../../../src/core/types/index.ts';
import { intentBytes } from '../../../../src/runtime/commit/sizes.ts';

const bytesOf = (value: unknown): number => intentBytes({ operations: [{ kind: 'put', key: '', value }] });

/** A list that counts how often one of its items is asked for. */
function watched(length: number): { readonly list: unknown[]; readonly reads: () => number } {
  let reads = 0;
  const list = new Proxy(Array.from<unknown>({ length }).fill(1), {
    get(target, name, self) {
      if (typeof name === 'string' && /^\d+$/.test(name)) reads++;
      return Reflect.get(target, name, self) as unknown;
    },
  });
  return { list, reads: () => reads };
}

describe('what a waiting write counts', () => {
  it('is about what it keeps', () => {
    expect(bytesOf('x'.repeat(100))).toBe(100);
    expect(bytesOf(5)).toBe(8);
    expect(bytesOf([])).toBe(8);
    expect(bytesOf({ name: 'abc', list: [1, null, undefined, { a: 'b' }] })).toBe(
      8 + 4 + 3 + 4 + 8 + 3 * 8 + 8 + 1 + 1,
    );
  });

  it('is found without more work and memory than its bound on items, however long a list or an object is', () => {
    const long = watched(1_000_000);
    expect(bytesOf(long.list)).toBeGreaterThan(MAX_COMMIT_BYTES);
    expect(long.reads()).toBeLessThanOrEqual(16_384);

    let fields = 0;
    const wide: Record<string, unknown> = {};
    for (let i = 0; i < 50_000; i++) Object.defineProperty(wide, `f${i}`, { enumerable: true, get: () => fields++ });
    expect(bytesOf(wide)).toBeGreaterThan(MAX_COMMIT_BYTES);
    expect(fields).toBeLessThanOrEqual(16_384);

    const inner = watched(100_000);
    expect(bytesOf(Array.from({ length: 100 }, () => inner.list))).toBeGreaterThan(MAX_COMMIT_BYTES);
    expect(inner.reads()).toBeLessThanOrEqual(16_384);
  });
});
