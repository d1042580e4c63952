import { encodeCbor } from '../cbor/cbor.ts';
import { expectArray, malformed, readBytes } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Author, Bytes } from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { authorInto } from '../wire/operation.ts';
import { metaKey } from './keys.ts';

const AUTHOR_BYTES = 32;

/** The key of the row of the authors that stand, or once stood, on the trust list of this store's node. */
export const KNOWN_AUTHORS = metaKey('known-authors');

/** The bytes of the row: [n × author], in the order in which the authors came to the list. */
export function encodeKnownAuthors(authors: readonly Author[]): Bytes {
  const bytes = new Uint8Array(AUTHOR_BYTES * authors.length);
  authors.forEach((author, i) => authorInto(author, bytes, AUTHOR_BYTES * i));
  return encodeCbor([bytes]);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeKnownAuthors(bytes: Bytes): Author[] {
  return decodeStored('the row of known authors', bytes, (reader) => {
    expectArray(reader, 1);
    const authors = readBytes(reader);
    if (authors.length % AUTHOR_BYTES !== 0) throw malformed('an author has 32 bytes');
    return Array.from({ length: authors.length / AUTHOR_BYTES }, (_, i) => authorAt(authors, AUTHOR_BYTES * i));
  });
}
