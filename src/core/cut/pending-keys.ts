import type { Versioned } from '../state/index.ts';
import { type Bytes, equalBytes } from '../types/index.ts';

/** An operation without its value. The state at a cut depends on nothing else of it. */
export type Light = Versioned;

/** A key that has operations later than the cut. */
export interface Pending {
  readonly keyHash: Bytes;
  /** The first 32 bits of the key hash. */
  readonly head: number;
  /** The siblings at the cut; none when the key was not there. */
  cut: readonly Light[];
  /** The siblings at present. */
  live: readonly Light[];
  /**
   * The operations later than the cut, in the order in which they came. When there are none, the live siblings are
   * those of the cut.
   */
  later: readonly Light[];
}

/** Records by key hash. The few keys whose hashes begin with the same 32 bits share a place. */
export class PendingKeys {
  readonly #places = new Map<number, Pending | readonly Pending[]>();

  get(keyHash: Bytes): Pending | undefined {
    const held = this.#places.get(headOf(keyHash));
    if (held === undefined) return undefined;
    if ('head' in held) return equalBytes(held.keyHash, keyHash) ? held : undefined;
    return held.find((record) => equalBytes(record.keyHash, keyHash));
  }

  /** Adds the record of a key that has none. */
  add(record: Pending): void {
    const held = this.#places.get(record.head);
    if (held === undefined) this.#places.set(record.head, record);
    else this.#places.set(record.head, 'head' in held ? [held, record] : [...held, record]);
  }

  /** Takes this very record out, if it is there. */
  delete(record: Pending): void {
    const held = this.#places.get(record.head);
    if (held === record) this.#places.delete(record.head);
    else if (held !== undefined && !('head' in held)) {
      const left = held.filter((one) => one !== record);
      if (left.length === 0) this.#places.delete(record.head);
      else this.#places.set(record.head, left);
    }
  }

  /**
   * The records in the order of the first 16 bits of their key hashes (counting sort). Neighbours in the tree share
   * most of their path, which is then hashed once in a slice. More bits would only order the few keys of one slice
   * among themselves. It is one task of the event loop, so that it looks at records only where it must: the places
   * tell their heads.
   */
  inTreeOrder(): Pending[] {
    const next = new Uint32Array(2 ** 16);
    let shared = 0;
    this.#places.forEach((held, head) => {
      const count = 'head' in held ? 1 : held.length;
      shared += count - 1;
      next[head >>> 16] = (next[head >>> 16] as number) + count;
    });
    let before = 0;
    for (let bucket = 0; bucket < next.length; bucket++) {
      const count = next[bucket] as number;
      next[bucket] = before;
      before += count;
    }
    const ordered = Array.from<Pending>({ length: this.#places.size + shared });
    this.#places.forEach((held, head) => {
      let at = next[head >>> 16] as number;
      if ('head' in held) ordered[at++] = held;
      else for (const record of held) ordered[at++] = record;
      next[head >>> 16] = at;
    });
    return ordered;
  }

  *[Symbol.iterator](): Generator<Pending, void, undefined> {
    for (const held of this.#places.values()) {
      if ('head' in held) yield held;
      else yield* held;
    }
  }
}

/** The first 32 bits of a hash as a signed number: a small integer, which a map finds faster than text. */
export function headOf(hash: Bytes): number {
  return ((hash[0] as number) << 24) | ((hash[1] as number) << 16) | ((hash[2] as number) << 8) | (hash[3] as number);
}
