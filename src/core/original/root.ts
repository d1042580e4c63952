import { bytesToHex, type Hasher, LatticeError } from '../types/index.ts';
import { type OriginalValue, originalJsonText } from './json.ts';

/** A state as the original has it: the keys in the order of the file. */
export type OriginalState = ReadonlyMap<string, OriginalValue>;

const utf8 = new TextEncoder();
/** Bytes of one leaf in the hashed text: a SHA-256 in hex. */
const LEAF_BYTES = 64;

/**
 * The original's root (SPEC I1): with the keys sorted by code point, the hash of the concatenated hex hashes of
 * `key:json`. Throws LatticeError `snapshot-malformed` for a key with half of a surrogate pair.
 */
export function originalRoot(state: OriginalState, hasher: Hasher): string {
  return createRootTable(state, hasher).root();
}

/** The leaves of one state, from which its root is made after each change without hashing the other values again. */
export interface RootTable {
  /** The number of keys. */
  readonly size: number;
  set(key: string, value: OriginalValue): void;
  /** Deletes a key; an absent one is left absent. */
  delete(key: string): void;
  /** 64 hex digits. Costs one SHA-256 over 64 bytes for each key. */
  root(): string;
}

/** Throws, as `set` does, LatticeError `snapshot-malformed` for a key with half of a surrogate pair. */
export function createRootTable(state: OriginalState, hasher: Hasher): RootTable {
  const hex = (bytes: Uint8Array): string => bytesToHex(hasher.hash(bytes));
  const leafOf = (key: string, value: OriginalValue): Uint8Array => {
    if (/\p{Surrogate}/u.test(key)) {
      throw new LatticeError(
        'snapshot-malformed',
        `key ${JSON.stringify(key)} holds half of a surrogate pair: the original has no root for it`,
        { next: 'Remove the key at the source, and let it write its files again.' },
      );
    }
    return utf8.encode(hex(utf8.encode(`${key}:${originalJsonText(value)}`)));
  };
  const keys = Array.from(state.keys()).sort(compareCodePoints);
  let leaves = new Uint8Array(Math.max(16, keys.length) * LEAF_BYTES);
  keys.forEach((key, i) => leaves.set(leafOf(key, state.get(key) as OriginalValue), i * LEAF_BYTES));

  /** The place of a key, or the one where it belongs. */
  function placeOf(key: string): number {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareCodePoints(keys[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  return {
    get size() {
      return keys.length;
    },
    set(key, value) {
      const leaf = leafOf(key, value);
      const at = placeOf(key);
      if (keys[at] !== key) {
        if ((keys.length + 1) * LEAF_BYTES > leaves.length) {
          const larger = new Uint8Array(leaves.length * 2);
          larger.set(leaves);
          leaves = larger;
        }
        leaves.copyWithin((at + 1) * LEAF_BYTES, at * LEAF_BYTES, keys.length * LEAF_BYTES);
        keys.splice(at, 0, key);
      }
      leaves.set(leaf, at * LEAF_BYTES);
    },
    delete(key) {
      const at = placeOf(key);
      if (keys[at] !== key) return;
      leaves.copyWithin(at * LEAF_BYTES, (at + 1) * LEAF_BYTES, keys.length * LEAF_BYTES);
      keys.splice(at, 1);
    },
    root: () => (keys.length === 0 ? hex(utf8.encode('empty')) : hex(leaves.subarray(0, keys.length * LEAF_BYTES))),
  };
}

/**
 * Compares by code point, as Python does. JavaScript compares by UTF-16 unit, which differs where surrogates meet the
 * units U+E000…U+FFFF.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** The place of a unit in the order of code points: surrogates come after every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
