import { checkValue, encodeCbor } from '../core/cbor/index.ts';
import { checkCertificate } from '../core/cut/index.ts';
import { decodeProof, type LeafRef, type MerkleProof, verifyProof } from '../core/merkle/index.ts';
import { compareSiblings } from '../core/state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  compareBytes,
  equalBytes,
  type Hasher,
  type JsonValue,
  LatticeError,
  type Sibling,
} from '../core/types/index.ts';
import {
  commitSigningBytes,
  decodeFragment,
  decodeSignedHead,
  fragmentToSiblings,
  type Head,
  headSigningBytes,
  keyHash,
} from '../core/wire/index.ts';

/** What a proof document shows, after everything in it was checked. */
export interface Proven {
  readonly key: string;
  readonly kind: 'present' | 'deleted' | 'absent';
  /** The value of the winner; undefined unless `kind` is `present`. */
  readonly value: JsonValue | undefined;
  /** 64 hex digits. */
  readonly root: string;
  readonly network: string;
  /** The head in which the serving node names the root; undefined when a certificate names it. */
  readonly head: Head | undefined;
  /**
   * Who attested the root at the cut `at` (Unix ms), and the size of a quorum; undefined when a head names the root.
   */
  readonly certificate:
    | { readonly at: number; readonly signers: readonly Author[]; readonly quorum: number }
    | undefined;
  /** The authors of the siblings, that of the winner first. */
  readonly writers: readonly Author[];
  /** The number of siblings of the key. */
  readonly siblings: number;
  /** One sentence for each check that passed. */
  readonly checks: readonly string[];
}

/** What a proof is checked with. */
export interface VerifyProofOptions {
  readonly hasher: Hasher;
  /** Verifies Ed25519 signatures under the strict rule (SPEC K1), as createVerifier of adapters/system does. */
  readonly verifier: { verify(author: Author, message: Bytes, signature: Bytes): Promise<boolean> };
  /** The root that the document must be for, 64 lower-case hex digits; undefined for any root. */
  readonly root: string | undefined;
  /**
   * The authors that the head and all commits must come from. When it is undefined, authors are not checked. A
   * certificate can be checked only with the whole trust list of the fleet.
   */
  readonly trusted: readonly Author[] | undefined;
  /** Is called with each check that passes, which shows how far a proof that fails held. */
  readonly onCheck?: (check: string) => void;
}

const FORMAT = 'diotec360-lattice-proof/1';

/**
 * Checks a proof document (SPEC P5, P6) without any network. Rejects with LatticeError `proof-malformed` or
 * `proof-invalid`, which name the check that failed, and `trust-needed` for a certificate without a trust list.
 */
