import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { fileFailure } from '../core/types/index.ts';
import { flawsOf, type LineFlaws } from './env-lines.ts';
import type { Problem } from './problems.ts';

/** An env file as read. */
export interface EnvFile {
  /** The path, or `standard input`. */
  readonly path: string;
  /** The permissions of the file; undefined for what is no file, such as a pipe. */
  readonly mode: number | undefined;
  /** The variables in it, by name. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** Sentences about lines that may not mean what they look like. */
  readonly warnings: readonly string[];
}

/** Bytes of an env file. One has some dozens of lines, and its longest lists have a few tens of KiB. */
const MAX_ENV_FILE_BYTES = 256 * 1024;

/** The variables of an env file's text, by name, and what is wrong with its lines. A byte order mark is skipped. */
export function parseEnvText(text: string): LineFlaws & Pick<EnvFile, 'values'> {
  const marked = text.replace(/^\uFEFF/, '');
  return { ...flawsOf(marked), values: parseEnv(marked) };
}

const STDIN = 0;

/**
 * Reads a whole file, pipe or descriptor, which is closed unless it is standard input. Undefined when it has more than
 * MAX_ENV_FILE_BYTES. Throws what the file system throws.
 */
function readBounded(fd: number): Uint8Array | undefined {
  const bytes = new Uint8Array(MAX_ENV_FILE_BYTES + 1);
  let size = 0;
  while (size < bytes.length) {
    const read = readSync(fd, bytes, size, bytes.length - size, null);
    if (read === 0) return bytes.subarray(0, size);
    size += read;
  }
  return undefined;
}

/**
 * Reads the env file at `path`, an absolute path or `-` for standard input; pipes are read as files are. Undefined when
 * it is missing or cannot be used. What is wrong with it is added to `problems`; a missing file is a problem only when
 * it is `required`.
 */
export function readEnvFile(path: string, required: boolean, problems: Problem[]): EnvFile | undefined {
  const shown = path === '-' ? 'standard input' : path;
  const problem = (value: string, rule: string, fix: string): undefined => {
    problems.push({ variable: shown, value, rule, fix });
  };
  let bytes: Uint8Array | undefined;
  let mode: number | undefined;
  let piped: boolean;
  try {
    const fd = path === '-' ? STDIN : openSync(path, 'r');
    try {
      const stat = fstatSync(fd);
      piped = stat.isFIFO();
      mode = stat.isFile() ? stat.mode : undefined;
      bytes = readBounded(fd);
    } finally {
      if (fd !== STDIN) closeSync(fd);
    }
  } catch (error) {
    if (!required && error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    return problem('', `it cannot be read: ${fileFailure(error)}`, 'name an env file that exists and is readable');
  }
  if (bytes === undefined) {
    return problem('', `an env file has at most ${MAX_ENV_FILE_BYTES} bytes`, 'name the right file');
  }
  // Node.js itself reads the file of an option with this name when the option stands behind a script without `--`.
  if (piped && bytes.length === 0) {
    return problem(
      '',
      'the pipe is empty',
      'run lattice, or node -- dist/cli/main.js, which leave the pipe to lattice',
    );
  }
  const text = decoded(bytes);
  if (text === undefined) return problem('', 'it is not UTF-8 text', 'write it as UTF-8');
  const { unreadable, warnings, values } = parseEnvText(text);
  if (unreadable.length > 0) {
    const lines = unreadable.slice(0, 10);
    const where = `line${lines.length === 1 ? '' : 's'} ${lines.join(', ')}`;
    problem(
      '',
      `${where}: it is not of the form NAME=value`,
      'write NAME=value without tabs, or # in front of a comment',
    );
  }
  return { path: shown, mode, values, warnings: warnings.map((flaw) => `${shown}, ${flaw}`) };
}

/** The text of UTF-8 bytes without a byte order mark at its head; undefined when they are none. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
