import { loadKey, seedToAuthor } from '../adapters/system/keys.ts';
import type { Config } from '../config/index.ts';
import { type Author, type Bytes, hexToBytes, LatticeError } from '../core/types/index.ts';

/** What the configuration says of the key of a node that runs. */
export interface KeyOfTurn {
  /** The key, where it is another one than the node has. */
  readonly key?: { readonly seed: Bytes; readonly author: Author };
  /** The variable that names it. */
  readonly variable: string;
  /** Why it is not known. */
  readonly warning?: string;
}

/**
 * Reads the key that the configuration names, while the node runs under that of `present`. A key file that is not there
 * says nothing: it is needed at a start alone, and some keep it elsewhere in between.
 */
export function keyOfTurn({ key }: Pick<Config, 'key'>, present: Author): KeyOfTurn {
  const variable = key.source === 'environment' ? 'DIOTEC360_NODE_PRIVKEY_HEX' : 'DIOTEC360_KEY_FILE';
  try {
    const seed = key.source === 'environment' ? hexToBytes(key.seedHex) : loadKey(key.path);
    if (seed === undefined) return { variable };
    const author = seedToAuthor(seed);
    return author === present ? { variable } : { variable, key: { seed, author } };
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    return { variable, warning: `the node goes on under the key that it has: ${error.message}` };
  }
}
