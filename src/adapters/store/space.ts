import { statfs } from 'node:fs/promises';

/** Bytes that an unprivileged process can still write to the file system of `directory`, and that system's size. */
export async function freeBytes(directory: string): Promise<{ readonly free: number; readonly total: number }> {
  const { bavail, blocks, bsize } = await statfs(directory);
  return { free: bavail * bsize, total: blocks * bsize };
}
