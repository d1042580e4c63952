import { type Bytes, bytesToHex } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';

/**
 * What the store has under a key when it is read in both ways: by an iteration and by its key, which may differ (SPEC
 * N13). Returns the different values, that of the iteration first; nothing when both find nothing.
 */
export async function twoReads(store: Pick<Store, 'get' | 'iterate'>, key: Bytes): Promise<readonly Bytes[]> {
  const values = new Map<string, Bytes>();
  const lt = new Uint8Array(key.length + 1);
  lt.set(key);
  for await (const rows of store.iterate({ gte: key, lt, limit: 1 }))
    for (const [, value] of rows) values.set(bytesToHex(value), value);
  const byKey = await store.get(key);
  if (byKey !== undefined) values.set(bytesToHex(byKey), byKey);
  return Array.from(values.values());
}