export async function verifyProofDocument(document: unknown, options: VerifyProofOptions): Promise<Proven> {
  const { hasher, trusted } = options;
  const file = readDocument(document);
  const checks: string[] = [];
  const pass = (what: string): void => {
    checks.push(what);
    options.onCheck?.(what);
  };

  const anchor =
    'head' in file
      ? await checkHead(file.head, file.network, options, pass)
      : await checkCut(file.certificate, file.network, options, pass);
  const root = bytesToHex(anchor.root);
  if (root !== file.root) throw invalid(`the ${anchor.what} names root ${root}, the document ${file.root}`);
  if (options.root !== undefined) {
    if (root !== options.root) throw invalid(`the proof is for root ${root}, not for ${options.root}`);
    pass('the root is the one that was asked for');
  }
  const { head, certificate } = anchor;
  const { network } = file;

  const merkle = decode('Merkle proof', () => decodeProof(file.merkle));
  const verdict = verifyProof(merkle, keyHash(file.key, hasher), anchor.root, hasher);
  if (verdict === false) throw invalid('the Merkle proof does not lead from the key to the root');
  pass(
    `the Merkle proof shows that the key is ${verdict === 'present' ? 'in the tree' : 'not in the tree'} with root ${root}`,
  );
  if ((verdict === 'absent') !== (file.kind === 'absent'))
    throw invalid(`the Merkle proof says ${verdict}, the document ${file.kind}`);
  if (verdict === 'absent') {
    if (file.fragments.length > 0) throw invalid('an absent key has no commits');
    return {
      key: file.key,
      kind: 'absent',
      value: undefined,
      root,
      network,
      head,
      certificate,
      writers: [],
      siblings: 0,
      checks,
    };
  }

  const siblings = await checkFragments(file, options);
  if (!sameRefs(merkle, siblings)) throw invalid('the commits shown are not those that the tree holds for the key');
  pass(
    `${siblings.length === 1 ? 'the commit is' : `all ${siblings.length} commits are`} signed by ${siblings.map((s) => s.author).join(', ')}, and what the tree holds`,
  );
  if (trusted !== undefined) pass('every commit comes from a trusted key');

  const shown = (siblings[0] as Sibling).operation;
  if ((shown.kind === 'delete') !== (file.kind === 'deleted'))
    throw invalid(`the winning operation is a ${shown.kind}, the document says ${file.kind}`);
  if (shown.value !== undefined) {
    if (file.value === undefined || !isSignedValue(file.value, shown.value))
      throw invalid('the value shown is not the one that was signed');
    pass('the value shown is the signed one');
  }
  return {
    key: file.key,
    kind: file.kind,
    value: shown.value,
    root,
    network,
    head,
    certificate,
    writers: siblings.map((s) => s.author),
    siblings: siblings.length,
    checks,
  };
}

/** The signed statement that names the root: a head, or the certificate of a cut. */
interface Anchor {
  readonly what: string;
  readonly root: Bytes;
  readonly head: Proven['head'];
  readonly certificate: Proven['certificate'];
}

/** Checks the head, by which the node that serves the document vouches for the root. */
async function checkHead(
  bytes: Bytes,
  network: string,
  options: VerifyProofOptions,
  pass: (what: string) => void,
): Promise<Anchor> {
  const { verifier, trusted } = options;
  const signed = decode('head', () => decodeSignedHead(bytes));
  const { head } = signed;
  if (!(await verifier.verify(head.author, headSigningBytes(signed.payloadBytes), signed.signature))) {
    throw invalid(`the head is not signed by its author ${head.author}`);
  }
  pass(`the head is signed by ${head.author}`);
  if (trusted !== undefined) {
    if (!trusted.includes(head.author))
      throw invalid(`the head's author ${head.author} is not one of the trusted keys`);
    pass('the head comes from a trusted key');
  }
  if (head.network !== network)
    throw invalid(
      `the head is of network ${JSON.stringify(head.network)}, the document says ${JSON.stringify(network)}`,
    );
  return { what: 'head', root: head.root, head, certificate: undefined };
}

/** Checks the certificate, by which a quorum vouches for the root, so that the serving node needs no trust. */
async function checkCut(
  bytes: Bytes,
  network: string,
  options: VerifyProofOptions,
  pass: (what: string) => void,
): Promise<Anchor> {
  const { hasher, verifier, trusted } = options;
  if (trusted === undefined)
    throw new LatticeError('trust-needed', 'a certificate says something only to whom knows the trust list', {
      next: 'Give the keys of the whole trust list with --trust KEY,KEY,…',
    });
  const { certificate, signatures, quorum } = decode('certificate', () =>
    checkCertificate(bytes, { trusted, network, hasher }),
  );
  for (const { author, message, signature } of signatures) {
    if (!(await verifier.verify(author, message, signature)))
      throw invalid(`the certificate is not signed by ${author}`);
  }
  pass(`${signatures.length} of ${new Set(trusted).size} trusted keys signed this root, a quorum is ${quorum}`);
  const signers = signatures.map(({ author }) => author);
  return {
    what: 'certificate',
    root: certificate.root,
    head: undefined,
    certificate: { at: certificate.at, signers, quorum },
  };
}

