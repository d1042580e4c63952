import {
  type HeldFile,
  heldAs,
  isVaultType,
  MAX_VAULT_FILE_BYTES,
  readVaultFile,
  type VaultForm,
  withBytesKnown,
} from '../../../core/original/vault/index.ts';
import { type Bytes, concatBytes, type Hasher, LatticeError } from '../../../core/types/index.ts';
import type { VaultObject, VaultService } from '../../../runtime/facade/index.ts';
import { MAX_HELD_BYTES, type NodeCheck, tooLarge } from './held.ts';

/** Objects on a page: the most that a list takes. */
const PAGE = 1000;
/** Objects that are read at a time. */
const PARALLEL = 4;

/** What the vault of the fleet has of the original's files. */
export interface FleetFiles {
  readonly files: readonly HeldFile[];
  /** The SHA-256 of the bytes of each. */
  readonly hashes: ReadonlySet<string>;
  /** How many more the state names whose bytes are not on this node. */
  readonly notHere: number;
}

const orderOf = (a: VaultObject, b: VaultObject): number => a.at - b.at || (a.hash < b.hash ? -1 : 1);

/**
 * Reads the original's files from the vault of the fleet, which holds them as objects of their media types. Content
 * never changes under its hash, so that each is read once.
 */
export function createFleetVault(vault: VaultService, hasher: Hasher, checkNode: NodeCheck) {
  /** Forms by the hash of their bytes; undefined for what is no file of the original. */
  const read = new Map<string, VaultForm | undefined>();

  async function list(): Promise<VaultObject[]> {
    const objects: VaultObject[] = [];
    let cursor: string | undefined;
    do {
      const page = await vault.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      for (const object of page.items)
        if (isVaultType(object.type) && object.size <= MAX_VAULT_FILE_BYTES) objects.push(object);
      ({ cursor } = page);
    } while (cursor !== undefined);
    return objects.sort(orderOf);
  }

  /** The file in an object. Undefined when that is none; rejects when its bytes cannot be read. */
  async function load({ hash }: VaultObject): Promise<VaultForm | undefined> {
    const parts: Bytes[] = [];
    const { bytes } = await vault.open(hash);
    for await (const part of bytes) parts.push(part);
    try {
      return readVaultFile(concatBytes(...parts), hasher);
    } catch (error) {
      if (error instanceof LatticeError && error.code === 'vault-file-malformed') return undefined;
      throw error;
    }
  }

  /** What is said of a file at present: who is trusted, and what the entry of its object says, may change. */
  async function fileOf(object: VaultObject): Promise<HeldFile | undefined> {
    const loaded = read.get(object.hash);
    if (loaded === undefined) return undefined;
    const form = await checkNode(loaded);
    const file = heldAs(form, object.name === '' ? form.name : object.name);
    const since = new Date(object.at).toISOString();
    const because = `it is as ${object.author} put it into the vault at ${since}, under its SHA-256 ${object.hash}`;
    return { ...file, object: object.hash, claims: withBytesKnown(file.claims, because) };
  }

  return async (): Promise<FleetFiles> => {
    const objects = await list();
    const named = new Set(objects.map(({ hash }) => hash));
    for (const hash of read.keys()) if (!named.has(hash)) read.delete(hash);
    let bytes = 0;
    for (const { size } of objects)
      if ((bytes += size) > MAX_HELD_BYTES) throw tooLarge(`over ${MAX_HELD_BYTES} bytes`);
    let notHere = 0;
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let object = objects[next++]; object !== undefined; object = objects[next++]) {
        if (read.has(object.hash)) continue;
        if (object.here !== 'whole') {
          notHere++;
          continue;
        }
        try {
          read.set(object.hash, await load(object));
        } catch (error) {
          // The bytes went meanwhile, or are damaged, of which the vault itself tells.
          if (!(error instanceof LatticeError)) throw error;
          notHere++;
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    const files = (await Promise.all(objects.map(fileOf))).filter((file) => file !== undefined);
    return { files, hashes: named, notHere };
  };
}
