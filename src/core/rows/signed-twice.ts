import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, malformed, readBytes, readHead, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { EVIDENCE_KINDS, type EvidenceKind, type StatementPair } from '../roster/index.ts';
import type { Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';

/** Two statements of one author about one thing: two roots for one T, or two votes in one ballot (SPEC EV2). */
export interface StoredPair {
  readonly kind: EvidenceKind;
  readonly statements: StatementPair;
}

/** The key of the row of what authors signed twice. */
export const SIGNED_TWICE = metaKey('signed-twice');

/** More pairs than the row has. */
const MAX_PAIRS = 1_024;

/** The bytes of the row: [[kind, statement, statement]…]. */
export function encodeSignedTwice(pairs: readonly StoredPair[]): Bytes {
  return encodeCbor(pairs.map(({ kind, statements }) => [EVIDENCE_KINDS.indexOf(kind), ...statements]));
}

/** Reads the bytes of the row. What the statements are is left to the reader. LatticeError `damaged-row`. */
export function decodeSignedTwice(bytes: Bytes): StoredPair[] {
  return decodeStored('the row of what authors signed twice', bytes, (reader) => {
    const count = readHead(reader, ARRAY);
    if (count > MAX_PAIRS) throw malformed(`${count} pairs; the row has at most ${MAX_PAIRS}`);
    return Array.from({ length: count }, (): StoredPair => {
      expectArray(reader, 3);
      const kind = EVIDENCE_KINDS[readUint(reader)];
      if (kind === undefined) throw malformed('evidence of an unknown kind');
      return { kind, statements: [readBytes(reader), readBytes(reader)] };
    });
  });
}
