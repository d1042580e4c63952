import type { Author, Bytes, Hasher } from '../../core/types/index.ts';
import { trustHash } from '../../core/wire/index.ts';

/** Whose commits count. The same on every node: `hash` (SPEC E3) tells peers whether it is. */
export interface Trust {
  readonly authors: readonly Author[];
  /** 32 bytes. */
  readonly hash: Bytes;
  has(author: Author): boolean;
}

/** An empty list means the node's own key (SPEC N3). */
export function createTrust(configured: readonly Author[], self: Author, hasher: Hasher): Trust {
  const trusted = new Set<Author>(configured.length > 0 ? configured : [self]);
  const authors = [...trusted];
  return { authors, hash: trustHash(authors, hasher), has: (author) => trusted.has(author) };
}
