import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createOriginalVault } from '../../../../../src/api/routes/original/vault.ts';
import { startLattice } from '../../live-lattice.ts';
import { startApi } from '../../support.ts';

const directory = mkdtempSync(join(tmpdir(), 'lattice-vault-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the vault', () => {
  it('vault: more files than are read are an error, and not a list of some of them [A11]', async () => {
    const bundles = join(directory, 'bundles');
    mkdirSync(bundles);
    for (let i = 0; i < 10_001; i++) writeFileSync(join(bundles, `${i}.ae_bundle`), '');
    const { ask } = await startApi({ root: { vaultDir: directory } });
    const answer = await ask('/api/persistence/bundles');
    expect([answer.status, answer.json().code]).toEqual([503, 'vault-too-large']);
  });

  it('vault: a look answers for four times as long as it took, so that requests cannot keep the node reading [A18]', async () => {
    const waits: number[] = [];
    const forgets: (() => void)[] = [];
    const lattice = await startLattice();
    const { look: read } = createOriginalVault({
      lattice,
      directory,
      clock: {
        after(ms: number, forget: () => void) {
          waits.push(ms);
          forgets.push(forget);
          return { cancel: () => undefined };
        },
      },
    });
    // The look notes when it begins before it waits for anything; others may read the time as often as they like.
    let passed = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => passed);
    const begun = read();
    passed = 2_000;
    const first = await begun;
    expect(await read()).toBe(first);
    now.mockRestore();
    expect(waits).toEqual([8_000, 8_000]);
    forgets[0]?.();
    expect(await read()).not.toBe(first);
  });
});
