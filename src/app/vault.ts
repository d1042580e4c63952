import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeHasher } from '../adapters/system/index.ts';
import { openVaultStore } from '../adapters/vault/index.ts';
import type { Config } from '../config/index.ts';
import type { Clock, Log, Random, VaultStore } from '../ports/index.ts';
import { lackOfVaultRoom } from './disk-room.ts';
import { createLateVault } from './late-vault.ts';

/** Where the node's own vault lies in the vault directory, beside what the original has there. */
const VAULT_FOLDER = 'lattice';

/** What a running vault may be told anew by a reload. */
export function vaultSettings({ vault }: Config) {
  const { policy, maxObjectBytes, capacityBytes } = vault;
  return { policy, maxObjectBytes, capacityBytes };
}

/** The place of the vault's bytes. It is opened beside the start of the node, which does not wait for it. */
export function openVault(config: Config, deps: { clock: Clock; random: Random; log: Log }): VaultStore {
  const { store } = config.vault;
  const directory = join(config.vaultDir, VAULT_FOLDER);
  const hasher = nodeHasher();
  return createLateVault(() =>
    openVaultStore(store, { ...deps, directory, hasher, room: (bytes) => lackOfVaultRoom(directory, bytes) }),
  );
}

/** The number of bundles of the original's vault in the vault directory; 0 when it cannot be read. */
export async function countBundles(directory: string): Promise<number> {
  try {
    return (await readdir(join(directory, 'bundles'))).filter((name) => name.endsWith('.ae_bundle')).length;
  } catch {
    return 0;
  }
}
