import { freeBytes } from '../adapters/store/space.ts';

/** The node is read-only below the greater of these, so that the store has room to compact and to close cleanly. */
const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** The part of the whole disk. */
const MIN_FREE_PART = 0.05;

/** Why the disk of `directory` has too little room for writes, as a sentence; undefined where there is enough. */
export async function lackOfRoom(directory: string): Promise<string | undefined> {
  const { free, total } = await freeBytes(directory);
  const need = Math.max(MIN_FREE_BYTES, total * MIN_FREE_PART);
  if (free >= need) return undefined;
  return `only ${Math.round(free / 2 ** 20)} MiB free in ${directory}, at least ${Math.round(need / 2 ** 20)} MiB are needed`;
}
