import { counted, LatticeError } from '../core/types/index.ts';
import type { ApiClient } from './client.ts';
import { usageError } from './context.ts';

/** Digits with which a hash may be abbreviated, so that people can type it. */
const MIN_DIGITS = 6;
/** Objects that are looked through for an abbreviation. */
const MAX_LOOKED = 100_000;

/**
 * The hash that a user has written, in full or by its beginning where no other object has that. Rejects with LatticeError
 * `usage` for what is no hash or begins several, and with `object-not-found`.
 */
export async function findHash(client: Pick<ApiClient, 'vault'>, text: string): Promise<string> {
  const digits = text.toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  if (!/^[0-9a-f]+$/.test(digits) || digits.length < MIN_DIGITS || digits.length > 64)
    throw usageError(
      `${JSON.stringify(text)} is not the hash of an object`,
      `A hash has 64 hex digits, and may be written by its first ${MIN_DIGITS} or more: see lattice vault ls.`,
    );
  const found: string[] = [];
  let looked = 0;
  for await (const { hash } of client.vault.objects()) {
    if (hash.startsWith(digits)) found.push(hash);
    // They come in the order of their hashes.
    if (hash.slice(0, digits.length) > digits || ++looked > MAX_LOOKED) break;
  }
  const [only, ...others] = found;
  if (only === undefined)
    throw new LatticeError('object-not-found', `no hash of an object begins with ${digits}`, {
      next: 'See lattice vault ls.',
    });
  if (others.length > 0)
    throw usageError(
      `${counted(found.length, 'object')} begin with ${digits}`,
      'Write more digits: see lattice vault ls.',
    );
  return only;
}