/** Checks the fragments of the document and their signatures. Resolves to their siblings, the winner first. */
async function checkFragments(
  file: DocumentFields,
  { hasher, verifier, trusted }: VerifyProofOptions,
): Promise<readonly Sibling[]> {
  const siblings: Sibling[] = [];
  for (const bytes of file.fragments) {
    const fragment = decode('commit', () => decodeFragment(bytes, hasher));
    const { author, network } = fragment.header;
    if (network !== file.network) throw invalid(`commit ${fragment.id} is of network ${JSON.stringify(network)}`);
    if (trusted !== undefined && !trusted.includes(author))
      throw invalid(`the author of commit ${fragment.id}, ${author}, is not one of the trusted keys`);
    if (!(await verifier.verify(author, commitSigningBytes(fragment.headerBytes), fragment.signature))) {
      throw invalid(`commit ${fragment.id} is not signed by its author ${author}`);
    }
    if (fragment.operations.some(({ operation }) => operation.key !== file.key))
      throw invalid(`commit ${fragment.id} is about another key`);
    siblings.push(...fragmentToSiblings(fragment, hasher));
  }
  return siblings.sort(compareSiblings);
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

/** Whether `shown`, which may be anything that a document says, is the value that was signed. */
function isSignedValue(shown: JsonValue, signed: JsonValue): boolean {
  try {
    return equalBytes(encodeCbor(checkValue(shown)), encodeCbor(signed));
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    return false;
  }
}

type DocumentFields = {
  readonly key: string;
  readonly kind: 'present' | 'deleted' | 'absent';
  readonly root: string;
  readonly network: string;
  readonly merkle: Bytes;
  readonly fragments: readonly Bytes[];
  readonly value: JsonValue | undefined;
} & ({ readonly head: Bytes } | { readonly certificate: Bytes });

function readDocument(document: unknown): DocumentFields {
  if (typeof document !== 'object' || document === null) throw malformed('not a JSON object');
  const fields = document as Readonly<Record<string, unknown>>;
  const text = (name: string): string => {
    const value = fields[name];
    if (typeof value !== 'string') throw malformed(`"${name}" is missing or not text`);
    return value;
  };
  if (fields['format'] !== FORMAT) throw malformed(`"format" is not ${FORMAT}`);
  const kind = text('kind');
  if (kind !== 'present' && kind !== 'deleted' && kind !== 'absent')
    throw malformed('"kind" is not present, deleted or absent');
  const fragments = fields['fragments'];
  if (!Array.isArray(fragments)) throw malformed('"fragments" is missing or not a list');
  return {
    key: text('key'),
    kind,
    root: text('root'),
    network: text('network'),
    merkle: base64url(text('merkle'), 'merkle'),
    fragments: fragments.map((fragment) => base64url(fragment, 'fragments')),
    ...(fields['certificate'] === undefined
      ? { head: base64url(text('head'), 'head') }
      : { certificate: base64url(text('certificate'), 'certificate') }),
    value: fields['value'] as JsonValue | undefined,
  };
}

function base64url(text: unknown, name: string): Bytes {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]*$/.test(text)) throw malformed(`"${name}" is not base64url`);
  // Browsers, in which the dashboard runs these checks, have no Buffer.
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  } catch {
    throw malformed(`"${name}" is not base64url`);
  }
}

function decode<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    if (cause.code === 'not-certified') throw invalid(cause.message);
    throw malformed(`${what}: ${cause.message}`);
  }
}

const NEXT = 'Do not rely on this file. Fetch the proof again: lattice proof get KEY --out FILE.';

function malformed(why: string): LatticeError {
  return new LatticeError('proof-malformed', `not a proof: ${why}`, { next: NEXT });
}

function invalid(why: string): LatticeError {
  return new LatticeError('proof-invalid', `the proof does not hold: ${why}`, { next: NEXT });
}
