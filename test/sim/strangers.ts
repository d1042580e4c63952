import {
  type Author,
  type Bytes,
  bytesToHex,
  type Fragment,
  type Hlc,
  type Operation,
} from '../../src/core/types/index.ts';
import { createCommit, encodeFragment, encodeGossip } from '../../src/core/wire/index.ts';
import type { Signer } from '../../src/ports/index.ts';
import { hasher, isGenuine } from './crypto.ts';

/** Name of the simulated network. */
export const NETWORK = 'sim';

function commitOf(author: Author, operation: Operation, wallMs: number, sign: (message: Bytes) => Bytes): Fragment {
  const hlc = (BigInt(wallMs) << 16n) as Hlc;
  return createCommit({ network: NETWORK, author, hlc, operations: [operation] }, hasher, sign);
}

const gossipOf = (commit: Fragment): Bytes => encodeGossip({ type: 'commits', fragments: [encodeFragment(commit)] });

/** A gossip message with a commit in a member's name that the member did not sign. */
export function forgedCommit(author: Author, wallMs: number): Bytes {
  const signature = new Uint8Array(64).fill(7);
  const operation: Operation = { kind: 'put', key: 'forged', value: 1, context: [] };
  return gossipOf(
    commitOf(author, operation, wallMs, (message) => {
      if (isGenuine(author, message, signature)) throw new Error('a forgery must not be genuine');
      return signature;
    }),
  );
}

/** A gossip message with a genuine commit of a trusted author whose clock stands at `wallMs`. */
export function futureCommit(signer: Signer, wallMs: number): Bytes {
  const operation: Operation = { kind: 'put', key: `future/${wallMs}`, value: 1, context: [] };
  return gossipOf(commitOf(signer.author, operation, wallMs, signer.sign));
}

/** A gossip message with a genuine commit of one operation, and the id of the commit. */
export function oldCommit(signer: Signer, wallMs: number, operation: Operation): { data: Bytes; id: string } {
  const commit = commitOf(signer.author, operation, wallMs, signer.sign);
  return { data: gossipOf(commit), id: bytesToHex(commit.idBytes) };
}
