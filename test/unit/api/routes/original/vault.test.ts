import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
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
});
