import { MemoryLevel } from 'memory-level';
import type { Bytes } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';
import { createOrderedStore } from './ordered.ts';

/**
 * A store that ends with the process, for tests, simulations and programs that embed a node without a disk. A batch
 * counts as durable once it is applied.
 */
export function createMemoryStore(): Store {
  const db = new MemoryLevel<Bytes, Bytes>({ keyEncoding: 'view', valueEncoding: 'view', storeEncoding: 'view' });
  return createOrderedStore({ db, write: (operations) => db.batch([...operations]) });
}
