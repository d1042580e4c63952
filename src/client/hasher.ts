import type { Hasher } from '../core/types/hash.ts';

/** The parts of Node.js's crypto that are used. Browsers do not have it, so that it cannot be imported. */
interface NodeCrypto {
  createHash(algorithm: 'sha256'): { update(bytes: Uint8Array): unknown; digest(): Uint8Array };
}

function nodeCrypto(): NodeCrypto | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined;
}

/**
 * SHA-256 of content that goes by: by Node.js where it runs there, else in JavaScript, because the Web Crypto of
 * browsers takes only what is in memory as a whole.
 */
export async function contentHasher(): Promise<Hasher> {
  const crypto = nodeCrypto();
  const begin =
    crypto === undefined
      ? await import('@noble/hashes/sha2.js').then(
          ({ sha256 }) =>
            () =>
              sha256.create(),
        )
      : () => crypto.createHash('sha256');
  const running: Hasher['running'] = () => {
    const hash = begin();
    return { update: (bytes) => void hash.update(bytes), digest: () => Uint8Array.from(hash.digest()) };
  };
  const hash: Hasher['hash'] = (bytes) => {
    const run = running();
    run.update(bytes);
    return run.digest();
  };
  return { hash, hashInto: (bytes, out, offset) => out.set(hash(bytes), offset), running };
}
