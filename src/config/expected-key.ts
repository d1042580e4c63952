import { loadKey, seedToAuthor } from '../adapters/system/keys.ts';
import { type Bytes, hexToBytes, LatticeError } from '../core/types/index.ts';
import type { Flaw } from '../core/wire/host.ts';
import type { Config } from './model.ts';

/**
 * Why a node with this key cannot have the public key that its configuration expects, 64 lower-case hex digits;
 * undefined when it has it, and when the key itself cannot be read, which the start tells.
 */
export function flawOfPublicKey(expected: string, key: Config['key']): Flaw | undefined {
  if (key.source === 'environment' && key.seedHex === expected) {
    return {
      rule: 'NODE_PRIVKEY_HEX has the same digits, and a public key is no private key',
      fix: 'write the private key into NODE_PRIVKEY_HEX',
    };
  }
  const seed = seedOf(key);
  if (seed === 'unreadable') return undefined;
  if (seed === undefined) {
    return {
      rule: `the private key of it is not here: NODE_PRIVKEY_HEX is not set, and there is no ${key.source === 'file' ? key.path : 'key file'}`,
      fix: 'bring the private key, or take NODE_PUBKEY_HEX out to have a new key made',
    };
  }
  const author = seedToAuthor(seed);
  if (author === expected) return undefined;
  return {
    rule: `it is not the public key of this node's private key, which is ${author}`,
    fix: 'correct whichever of the two is wrong; commits are signed by the private key',
  };
}

function seedOf(key: Config['key']): Bytes | 'unreadable' | undefined {
  if (key.source === 'environment') {
    const seed = hexToBytes(key.seedHex);
    return seed?.length === 32 ? seed : 'unreadable';
  }
  try {
    return loadKey(key.path);
  } catch (error) {
    if (error instanceof LatticeError) return 'unreadable';
    throw error;
  }
}
