import { checkValue, encodeCbor } from '../core/cbor/index.ts';
import { hlcMs } from '../core/clock/index.ts';
import { decodeProof, type LeafRef, type MerkleProof, verifyProof } from '../core/merkle/index.ts';
import { memberOf, type Roster } from '../core/roster/index.ts';
import { compareSiblings, isExpired, supersedes } from '../core/state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  compareBytes,
  equalBytes,
  type JsonValue,
  LatticeError,
  type Sibling,
} from '../core/types/index.ts';
import { decodeSignedHead, fragmentToSiblings, type Head, headSigningBytes, keyHash } from '../core/wire/index.ts';
import { type Checklist, type Examination, examine, PROOF_CHECKS, type ProofCheck } from './checks.ts';
import { verifyCommit } from './commit.ts';
import { asDocumentError, type DocumentFields, decode, invalid, readProofDocument } from './document.ts';
import { type CheckRostersOptions, checkRosters, type KnownFleet } from './rosters.ts';
import { checkProofTrust, type ProofTrust } from './trust.ts';
import { checkQuorum } from './verify-certificate.ts';

/** What a proof document shows, after everything in it was checked. */
export interface Proven {
  readonly key: string;
  readonly kind: DocumentFields['kind'];
  /** The value of the winner; undefined unless `kind` is `present`. */
  readonly value: JsonValue | undefined;
  /** When the value of the winner ends or has ended, Unix ms; undefined when it has no end. */
  readonly expires: number | undefined;
  /** 64 hex digits. */
  readonly root: string;
  readonly network: string;
  /** The head in which the serving node names the root; undefined when a certificate names it. */
  readonly head: Head | undefined;
  /**
   * Who attested the root at the cut `at` (Unix ms), the size of a quorum, and the roster whose writers they are;
   * undefined when a head names the root.
   */
  readonly certificate:
    | { readonly at: number; readonly signers: readonly Author[]; readonly quorum: number; readonly roster: Roster }
    | undefined;
  /** The authors of the siblings, that of the winner first. */
  readonly writers: readonly Author[];
  /** The number of siblings of the key. */
  readonly siblings: number;
}

/** What a verifier is asked about a document. What is undefined is not asked for, and is reported as not checked. */
export interface ProofQuestion {
  readonly key?: string | undefined;
  readonly network?: string | undefined;
  /** 64 lower-case hex digits. */
  readonly root?: string | undefined;
  /** The value that the key must have. */
  readonly value?: JsonValue | undefined;
  /** Whether the key must have no value: it was deleted, has ended, or was never written. */
  readonly noValue?: boolean | undefined;
}

/** What a proof is checked with. */
export interface VerifyProofOptions extends CheckRostersOptions {
  /**
   * The authors that the head and all commits must come from; with a certificate, the whole configured trust list of the
   * fleet, or the hash of a later roster. `anyone` leaves authors unchecked, so that what holds says nothing about any
   * fleet.
   */
  readonly trusted: ProofTrust;
  readonly asked?: ProofQuestion | undefined;
}

/**
 * Checks a proof document (SPEC P5, P6, P8) without any network. The document is JSON text or its bytes, which are read
 * strictly, or an object, in which repeated members and lost digits can no longer be seen. Resolves with every check
 * and its result, and with what was proven or the LatticeError `proof-malformed`, `proof-invalid`, `trust-needed` or
 * `invalid-author`.
 *
 * @throws nothing: the error is part of the result
 * @example
 * const { checks, proven } = await examineProof(document, { ...bundledCrypto(), trusted, asked: { key: 'greeting' } });
 * for (const { check, result, text } of checks) console.log(check, result, text);
 * console.log(proven?.value);
 */
export function examineProof(document: unknown, options: VerifyProofOptions): Promise<Examination<Proven>> {
  return examine(PROOF_CHECKS, async (list) => {
    list.begin('form');
    const file = readProofDocument(document);
    const { key, kind, network } = file;
    list.ok(`the document is a proof of kind "${kind}", and nothing else`);
    const { asked = {} } = options;
    isAsked(list, 'key', key, asked.key);
    isAsked(list, 'network', network, asked.network);
    isAsked(list, 'root', file.root, asked.root);

    const fleet = await checkRosters(file.rosters, network, options, list);
    const anchor = await checkAnchor(file, fleet, options, list);
    const merkle = checkPath(file, anchor.root, options, list);
    const siblings = kind === 'absent' ? [] : await checkCommits(file, merkle, anchor, fleet, options, list);
    const { head, certificate } = anchor;
    // What has ended is judged at the time that the root is of, and by no clock of the verifier (SPEC EX7).
    checkOutcome(file, siblings[0], certificate?.at ?? head?.wallMs ?? 0, asked, list);
    const writers = siblings.map(({ author }) => author);
    const shown = siblings[0]?.operation;
    const value = kind === 'present' ? shown?.value : undefined;
    const about = { key, kind, value, expires: shown?.expires, root: file.root, network };
    return { ...about, head, certificate, writers, siblings: siblings.length };
  });
}

