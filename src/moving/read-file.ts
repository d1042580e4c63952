import { type BigIntStats, createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fileFailure, LatticeError } from '../core/types/index.ts';

/** A file of the original is read as one string, and V8's longest string is twice as long. */
export const MAX_FILE_BYTES = 256 * 1024 * 1024;
/** How often a file is read that changes meanwhile. The original rewrites its files whole, in some milliseconds. */
const MAX_READS = 3;

/**
 * The text of a file as of one moment: a file that changes while it is read is read again. Rejects with LatticeError
 * `file-unreadable` (also for what is no UTF-8), `file-too-large`, or `source-changed`.
 */
export async function readWholeText(path: string): Promise<string> {
  for (let read = 0; read < MAX_READS; read++) {
    const before = await statOf(path);
    if (!before.isFile()) throw unreadable(path, before.isDirectory() ? 'it is a directory' : 'it is not a plain file');
    if (before.size > MAX_FILE_BYTES) throw tooLarge(path);
    const bytes = await readBytes(path);
    if (!sameFile(before, await statOf(path)) || BigInt(bytes.length) !== before.size) continue;
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw unreadable(path, 'it is not UTF-8 text', cause);
    }
  }
  throw new LatticeError('source-changed', `${path} changed each of the ${MAX_READS} times that it was read`, {
    next: 'Nothing of it was imported. Stop the original node, or run the import again.',
  });
}

/** The first bytes of a file, at most `length`. Rejects with LatticeError `file-unreadable`. */
export async function readHead(path: string, length: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of createReadStream(path, { end: length - 1 })) chunks.push(chunk as Uint8Array);
  } catch (cause) {
    throw unreadable(path, fileFailure(cause), cause);
  }
  return Buffer.concat(chunks);
}

/** What a path is, its own links followed. Rejects with LatticeError `file-unreadable`. */
export async function statOf(path: string): Promise<BigIntStats> {
  try {
    return await stat(path, { bigint: true });
  } catch (cause) {
    throw unreadable(path, fileFailure(cause), cause);
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      // The size was looked at before, but the file may have grown since.
      if (size > MAX_FILE_BYTES) throw tooLarge(path);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    throw unreadable(path, fileFailure(cause), cause);
  }
  return Buffer.concat(chunks);
}

const sameFile = (a: BigIntStats, b: BigIntStats): boolean =>
  a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs;

function unreadable(path: string, reason: string, cause?: unknown): LatticeError {
  return new LatticeError('file-unreadable', `cannot read ${path}: ${reason}`, {
    next: 'Check the path and its permissions.',
    cause,
  });
}

function tooLarge(path: string): LatticeError {
  return new LatticeError('file-too-large', `${path} has more than ${MAX_FILE_BYTES} bytes`, {
    next: 'Check that this is the file you mean.',
  });
}
