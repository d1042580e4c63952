import { encodeCbor } from '../cbor/cbor.ts';
import { malformed, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { MAX_HLC } from '../clock/hlc.ts';
import { hlcMs } from '../clock/index.ts';
import type { Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';

/** The key of the row of the newest time that the node may have attested. */
export const ATTESTED = metaKey('attested');

/** The bytes of the row: the time T of a cut in Unix ms (SPEC Z3), an unsigned integer of 48 bits. */
export function encodeAttested(at: number): Bytes {
  return encodeCbor(at);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeAttested(bytes: Bytes): number {
  return decodeStored('the row of the newest attested cut', bytes, (reader) => {
    const at = readUint(reader);
    if (at > hlcMs(MAX_HLC)) throw malformed('the time of a cut has 48 bits');
    return at;
  });
}
