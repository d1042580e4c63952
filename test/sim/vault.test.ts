import { expect, it } from 'vitest';
import { runVaultSeed } from './vault-scenario.ts';

it.each([1, 2])(
  'after storm %i all nodes name the same objects and have the bytes of their policy [U5, U10, U14]',
  async (seed) => {
    const { failures, lines, kept, roots } = await runVaultSeed(seed);
    expect(failures, lines.join('\n')).toEqual([]);
    expect(kept).toBeGreaterThan(5);
    expect(new Set(roots).size).toBe(1);
  },
);