/**
 * Does what `examineProof` does, and rejects with its error.
 *
 * @throws `proof-malformed`, `proof-invalid`, `trust-needed`, `invalid-author`
 * @example
 * const { kind, value } = await verifyProofDocument(document, { ...bundledCrypto(), trusted });
 * console.log(kind, value);
 */
export async function verifyProofDocument(document: unknown, options: VerifyProofOptions): Promise<Proven> {
  const { proven, error } = await examineProof(document, options);
  if (error !== undefined) throw error;
  return proven;
}

function isAsked(
  list: Checklist<ProofCheck>,
  check: 'key' | 'network' | 'root',
  is: string,
  asked: string | undefined,
): void {
  if (asked === undefined) {
    list.skip(check, `no ${check} was asked for; the proof is about the ${check} ${JSON.stringify(is)}`);
    return;
  }
  list.begin(check);
  if (is !== asked)
    throw invalid(`the proof is about the ${check} ${JSON.stringify(is)}, not about ${JSON.stringify(asked)}`);
  list.ok(`the ${check} is the one that was asked for`);
}

/** The signed statement that names the root. */
interface Anchor {
  readonly root: Bytes;
  readonly head: Proven['head'];
  readonly certificate: Proven['certificate'];
}

/** Checks who vouches for the root of the document: a node by its head, or a quorum by a certificate. */
async function checkAnchor(
  { anchor, network, root: named }: DocumentFields,
  fleet: KnownFleet | undefined,
  options: VerifyProofOptions,
  list: Checklist<ProofCheck>,
): Promise<Anchor> {
  list.begin('signature');
  checkProofTrust(options.trusted);
  const sameRoot = (signed: Bytes): void => {
    const root = bytesToHex(signed);
    if (root !== named) throw invalid(`the ${anchor.kind} names root ${root}, the document ${named}`);
  };
  if (anchor.kind === 'certificate') {
    const { text, at, root, signers, quorum, roster } = await checkQuorum(anchor.bytes, network, fleet, options);
    sameRoot(root);
    list.ok(text);
    list.begin('signer');
    list.ok('the signers that count are trusted keys');
    return { root, head: undefined, certificate: { at, signers, quorum, roster } };
  }
  const signed = decode('head', () => decodeSignedHead(anchor.bytes));
  const { head } = signed;
  if (!(await options.verifier.verify(head.author, headSigningBytes(signed.payloadBytes), signed.signature)))
    throw invalid(`the head is not signed by its author ${head.author}`);
  if (head.network !== network)
    throw invalid(
      `the head is of network ${JSON.stringify(head.network)}, the document says ${JSON.stringify(network)}`,
    );
  sameRoot(head.root);
  list.ok(`the head is signed by ${head.author}`);
  list.begin('signer');
  if (fleet === undefined) list.skip('signer', 'no trust list was given: anyone may have signed the head');
  else {
    checkSigner(head, fleet);
    list.ok('the head comes from a trusted key');
  }
  return { root: head.root, head, certificate: undefined };
}

/**
 * A head counts from whom the trust list names. Where rosters are known, it is of the last of these, and from one that
 * is a member there and has not retired (SPEC P8).
 */
function checkSigner({ author, trustHash }: Head, { spans, plain }: KnownFleet): void {
  const { roster, hash } = (spans[spans.length - 1] as KnownFleet['spans'][0]).state;
  const member = memberOf(roster, author);
  if (member === undefined) throw invalid(`the head's author ${author} is not one of the trusted keys`);
  if (plain) return;
  if (member.role === 'retired') throw invalid(`the head's author ${author} is retired in epoch ${roster.epoch}`);
  if (!equalBytes(trustHash, hash))
    throw invalid(`the head is of another roster than that of epoch ${roster.epoch}, the last one that is known`);
}

function checkPath(
  file: DocumentFields,
  root: Bytes,
  { hasher }: VerifyProofOptions,
  list: Checklist<ProofCheck>,
): MerkleProof {
  list.begin('path');
  const merkle = decode('Merkle proof', () => decodeProof(file.merkle));
  const verdict = verifyProof(merkle, keyHash(file.key, hasher), root, hasher);
  if (verdict === false) throw invalid('the Merkle proof does not lead from the key to the root');
  if ((verdict === 'absent') !== (file.kind === 'absent'))
    throw invalid(`the Merkle proof says ${verdict}, the document ${file.kind}`);
  const where = verdict === 'present' ? 'in the tree' : 'not in the tree';
  list.ok(`the Merkle proof shows that the key is ${where} with root ${file.root}`);
  return merkle;
}

