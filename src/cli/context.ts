import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LatticeError } from '../core/types/index.ts';
import type { Output } from './output.ts';

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

/**
 * Reads the text of a file that the user has named. Rejects with LatticeError `file-unreadable`, and `file-too-large`
 * when it has more than `limit` bytes.
 */
export async function readTextFile(context: CliContext, file: string, limit: number): Promise<string> {
  const path = resolve(context.cwd, file);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const why = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission' : code;
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${why}`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  }
  if (bytes.length > limit) {
    throw new LatticeError('file-too-large', `${path} has ${bytes.length} bytes, the limit is ${limit}`, {
      next: 'Check that this is the file you mean.',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LatticeError('file-unreadable', `${path} is not UTF-8 text`, {
      next: 'Check that this is the file you mean.',
      cause,
    });
  }
}
