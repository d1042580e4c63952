import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { openFilesVault } from '../../../src/adapters/vault/index.ts';
import { hasher, openDisk, vaultContract } from './suite.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-vault-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = () => openFilesVault({ directory, disk: openDisk(), hasher, clock: Date, room: async () => undefined });

// The time of a file has parts of a millisecond, which may be rounded.
vaultContract('files', open, { reopen: open, aroundNow: 1 });
