import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeHasher } from '../adapters/system/index.ts';
import { type Disk, openVaultStore } from '../adapters/vault/index.ts';
import type { Config } from '../config/index.ts';
import type { Clock, Log, Random, VaultStore } from '../ports/index.ts';
import { settleWithin } from '../timing/index.ts';
import { lackOfVaultRoom } from './disk-room.ts';
import { createLateVault } from './late-vault.ts';

/** Where the node's own vault lies in the vault directory, beside what the original has there. */
const VAULT_FOLDER = 'lattice';
/** How long the start of a node waits for a look into the vault directory. The state is read already by then. */
const LOOK_MS = 2_000;

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

/** What a start looks at in the vault directory, by the way of the vault to its disk. */
export function lookAtVault(directory: string, disk: Disk) {
  return {
    /** The names in it. Rejects where it cannot be read. */
    names: (): Promise<string[]> => disk.run(() => readdir(directory)),
    /**
     * The number of bundles of the original's that lie in it; 0 when it cannot be read. Undefined where the disk takes
     * longer than a start can wait.
     */
    async bundles(clock: Clock): Promise<number | undefined> {
      const found = disk
        .run(() => readdir(join(directory, 'bundles')))
        .then(
          (names) => names.filter((name) => name.endsWith('.ae_bundle')).length,
          () => 0,
        );
      return await settleWithin(clock, LOOK_MS, found, () => new Error('late')).catch(() => undefined);
    },
  };
}
