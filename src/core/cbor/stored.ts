import { type Bytes, LatticeError } from '../types/index.ts';
import { createReader, expectEnd, type Reader } from './reader.ts';

/**
 * Decodes bytes that a node itself wrote to its store, so whatever `decode` finds malformed is damage. `what` names the
 * row in the message. Throws LatticeError `damaged-row`. An `unknown-format` passes through, because it tells of
 * another program's store and not of damage.
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
