import { randomBytes } from 'node:crypto';
import { createVerifier } from '../adapters/system/ed25519.ts';
import { bytesToHex, equalBytes, LatticeError } from '../core/types/index.ts';
import { decodeIdentity, identitySigningBytes } from '../core/wire/envelope.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import { createApiClient } from './client.ts';

/**
 * The peer id of the node that answers at this base URL, which it proves by a signature (SPEC X1), so that it needs no
 * token and nobody can pretend to be another node. Undefined where no node answers within `timeoutMs`.
 */
export async function whoAnswers(url: string, timeoutMs: number): Promise<string | undefined> {
  const nonce = new Uint8Array(randomBytes(16));
  try {
    const client = createApiClient({ url, token: undefined, timeoutMs });
    const query = { nonce: bytesToHex(nonce), url: client.url };
    const identity = decodeIdentity((await client.request('/api/v1/sync/identity', { query })).bytes);
    const isForUs = equalBytes(identity.askerNonce, nonce) && identity.url === client.url;
    const message = identitySigningBytes(identity);
    if (!isForUs || !(await createVerifier().verify(identity.author, message, identity.signature))) return undefined;
    return authorToPeerId(identity.author);
  } catch (error) {
    if (error instanceof LatticeError) return undefined;
    throw error;
  }
}
