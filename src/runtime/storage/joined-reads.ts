import type { Bytes } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';

/**
 * How many reads of the store run at a time. With two, a read that waits for the disk does not hold up those whose rows
 * are in memory.
 */
const MAX_UNDER_WAY = 2;
/** How many rows one read asks for at most. */
const MAX_JOINED = 256;

interface Waiting {
  readonly key: Bytes;
  readonly done: (row: Bytes | undefined) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Reads single rows. Requests that come while others are being read go to the store together, because a call into the
 * store and its thread costs several times what a row in its cache costs. A request that is alone goes at once. The
 * queue is bounded by the number of requests that the node serves.
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
