import type { CertificateCheck, EvidenceCheck, ProofCheck } from '../../../src/audit/index.ts';
import type { Author, JsonValue } from '../../../src/core/types/index.ts';

/** What a document is asked about. */
export interface Asked {
  readonly key?: string;
  readonly network?: string;
  readonly root?: string;
  readonly value?: JsonValue;
  readonly at?: number;
}

/** The hash of a roster that a verifier keeps, 64 hex digits. */
export interface PinnedHash {
  readonly roster: string;
}

/** A document that every verifier accepts. */
export interface Good {
  readonly name: string;
  readonly asked: Asked;
  /** Whose signatures count, or which roster is pinned; that of the file where there is none. */
  readonly trusted?: readonly Author[] | PinnedHash;
  /** The file as text, or its bytes where they are no text. */
  readonly text?: string;
  readonly base64?: string;
}

/** A document with one flaw, which every verifier refuses. */
export interface Forged extends Good {
  /** The rule of SPEC.md that it breaks. */
  readonly rule: string;
  /** The check in which this project's verifier finds the flaw, or the code of the error of a commit. */
  readonly fails:
    | ProofCheck
    | CertificateCheck
    | EvidenceCheck
    | 'malformed'
    | 'unknown-version'
    | 'other-network'
    | 'untrusted-author'
    | 'bad-signature'
    | 'trust-needed';
}

/** One file of the corpus. */
export interface CorpusFile {
  readonly note: string;
  readonly kind: 'proof' | 'certificate' | 'commit' | 'evidence';
  readonly trusted: readonly Author[];
  readonly good: readonly Good[];
  readonly forged: readonly Forged[];
}
