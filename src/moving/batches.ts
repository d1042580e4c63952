import { measureValue } from '../core/cbor/value.ts';
import { MAX_OPERATIONS } from '../core/types/index.ts';
import type { ImportOperation } from './plan.ts';

/** A commit has at most 64 KiB of operations. The rest is for their contexts, which only the node knows. */
const BATCH_BYTES = 48 * 1024;
/** A request body has at most 256 KiB of JSON, in which a control character takes six times its bytes. */
const BATCH_JSON_BYTES = 192 * 1024;
/** Bytes of an operation beside its key and value, in a commit and in a request. */
const OPERATION_OVERHEAD = 16;
const JSON_OVERHEAD = 64;
/** Bytes that the version in a condition takes in a request. */
const CONDITION_BYTES = 96;

/**
 * Puts operations together to commits within the limits of a commit and of a request, in their order; of at most `most`
 * operations, where others' writes should not wait for a longer one.
 */
export function* batches(
  operations: Iterable<ImportOperation>,
  most: number = MAX_OPERATIONS,
): Generator<readonly ImportOperation[]> {
  let batch: ImportOperation[] = [];
  let bytes = 0;
  let json = 0;
  for (const operation of operations) {
    const { key, value } = operation;
    const size = (value === undefined ? 0 : measureValue(value).size) + Buffer.byteLength(key) + OPERATION_OVERHEAD;
    const jsonSize = Buffer.byteLength(JSON.stringify({ key, value })) + JSON_OVERHEAD + CONDITION_BYTES;
    const full = batch.length >= most || bytes + size > BATCH_BYTES || json + jsonSize > BATCH_JSON_BYTES;
    if (batch.length > 0 && full) {
      yield batch;
      batch = [];
      bytes = 0;
      json = 0;
    }
    batch.push(operation);
    bytes += size;
    json += jsonSize;
  }
  if (batch.length > 0) yield batch;
}
