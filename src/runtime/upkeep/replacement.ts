import { isGone } from '../../core/state/index.ts';
import type { Entry, JsonValue } from '../../core/types/index.ts';
import { VAULT_PREFIX } from '../../core/vault/index.ts';
import type { CleanedKey, CleanKey } from '../facade/index.ts';
import { type AuthoredSince, writtenIn } from '../read/authored.ts';

/** What is written: a put where there is a value, else a deletion. */
export interface Replacement {
  readonly value?: JsonValue;
  /** When the value ends, Unix ms. */
  readonly expires?: number;
}

/** What becomes of a key, and what is written for it, where something is. */
export type Decision = CleanedKey & { readonly writes?: Replacement };

const valued = (value: JsonValue, expires: number | undefined): Replacement => ({
  value,
  ...(expires === undefined ? {} : { expires }),
});

/**
 * What replaces what an author wrote under a key, as seen at `nowMs` (Unix ms). What others wrote at the same time is
 * newer than any value that was kept elsewhere, and goes before it (SPEC RO14).
 */
export function replacementOf(
  entry: Entry,
  asked: AuthoredSince,
  kept: Omit<CleanKey, 'key'>,
  nowMs: number,
): Decision {
  const { key, siblings } = entry;
  if (key.startsWith(VAULT_PREFIX)) return { key, does: 'vault' };
  const own = writtenIn(entry, asked);
  const [other, second] = siblings.filter((one) => one !== own && !isGone(one.operation, nowMs));
  if (second !== undefined) return { key, does: 'in-conflict' };
  if (other !== undefined) {
    const { value, expires } = other.operation;
    return { key, does: 'settled', writes: valued(value as JsonValue, expires) };
  }
  const { value, expires } = kept;
  if (value !== undefined && (expires === undefined || expires > nowMs))
    return { key, does: 'from-backup', writes: valued(value, expires) };
  const isShown = own !== undefined && !isGone(own.operation, nowMs);
  return isShown ? { key, does: 'deleted', writes: {} } : { key, does: 'shows-nothing' };
}
