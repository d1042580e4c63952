import { MAX_CHAIN } from '../../core/roster/index.ts';
import { type Bytes, hexToBytes, LatticeError } from '../../core/types/index.ts';
import type { Roster } from '../fleet/roster.ts';
import { base64url } from './base64url.ts';

/**
 * The chain of rosters for a document (SPEC Z12), with which whoever pins the configured list can check it, or the roster
 * with the hash `from` (64 hex digits). Empty where no roster was decided. What the roster with the hash `certifies` has
 * certified needs no forced roster after that one, through which no verifier goes who pins an earlier one (RO15), so
 * that the chain ends before it. LatticeError `not-found` for a hash of no roster of this fleet.
 */
export function chainFor(
  roster: Pick<Roster, 'from' | 'withHash' | 'present'>,
  from: string | undefined,
  certifies?: Bytes,
): { readonly rosters?: readonly string[] } {
  const hash = from === undefined ? undefined : hexToBytes(from);
  const pinned = hash === undefined ? undefined : roster.withHash(hash);
  if (from !== undefined && pinned === undefined)
    throw new LatticeError('not-found', `no roster of this fleet has the hash ${from}`, {
      next: 'Take the hash of a roster from the status of a node, or leave it out.',
    });
  const first = pinned?.state.roster.epoch ?? 0;
  const certified = certifies === undefined ? undefined : roster.withHash(certifies)?.state.roster.epoch;
  const end = certified === undefined ? Infinity : forcedAfter(roster, Math.max(first, certified));
  const certificates = roster
    .from(first)
    .filter(({ state }) => state.roster.epoch < end)
    .flatMap(({ certificate }) => certificate ?? [])
    // Who pins an older roster than these asks from a later one; nobody can be sent more.
    .slice(-MAX_CHAIN);
  return certificates.length === 0 ? {} : { rosters: certificates.map(base64url) };
}

/** The epoch of the first forced roster after `epoch`; Infinity where there is none. */
function forcedAfter(roster: Pick<Roster, 'from'>, epoch: number): number {
  const [, ...later] = roster.from(epoch);
  let before = roster.from(epoch)[0]?.state;
  for (const { state } of later) {
    // A forced roster is the one that leaves writers out.
    if (before !== undefined && state.leftOut.size > before.leftOut.size) return state.roster.epoch;
    before = state;
  }
  return Infinity;
}
