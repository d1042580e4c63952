import { type Author, LatticeError, MAX_TRUSTED } from '../core/types/index.ts';

/**
 * Whose word counts: the authors of a trust list, or anyone's. What anyone may have signed proves nothing about a fleet;
 * `anyone` is for those who want to look at a document nevertheless.
 */
export type Trust = readonly Author[] | 'anyone';

/** A roster whose hash somebody keeps: documents that carry it, and what was decided after it, are checked from there. */
export interface PinnedRoster {
  /** 64 lower-case hex digits. */
  readonly roster: string;
}

/**
 * From what proofs and certificates are checked: the configured trust list of the fleet, which is its roster of epoch 0,
 * or any later roster.
 */
export type ProofTrust = Trust | PinnedRoster;

export const isPinned = (trusted: ProofTrust): trusted is PinnedRoster =>
  typeof trusted === 'object' && trusted !== null && 'roster' in trusted;

/** What was given in place of digits. What is no text is told by its type, because not everything can be written. */
const shown = (given: unknown): string => (typeof given === 'string' ? JSON.stringify(given) : `a ${typeof given}`);

const noTrust = (what: string): LatticeError =>
  new LatticeError('invalid-author', what, {
    next: "Give the fleet's public keys as an array, the hash of a roster as { roster }, or 'anyone'.",
  });

/**
 * The trust list as it was given, once it is one: 1 to MAX_TRUSTED authors of 64 lower-case hex digits. LatticeError
 * `trust-needed` without any author, and `invalid-author`.
 *
 * @throws `trust-needed` without any author, `invalid-author`
 * @example
 * const list = checkTrust(trusted);
 * console.log(list === 'anyone' ? 'nobody is checked' : list.length);
 */
export function checkTrust(trusted: Trust | undefined): Trust {
  if (trusted === 'anyone') return trusted;
  if (trusted !== undefined && !Array.isArray(trusted)) throw noTrust('what is trusted is no list of authors');
  if (trusted === undefined || trusted.length === 0)
    throw trustNeeded('without a trust list nothing is verified, because anyone can sign a document with a new key');
  if (new Set(trusted).size > MAX_TRUSTED) throw noTrust(`a trust list has at most ${MAX_TRUSTED} authors`);
  for (const author of trusted) {
    if (typeof author !== 'string' || !/^[0-9a-f]{64}$/.test(author))
      throw noTrust(`${shown(author)} is not an author: 64 lower-case hex digits`);
  }
  return trusted;
}

/** The same for what proofs and certificates are checked from. LatticeError `invalid-author` for a hash that is none. */
export function checkProofTrust(trusted: ProofTrust | undefined): ProofTrust {
  if (trusted === undefined || !isPinned(trusted)) return checkTrust(trusted);
  if (typeof trusted.roster !== 'string' || !/^[0-9a-f]{64}$/.test(trusted.roster))
    throw noTrust(`${shown(trusted.roster)} is no hash of a roster: 64 hex digits`);
  return trusted;
}

export function trustNeeded(why: string): LatticeError {
  return new LatticeError('trust-needed', why, {
    next: "Give the fleet's trust list: --trust fleet.json, an env file of a node, or its keys.",
  });
}
