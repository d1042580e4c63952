import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, readBytesOf, readHead, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';

const ROOT_BYTES = 32;

/** A cut as a node fixed it. */
export interface FixedCut {
  /** Unix ms. */
  readonly at: number;
  /** 32 bytes. */
  readonly root: Bytes;
}

/** The key of the row of the newest cuts that this store has fixed, which a copy of it from before does not have. */
export const FIXED_CUTS = metaKey('fixed-cuts');

/** [[at, root] …]. */
export const encodeFixedCuts = (cuts: readonly FixedCut[]): Bytes => encodeCbor(cuts.map(({ at, root }) => [at, root]));

/** LatticeError `damaged-row`. */
export function decodeFixedCuts(bytes: Bytes): readonly FixedCut[] {
  return decodeStored('the row of fixed cuts', bytes, (reader) => {
    const cuts: FixedCut[] = [];
    for (let left = readHead(reader, ARRAY); left > 0; left--) {
      expectArray(reader, 2);
      const at = readUint(reader);
      cuts.push({ at, root: readBytesOf(reader, ROOT_BYTES).slice() });
    }
    return cuts;
  });
}
