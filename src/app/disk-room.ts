import { freeBytes } from '../adapters/store/space.ts';

/** The node is read-only below the greater of these, so that the store has room to compact and to close cleanly. */
const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** The part of the whole disk. */
const MIN_FREE_PART = 0.05;

/**
 * What the vault leaves free, in terms of what makes a node read-only: content that is taken in or fetched stops well
 * before it would stop the writes of a state on the same disk.
 */
const VAULT_FACTOR = 1.5;

/** Why the disk of `directory` has too little room for writes, as a sentence; undefined where there is enough. */
export async function lackOfRoom(directory: string): Promise<string | undefined> {
  const { free, total } = await freeBytes(directory);
  return lack(directory, free, needed(total));
}

/** The same for content of so many bytes that the vault in `directory` is to take. */
export async function lackOfVaultRoom(directory: string, bytes: number): Promise<string | undefined> {
  const { free, total } = await freeBytes(directory);
  return lack(directory, free, VAULT_FACTOR * needed(total) + bytes);
}

const needed = (total: number): number => Math.max(MIN_FREE_BYTES, total * MIN_FREE_PART);

function lack(directory: string, free: number, need: number): string | undefined {
  if (free >= need) return undefined;
  return `only ${Math.round(free / 2 ** 20)} MiB are free in ${directory}, and at least ${Math.round(need / 2 ** 20)} MiB are needed`;
}
