import type { Author, Bytes, Hasher } from '../../core/types/index.ts';
import { trustHash } from '../../core/wire/index.ts';

/**
 * The trust list: whose commits count. It must be the same on every node; peers compare its `hash` to see whether it is
 * (SPEC E3).
 */
export interface Trust {
  readonly authors: readonly Author[];
  /** 32 bytes. */
  readonly hash: Bytes;
  has(author: Author): boolean;
}

/** Makes the trust list. An empty configured list means that only the node's own key is trusted (SPEC N3). */
export function createTrust(configured: readonly Author[], self: Author, hasher: Hasher): Trust {
  const trusted = new Set<Author>(configured.length > 0 ? configured : [self]);
  const authors = [...trusted];
  return { authors, hash: trustHash(authors, hasher), has: (author) => trusted.has(author) };
}
