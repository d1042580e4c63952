import type { Bytes } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';

/**
 * Reads of the store under way at a time: one that waits for the disk does not hold up those that find their row in
 * memory.
 */
const MAX_UNDER_WAY = 2;
/** Rows of one read. */
const MAX_JOINED = 256;

interface Waiting {
  readonly key: Bytes;
  readonly done: (row: Bytes | undefined) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Reads single rows. Those asked for while others are read go to the store together: a call into the store and its
 * thread costs several times what a row in its cache does. Alone, a read goes at once. What is waiting is bounded by
 * the requests being served.
 */
export function createJoinedGet(store: Pick<Store, 'getMany'>): Store['get'] {
  let waiting: Waiting[] = [];
  let underWay = 0;

  async function read(some: readonly Waiting[]): Promise<void> {
    try {
      const rows = await store.getMany(some.map((w) => w.key));
      some.forEach(({ done }, i) => done(rows[i]));
    } catch (error) {
      for (const { failed } of some) failed(error);
    }
  }

  function next(): void {
    while (waiting.length > 0 && underWay < MAX_UNDER_WAY) {
      const some = waiting.slice(0, MAX_JOINED);
      waiting = waiting.slice(MAX_JOINED);
      underWay++;
      void read(some).finally(() => {
        underWay--;
        next();
      });
    }
  }

  return (key) =>
    new Promise((done, failed) => {
      waiting.push({ key, done, failed });
      next();
    });
}
