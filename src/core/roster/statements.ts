import type { CborItem } from '../cbor/cbor.ts';
import { malformed } from '../cbor/reader.ts';
import { textToBytes } from '../cbor/text.ts';
import { type Author, type Bytes, concatBytes, MAX_NETWORK_BYTES } from '../types/index.ts';
import { authorBytes, createWireReader, encodeChecked, type WireReader, wellFormed } from '../wire/fields.ts';

/** (wire) Stands before what members sign about rosters, so that the signature means nothing elsewhere. */
const ROSTER_DOMAIN: Bytes = textToBytes('diotec360/lattice/roster/v1:');
/** (wire) Most bytes of a statement: a network and five fields of at most 33 bytes fit. */
export const MAX_STATEMENT_BYTES = 512;

const VERSION = 1;
const KINDS = { approval: 1, withdrawal: 2, promise: 3, acceptance: 4 } as const;
const MAX_TIME = 2 ** 48 - 1;
const HASH_BYTES = 32;

/** A round of the decision: the greater counter is the later one, and among equals the greater author. */
export interface Ballot {
  readonly counter: number;
  readonly author: Author;
}

/** Which decision a vote belongs to: that of the roster after `previous`. */
export interface DecisionId {
  readonly network: string;
  /** The epoch that is decided. */
  readonly epoch: number;
  /** The hash of the roster of the epoch before, whose writers vote. */
  readonly previous: Bytes;
}

/** An operator of `author`'s node wants the change, until `expires` (Unix ms), or wants it no more. */
export interface Approval {
  readonly kind: 'approval' | 'withdrawal';
  readonly network: string;
  readonly author: Author;
  /** `changeHash` of the change. */
  readonly change: Bytes;
  /** For a withdrawal, the same as of the approval that it takes back. */
  readonly expires: number;
}

/** What was accepted by somebody in one ballot: the hash of the next roster. */
export interface Accepted {
  readonly ballot: Ballot;
  readonly roster: Bytes;
}

/** `author` votes in no earlier ballot any more, and had last accepted what it names (Paxos, phase 1b). */
export interface Promise1b extends DecisionId {
  readonly kind: 'promise';
  readonly author: Author;
  readonly ballot: Ballot;
  readonly accepted: Accepted | undefined;
}

/**
 * `author` votes for a roster (Paxos, phase 2b). `attested` is its newest attested T, Unix ms: from here on it attests
 * nothing under the present roster (docs/adr/0021).
 */
export interface Acceptance extends DecisionId, Accepted {
  readonly kind: 'acceptance';
  readonly author: Author;
  readonly attested: number;
}

export type Statement = Approval | Promise1b | Acceptance;

export interface Signed<S extends Statement> {
  readonly statement: S;
  /** 64 bytes, Ed25519 by the statement's author over `statementBytes`. */
  readonly signature: Bytes;
}

/** What stands to be verified before a signed statement is believed. */
export interface Signature {
  readonly author: Author;
  readonly message: Bytes;
  readonly signature: Bytes;
}

/** Negative when `a` is the earlier ballot. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.counter !== b.counter) return a.counter - b.counter;
  if (a.author === b.author) return 0;
  return a.author < b.author ? -1 : 1;
}

const ballotFields = ({ counter, author }: Ballot): readonly CborItem[] => [counter, authorBytes(author)];

/** The canonical bytes of a statement, without domain and signature. RangeError when a field is out of bounds. */
export function encodeStatement(statement: Statement): Bytes {
  const head = [VERSION, KINDS[statement.kind], wellFormed(statement.network), authorBytes(statement.author)];
  return encodeChecked([...head, ...ownFields(statement)], decodeStatement);
}

function ownFields(statement: Statement): readonly CborItem[] {
  switch (statement.kind) {
    case 'approval':
    case 'withdrawal':
      return [statement.change, statement.expires];
    case 'acceptance':
      return [...voteFields(statement), statement.roster, statement.attested];
    case 'promise': {
      const { accepted } = statement;
      return [
        ...voteFields(statement),
        accepted === undefined ? [] : [...ballotFields(accepted.ballot), accepted.roster],
      ];
    }
  }
}

const voteFields = ({ epoch, previous, ballot }: Promise1b | Acceptance): readonly CborItem[] => [
  epoch,
  previous,
  ...ballotFields(ballot),
];

/** Checks the form and every bound. LatticeError `malformed` or `unknown-version`. */
export function decodeStatement(bytes: Bytes): Statement {
  const reader = createWireReader('roster statement', new Uint8Array(bytes), MAX_STATEMENT_BYTES);
  reader.open({ [VERSION]: [6, 9, 10] });
  const number = reader.uint('kind', 1, 4);
  const network = reader.text('network', 1, MAX_NETWORK_BYTES);
  const author = reader.author('author');
  const expect = (length: number): void => {
    if (reader.elements() !== length)
      throw malformed(`a statement of kind ${number} has ${reader.elements()} elements`);
  };
  let statement: Statement;
  if (number === KINDS.approval || number === KINDS.withdrawal) {
    expect(6);
    const kind = number === KINDS.approval ? 'approval' : 'withdrawal';
    statement = {
      kind,
      network,
      author,
      change: reader.bytes('change', HASH_BYTES),
      expires: reader.uint('expiry', 0, MAX_TIME),
    };
  } else {
    const id = {
      network,
      author,
      epoch: reader.uint('epoch', 1),
      previous: reader.bytes('previous', HASH_BYTES),
      ballot: readBallot(reader),
    };
    if (number === KINDS.acceptance) {
      expect(10);
      const roster = reader.bytes('roster', HASH_BYTES);
      statement = { kind: 'acceptance', ...id, roster, attested: reader.uint('attested', 0, MAX_TIME) };
    } else {
      expect(9);
      statement = { kind: 'promise', ...id, accepted: readAccepted(reader, id.ballot) };
    }
  }
  reader.end();
  return statement;
}

function readBallot(reader: WireReader): Ballot {
  return { counter: reader.uint('ballot', 1), author: reader.author('proposer') };
}

function readAccepted(reader: WireReader, promised: Ballot): Accepted | undefined {
  const length = reader.array('accepted', 0, 3);
  if (length === 0) return undefined;
  if (length !== 3) throw malformed('what was accepted has three fields');
  const accepted = { ballot: readBallot(reader), roster: reader.bytes('roster', HASH_BYTES) };
  if (compareBallots(accepted.ballot, promised) >= 0)
    throw malformed('a promise names an acceptance of a later ballot');
  return accepted;
}

/** The bytes that a statement's signature covers. */
export const statementBytes = (statement: Statement): Bytes => concatBytes(ROSTER_DOMAIN, encodeStatement(statement));

/** Signs a statement; `sign` is Ed25519 with the node key of its author. */
export function signStatement<S extends Statement>(statement: S, sign: (message: Bytes) => Bytes): Signed<S> {
  return { statement, signature: sign(statementBytes(statement)) };
}

export function signatureOf({ statement, signature }: Signed<Statement>): Signature {
  return { author: statement.author, message: statementBytes(statement), signature };
}
