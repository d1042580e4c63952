import { fromBase64url } from '../../../src/audit/document.ts';
import {
  type AuditDeps,
  examineCertificate,
  examineEvidence,
  examineProof,
  type ProofTrust,
  verifyCommit,
} from '../../../src/audit/index.ts';
import { isPinned } from '../../../src/audit/trust.ts';
import { type Bytes, LatticeError } from '../../../src/core/types/index.ts';
import type { CorpusFile, Good } from './corpus.ts';

/** What a verifier says of one document: `holds`, or in which check it finds the flaw (of a commit: which code). */
export async function judge(
  kind: CorpusFile['kind'],
  document: Good,
  everybody: ProofTrust,
  deps: AuditDeps,
): Promise<string> {
  const { asked, base64, trusted = everybody } = document;
  const given = base64 === undefined ? (document.text ?? '') : bytesOf(base64);
  if (kind === 'commit') {
    try {
      await verifyCommit(fromBase64url(given, 'commit'), {
        ...deps,
        trusted: isPinned(trusted) ? [] : trusted,
        network: asked.network,
      });
      return 'holds';
    } catch (error) {
      if (error instanceof LatticeError) return error.code;
      throw error;
    }
  }
  if (kind === 'evidence') {
    const listed = isPinned(trusted) ? [] : trusted;
    const { checks, error } = await examineEvidence(given, { ...deps, trusted: listed, asked });
    return error === undefined ? 'holds' : failedOf(checks);
  }
  const { checks, error } =
    kind === 'proof'
      ? await examineProof(given, { ...deps, trusted, asked })
      : await examineCertificate(given, { ...deps, trusted: trusted === 'anyone' ? [] : trusted, asked });
  if (error === undefined) return 'holds';
  return failedOf(checks);
}

const failedOf = (checks: readonly { readonly check: string; readonly result: string }[]): string =>
  checks
    .filter(({ result }) => result === 'failed')
    .map(({ check }) => check)
    .join();

// Browsers have no Buffer.
const bytesOf = (base64: string): Bytes => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
