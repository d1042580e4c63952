import { hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Bytes, bytesToHex, fileFailure, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { makeDirectory } from './make-directory.ts';

export * from './ed25519.ts';

/** 64 hex digits, a line end, and some more, so that a longer file is seen to be longer. */
const MAX_KEY_FILE_BYTES = 128;
const NODE_KEY_INFO = 'diotec360/lattice/node-key/v1:';

/** Windows has no such modes. What Node reports there says nothing about who may read a file. */
const HAS_MODES = process.platform !== 'win32';

function octal(mode: number): string {
  return `0${(mode & 0o7777).toString(8)}`;
}

function permissionsError(path: string, mode: number, rule: string, command: string): LatticeError {
  return new LatticeError('key-permissions', `${path} has mode ${octal(mode)}: ${rule}`, {
    next: `run: ${command}`,
    details: { path, mode: octal(mode), command },
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Quotes a path as one word of a shell command. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/**
 * Throws LatticeError `key-permissions` when group or others may write in `directory`, because they could replace any
 * file in it.
 */
export function checkSecretDirectory(directory: string): void {
  const { mode } = statSync(directory);
  if (HAS_MODES && (mode & 0o022) !== 0) {
    throw permissionsError(
      directory,
      mode,
      'group or others can replace the keys in it',
      `chmod 700 ${quoted(directory)}`,
    );
  }
}

function syncDirectory(directory: string): void {
  if (!HAS_MODES) return; // Windows cannot open a directory.
  const fd = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a new file in an existing directory; it is durable when the call returns. An existing file is left alone, and
 * the call throws EEXIST. On any other failure no file stays behind.
 */
export function writeNewFile(path: string, content: string, mode: number): void {
  const fd = openSync(path, 'wx', mode);
  try {
    const bytes = Buffer.from(content, 'utf8');
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  syncDirectory(dirname(path));
}

/**
 * Reads the first bytes of a file. Its mode is checked through the same descriptor, so that nobody can exchange the
 * file in between. Throws LatticeError `key-permissions`, and what opening the file throws.
 */
function readSecret(path: string): string {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const status = fstatSync(fd);
    if (status.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
    const { mode } = status;
    if (HAS_MODES && (mode & 0o177) !== 0) {
      throw permissionsError(
        path,
        mode,
        'a key file is for its owner alone, at most 0600',
        `chmod 600 ${quoted(path)}`,
      );
    }
    const bytes = Buffer.alloc(MAX_KEY_FILE_BYTES);
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, MAX_KEY_FILE_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a key file: the 64 hex digits of a 32-byte Ed25519 seed and at most a line end. Answers undefined when there
 * is no file. Throws LatticeError `key-permissions` (the file's mode allows more than 0600, or group or others may
 * write in its directory), `key-invalid` (other content) or `key-unreadable`.
 */
export function loadKey(path: string): Bytes | undefined {
  let text: string;
  try {
    text = readSecret(path);
    checkSecretDirectory(dirname(path));
  } catch (error) {
    if (error instanceof LatticeError) throw error;
    if (isCode(error, 'ENOENT')) return undefined;
    throw new LatticeError('key-unreadable', `${path} cannot be read: ${fileFailure(error)}`, {
      next: 'check that the node runs as the owner of the file, or point DIOTEC360_KEY_FILE at the right one',
      details: { path },
      cause: error,
    });
  }
  const digits = /^([0-9a-fA-F]{64})(\r?\n)?$/.exec(text)?.[1];
  if (digits === undefined) {
    throw new LatticeError('key-invalid', `${path} is not a key file: it must hold 64 hex digits and nothing else`, {
      next: 'restore it from a backup, or move it away and a new key (with a new peer id) is made at the next start',
      details: { path },
    });
  }
  return hexToBytes(digits);
}

/**
 * Reads the key in `path`, and makes one when there is none: random, with mode 0600, never over an existing file, and
 * durable when the call returns. A missing directory is made with mode 0700. Throws what `loadKey` throws, and
 * LatticeError `key-unwritable` when the key cannot be made.
 */
export function loadOrCreateKey(path: string): { readonly seed: Bytes; readonly created: boolean } {
  const found = loadKey(path);
  if (found !== undefined) return { seed: found, created: false };
  const seed = new Uint8Array(randomBytes(32));
  try {
    makeDirectory(dirname(path), 0o700);
    checkSecretDirectory(dirname(path));
    writeNewFile(path, `${bytesToHex(seed)}\n`, 0o600);
  } catch (error) {
    if (error instanceof LatticeError) throw error;
    // Another process has made the key in the meantime, and that one counts.
    const other = isCode(error, 'EEXIST') ? loadKey(path) : undefined;
    if (other !== undefined) return { seed: other, created: false };
    throw new LatticeError('key-unwritable', `${path} cannot be made: ${fileFailure(error)}`, {
      next: 'make its directory writable for the node, or set DIOTEC360_KEY_FILE',
      details: { path },
      cause: error,
    });
  }
  return { seed, created: true };
}

/** Derives 32 bytes from a 32-byte secret by HKDF-SHA256 without salt (RFC 5869). */
export function deriveBytes(secret: Bytes, info: string): Bytes {
  if (secret.length !== 32) throw new RangeError('a secret to derive from has 32 bytes');
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), info, 32));
}

/** The key seed of the node called `nodeName` in a fleet that is derived from one 32-byte secret. */
export function deriveNodeSeed(secret: Bytes, nodeName: string): Bytes {
  return deriveBytes(secret, NODE_KEY_INFO + nodeName);
}
