import { decode, encode } from '@ipld/dag-cbor';
import { type Bytes, equalBytes, LatticeError } from '../types/index.ts';

/**
 * Canonical CBOR: the deterministic DAG-CBOR subset of RFC 8949 (shortest lengths, no indefinite items, map keys
 * sorted length-first, 64-bit floats only where the number is not an integer).
 */
export function encodeCbor(value: unknown): Bytes {
  return encode(value);
}

/**
 * Decodes and enforces canonical form by re-encoding: the library alone accepts misordered maps, half floats, 1.0 as
 * a double and invalid UTF-8. Throws LatticeError `malformed`. Callers bound the length before calling.
 */
export function decodeCbor(bytes: Bytes): unknown {
  let value: unknown;
  let again: Bytes;
  try {
    value = decode(bytes);
    again = encode(value);
  } catch (cause) {
    throw new LatticeError(
      'malformed',
      `not canonical CBOR: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  if (!equalBytes(again, bytes))
    throw new LatticeError('malformed', 'not canonical CBOR: re-encoding gives other bytes');
  return value;
}
