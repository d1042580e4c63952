import { MemoryLevel } from 'memory-level';
import type { Bytes } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';
import { createOrderedStore } from './ordered.ts';

/**
 * A store that lives and dies with the process: for tests, simulations and embedding without a disk. "Durable" means
 * applied.
 */
export function createMemoryStore(): Store {
  const db = new MemoryLevel<Bytes, Bytes>({ keyEncoding: 'view', valueEncoding: 'view', storeEncoding: 'view' });
  return createOrderedStore({ db, write: (operations) => db.batch([...operations]) });
}
