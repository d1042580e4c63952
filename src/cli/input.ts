import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { LatticeError } from '../core/types/index.ts';
import { type CliContext, usageError } from './context.ts';

/**
 * Reads the text of a file that the user has named, without a byte order mark at its head. Rejects with LatticeError
 * `file-unreadable`, and `file-too-large` when it has more than `limit` bytes.
 */
export async function readTextFile(context: CliContext, file: string, limit: number): Promise<string> {
  const path = resolve(context.cwd, file);
  let bytes: Uint8Array | undefined;
  try {
    // `end` is the last byte that is read: one more than the limit tells that the file is longer.
    bytes = await collect(createReadStream(path, { end: limit }), limit);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const why = REASONS[code] ?? code;
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${why}`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  }
  if (bytes === undefined) {
    throw new LatticeError('file-too-large', `${path} has more than ${limit} bytes`, {
      next: 'Check that this is the file you mean.',
    });
  }
  try {
    return textOf(bytes);
  } catch (cause) {
    throw new LatticeError('file-unreadable', `${path} is not UTF-8 text`, {
      next: 'Check that this is the file you mean.',
      cause,
    });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'no permission',
  EISDIR: 'it is a directory',
};

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
