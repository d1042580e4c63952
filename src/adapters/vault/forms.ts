import { isContentHash } from '../../core/vault/index.ts';
import type { StoredObject } from '../../ports/index.ts';
import { damagedError } from './errors.ts';

/** Most objects in one chunk of a list. */
export const LIST_CHUNK = 1000;

/**
 * Content of at most this many bytes has no leaves kept beside it: reading and hashing it takes a millisecond, and a
 * small object is then one file or one request. Leaves that are missing or cut are computed anew for any content.
 */
export const NO_LEAVES_BYTES = 1024 * 1024;

/** The hash itself, which is safe as a part of a path then. RangeError for what is no hash of a content. */
export function requireHash(hash: string): string {
  if (!isContentHash(hash)) throw new RangeError('An object is named by 64 lower-case hex digits.');
  return hash;
}

/** Throws LatticeError `object-damaged` when the object has not the size that somebody presumes. */
export function requireSize({ hash, size }: Pick<StoredObject, 'hash' | 'size'>, presumed: number | undefined): void {
  if (presumed !== undefined && size !== presumed)
    throw damagedError(hash, `it has ${size} bytes instead of ${presumed}`);
}

/** RangeError unless the range lies within an object of `size` bytes. */
export function requireRange(start: number, end: number, size: number): void {
  if (!(Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= size))
    throw new RangeError(`Bytes ${start} to ${end} are no range of ${size} bytes.`);
}
