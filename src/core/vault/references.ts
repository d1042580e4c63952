import type { JsonValue } from '../types/index.ts';
import { isContentHash } from './entry.ts';

/** The member by which a value names an object of the vault: `{"$vault": "<hash>"}` (SPEC U4). */
const REFERENCE = '$vault';

/**
 * The hashes of all objects that a value names, each once, however deep. An object is a reference when `$vault` is its
 * one member, and a hash is that member's value.
 */
export function vaultReferences(value: JsonValue): ReadonlySet<string> {
  const found = new Set<string>();
  const pending: JsonValue[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    const members: readonly JsonValue[] = Array.isArray(next) ? next : Object.values(next);
    const [only] = members;
    if (members.length === 1 && typeof only === 'string' && Object.keys(next)[0] === REFERENCE && isContentHash(only))
      found.add(only);
    else pending.push(...members);
  }
  return found;
}
