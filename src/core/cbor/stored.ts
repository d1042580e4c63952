import { type Bytes, LatticeError } from '../types/index.ts';
import { createReader, expectEnd, type Reader } from './reader.ts';

/**
 * Runs a decoder of bytes that a node wrote itself: whatever it finds malformed is damage. LatticeError `damaged-row`.
 */
export function decodeStored<T>(what: string, bytes: Bytes, decode: (reader: Reader) => T): T {
  try {
    const reader = createReader(bytes);
    const value = decode(reader);
    expectEnd(reader);
    return value;
  } catch (cause) {
    if (!(cause instanceof LatticeError) || cause.code === 'unknown-format') throw cause;
    throw new LatticeError('damaged-row', `${what} does not parse: ${cause.message}`, { cause });
  }
}
