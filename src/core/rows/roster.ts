import { type CborItem, encodeCbor } from '../cbor/cbor.ts';
import {
  ARRAY,
  expectArray,
  malformed,
  type Reader,
  readBoolean,
  readBytes,
  readBytesOf,
  readHead,
  readUint,
} from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import {
  type AcceptedHere,
  type Ballot,
  decodeNotice,
  decodeProposed,
  encodeNotice,
  encodeProposed,
  NO_VOTES,
  type Notice,
  type VoteState,
} from '../roster/index.ts';
import { type Author, type Bytes, bytesToHex, LatticeError } from '../types/index.ts';
import { authorBytes } from '../wire/fields.ts';
import { rosterKey } from './keys.ts';

/** The kinds of rows about rosters. A number that is retired is never used again. */
const KINDS = {
  first: 0,
  certificate: 1,
  votes: 2,
  change: 3,
  second: 4,
  doubt: 5,
  stopped: 6,
  announcement: 7,
  forced: 8,
} as const;
const HASH_BYTES = 32;
const NOTHING = new Uint8Array(0);

/** The row of the trust list from which the chain of decided rosters begins. Its form is that of the known authors. */
export const FIRST_ROSTER = rosterKey(KINDS.first, NOTHING);
/** The row of a second certificate for an epoch that was decided, encoded. */
export const SECOND_CERTIFICATE = rosterKey(KINDS.second, NOTHING);
/** The row that says since when this store may lack what its key has signed (SPEC RO11). */
export const DOUBT = rosterKey(KINDS.doubt, NOTHING);
/** The row of the keys of this store's node that are retired and have stopped for good, as known authors. */
export const STOPPED = rosterKey(KINDS.stopped, NOTHING);

/** The row of the certificate that decided the roster of `epoch`. */
export function rosterCertificateKey(epoch: number): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(epoch));
  return rosterKey(KINDS.certificate, out);
}

/** The row of this node's votes in the decision after the roster with this hash. */
export const votesKey = (previous: Bytes): Bytes => rosterKey(KINDS.votes, previous);

/** The row of the change with this hash. */
export const changeKey = (hash: Bytes): Bytes => rosterKey(KINDS.change, hash);

/** The row of the newest announcement of this author, as it was received. */
export const announcementKey = (author: Author): Bytes => rosterKey(KINDS.announcement, authorBytes(author));

/** The row by which an operator has let this node take the forced roster with this hash (SPEC RO15). */
export const forcedKey = (hash: Bytes): Bytes => rosterKey(KINDS.forced, hash);

/** What the key of a row about rosters names. LatticeError `damaged-row`. */
export function rosterKeyToName(rowKey: Bytes): { readonly kind: keyof typeof KINDS; readonly rest: Bytes } {
  const kind = (Object.keys(KINDS) as (keyof typeof KINDS)[]).find((name) => KINDS[name] === rowKey[1]);
  if (kind === undefined) throw new LatticeError('damaged-row', `a row about rosters is of kind ${String(rowKey[1])}`);
  return { kind, rest: rowKey.subarray(2) };
}

/** The epoch that a certificate's row is of. */
export const epochOfRest = (rest: Bytes): number =>
  Number(new DataView(rest.buffer, rest.byteOffset, rest.length).getBigUint64(0));

/** Why a store may lack what its key has signed, and since when, Unix ms. `new`: it never had anything. */
export interface KeptDoubt {
  readonly kind: 'new' | 'restored';
  readonly since: number;
}

/** [restored?, since]. */
export const encodeDoubt = ({ kind, since }: KeptDoubt): Bytes => encodeCbor([kind === 'restored', Math.floor(since)]);

/** LatticeError `damaged-row`. */
export function decodeDoubt(bytes: Bytes): KeptDoubt {
  return decodeStored('the row of what the store may lack', bytes, (reader) => {
    expectArray(reader, 2);
    return { kind: readBoolean(reader) ? 'restored' : 'new', since: readUint(reader) };
  });
}

const ballotItem = (ballot: Ballot | undefined): CborItem =>
  ballot === undefined ? [] : [ballot.counter, authorBytes(ballot.author)];

/** [abstains, promised, accepted]: ballots are [] or [counter, author], and what was accepted goes on after its ballot. */
export function encodeVotes({ abstains, promised, accepted }: VoteState): Bytes {
  return encodeCbor([
    abstains,
    ballotItem(promised),
    accepted === undefined
      ? []
      : [
          accepted.ballot.counter,
          authorBytes(accepted.ballot.author),
          accepted.roster,
          encodeProposed(accepted.proposed),
          accepted.attested,
        ],
  ]);
}

/** Whether an array is empty, which else has `length` elements. */
function isEmpty(reader: Reader, length: number): boolean {
  const found = readHead(reader, ARRAY);
  if (found !== 0 && found !== length) throw malformed(`an array of ${found} elements`);
  return found === 0;
}

/** LatticeError `damaged-row`. */
export function decodeVotes(bytes: Bytes): VoteState {
  return decodeStored('a row of votes', bytes, (reader) => {
    expectArray(reader, 3);
    const abstains = readBoolean(reader);
    const author = (): Author => bytesToHex(readBytesOf(reader, HASH_BYTES)) as Author;
    const ballot = (): Ballot => ({ counter: readUint(reader), author: author() });
    const promised = isEmpty(reader, 2) ? undefined : ballot();
    const accepted = isEmpty(reader, 5)
      ? undefined
      : ({
          ballot: ballot(),
          roster: readBytesOf(reader, HASH_BYTES),
          proposed: decodeProposed(readBytes(reader)),
          attested: readUint(reader),
        } satisfies AcceptedHere);
    return { ...NO_VOTES, abstains, promised, accepted };
  });
}

/** A change that was asked for, as it is kept. */
export interface KeptChange {
  /** Unix ms: when this node first heard of it. */
  readonly heardAt: number;
  /** The epoch that it made; 0 while it made none. */
  readonly epoch: number;
  /** Approvals and withdrawals, at most one of an author. All are of the same change, and there is at least one. */
  readonly notices: readonly Extract<Notice, { kind: 'approval' }>[];
}

export function encodeKeptChange({ heardAt, epoch, notices }: KeptChange): Bytes {
  return encodeCbor([heardAt, epoch, notices.map(encodeNotice)]);
}

/** LatticeError `damaged-row`. */
export function decodeKeptChange(bytes: Bytes): KeptChange {
  return decodeStored('the row of a change', bytes, (reader) => {
    expectArray(reader, 3);
    const heardAt = readUint(reader);
    const epoch = readUint(reader);
    const count = readHead(reader, ARRAY);
    const notices = Array.from({ length: count }, () => {
      const notice = decodeNotice(readBytes(reader));
      if (notice.kind !== 'approval') throw malformed('a change has approvals');
      return notice;
    });
    if (notices.length === 0) throw malformed('a change has an approval');
    return { heardAt, epoch, notices };
  });
}
