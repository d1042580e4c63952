import { createMemoryVault } from '../../../src/adapters/vault/index.ts';
import { hasher, vaultContract } from './suite.ts';

vaultContract('memory', async () => createMemoryVault({ hasher, clock: Date }));
