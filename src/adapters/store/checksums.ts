import { crc32 } from 'node:zlib';
import { type Bytes, bytesToHex, LatticeError } from '../../core/types/index.ts';
import type { StoreOperation } from '../../ports/index.ts';

/** The checksum at the end of every value: CRC-32 (ISO 3309) over the row's key and then its value, big-endian. */
const CHECKSUM_BYTES = 4;

/**
 * The checksum covers the key as well, because a changed bit in the key of a row would put a right value in a wrong
 * place. It finds every change of up to 32 neighbouring bits, and of other changes all but one in 2^32.
 */
function checksum(key: Bytes, value: Bytes): number {
  return crc32(value, crc32(key));
}

/** The operations with a checksum behind each value. The values of a batch share one block of memory. */
export function seal(operations: readonly StoreOperation[]): StoreOperation[] {
  let size = 0;
  for (const operation of operations) if (operation.type === 'put') size += operation.value.length + CHECKSUM_BYTES;
  const block = new Uint8Array(size);
  let at = 0;
  return operations.map((operation) => {
    if (operation.type === 'del') return operation;
    const { key, value } = operation;
    const sealed = block.subarray(at, (at += value.length + CHECKSUM_BYTES));
    sealed.set(value);
    const sum = checksum(key, value);
    for (let i = 0; i < CHECKSUM_BYTES; i++) sealed[value.length + i] = sum >>> (8 * (CHECKSUM_BYTES - 1 - i));
    return { type: 'put', key, value: sealed };
  });
}

/** The value without its checksum; undefined when the checksum is not that of this key and value. */
export function unseal(key: Bytes, sealed: Bytes): Bytes | undefined {
  const length = sealed.length - CHECKSUM_BYTES;
  if (length < 0) return undefined;
  const value = sealed.subarray(0, length);
  let sum = 0;
  for (let i = 0; i < CHECKSUM_BYTES; i++) sum = (sum << 8) | (sealed[length + i] as number);
  return sum >>> 0 === checksum(key, value) ? value : undefined;
}

/** Says which row is damaged. `details.row` is the hex of its key as it was read. */
export function damagedRowError(key: Bytes): LatticeError {
  const row = bytesToHex(key);
  return new LatticeError('store-damaged', `the row ${row} of the store does not match its checksum`, {
    details: { row },
  });
}
