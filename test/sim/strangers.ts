import type { Author, Bytes, Hlc } from '../../src/core/types/index.ts';
import { createCommit, encodeFragment, encodeGossip } from '../../src/core/wire/index.ts';
import type { Signer } from '../../src/ports/index.ts';
import { hasher, isGenuine } from './crypto.ts';

/** Name of the simulated network. */
export const NETWORK = 'sim';

function gossipOf(author: Author, key: string, wallMs: number, sign: (message: Bytes) => Bytes): Bytes {
  const hlc = (BigInt(wallMs) << 16n) as Hlc;
  const commit = createCommit(
    { network: NETWORK, author, hlc, operations: [{ kind: 'put', key, value: 1, context: [] }] },
    hasher,
    sign,
  );
  return encodeGossip({ type: 'commits', fragments: [encodeFragment(commit)] });
}

/** A gossip message with a commit in a member's name that the member did not sign. */
export function forgedCommit(author: Author, wallMs: number): Bytes {
  const signature = new Uint8Array(64).fill(7);
  return gossipOf(author, 'forged', wallMs, (message) => {
    if (isGenuine(author, message, signature)) throw new Error('a forgery must not be genuine');
    return signature;
  });
}

/** A gossip message with a genuine commit of a trusted author whose clock stands at `wallMs`. */
export function futureCommit(signer: Signer, wallMs: number): Bytes {
  return gossipOf(signer.author, `future/${wallMs}`, wallMs, signer.sign);
}
