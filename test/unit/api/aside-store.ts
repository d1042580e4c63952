import { asideKey, encodeAside } from '../../../src/core/rows/index.ts';
import type { Fragment } from '../../../src/core/types/index.ts';
import { fragmentToSiblings } from '../../../src/core/wire/index.ts';
import { EPOCH_MS, type GatedStore, gateStore, hasher } from '../runtime/support.ts';

/** A store as a run leaves it that has set all operations of these commits aside. */
export async function storeWithAside(...fragments: readonly Fragment[]): Promise<GatedStore> {
  const store = gateStore();
  const rows = fragments
    .flatMap((one) => fragmentToSiblings(one, hasher))
    .map((operation) => ({
      type: 'put' as const,
      key: asideKey(operation),
      value: encodeAside({ operation, fixed: EPOCH_MS, until: EPOCH_MS, why: 'late' }),
    }));
  await store.batch(rows);
  return store;
}
