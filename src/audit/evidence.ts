import { checkContradiction, EVIDENCE_KINDS, type EvidenceKind } from '../core/roster/index.ts';
import { type Author, type Bytes, MAX_FRAGMENT_BYTES } from '../core/types/index.ts';
import { type AuditDeps, EVIDENCE_CHECKS, type Examination, examine } from './checks.ts';
import { isTrusted } from './commit.ts';
import { decode, fromBase64url, invalid, malformed, networkOf, parseDocument } from './document.ts';
import { checkTrust, type Trust } from './trust.ts';

const FORMAT = 'diotec360-lattice-evidence/1';
/** Most bytes of a document: two of the largest fragments in base64url, and the JSON around them, fit. */
export const MAX_EVIDENCE_BYTES = 256 * 1024;

/** What evidence shows: that one key signed two statements which contradict each other (SPEC EV2). */
export interface ProvenEvidence {
  readonly kind: EvidenceKind;
  readonly network: string;
  /** Who signed both. */
  readonly author: Author;
  /** What was signed twice, as the end of the sentence "it signed …". */
  readonly about: string;
}

export interface VerifyEvidenceOptions extends AuditDeps {
  /**
   * Whose signatures are of interest. `anyone`: whoever signed. For a `forgotten` context it tells whose operations
   * count.
   */
  readonly trusted: Trust;
  readonly asked?: { readonly network?: string | undefined; readonly author?: string | undefined } | undefined;
}

/**
 * Checks a document of evidence (SPEC EV1, EV2) without any network: JSON text or its bytes, read strictly, or the
 * object. Resolves with every check and its result, and with what was proven or the LatticeError: `proof-malformed`,
 * `proof-invalid`, `trust-needed`, `invalid-author`.
 *
 * @throws nothing: the error is part of the result
 * @example
 * const { proven } = await examineEvidence(document, { ...bundledCrypto(), trusted: 'anyone' });
 * console.log(proven?.author, proven?.about);
 */
export function examineEvidence(
  document: unknown,
  { trusted, asked = {}, hasher, verifier }: VerifyEvidenceOptions,
): Promise<Examination<ProvenEvidence>> {
  return examine(EVIDENCE_CHECKS, async (list) => {
    list.begin('form');
    const { kind, network, author, statements } = readEvidence(document);
    list.ok(`the document is evidence of kind "${kind}", and nothing else`);

    if (asked.network === undefined) list.skip('network', `no network was asked for; it is ${JSON.stringify(network)}`);
    else {
      list.begin('network');
      if (network !== asked.network) throw invalid(`the evidence is of the network ${JSON.stringify(network)}`);
      list.ok('the network is the one that was asked for');
    }

    list.begin('contradiction');
    const trust = checkTrust(trusted);
    const found = decode('statement', () =>
      checkContradiction(kind, statements, { network, hasher, isTrusted: (one) => isTrusted(trust, one) }),
    );
    if (found.author !== author) throw invalid(`the statements are of ${found.author}, not of ${author}`);
    list.ok(`the statements contradict each other: ${found.about}`);

    list.begin('signature');
    for (const { message, signature } of found.signatures)
      if (!(await verifier.verify(author, message, signature))) throw invalid(`a statement is not signed by ${author}`);
    list.ok(`both are signed by ${author}`);

    if (asked.author === undefined && trust === 'anyone')
      list.skip('author', 'neither an author nor a trust list was given: anyone may have made this with a new key');
    else {
      list.begin('author');
      if (asked.author !== undefined && author !== asked.author) throw invalid(`it is about ${author}`);
      if (!isTrusted(trust, author)) throw invalid(`its author ${author} is not one of the trusted keys`);
      list.ok('its author is one that was asked for');
    }
    return { kind, network, author, about: found.about };
  });
}

interface EvidenceFields {
  readonly kind: EvidenceKind;
  readonly network: string;
  readonly author: Author;
  readonly statements: readonly [Bytes, Bytes];
}

/** The fields of a document of evidence, which has just these. LatticeError `proof-malformed`. */
function readEvidence(document: unknown): EvidenceFields {
  const isText = typeof document === 'string' || document instanceof Uint8Array;
  if (isText && document.length > MAX_EVIDENCE_BYTES) throw malformed(`it has more than ${MAX_EVIDENCE_BYTES} bytes`);
  const value = isText ? parseDocument(document) : document;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('it is not a JSON object');
  const { format, kind, network, author, statements, ...others } = value as Readonly<Record<string, unknown>>;
  if (format !== FORMAT) throw malformed(`"format" is not ${FORMAT}`);
  if (Object.keys(others).length > 0) throw malformed('evidence has format, kind, network, author and statements');
  const known = EVIDENCE_KINDS.find((one) => one === kind);
  if (known === undefined) throw malformed(`"kind" is none of ${EVIDENCE_KINDS.join(', ')}`);
  if (typeof network !== 'string') throw malformed('"network" is missing or not text');
  if (typeof author !== 'string' || !/^[0-9a-f]{64}$/.test(author))
    throw malformed('"author" is not 64 lower-case hex digits');
  if (!Array.isArray(statements) || statements.length !== 2) throw malformed('"statements" is not a list of two');
  const [a, b] = statements.map((one) => fromBase64url(one, 'statements')) as [Bytes, Bytes];
  if (Math.max(a.length, b.length) > MAX_FRAGMENT_BYTES) throw malformed('a statement is longer than any is');
  return { kind: known, network: networkOf(network), author: author as Author, statements: [a, b] };
}
