import { decodeCbor, encodeCbor } from '../cbor/cbor.ts';
import { type Bytes, bytesToHex, hexToBytes, LatticeError } from '../types/index.ts';

/** What a write under an idempotency key came to. Which keys it wrote is in the request, which must be the same. */
export interface IdempotencyRecord {
  /** Unix ms of the write. */
  readonly at: number;
  /** SHA-256 of what was asked for. 32 bytes. */
  readonly request: Bytes;
  /** Commit id, 64 hex digits. */
  readonly commit: string;
  /** 16 hex digits. */
  readonly hlc: string;
  /** Index of the first operation within the commit: small writes share one. */
  readonly first: number;
  /** For each operation, whether its key had no value before. */
  readonly created: readonly boolean[];
}

/** [at, request, commit, hlc, first, [created…]]. */
export function encodeIdempotency(record: IdempotencyRecord): Bytes {
  const { at, request, commit, hlc, first, created } = record;
  return encodeCbor([at, request, hexToBytes(commit), hexToBytes(hlc), first, created]);
}

const isBytes = (value: unknown, length: number): value is Bytes =>
  value instanceof Uint8Array && value.length === length;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** LatticeError `damaged-row`. */
export function decodeIdempotency(bytes: Bytes): IdempotencyRecord {
  const items: unknown = decodeCbor(bytes);
  if (Array.isArray(items) && items.length === 6) {
    const [at, request, commit, hlc, first, created] = items as unknown[];
    const flags = Array.isArray(created) && created.every((c) => typeof c === 'boolean') ? created : undefined;
    if (
      isCount(at) &&
      isBytes(request, 32) &&
      isBytes(commit, 32) &&
      isBytes(hlc, 8) &&
      isCount(first) &&
      flags !== undefined
    ) {
      return { at, request, commit: bytesToHex(commit), hlc: bytesToHex(hlc), first, created: flags };
    }
  }
  throw new LatticeError('damaged-row', 'the record of an idempotency key does not parse');
}
