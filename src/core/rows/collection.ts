import { encodeCbor } from '../cbor/cbor.ts';
import { expectArray, readBytesOf, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';

/** How far a node has collected what is dead (SPEC FL6). */
export interface CollectionRecord {
  /** The hash of the roster of epoch 0 under which this counts, 32 bytes. */
  readonly first: Bytes;
  /** Unix ms: an operation of up to here is taken only where the state has it or supersedes it. 0: every one is taken. */
  readonly closed: number;
  /** Unix ms: what is dead at this time leaves the state. 0: nothing does. */
  readonly collected: number;
}

/** The key of that record. */
export const COLLECTION = metaKey('collection');

/** [first, closed, collected]. */
export const encodeCollection = ({ first, closed, collected }: CollectionRecord): Bytes =>
  encodeCbor([first, closed, collected]);

/** LatticeError `damaged-row`. */
export function decodeCollection(bytes: Bytes): CollectionRecord {
  return decodeStored('the record of what was collected', bytes, (reader) => {
    expectArray(reader, 3);
    const first = readBytesOf(reader, 32).slice();
    const closed = readUint(reader);
    return { first, closed, collected: readUint(reader) };
  });
}

/** The key of the row of the newest cut, Unix ms, of which this node cannot tell any more what came too late for it. */
export const UNTOLD_CUT = metaKey('untold-cut');

export const encodeUntoldCut = (at: number): Bytes => encodeCbor(at);

/** LatticeError `damaged-row`. */
export const decodeUntoldCut = (bytes: Bytes): number => decodeStored('the row of the untold cut', bytes, readUint);
