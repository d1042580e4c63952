import { type Author, type Bytes, bytesToHex, type Hasher } from '../types/index.ts';
import { checkRosterCertificate } from './certificate.ts';
import { type RosterState, stateOf } from './change.ts';
import { initialRoster } from './roster.ts';
import type { Signature } from './statements.ts';

/** What certificates show, whose every one of `signatures` is still to be verified. */
export interface FollowedChain {
  /** From epoch 0 on, each at its epoch. */
  readonly states: readonly RosterState[];
  readonly signatures: readonly Signature[];
  /** The epoch whose roster has that hash; undefined where none of the chain has. */
  epochOf(hash: string): number | undefined;
}

/**
 * Follows certificates (encoded, in order) from the roster of these founders. LatticeError `malformed`,
 * `unknown-version` or `not-certified`.
 */
export function followChain(
  founders: readonly Author[],
  certificates: readonly Bytes[],
  options: { readonly network: string; readonly hasher: Hasher },
): FollowedChain {
  const states = [stateOf(initialRoster(founders), new Set(), options.hasher)];
  const signatures: Signature[] = [];
  for (const certificate of certificates) {
    const decided = checkRosterCertificate(certificate, states.at(-1) as RosterState, options);
    states.push(decided.state);
    signatures.push(...decided.signatures);
  }
  const hashes = states.map(({ hash }) => bytesToHex(hash));
  return {
    states,
    signatures,
    epochOf(hash) {
      const epoch = hashes.indexOf(hash);
      return epoch < 0 ? undefined : epoch;
    },
  };
}