/** Checks the commits of the document. Resolves to their operations on the key, the winner first. */
async function checkCommits(
  file: DocumentFields,
  merkle: MerkleProof,
  { certificate }: Anchor,
  fleet: KnownFleet | undefined,
  options: VerifyProofOptions,
  list: Checklist<ProofCheck>,
): Promise<readonly Sibling[]> {
  const { hasher } = options;
  list.begin('commits');
  const siblings: Sibling[] = [];
  for (const bytes of file.fragments) {
    const fragment = await verifyCommit(bytes, { ...options, trusted: 'anyone', network: file.network }).catch(
      (error: unknown) => {
        throw asDocumentError('commit', error);
      },
    );
    if (fragment.operations.some(({ operation }) => operation.key !== file.key))
      throw invalid(`commit ${fragment.id} is about another key`);
    if (certificate !== undefined && hlcMs(fragment.header.hlc) > certificate.at)
      throw invalid(`commit ${fragment.id} is later than the cut`);
    siblings.push(...fragmentToSiblings(fragment, hasher));
  }
  if (!sameRefs(merkle, siblings)) throw invalid('the commits shown are not those that the tree holds for the key');
  siblings.forEach((sibling, i) => {
    const before = siblings[i - 1];
    if (before !== undefined && compareSiblings(before, sibling) >= 0)
      throw invalid('the commits do not stand in order, the winner first');
    if (siblings.some((other) => supersedes(other, sibling)))
      throw invalid(`commit ${bytesToHex(sibling.commit)} is superseded by another one that is shown`);
  });
  const authors = siblings.map(({ author }) => author);
  list.ok(
    `${siblings.length === 1 ? 'the commit is' : `all ${siblings.length} commits are`} signed by ${authors.join(', ')}, and what the tree holds`,
  );
  list.begin('writers');
  const stranger = fleet === undefined ? undefined : authors.find((author) => !fleet.wrote(author));
  if (stranger !== undefined && fleet?.whole === true)
    throw invalid(`the author of a commit, ${stranger}, is not one of the trusted keys`);
  if (fleet === undefined) list.skip('writers', 'no trust list was given: anyone may have signed the commits');
  else if (stranger !== undefined)
    list.skip(
      'writers',
      `${stranger} stands in no roster from the pinned one on: it left before, or never was a member`,
    );
  else list.ok('every commit comes from a trusted key');
  return siblings;
}

/** Whether the siblings are exactly those that the leaf of the Merkle proof names. */
function sameRefs(proof: MerkleProof, siblings: readonly Sibling[]): boolean {
  if (proof.kind !== 'leaf' || proof.refs.length !== siblings.length) return false;
  const sorted = siblings.toSorted((a, b) => compareBytes(a.commit, b.commit) || a.index - b.index);
  return proof.refs.every((ref: LeafRef, i) => {
    const sibling = sorted[i] as Sibling;
    return ref.index === sibling.index && equalBytes(ref.commit, sibling.commit);
  });
}

/** What a winner is at `at`, Unix ms. */
function kindAt({ operation }: Sibling, at: number): DocumentFields['kind'] {
  if (operation.kind === 'delete') return 'deleted';
  return isExpired(operation, at) ? 'expired' : 'present';
}

/** Checks kind and value against the winner at `at` (Unix ms), and then against what was asked for. */
function checkOutcome(
  { kind, value }: DocumentFields,
  winner: Sibling | undefined,
  at: number,
  asked: ProofQuestion,
  list: Checklist<ProofCheck>,
): void {
  if (winner === undefined) {
    list.skip('commits', 'an absent key has no commits');
    list.skip('writers', 'an absent key has no commits');
  }
  list.begin('value');
  const is = winner === undefined ? 'absent' : kindAt(winner, at);
  if (is !== kind) throw invalid(`the winning commit shows that the key is ${is}, the document says ${kind}`);
  const signed = is === 'present' ? winner?.operation.value : undefined;
  if (signed !== undefined && !isSameValue(value, signed))
    throw invalid('the value shown is not the one that was signed');
  if (asked.value !== undefined) {
    if (signed === undefined || !isSameValue(asked.value, signed))
      throw invalid(
        kind === 'present' ? 'the value is not the one that was asked for' : `the key had no value: it was ${kind}`,
      );
    list.ok('the value shown is the signed one, and the one that was asked for');
    return;
  }
  if (asked.noValue === true && kind === 'present') throw invalid('the key had a value, although none was asked for');
  list.ok(
    kind === 'present'
      ? 'the value shown is the signed one'
      : kind === 'deleted'
        ? 'the winning commit is a deletion'
        : kind === 'expired'
          ? 'the value of the winning commit had ended'
          : 'the key has no value',
  );
}

/** Whether `shown`, which may be anything that a document says, is the value that was signed. */
function isSameValue(shown: unknown, signed: JsonValue): boolean {
  try {
    return equalBytes(encodeCbor(checkValue(shown)), encodeCbor(signed));
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    return false;
  }
}
