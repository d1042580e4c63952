import { encodeCbor } from '../cbor/cbor.ts';
import { textToBytes } from '../cbor/text.ts';
import { type Author, type Bytes, concatBytes, equalBytes, type Hasher, LatticeError } from '../types/index.ts';
import { authorBytes, wellFormed } from '../wire/fields.ts';
import {
  type Decided,
  decodeRosterCertificate,
  encodeRosterCertificate,
  type RosterCertificate,
} from './certificate.ts';
import { advance, type RosterState } from './change.ts';
import { decidersOf, encodeRoster, isWriter, type Roster, rosterHash, writersOf } from './roster.ts';
import type { Signature } from './statements.ts';

// A fleet that has lost the majority of its writers for good goes on by a roster that nobody voted for (SPEC RO15). It has
// the form of a decided one, so that whoever pins its hash checks what comes after it as usual. Nobody takes it who was
// not told to by an operator: no number of signatures vouches for it.

/** (wire) Stands before what the maker of a forced roster signs, so that it is no vote in any ballot. */
const FORCED_DOMAIN: Bytes = textToBytes('diotec360/lattice/forced-roster/v1:');
const VERSION = 1;

const refuse = (why: string, next: string): LatticeError => new LatticeError('invalid-change', why, { next });

/**
 * The roster with which the `survivors` go on. Every other writer is retired with the end `untilMs` (Unix ms), so that
 * what it wrote up to then counts on all of them; the other members stay as they are. LatticeError `invalid-change`
 * where a majority of the writers is left, which decides by votes.
 */
export function forcedRoster({ roster, hash }: RosterState, survivors: readonly Author[], untilMs: number): Roster {
  const staying = new Set(survivors);
  for (const author of staying)
    if (!isWriter(roster, author)) throw refuse(`${author} is no writer`, 'see the writers with `lattice members`');
  if (staying.size === 0)
    throw refuse('nobody would be left', 'name those who are lost, and run this on one who is not');
  const needed = decidersOf(roster);
  if (staying.size >= needed)
    throw refuse(
      `${staying.size} of ${writersOf(roster).length} writers would be left, and ${needed} decide`,
      'a majority needs no force: retire those who are lost with `lattice members retire`',
    );
  const members = roster.members.map((member) =>
    member.role !== 'writer' || staying.has(member.author)
      ? member
      : { ...member, role: 'retired' as const, until: untilMs },
  );
  return { ...roster, epoch: roster.epoch + 1, previous: hash, members };
}

interface Forced {
  readonly network: string;
  /** Who makes it. */
  readonly author: Author;
  readonly roster: Roster;
  /** Unix ms: where the roster before ends. */
  readonly start: number;
}

/** What the maker of a forced roster signs. */
export function forcedBytes({ network, author, roster, start }: Forced, hasher: Hasher): Bytes {
  const { epoch, previous } = roster;
  const fields = [
    VERSION,
    wellFormed(network),
    authorBytes(author),
    epoch,
    previous,
    rosterHash(roster, hasher),
    start,
  ];
  return concatBytes(FORCED_DOMAIN, encodeCbor(fields));
}

/** The certificate of a forced roster, which has the signature of its maker alone. */
export function encodeForced(forced: Forced, signature: Bytes): Bytes {
  const { network, author, roster, start } = forced;
  const votes = [{ author, attested: start, signature }];
  return encodeRosterCertificate({ network, roster, ballot: { counter: 1, author }, votes });
}

/**
 * Checks everything about a forced roster but its signature: that it follows `state`'s, is of this network, has the form
 * that `forcedRoster` gives it, and was made by one of those who go on. LatticeError `malformed`, `unknown-version` or
 * `not-certified`.
 */
export function checkForcedRoster(
  input: Bytes,
  state: RosterState,
  { network, hasher }: { readonly network: string; readonly hasher: Hasher },
): Decided {
  const certificate = decodeRosterCertificate(input);
  const { roster, ballot, votes } = certificate;
  const fail = (why: string): LatticeError =>
    new LatticeError('not-certified', `the forced roster does not hold: ${why}`);
  if (certificate.network !== network)
    throw fail(`it is of network ${JSON.stringify(certificate.network)}, not ${JSON.stringify(network)}`);
  if (roster.epoch !== state.roster.epoch + 1 || !equalBytes(roster.previous, state.hash))
    throw fail('it comes after another roster');
  const [vote] = votes;
  if (vote === undefined || votes.length > 1) throw fail('it has one signature');
  if (ballot.counter !== 1 || ballot.author !== vote.author || !isWriter(roster, vote.author))
    throw fail('whoever made it does not go on in it');
  if (!equalBytes(encodeRoster(roster), encodeRoster(expected(state, certificate, fail))))
    throw fail('it changes more than who goes on');
  const { author, attested: start, signature } = vote;
  const message = forcedBytes({ network, author, roster, start }, hasher);
  const signatures: readonly Signature[] = [{ author, message, signature }];
  return { state: withLeftOut(state, roster, hasher), certificate, signatures, start };
}

function expected(
  state: RosterState,
  { roster, votes }: RosterCertificate,
  fail: (why: string) => LatticeError,
): Roster {
  try {
    return forcedRoster(state, writersOf(roster), votes[0]?.attested ?? 0);
  } catch (error) {
    if (error instanceof LatticeError) throw fail(error.message);
    throw error;
  }
}

function withLeftOut(state: RosterState, roster: Roster, hasher: Hasher): RosterState {
  const leftOut = new Set(state.leftOut);
  for (const author of writersOf(state.roster)) if (!isWriter(roster, author)) leftOut.add(author);
  return { ...advance(state, roster, hasher), leftOut };
}

/** Whether a roster certificate has the form of a forced one that follows `state`'s. No signature is verified. */
export function isForcedAfter(
  input: Bytes,
  state: RosterState,
  options: { readonly network: string; readonly hasher: Hasher },
): boolean {
  try {
    checkForcedRoster(input, state, options);
    return true;
  } catch (error) {
    if (error instanceof LatticeError) return false;
    throw error;
  }
}
