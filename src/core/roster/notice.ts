import { malformed } from '../cbor/reader.ts';
import { type Bytes, MAX_NOTICE_BYTES } from '../types/index.ts';
import { MAX_ATTESTATION_BYTES } from '../wire/attestation.ts';
import { createWireReader, encodeChecked, type WireReader } from '../wire/fields.ts';
import { type Change, decodeChange, encodeChange, MAX_CHANGE_BYTES } from './change.ts';
import type { Proposed } from './decision.ts';
import { EVIDENCE_KINDS, type EvidenceKind, type StatementPair } from './evidence.ts';
import { decodeRoster, encodeRoster, MAX_MEMBERS, MAX_ROSTER_BYTES } from './roster.ts';
import {
  type Acceptance,
  type Approval,
  decodeStatement,
  encodeStatement,
  MAX_STATEMENT_BYTES,
  type Promise1b,
  type Signature,
  type Signed,
  type Statement,
  signatureOf,
} from './statements.ts';

/** What members tell each other about the next roster, over any way and through anybody (SPEC RO6). */
export type Notice =
  /** Somebody approves a change, or takes that back. */
  | { readonly kind: 'approval'; readonly change: Change; readonly signed: Signed<Approval> }
  /**
   * A promise, with what its author had accepted. That of a ballot's own author opens the ballot: it asks the others for
   * theirs.
   */
  | { readonly kind: 'promise'; readonly signed: Signed<Promise1b>; readonly proposed: Proposed | undefined }
  /** What a ballot proposes. The acceptance is that of the ballot's author, who proposes nothing else in it. */
  | {
      readonly kind: 'proposal';
      readonly signed: Signed<Acceptance>;
      readonly proposed: Proposed;
      readonly promises: readonly Signed<Promise1b>[];
    }
  | { readonly kind: 'acceptance'; readonly signed: Signed<Acceptance> }
  /** A decided roster, encoded. */
  | { readonly kind: 'certificate'; readonly certificate: Bytes }
  /** The newest attestation that the receiver's own key signed, encoded: a store that was restored learns of it so. */
  | { readonly kind: 'attested'; readonly attestation: Bytes }
  /** What an author signed twice (SPEC EV5). */
  | { readonly kind: 'evidence'; readonly shows: EvidenceKind; readonly statements: StatementPair };

const VERSION = 1;
const KINDS = ['approval', 'promise', 'proposal', 'acceptance', 'certificate'] as const;
/** Notices that nodes of version 1 leave alone, because they do not know that version. */
const LATER_VERSION = 2;
const LATER_KINDS = ['attested', 'evidence'] as const;
type Later = Extract<Notice, { kind: (typeof LATER_KINDS)[number] }>;
type First = Exclude<Notice, Later>;
const SIGNATURE_BYTES = 64;
const MAX_PROPOSED_BYTES = MAX_NOTICE_BYTES - 4096;

const signedFields = ({ statement, signature }: Signed<Statement>) => [encodeStatement(statement), signature] as const;

export function encodeProposed({ roster, change, approvals }: Proposed): Bytes {
  return encodeChecked(
    [VERSION, encodeRoster(roster), encodeChange(change), approvals.map(signedFields)],
    decodeProposed,
  );
}

/** Checks structure and bounds only. LatticeError `malformed` or `unknown-version`. */
export function decodeProposed(bytes: Bytes): Proposed {
  const reader = createWireReader('proposed roster', new Uint8Array(bytes), MAX_PROPOSED_BYTES);
  reader.open({ [VERSION]: 4 });
  const roster = decodeRoster(reader.bytes('roster', 1, MAX_ROSTER_BYTES));
  const change = decodeChange(reader.bytes('change', 1, MAX_CHANGE_BYTES));
  const approvals = readAll(reader, 'approvals', isApproval);
  reader.end();
  return { roster, change, approvals };
}

/** The canonical bytes of a notice. RangeError when a field is out of bounds. */
export function encodeNotice(notice: Notice): Bytes {
  if (notice.kind === 'attested')
    return encodeChecked([LATER_VERSION, LATER_KINDS.indexOf(notice.kind), notice.attestation], decodeNotice);
  if (notice.kind === 'evidence') {
    const { kind, shows, statements } = notice;
    const fields = [EVIDENCE_KINDS.indexOf(shows), ...statements];
    return encodeChecked([LATER_VERSION, LATER_KINDS.indexOf(kind), ...fields], decodeNotice);
  }
  return encodeChecked([VERSION, KINDS.indexOf(notice.kind), ...fieldsOf(notice)], decodeNotice);
}

