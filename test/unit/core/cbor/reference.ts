import { decode, encode } from '@ipld/dag-cbor';
import { type Bytes, equalBytes, LatticeError } from '../../../../src/core/types/index.ts';

// Canonical CBOR by somebody else's hand: the DAG-CBOR library, which knows nothing of our reader and writer.

export function encodeCbor(value: unknown): Bytes {
  // The library gives out Buffers at times.
  return new Uint8Array(encode(value));
}

/**
 * Canonical form is enforced by encoding again: the library alone accepts misordered maps, half floats, 1.0 as a double
 * and invalid UTF-8. LatticeError `malformed`.
 */
export function decodeCbor(bytes: Bytes): unknown {
  let value: unknown;
  let again: Bytes;
  try {
    value = decode(bytes);
    again = encode(value);
  } catch (cause) {
    throw new LatticeError('malformed', `not canonical CBOR: ${String(cause)}`, { cause });
  }
  if (!equalBytes(again, bytes))
    throw new LatticeError('malformed', 'not canonical CBOR: re-encoding gives other bytes');
  return value;
}
