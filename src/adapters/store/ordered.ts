import type { AbstractLevel, AbstractSnapshot } from 'abstract-level';
import type { Bytes } from '../../core/types/index.ts';
import type { KeyRange, Row, Store, StoreOperation, StoreReads, StoreSnapshot } from '../../ports/index.ts';
import { closedError, readError, writeError } from './errors.ts';

/** Any abstract-level database opened with binary keys and values ('view' encoding). */
export type BinaryLevel = AbstractLevel<string | Buffer | Uint8Array, Bytes, Bytes>;

/** Rows per chunk: the port's promise. */
const CHUNK_ROWS = 1000;
/** Bytes after which a chunk ends early, so that a thousand rows of the largest value don't stand in memory at once. */
const CHUNK_BYTES = 1024 * 1024;
/**
 * Batches that may wait. The writer is a single loop with a few in flight; more than this is a caller that
 * ignores the promises it is given.
 */
const MAX_PENDING_BATCHES = 1024;

export interface OrderedDeps {
  /** An open database. Closed by the store. */
  readonly db: BinaryLevel;
  /** One atomic, durable write of all operations. */
  readonly write: (operations: readonly StoreOperation[]) => Promise<void>;
  /** Called once, after the database has closed. */
  readonly closed?: () => void;
}

/**
 * The store port over an abstract-level database. Batches are written one after the other: LevelDB takes concurrent
 * ones in the order in which threads arrive, which is not the order of the calls. After the first failure no further
 * batch is tried: a later one that succeeds would leave a gap in front of it.
 *
 * Rejections: `store-closed`, `store-write-failed` (from then on, always), `store-damaged`, `store-read-failed`.
 */
export function createOrderedStore({ db, write, closed }: OrderedDeps): Store {
  let tail = Promise.resolve();
  let pending = 0;
  let failure: Error | undefined;
  let closing: Promise<void> | undefined;

  async function writeAfter(previous: Promise<void>, operations: readonly StoreOperation[]): Promise<void> {
    await previous;
    if (failure !== undefined) throw failure;
    try {
      await write(operations);
    } catch (cause) {
      failure = writeError(cause);
      throw failure;
    } finally {
      pending--;
    }
  }

  async function read<T>(run: () => Promise<T>): Promise<T> {
    if (closing !== undefined) throw closedError();
    try {
      return await run();
    } catch (cause) {
      throw readError(cause);
    }
  }

  async function shut(): Promise<void> {
    await tail;
    try {
      await db.close();
    } finally {
      closed?.();
    }
  }

  /** Reads of the present, or of `snapshot` while `open` says that it is. */
  function reads(snapshot?: AbstractSnapshot, open: () => boolean = () => true): StoreReads {
    const options = snapshot === undefined ? {} : { snapshot };
    const opened = <T>(run: () => Promise<T>): Promise<T> => (open() ? read(run) : Promise.reject(closedError()));
    return {
      get: (key) => opened(async () => plain(await db.get(key, options))),
      getMany: (keys) => opened(async () => (await db.getMany(keys as Bytes[], options)).map(plain)),
      // The snapshot is the moment of this call, not of the first chunk: a caller pairs it with what it knows now.
      // An iterable that is never iterated holds its snapshot until the store closes.
      iterate: (range) => (closing === undefined && open() ? createChunks(db, range, options) : rejectingChunks()),
    };
  }

  function openSnapshot(): StoreSnapshot {
    if (closing !== undefined) throw closedError();
    const snapshot = db.snapshot();
    let open = true;
    return {
      ...reads(snapshot, () => open),
      async close() {
        open = false;
        await snapshot.close();
      },
    };
  }

  return {
    ...reads(),
    snapshot: openSnapshot,

    async batch(operations) {
      if (closing !== undefined) throw closedError();
      if (failure === undefined && pending >= MAX_PENDING_BATCHES) {
        failure = writeError(new Error(`more than ${MAX_PENDING_BATCHES} batches are waiting`));
      }
      if (failure !== undefined) throw failure;
      pending++;
      const done = writeAfter(tail, operations);
      // The queue goes on after a failure, so that every waiting caller hears of it.
      tail = done.catch(() => {});
      return done;
    },

    close: () => (closing ??= shut()),
  };
}

/** classic-level hands out Buffers, whose `slice` shares memory where a Uint8Array's copies. */
function plain(bytes: Bytes): Bytes;
function plain(bytes: Bytes | undefined): Bytes | undefined;
function plain(bytes: Bytes | undefined): Bytes | undefined {
  if (bytes === undefined || bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function createChunks(
  db: BinaryLevel,
  range: KeyRange,
  of: { readonly snapshot?: AbstractSnapshot },
): AsyncIterableIterator<readonly Row[]> {
  const { gte, lt, reverse = false, limit } = range;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) throw new RangeError(`limit ${limit} is not a count`);
  // highWaterMarkBytes is classic-level's own option; others ignore it.
  const options = { ...of, gte, lt, reverse, ...(limit === undefined ? {} : { limit }), highWaterMarkBytes: CHUNK_BYTES };
  const rows = db.iterator(options);
  return {
    async next() {
      try {
        const chunk = await rows.nextv(CHUNK_ROWS);
        if (chunk.length > 0) return { done: false, value: chunk.map(([key, value]) => [plain(key), plain(value)] as const) };
      } catch (cause) {
        await rows.close();
        throw readError(cause);
      }
      await rows.close();
      return { done: true, value: undefined };
    },
    async return() {
      await rows.close();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function rejectingChunks(): AsyncIterableIterator<readonly Row[]> {
  return {
    next: () => Promise.reject(closedError()),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
