import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, malformed, readBytes, readHead } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Bytes } from '../types/index.ts';

/** Two fragments of one author whose commits contradict each other (SPEC R10). */
export type EvidencePair = readonly [Bytes, Bytes];

/** More pairs than any row has. */
const MAX_PAIRS = 64;

/** The bytes of the row: [[fragment, fragment]…]. */
export function encodeEvidence(pairs: readonly EvidencePair[]): Bytes {
  return encodeCbor(pairs);
}

/** Reads the bytes of the row. What the fragments are is left to the reader. LatticeError `damaged-row`. */
export function decodeEvidence(bytes: Bytes): EvidencePair[] {
  return decodeStored('a row of evidence', bytes, (reader) => {
    const count = readHead(reader, ARRAY);
    if (count > MAX_PAIRS) throw malformed(`${count} pairs; a row has at most ${MAX_PAIRS}`);
    return Array.from({ length: count }, (): EvidencePair => {
      expectArray(reader, 2);
      return [readBytes(reader), readBytes(reader)];
    });
  });
}
