import type { Author, Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';
import { decodeKnownAuthors, encodeKnownAuthors } from './known-authors.ts';

/** The key of the row of the members that are known to read headers of version 2. */
export const HEADER_READERS = metaKey('header-readers');

/** The key of the row of the members that are known to collect what is dead. */
export const COLLECTORS = metaKey('collectors');

/** The bytes of such a row, in the form of the row of known authors: [n × author]. */
export function encodeHeaderReaders(authors: readonly Author[]): Bytes {
  return encodeKnownAuthors(authors);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeHeaderReaders(bytes: Bytes): Author[] {
  return decodeKnownAuthors(bytes);
}
