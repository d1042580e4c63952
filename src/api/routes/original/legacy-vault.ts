import { join } from 'node:path';
import { type HeldFile, heldAs, readVaultFile } from '../../../core/original/vault/index.ts';
import { type ErrorCode, type Hasher, LatticeError } from '../../../core/types/index.ts';
import { hashOf, listVaultDirectory, readRegularFile, type VaultPlace } from '../../../moving/vault-directory.ts';
import { MAX_HELD_BYTES, type NodeCheck, tooLarge } from './held.ts';

/** Files that are read at a time. */
const PARALLEL = 8;
/** What says something of the vault and not of one file. */
const TELLS_OF_ALL: ReadonlySet<ErrorCode> = new Set(['vault-too-large', 'vault-store-failed']);

/** Runs a few calls to the disk of the vault at a time. Rejects as they do, or with LatticeError `vault-store-failed`. */
export type VaultDisk = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * The files of a vault directory of the original that can be served: links, broken and huge ones are passed over, and
 * those whose bytes are `known` already. Nothing is written, and nothing outside of the directory is read. Rejects with
 * LatticeError `vault-too-large`, or `vault-store-failed` where the disk does not answer.
 */
export async function readLegacyVault(
  directory: string,
  known: ReadonlySet<string>,
  hasher: Hasher,
  checkNode: NodeCheck,
  disk: VaultDisk = (work) => work(),
): Promise<readonly HeldFile[]> {
  const { root, places } = (await disk(() => listVaultDirectory(directory))) ?? { root: directory, places: [] };
  const files: (HeldFile | undefined)[] = [];
  let held = 0;
  let next = 0;

  async function read({ path, fileName, kind }: VaultPlace): Promise<HeldFile | undefined> {
    try {
      const bytes = await disk(() => readRegularFile(join(root, path)));
      if ((held += bytes.length) > MAX_HELD_BYTES) throw tooLarge(`over ${MAX_HELD_BYTES} bytes`);
      if (known.has(hashOf(bytes))) return undefined;
      const form = await checkNode(readVaultFile(bytes, hasher, kind === 'bundle' ? undefined : kind));
      return kind === 'bundle' && !form.kind.endsWith('-bundle') ? undefined : heldAs(form, fileName);
    } catch (error) {
      if (error instanceof LatticeError && !TELLS_OF_ALL.has(error.code)) return undefined;
      throw error;
    }
  }
  const worker = async (): Promise<void> => {
    for (let i = next++; i < places.length; i = next++) {
      const place = places[i];
      if (place !== undefined && !place.isOdd) files[i] = await read(place);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return files.filter((file) => file !== undefined);
}
