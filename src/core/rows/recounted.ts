import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, readBytesOf, readHead, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Author, Bytes } from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { authorBytes } from '../wire/fields.ts';
import { metaKey } from './keys.ts';

const AUTHOR_BYTES = 32;

/** The key of the row of the authors after whose ends nothing is left in the state (SPEC RO12). */
export const RECOUNTED = metaKey('recounted');

/** [[author, end in Unix ms] …]. */
export const encodeRecounted = (ends: ReadonlyMap<Author, number>): Bytes =>
  encodeCbor(Array.from(ends, ([author, until]) => [authorBytes(author), until]));

/** LatticeError `damaged-row`. */
export function decodeRecounted(bytes: Bytes): Map<Author, number> {
  return decodeStored('the row of recounted authors', bytes, (reader) => {
    const ends = new Map<Author, number>();
    for (let left = readHead(reader, ARRAY); left > 0; left--) {
      expectArray(reader, 2);
      const author = authorAt(readBytesOf(reader, AUTHOR_BYTES), 0);
      ends.set(author, readUint(reader));
    }
    return ends;
  });
}