function fieldsOf(notice: First) {
  switch (notice.kind) {
    case 'approval':
      return [...signedFields(notice.signed), encodeChange(notice.change)];
    case 'promise':
      return [
        ...signedFields(notice.signed),
        notice.proposed === undefined ? new Uint8Array(0) : encodeProposed(notice.proposed),
      ];
    case 'proposal':
      return [...signedFields(notice.signed), encodeProposed(notice.proposed), notice.promises.map(signedFields)];
    case 'acceptance':
      return signedFields(notice.signed);
    case 'certificate':
      return [notice.certificate];
  }
}

const LENGTHS: Readonly<Record<First['kind'], number>> = {
  approval: 5,
  promise: 5,
  proposal: 6,
  acceptance: 4,
  certificate: 3,
};
const LATER_LENGTHS: Readonly<Record<Later['kind'], number>> = { attested: 3, evidence: 5 };

/** Checks structure and bounds only: no signature is verified. LatticeError `malformed` or `unknown-version`. */
export function decodeNotice(bytes: Bytes): Notice {
  const reader = createWireReader('roster notice', new Uint8Array(bytes), MAX_NOTICE_BYTES);
  const version = reader.open({
    [VERSION]: Object.values(LENGTHS),
    [LATER_VERSION]: Object.values(LATER_LENGTHS),
  });
  const expect = (kind: string, length: number): void => {
    if (reader.elements() !== length) throw malformed(`a notice of kind ${kind} has ${reader.elements()} elements`);
  };
  let notice: Notice;
  if (version === VERSION) {
    const kind = KINDS[reader.uint('kind', 0, KINDS.length - 1)] as First['kind'];
    expect(kind, LENGTHS[kind]);
    notice = read(reader, kind);
  } else {
    const kind = LATER_KINDS[reader.uint('kind', 0, LATER_KINDS.length - 1)] as Later['kind'];
    expect(kind, LATER_LENGTHS[kind]);
    notice = readLater(reader, kind);
  }
  reader.end();
  return notice;
}

function readLater(reader: WireReader, kind: Later['kind']): Later {
  if (kind === 'attested') return { kind, attestation: reader.bytes('attestation', 1, MAX_ATTESTATION_BYTES) };
  const shows = EVIDENCE_KINDS[reader.uint('kind of evidence', 0, EVIDENCE_KINDS.length - 1)] as EvidenceKind;
  const statement = (): Bytes => reader.bytes('statement', 1, MAX_NOTICE_BYTES);
  return { kind, shows, statements: [statement(), statement()] };
}

function read(reader: WireReader, kind: First['kind']): First {
  switch (kind) {
    case 'approval': {
      const signed = readSigned(reader, isApproval);
      return { kind, signed, change: decodeChange(reader.bytes('change', 1, MAX_CHANGE_BYTES)) };
    }
    case 'promise': {
      const signed = readSigned(reader, isPromise);
      const proposed = reader.bytes('accepted', 0, MAX_PROPOSED_BYTES);
      return { kind, signed, proposed: proposed.length === 0 ? undefined : decodeProposed(proposed) };
    }
    case 'proposal': {
      const signed = readSigned(reader, isAcceptance);
      const proposed = decodeProposed(reader.bytes('proposed', 1, MAX_PROPOSED_BYTES));
      return { kind, signed, proposed, promises: readAll(reader, 'promises', isPromise) };
    }
    case 'acceptance':
      return { kind, signed: readSigned(reader, isAcceptance) };
    case 'certificate':
      return { kind, certificate: reader.bytes('certificate', 1, MAX_NOTICE_BYTES) };
  }
}

const isApproval = (s: Statement): s is Approval => s.kind === 'approval' || s.kind === 'withdrawal';
const isPromise = (s: Statement): s is Promise1b => s.kind === 'promise';
const isAcceptance = (s: Statement): s is Acceptance => s.kind === 'acceptance';

function readSigned<S extends Statement>(reader: WireReader, is: (s: Statement) => s is S): Signed<S> {
  const statement = decodeStatement(reader.bytes('statement', 1, MAX_STATEMENT_BYTES));
  if (!is(statement)) throw malformed(`a statement of kind ${statement.kind} stands in the place of another`);
  return { statement, signature: reader.bytes('signature', SIGNATURE_BYTES) };
}

function readAll<S extends Statement>(
  reader: WireReader,
  what: string,
  is: (s: Statement) => s is S,
): readonly Signed<S>[] {
  const count = reader.array(what, 0, MAX_MEMBERS);
  return Array.from({ length: count }, () => {
    reader.array('signed statement', 2, 2);
    return readSigned(reader, is);
  });
}

/** Every signature that a vote or an approval rests on. The checks of all other notices give their own. */
export function signaturesOf(notice: Notice): readonly Signature[] {
  switch (notice.kind) {
    case 'approval':
    case 'acceptance':
    case 'promise':
      return [signatureOf(notice.signed)];
    case 'proposal':
      return [notice.signed, ...notice.promises, ...notice.proposed.approvals].map(signatureOf);
    case 'certificate':
    case 'attested':
    case 'evidence':
      return [];
  }
}
