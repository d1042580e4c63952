import { namesObject } from '../../../core/vault/index.ts';
import type { EntryView, Lattice } from '../../../runtime/facade/index.ts';

/**
 * Whether the original's endpoints show an entry: what names an object of the vault is the vault's own (SPEC I17).
 */
export const isOwnKey = ({ key, value }: EntryView): boolean => !namesObject(key, value);

/** How many keys the original's endpoints show of a state of `live` keys. */
export function ownKeyCount(lattice: Pick<Lattice, 'vault'>, live: number): number {
  return Math.max(0, live - (lattice.vault?.status().objects ?? 0));
}
