import type { Store } from '../../src/ports/index.ts';

/** The reads of a store, each of which tells `onRead` the key of every row that it asks for or goes through. */
export function watchedReads(
  store: Store,
  onRead: (key: Uint8Array) => void,
): Pick<Store, 'get' | 'getMany' | 'iterate'> {
  return {
    get(key) {
      onRead(key);
      return store.get(key);
    },
    getMany(keys) {
      keys.forEach(onRead);
      return store.getMany(keys);
    },
    async *iterate(range) {
      for await (const page of store.iterate(range)) {
        for (const [key] of page) onRead(key);
        yield page;
      }
    },
  };
}
