import { quoted, utf8Length } from '../cbor/text.ts';
import { type JsonValue, LatticeError } from '../types/index.ts';
import { isContentSize, MAX_CONTENT_BYTES } from './blocks.ts';

/** The keys under which the vault alone writes: `vault/<hash>` for each object (SPEC U3). */
export const VAULT_PREFIX = 'vault/';
/** (wire) Longest file name of an object, in bytes of UTF-8, as long as usual file systems take it. */
export const MAX_OBJECT_NAME_BYTES = 255;
/** (wire) Longest media type of an object, in characters: each of its two names can have 127 (RFC 6838 §4.2). */
export const MAX_OBJECT_TYPE_LENGTH = 255;

/** What the replicated entry of an object says. */
export interface VaultEntry {
  /** Bytes of content. */
  readonly size: number;
  /** Root of the block tree, 64 lower-case hex digits. */
  readonly root: string;
  /** Media type (RFC 9110 §8.3.1); empty where none was given. */
  readonly type: string;
  /** File name without any directory; empty where none was given. */
  readonly name: string;
  readonly pinned: boolean;
}

const MEMBERS = ['size', 'root', 'type', 'name', 'pinned'];
const HASH = /^[0-9a-f]{64}$/;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** Printable ASCII alone, so that the type can stand in a header as it is. */
const TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?: ?; ?${TOKEN}=(?:${TOKEN}|"(?:[ !#-[\\]-~]|\\\\[ -~])*"))*$`);
/**
 * Control characters, what separates directories, and the characters that change the direction of text, with which a
 * name is shown as another one than it is.
 */
const NO_NAME = /[\p{Cc}/\\\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** Whether a text is the SHA-256 of a content: 64 lower-case hex digits. */
export function isContentHash(text: string): boolean {
  return HASH.test(text);
}

/** The key of an object's entry. RangeError for what is no hash. */
export function vaultKey(hash: string): string {
  if (!isContentHash(hash)) throw new RangeError(`${quoted(hash)} is no hash of a content.`);
  return VAULT_PREFIX + hash;
}

/** The hash of the object whose entry the key is; undefined for every other key. */
export function vaultKeyHash(key: string): string | undefined {
  const hash = key.startsWith(VAULT_PREFIX) ? key.slice(VAULT_PREFIX.length) : '';
  return isContentHash(hash) ? hash : undefined;
}

/** Whether a key with this value names an object of the vault (SPEC U3). */
export function namesObject(key: string, value: JsonValue): boolean {
  if (vaultKeyHash(key) === undefined) return false;
  try {
    readVaultEntry(value);
    return true;
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'invalid-value') return false;
    throw error;
  }
}

/**
 * The value of an entry (SPEC U3). Throws LatticeError `invalid-value`, which names what is wrong, for what
 * `readVaultEntry` would not read.
 */
export function vaultValue(entry: VaultEntry): JsonValue {
  const { size, root, type, name, pinned } = entry;
  const value = { size, root, type, name, pinned };
  readVaultEntry(value);
  return value;
}

/**
 * What the value of a key `vault/<hash>` says. It has exactly the members of a VaultEntry, and each has its form.
 * Throws LatticeError `invalid-value`, which names what is wrong: such a key names no object.
 */
export function readVaultEntry(value: JsonValue): VaultEntry {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('is no object');
  const given = value as { readonly [key: string]: JsonValue };
  for (const name of MEMBERS) if (!Object.hasOwn(given, name)) throw invalid(`lacks ${quoted(name)}`);
  const strange = Object.keys(given).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) throw invalid(`has a member ${quoted(strange)}, which it cannot have`);
  const { size, root, type, name, pinned } = given;
  if (typeof size !== 'number' || !isContentSize(size))
    throw invalid(`has a size that is no whole number of 0 to ${MAX_CONTENT_BYTES}`);
  if (typeof root !== 'string' || !HASH.test(root)) throw invalid('has a root that is not 64 lower-case hex digits');
  if (typeof type !== 'string' || !isObjectType(type))
    throw invalid(`has a type that is no media type of at most ${MAX_OBJECT_TYPE_LENGTH} ASCII characters`);
  if (typeof name !== 'string' || !isObjectName(name))
    throw invalid(
      `has a name that is no file name of at most ${MAX_OBJECT_NAME_BYTES} bytes without directory and control characters`,
    );
  if (typeof pinned !== 'boolean') throw invalid('has a member "pinned" that is neither true nor false');
  return { size, root, type, name, pinned };
}

/** Whether an object can have this media type. The empty text stands for none. */
export function isObjectType(type: string): boolean {
  return type === '' || (type.length <= MAX_OBJECT_TYPE_LENGTH && TYPE.test(type));
}

/** Whether an object can have this file name. The empty text stands for none. */
export function isObjectName(name: string): boolean {
  const length = utf8Length(name);
  return length >= 0 && length <= MAX_OBJECT_NAME_BYTES && name !== '.' && name !== '..' && !NO_NAME.test(name);
}

function invalid(what: string): LatticeError {
  return new LatticeError('invalid-value', `The entry of an object in the vault ${what}`, {
    next: 'Write entries under "vault/" by putting content into the vault only.',
  });
}
