import { malformed, splitBytes } from '../cbor/reader.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  concatBytes,
  equalBytes,
  type Hasher,
  LatticeError,
  MAX_NETWORK_BYTES,
} from '../types/index.ts';
import { authorBytes, createWireReader, encodeChecked, wellFormed } from '../wire/fields.ts';
import { advance, type RosterState } from './change.ts';
import {
  decidersOf,
  decodeRoster,
  encodeRoster,
  isWriter,
  MAX_MEMBERS,
  MAX_ROSTER_BYTES,
  type Roster,
  rosterHash,
} from './roster.ts';
import { type Acceptance, type Ballot, type Signature, type Signed, signatureOf } from './statements.ts';

/** A decided roster: acceptances of one ballot by a quorum of the writers of the roster before (docs/adr/0021). */
export interface RosterCertificate {
  readonly network: string;
  readonly roster: Roster;
  readonly ballot: Ballot;
  /** In increasing order of their authors, each once. `attested` is the newest T that the voter had attested. */
  readonly votes: readonly { readonly author: Author; readonly attested: number; readonly signature: Bytes }[];
}

const VERSION = 1;
const AUTHOR_BYTES = 32;
const TIME_BYTES = 8;
const VOTE_BYTES = AUTHOR_BYTES + TIME_BYTES + 64;
const MAX_TIME = 2 ** 48 - 1;
/** (wire) Most bytes of a roster certificate: a full roster with the votes of all its members. */
const MAX_ROSTER_CERTIFICATE_BYTES = MAX_ROSTER_BYTES + MAX_MEMBERS * VOTE_BYTES + 256;

/** The certificate that acceptances make, which are all of one ballot and one roster. */
export function certify(roster: Roster, acceptances: readonly Signed<Acceptance>[]): RosterCertificate {
  const first = acceptances[0]?.statement;
  if (first === undefined) throw new RangeError('a certificate has acceptances');
  const votes = acceptances
    .map(({ statement, signature }) => ({ author: statement.author, attested: statement.attested, signature }))
    .sort((a, b) => (a.author < b.author ? -1 : 1));
  return { network: first.network, roster, ballot: first.ballot, votes };
}

function timeBytes(ms: number): Bytes {
  const out = new Uint8Array(TIME_BYTES);
  new DataView(out.buffer).setBigUint64(0, BigInt(ms));
  return out;
}

/** The bytes of a certificate. RangeError when a field is out of bounds, or when the voters do not strictly increase. */
export function encodeRosterCertificate({ network, roster, ballot, votes }: RosterCertificate): Bytes {
  const packed = concatBytes(
    ...votes.flatMap(({ author, attested, signature }) => [authorBytes(author), timeBytes(attested), signature]),
  );
  return encodeChecked(
    [VERSION, wellFormed(network), encodeRoster(roster), ballot.counter, authorBytes(ballot.author), packed],
    decodeRosterCertificate,
  );
}

/** Checks structure and bounds only. LatticeError `malformed` or `unknown-version`. */
export function decodeRosterCertificate(input: Bytes): RosterCertificate {
  const reader = createWireReader('roster certificate', new Uint8Array(input), MAX_ROSTER_CERTIFICATE_BYTES);
  reader.open({ [VERSION]: 6 });
  const network = reader.text('network', 1, MAX_NETWORK_BYTES);
  const roster = decodeRoster(reader.bytes('roster', 1, MAX_ROSTER_BYTES));
  const ballot = { counter: reader.uint('ballot', 1), author: reader.author('proposer') };
  const packed = splitBytes(reader.bytes('votes', VOTE_BYTES, MAX_MEMBERS * VOTE_BYTES), VOTE_BYTES);
  reader.end();
  if (roster.epoch === 0) throw malformed('a roster certificate of epoch 0');
  const votes = packed.map((one) => {
    const attested = Number(new DataView(one.buffer, one.byteOffset + AUTHOR_BYTES, TIME_BYTES).getBigUint64(0));
    if (attested > MAX_TIME) throw malformed('a vote names a time that no HLC can hold');
    return {
      author: bytesToHex(one.subarray(0, AUTHOR_BYTES)) as Author,
      attested,
      signature: one.subarray(AUTHOR_BYTES + TIME_BYTES),
    };
  });
  for (let i = 1; i < votes.length; i++)
    if ((votes[i]?.author as Author) <= (votes[i - 1]?.author as Author))
      throw malformed("a certificate's voters are not strictly increasing");
  return { network, roster, ballot, votes };
}

/** A decided roster whose every one of `signatures` is still to be verified. */
export interface Decided {
  readonly state: RosterState;
  readonly certificate: RosterCertificate;
  readonly signatures: readonly Signature[];
  /**
   * Where the roster before it ends, Unix ms: it certifies cuts up to here and this one later cuts only. Quorums that
   * differ may name different starts. Each of them is right, because whatever the roster before had certified was
   * attested by some voter of every quorum before its vote.
   */
  readonly start: number;
}

/**
 * Checks everything about a certificate but its signatures: that it decides the roster after `state`'s, for this
 * network, by writers enough. LatticeError `malformed`, `unknown-version` or `not-certified`.
 */
export function checkRosterCertificate(
  input: Bytes,
  state: RosterState,
  options: { readonly network: string; readonly hasher: Hasher },
): Decided {
  const certificate = decodeRosterCertificate(input);
  const { network, roster, ballot } = certificate;
  const fail = (why: string): LatticeError =>
    new LatticeError('not-certified', `the roster certificate does not hold: ${why}`);
  if (network !== options.network)
    throw fail(`it is of network ${JSON.stringify(network)}, not ${JSON.stringify(options.network)}`);
  if (roster.epoch !== state.roster.epoch + 1)
    throw fail(`it decides epoch ${roster.epoch}, and epoch ${state.roster.epoch + 1} is the next one`);
  if (!equalBytes(roster.previous, state.hash)) throw fail('it decides what comes after another roster');
  for (const { author } of roster.members)
    if (state.departed.has(author)) throw fail(`${author} has left the fleet, and a key that left never returns`);
  const votes = certificate.votes.filter(({ author }) => isWriter(state.roster, author));
  const needed = decidersOf(state.roster);
  if (votes.length < needed) throw fail(`${votes.length} writers voted for it, and ${needed} decide`);
  const hash = rosterHash(roster, options.hasher);
  const signatures = votes.map(({ author, attested, signature }) =>
    signatureOf({
      statement: {
        kind: 'acceptance',
        network,
        epoch: roster.epoch,
        previous: roster.previous,
        author,
        ballot,
        roster: hash,
        attested,
      },
      signature,
    }),
  );
  return {
    state: advance(state, roster, options.hasher),
    certificate,
    signatures,
    start: Math.max(...votes.map(({ attested }) => attested)),
  };
}
