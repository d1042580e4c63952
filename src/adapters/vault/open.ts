import type { Hasher } from '../../core/types/index.ts';
import type { Clock, Log, Random, VaultStore } from '../../ports/index.ts';
import type { Disk } from './disk-calls.ts';
import { openFilesVault } from './files.ts';
import { createMemoryVault } from './memory.ts';
import { openS3Vault } from './s3.ts';
import type { S3Settings } from './s3-client.ts';
import type { Room } from './uploads.ts';

/** Where the bytes of a vault lie. */
export type VaultPlace =
  | { readonly kind: 'files' }
  | { readonly kind: 'memory' }
  | ({ readonly kind: 's3' } & S3Settings);

export interface OpenVaultDeps {
  /** The vault's directory on this machine; with a bucket, that of content on its way there. */
  readonly directory: string;
  /** The way to the disk of that directory. */
  readonly disk: Disk;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly random: Random;
  readonly room: Room;
  readonly log: Log;
}

/** Opens the vault at a place. Rejects with the LatticeErrors of that place. */
export async function openVaultStore(place: VaultPlace, deps: OpenVaultDeps): Promise<VaultStore> {
  switch (place.kind) {
    case 'files':
      return await openFilesVault(deps);
    case 'memory':
      return createMemoryVault(deps);
    case 's3':
      return await openS3Vault({ ...deps, settings: place });
  }
}
