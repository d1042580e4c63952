import { checkEvidence } from '../state/index.ts';
import { type Author, type Bytes, bytesToHex, equalBytes, type Hasher, LatticeError } from '../types/index.ts';
import { createWireReader, encodeChecked } from '../wire/fields.ts';
import { attestationSigningBytes, decodeSignedAttestation } from '../wire/index.ts';
import {
  type Acceptance,
  compareBallots,
  decodeStatement,
  encodeStatement,
  type Signature,
  type Signed,
  signatureOf,
} from './statements.ts';

/**
 * What two statements of one key show (SPEC EV2). `two-commits`: two commits of one HLC. `two-roots`: two roots for one
 * T. `two-votes`: two rosters in one ballot. `forgotten`: the later of two commits leaves out what the earlier one had
 * replaced (SPEC R10), which a store that lost something does too.
 */
export const EVIDENCE_KINDS = ['two-commits', 'forgotten', 'two-roots', 'two-votes'] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/** Two statements, encoded: fragments (SPEC F1), signed attestations (Z3) or signed votes. */
export type StatementPair = readonly [Bytes, Bytes];

/** Two statements that contradict each other as soon as both signatures are good. */
export interface Contradicting {
  readonly kind: EvidenceKind;
  readonly author: Author;
  /** What they are about, as the end of the sentence "it signed …". */
  readonly about: string;
  /** The key on which something was forgotten. */
  readonly key?: string;
  readonly signatures: readonly Signature[];
}

const MAX_VOTE_BYTES = 640;

/** The bytes of a signed vote: `[statement, signature]`, two byte strings. */
export function encodeSignedVote({ statement, signature }: Signed<Acceptance>): Bytes {
  return encodeChecked([encodeStatement(statement), signature], decodeSignedVote);
}

/** Checks structure and bounds only. LatticeError `malformed` or `unknown-version`. */
export function decodeSignedVote(bytes: Bytes): Signed<Acceptance> {
  const reader = createWireReader('signed vote', new Uint8Array(bytes), MAX_VOTE_BYTES);
  reader.array('signed vote', 2, 2);
  const statement = decodeStatement(reader.bytes('statement', 1, MAX_VOTE_BYTES));
  const signature = reader.bytes('signature', 64);
  reader.end();
  if (statement.kind !== 'acceptance') throw new LatticeError('malformed', `a ${statement.kind} is no vote`);
  return { statement, signature };
}

/**
 * Checks that two statements contradict each other; the caller verifies the signatures. LatticeError `malformed`,
 * `unknown-version`, `other-network`, or `proof-invalid` when they contradict each other in nothing. `isTrusted` tells for
 * `forgotten` whose operations count.
 */
export function checkContradiction(
  kind: EvidenceKind,
  pair: StatementPair,
  options: { readonly network: string; readonly hasher: Hasher; readonly isTrusted: (author: Author) => boolean },
): Contradicting {
  switch (kind) {
    case 'two-roots':
      return twoRoots(pair, options.network);
    case 'two-votes':
      return twoVotes(pair, options.network);
    case 'two-commits':
    case 'forgotten': {
      const found = checkEvidence(pair, options);
      if ((found.kind === 'same-time') !== (kind === 'two-commits')) throw noContradiction();
      const { author, key, commits } = found;
      return {
        kind,
        author,
        about:
          kind === 'two-commits'
            ? `the commits ${commits[0]} and ${commits[1]} with one HLC`
            : `commit ${commits[1]}, which leaves out what its commit ${commits[0]} had replaced`,
        ...(key === undefined ? {} : { key }),
        signatures: found.signatures.map((one) => ({ author, ...one })),
      };
    }
  }
}

function twoRoots(pair: StatementPair, network: string): Contradicting {
  const [a, b] = pair.map(decodeSignedAttestation) as [Decoded, Decoded];
  sameNetwork([a.attestation, b.attestation], network);
  const { author, at } = a.attestation;
  const other = b.attestation;
  const sameRoot = equalBytes(a.attestation.root, other.root) && a.attestation.entries === other.entries;
  if (author !== other.author || at !== other.at || sameRoot) throw noContradiction();
  return {
    kind: 'two-roots',
    author,
    about: `the roots ${bytesToHex(a.attestation.root)} and ${bytesToHex(other.root)} for the cut at ${at}`,
    signatures: [a, b].map(({ payloadBytes, signature }) => ({
      author,
      message: attestationSigningBytes(payloadBytes),
      signature,
    })),
  };
}

type Decoded = ReturnType<typeof decodeSignedAttestation>;

function twoVotes(pair: StatementPair, network: string): Contradicting {
  const [a, b] = pair.map(decodeSignedVote) as [Signed<Acceptance>, Signed<Acceptance>];
  sameNetwork([a.statement, b.statement], network);
  if (!isTwoVotes(a.statement, b.statement)) throw noContradiction();
  const { author, epoch, ballot } = a.statement;
  return {
    kind: 'two-votes',
    author,
    about: `votes for two rosters of epoch ${epoch} in ballot ${ballot.counter} of ${ballot.author}`,
    signatures: [signatureOf(a), signatureOf(b)],
  };
}

/** Whether two votes of one author are for two rosters in one ballot. In different ballots both are honest. */
export function isTwoVotes(a: Acceptance, b: Acceptance): boolean {
  return (
    a.author === b.author &&
    a.network === b.network &&
    a.epoch === b.epoch &&
    equalBytes(a.previous, b.previous) &&
    compareBallots(a.ballot, b.ballot) === 0 &&
    !equalBytes(a.roster, b.roster)
  );
}

function sameNetwork(statements: readonly { readonly network: string }[], network: string): void {
  for (const one of statements)
    if (one.network !== network)
      throw new LatticeError('other-network', `a statement is of network ${JSON.stringify(one.network)}`);
}

const noContradiction = (): LatticeError =>
  new LatticeError('proof-invalid', 'the two statements do not contradict each other');
