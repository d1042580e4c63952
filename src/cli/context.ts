import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LatticeError } from '../core/types/index.ts';
import type { Output } from './output.ts';

/** Bytes of one read. */
const READ_BYTES = 64 * 1024;
/** Why a file cannot be read, by the code of the system. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'no permission',
  EISDIR: 'it is a directory',
};

/** What a command may use of the process that it runs in. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly output: Output;
  readonly stdin: AsyncIterable<Uint8Array>;
  /** How this program was called, for printing commands that can be pasted: `lattice`, or `node dist/cli/main.js`. */
  readonly programName: string;
  /** The arguments that start this program again, to which a command is added. */
  readonly self: readonly string[];
  /** Calls `handler` for each SIGINT and SIGTERM, and when the parent ends, until the returned function is called. */
  onStop(handler: () => void): () => void;
  /** The first ports of `up`. Without them it takes the original's. */
  readonly basePorts?: { readonly api: number; readonly p2p: number };
  /** Ends the process at once, without waiting for what is under way. */
  exitNow(exitCode: number): void;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly envFile?: string;
  /** Name of a context (contexts.ts). */
  readonly context?: string;
  /** Seconds for one request. */
  readonly timeout: number;
  readonly json?: boolean;
}

export function usageError(message: string, next?: string): LatticeError {
  return new LatticeError('usage', message, next === undefined ? {} : { next });
}

/** Reads the bytes of a file that the user has named, or of stdin for "-". Errors are those of `readTextFile`. */
export async function readInputBytes(context: CliContext, file: string, limit: number): Promise<Uint8Array> {
  if (file !== '-') return await readFileBytes(context, file, limit);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of context.stdin) {
    size += chunk.length;
    if (size > limit) throw tooLarge('stdin', limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads the text of a file that the user has named. Rejects with LatticeError `file-unreadable`, and `file-too-large`
 * when it has more than `limit` bytes.
 */
export async function readTextFile(context: CliContext, file: string, limit: number): Promise<string> {
  const bytes = await readFileBytes(context, file, limit);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LatticeError('file-unreadable', `${resolve(context.cwd, file)} is not UTF-8 text`, {
      next: 'Check that this is the file you mean.',
      cause,
    });
  }
}

/** Reads no more than `limit` bytes, so that a device or a pipe without an end is refused like a file of that size. */
async function readFileBytes(context: CliContext, file: string, limit: number): Promise<Uint8Array> {
  const path = resolve(context.cwd, file);
  try {
    const handle = await open(path);
    try {
      const chunks: Uint8Array[] = [];
      let size = 0;
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, null);
        if (bytesRead === 0) return Buffer.concat(chunks);
        size += bytesRead;
        if (size > limit) throw tooLarge(path, limit);
        chunks.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${UNREADABLE[code] ?? code}`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  }
}

function tooLarge(name: string, limit: number): LatticeError {
  return new LatticeError('file-too-large', `${name} has more than ${limit} bytes`, {
    next: 'Check that this is the file you mean.',
  });
}
