import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { fileFailure, LatticeError } from '../core/types/index.ts';
import { type CliContext, usageError } from './context.ts';

/**
 * Reads the bytes of a file that the user has named, or of standard input for "-". Rejects with LatticeError
 * `file-unreadable`, and `file-too-large` when there are more than `limit` bytes.
 */
export async function readInputBytes(context: CliContext, file: string, limit: number): Promise<Uint8Array> {
  if (file !== '-') return await readFileBytes(context, file, limit);
  return (await collect(context.stdin, limit)) ?? tooLarge('standard input', limit);
}

/**
 * Reads the text of a file that the user has named, without a byte order mark at its head. Errors are those of
 * `readInputBytes`; what is no UTF-8 is `file-unreadable`.
 */
export async function readTextFile(context: CliContext, file: string, limit: number): Promise<string> {
  const bytes = await readFileBytes(context, file, limit);
  try {
    return textOf(bytes);
  } catch (cause) {
    throw new LatticeError('file-unreadable', `${resolve(context.cwd, file)} is not UTF-8 text`, {
      next: 'Check that this is the file you mean.',
      cause,
    });
  }
}

async function readFileBytes(context: CliContext, file: string, limit: number): Promise<Uint8Array> {
  const path = resolve(context.cwd, file);
  let bytes: Uint8Array | undefined;
  try {
    // `end` is the last byte that is read: one more than the limit tells that the file is longer. So a device or a
    // pipe without an end is refused like a file of that size.
    bytes = await collect(createReadStream(path, { end: limit }), limit);
  } catch (cause) {
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${fileFailure(cause)}`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  }
  return bytes ?? tooLarge(path, limit);
}

function tooLarge(name: string, limit: number): never {
  throw new LatticeError('file-too-large', `${name} has more than ${limit} bytes`, {
    next: 'Check that this is the file you mean.',
  });
}

/**
 * Reads all of standard input as UTF-8 text, without a byte order mark at its head. Rejects with LatticeError `usage`
 * over `limit` bytes, and for what is no UTF-8.
 */
export async function readStdin(context: CliContext, limit: number): Promise<string> {
  const bytes = await collect(context.stdin, limit);
  if (bytes === undefined) throw usageError(`standard input has more than ${limit} bytes`);
  try {
    return textOf(bytes);
  } catch {
    throw usageError('standard input is not UTF-8 text', 'Convert it to UTF-8 first.');
  }
}

/** Reads a file that the user has named, or standard input for "-". */
export async function readInput(context: CliContext, file: string, limit: number): Promise<string> {
  return file === '-' ? await readStdin(context, limit) : await readTextFile(context, file, limit);
}

/** All bytes of a stream; undefined when there are more than `limit`. */
async function collect(stream: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Throws TypeError for bytes that are no UTF-8. */
const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
