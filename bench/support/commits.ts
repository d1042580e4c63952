import { createSigner } from '../../src/adapters/system/ed25519.ts';
import { createCommit, decodeFragment, encodeFragment, makeHlc } from '../../src/core/index.ts';
import type { Context, Fragment, Hasher, JsonValue, Operation } from '../../src/core/types/index.ts';
import type { Signer } from '../../src/ports/index.ts';

export const NETWORK = 'bench';

/** The key of number `n`, of a usual length. */
export function keyOf(n: number): string {
  return `bench/entry/${String(n).padStart(8, '0')}`;
}

/** A value of about 100 bytes. Its stored row has about 500, of which 300 are header, signature and path. */
export function valueOf(n: number, version: number): JsonValue {
  return { n, version, text: 'the quick brown fox jumps over the lazy dog', tags: ['a', 'b'], ratio: 0.5 };
}

/** The signer of number `n`, always with the same key. */
export function signerOf(n: number): Signer {
  return createSigner(new Uint8Array(32).fill(n));
}

/** Makes a commit as it comes from a peer: it was encoded and decoded. */
export function remoteCommit(signer: Signer, ms: number, operations: readonly Operation[], hasher: Hasher): Fragment {
  const made = createCommit({ network: NETWORK, author: signer.author, hlc: makeHlc(ms, 0), operations }, hasher, (m) =>
    signer.sign(m),
  );
  return decodeFragment(encodeFragment(made), hasher);
}

export function put(n: number, version: number, context: Context): Operation {
  return { kind: 'put', key: keyOf(n), value: valueOf(n, version), context };
}
