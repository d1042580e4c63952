import { join } from 'node:path';
import { nodeHasher } from '../adapters/system/index.ts';
import { type Disk, openVaultStore } from '../adapters/vault/index.ts';
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
export function openVault(
  config: Config,
  deps: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly disk: Disk },
): VaultStore {
  const { store } = config.vault;
  const directory = join(config.vaultDir, VAULT_FOLDER);
  const hasher = nodeHasher();
  return createLateVault(() =>
    openVaultStore(store, {
      ...deps,
      directory,
      hasher,
      room: (bytes) => deps.disk.run(() => lackOfVaultRoom(directory, bytes)),
    }),
  );
}

/** Closes the vault. One whose disk does not answer is left as it is: nothing of the state depends on it. */
export async function closeVault(vault: VaultStore, log: Log): Promise<void> {
  await vault.close().catch((error: unknown) => log.warn({ error: String(error) }, 'the vault was not closed well'));
}
