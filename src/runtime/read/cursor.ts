import { checkKey } from '../../core/cbor/index.ts';
import { LatticeError } from '../../core/types/index.ts';
import { base64url, fromBase64url } from './base64url.ts';

/** The cursor after a key, which clients treat as opaque: the last key shown, in base64url. */
export function keyToCursor(key: string): string {
  return base64url(new TextEncoder().encode(key));
}

/** The key that a cursor names. Throws LatticeError `invalid-cursor`. */
export function cursorToKey(cursor: string): string {
  try {
    return checkKey(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(cursor)));
  } catch (cause) {
    throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', {
      next: 'start again without a cursor',
      cause,
    });
  }
}

/**
 * The size of a page: `limit`, a whole number from 1 to `max`, but `byDefault` when it is undefined. Throws LatticeError
 * `invalid-limit`.
 */
export function pageSize(limit: number | undefined, byDefault: number, max: number): number {
  if (limit === undefined) return byDefault;
  if (!Number.isInteger(limit) || limit < 1 || limit > max)
    throw new LatticeError('invalid-limit', `limit is a whole number from 1 to ${max}`, {
      next: 'give such a number, or leave the limit out',
    });
  return limit;
}
