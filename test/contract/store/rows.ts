import type { StoreOperation } from '../../../src/ports/index.ts';

/** Rows in each batch that a writing child makes durable. */
export const ROWS = 10;

export function rowKey(batch: number, row: number): Uint8Array {
  const key = new Uint8Array(8);
  const view = new DataView(key.buffer);
  view.setUint32(0, batch);
  view.setUint32(4, row);
  return key;
}

/** 200 bytes that differ from batch to batch and row to row, and don't compress. */
export function rowValue(batch: number, row: number): Uint8Array {
  const value = new Uint8Array(200);
  let state = (batch * ROWS + row + 1) >>> 0;
  for (let i = 0; i < value.length; i++) {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    value[i] = state & 0xff;
  }
  return value;
}

export function rowOperations(batch: number): StoreOperation[] {
  return Array.from({ length: ROWS }, (_, row) => ({
    type: 'put',
    key: rowKey(batch, row),
    value: rowValue(batch, row),
  }));
}
