import { MAX_CHAIN } from '../../core/roster/index.ts';
import { hexToBytes, LatticeError } from '../../core/types/index.ts';
import type { Roster } from '../fleet/roster.ts';
import { base64url } from './base64url.ts';

/**
 * The chain of rosters for a document (SPEC Z12), with which whoever pins the configured list can check it, or the roster
 * with the hash `from` (64 hex digits). Empty where no roster was decided. LatticeError `not-found` for a hash of no
 * roster of this fleet.
 */
export function chainFor(
  roster: Pick<Roster, 'from' | 'withHash' | 'present'>,
  from: string | undefined,
): { readonly rosters?: readonly string[] } {
  const hash = from === undefined ? undefined : hexToBytes(from);
  const pinned = hash === undefined ? undefined : roster.withHash(hash);
  if (from !== undefined && pinned === undefined)
    throw new LatticeError('not-found', `no roster of this fleet has the hash ${from}`, {
      next: 'Take the hash of a roster from the status of a node, or leave it out.',
    });
  const certificates = roster
    .from(pinned?.state.roster.epoch ?? 0)
    .flatMap(({ certificate }) => certificate ?? [])
    // Who pins an older roster than these asks from a later one; nobody can be sent more.
    .slice(-MAX_CHAIN);
  return certificates.length === 0 ? {} : { rosters: certificates.map(base64url) };
}
