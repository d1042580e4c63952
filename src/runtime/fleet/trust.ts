import type { Author, Bytes, Hasher } from '../../core/types/index.ts';
import { trustHash } from '../../core/wire/index.ts';

/**
 * The trust list: whose commits count. It must be the same on every node; peers compare its `hash` to see whether it is
 * (SPEC E3). It may be replaced while the node runs (SPEC N18), so whoever needs it asks each time.
 */
export interface Trust {
  readonly authors: readonly Author[];
  /** 32 bytes. */
  readonly hash: Bytes;
  has(author: Author): boolean;
}

/** The trust list and the one way to change it. */
export interface TrustOwner extends Trust {
  /** Takes another configured list. Returns who came and who went. */
  replace(configured: readonly Author[]): { readonly added: readonly Author[]; readonly removed: readonly Author[] };
}

/** Makes the trust list. An empty configured list means that only the node's own key is trusted (SPEC N3). */
export function createTrust(configured: readonly Author[], self: Author, hasher: Hasher): TrustOwner {
  const listOf = (given: readonly Author[]): ReadonlySet<Author> => new Set(given.length > 0 ? given : [self]);
  let trusted = listOf(configured);
  let authors: readonly Author[] = [...trusted];
  let hash = trustHash(authors, hasher);
  return {
    get authors() {
      return authors;
    },
    get hash() {
      return hash;
    },
    has: (author) => trusted.has(author),
    replace(next) {
      const before = trusted;
      trusted = listOf(next);
      authors = [...trusted];
      hash = trustHash(authors, hasher);
      return {
        added: authors.filter((author) => !before.has(author)),
        removed: [...before].filter((author) => !trusted.has(author)),
      };
    },
  };
}
