import type { IncomingHttpHeaders } from 'node:http';
import { bytesToHex, hexToBytes, LatticeError } from '../../core/types/index.ts';

/** Headers by which a client says what it sends (RFC 9530). Without a content coding they mean the same bytes. */
const DIGEST_HEADERS = ['content-digest', 'repr-digest'] as const;
/** A member of a dictionary whose value is a byte sequence (RFC 8941 §3.2, §3.3.5), with the comma after it. */
const MEMBER = /[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):[ \t]*(?:,|$)/y;

/**
 * The SHA-256 that the body of a request must have by its Content-Digest or Repr-Digest, as 64 hex digits. Undefined
 * when neither names one: digests by other algorithms are passed over, as RFC 9530 allows. Throws LatticeError
 * `invalid-header`, also when the two headers name different ones.
 */
export function expectedHash(headers: IncomingHttpHeaders): string | undefined {
  let expected: string | undefined;
  for (const name of DIGEST_HEADERS) {
    const header = headers[name];
    if (header === undefined) continue;
    const text = [header].flat().join(',');
    for (let at = 0; at < text.length; at = MEMBER.lastIndex) {
      MEMBER.lastIndex = at;
      const [, algorithm, base64 = ''] = MEMBER.exec(text) ?? [];
      if (algorithm === undefined)
        throw new LatticeError('invalid-header', `${name} is written like sha-256=:<44 characters of base64>:`);
      if (algorithm !== 'sha-256') continue;
      const hash = Buffer.from(base64, 'base64');
      if (hash.length !== 32) throw new LatticeError('invalid-header', `the sha-256 of ${name} must have 32 bytes`);
      const hex = bytesToHex(hash);
      if (expected !== undefined && expected !== hex)
        throw new LatticeError('invalid-header', 'the digests of the headers name different contents');
      expected = hex;
    }
  }
  return expected;
}

/** The Repr-Digest of the content with this SHA-256 (RFC 9530 §3). */
export const reprDigest = (hash: string): string =>
  `sha-256=:${Buffer.from(hexToBytes(hash) ?? []).toString('base64')}:`;
