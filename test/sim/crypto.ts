import { nodeHasher } from '../../src/adapters/system/index.ts';
import { type Author, type Bytes, bytesToHex, concatBytes, equalBytes } from '../../src/core/types/index.ts';
import type { Signer, Verifier } from '../../src/ports/index.ts';
import type { Life } from './clock.ts';
import type { Rng } from './rng.ts';
import type { Scheduler } from './scheduler.ts';

/*
 * Keyed hashes stand in for Ed25519, which costs a hundred times more and is tested elsewhere: in a simulation only the
 * holder of a key can make its signatures, because only the holder is given a signer.
 */

export const hasher = nodeHasher();
const text = new TextEncoder();

function mac(author: Author, message: Bytes): Bytes {
  const key = text.encode(`simulated key of ${author}`);
  return concatBytes(hasher.hash(concatBytes(key, message)), hasher.hash(concatBytes(message, key)));
}

export function createSimSigner(seed: string): Signer {
  const publicKey = hasher.hash(text.encode(seed));
  const author = bytesToHex(publicKey) as Author;
  return { author, publicKey, sign: (message) => mac(author, message) };
}

/** Whether the signature was made by the author's own signer. */
export function isGenuine(author: Author, message: Bytes, signature: Bytes): boolean {
  return equalBytes(mac(author, message), signature);
}

/** Verification that takes up to 2 ms, in any order. */
export function createSimVerifier(scheduler: Scheduler, rng: Rng, life: Life): Verifier {
  return {
    verify: (author, message, signature) =>
      new Promise((resolve) => {
        scheduler.after(rng.between(0, 2), life.name, 'verified', () => {
          if (life.alive) resolve(isGenuine(author, message, signature));
        });
      }),
  };
}
