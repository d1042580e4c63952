import type { AbstractLevel } from 'abstract-level';
import type { Bytes } from '../../core/types/index.ts';
import type { KeyRange, Row, Store, StoreOperation } from '../../ports/index.ts';
import { closedError, readError, writeError } from './errors.ts';

/** An abstract-level database that was opened with binary keys and values ('view' encoding). */
export type BinaryLevel = AbstractLevel<string | Buffer | Uint8Array, Bytes, Bytes>;

/** Rows per chunk, as the port promises. */
const CHUNK_ROWS = 1000;
/** Bytes after which a chunk ends early, so that a thousand rows of the largest value are not in memory at once. */
const CHUNK_BYTES = 1024 * 1024;
/**
 * Batches that may wait. The writer is a single loop with a few batches under way. A caller that exceeds this does not
 * wait for the promises it is given.
 */
const MAX_PENDING_BATCHES = 1024;

export interface OrderedDeps {
  /** An open database, which the store closes. */
  readonly db: BinaryLevel;
  /** Writes all operations at once, atomically and durably. */
  readonly write: (operations: readonly StoreOperation[]) => Promise<void>;
  /** Called once, after the database has closed. */
  readonly closed?: () => void;
}

/**
 * The store port over an abstract-level database. Batches are written one after the other, because LevelDB takes
 * concurrent ones in the order in which threads arrive, which is not the order of the calls. After the first failure
 * no further batch is tried, because one that succeeds would leave a gap before it.
 *
 * Rejects with LatticeError: `store-closed`, `store-damaged`, `store-read-failed`, and `store-write-failed`, with
 * which every later batch rejects too.
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

  return {
    get: (key) => read(async () => plain(await db.get(key))),
    getMany: (keys) => read(async () => (await db.getMany(keys as Bytes[])).map(plain)),
    iterate: (range) => readChunks(range, (part) => read(() => readChunk(db, part))),

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

/** Makes a Uint8Array of classic-level's Buffer, because `slice` of a Buffer shares memory and does not copy. */
function plain(bytes: Bytes): Bytes;
function plain(bytes: Bytes | undefined): Bytes | undefined;
function plain(bytes: Bytes | undefined): Bytes | undefined {
  if (bytes === undefined || bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Yields the rows of a range, each chunk from an iterator of its own. An iterator reads the store as it was when the
 * iterator was made, and while one is open LevelDB keeps every version of every row. Opening one costs tens of
 * microseconds, a few per cent of reading a thousand rows.
 */
function readChunks(
  range: KeyRange,
  read: (range: KeyRange) => Promise<readonly Row[]>,
): AsyncIterable<readonly Row[]> {
  const { limit } = range;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    throw new RangeError(`limit ${limit} is not a count`);
  return {
    async *[Symbol.asyncIterator]() {
      let left = limit ?? Number.POSITIVE_INFINITY;
      for (let rest = range; left > 0; ) {
        const rows = await read({ ...rest, limit: Math.min(left, CHUNK_ROWS) });
        if (rows.length === 0) return;
        yield rows;
        left -= rows.length;
        const [last] = rows.at(-1) as Row;
        rest = range.reverse === true ? { ...rest, lt: last } : { ...rest, gte: nextKey(last) };
      }
    },
  };
}

/** The least key greater than this one. */
function nextKey(key: Bytes): Bytes {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** Reads at most `limit` rows, and fewer when they are large. The answer is empty only when the range is. */
async function readChunk(
  db: BinaryLevel,
  { gte, lt, reverse = false, limit = CHUNK_ROWS }: KeyRange,
): Promise<readonly Row[]> {
  // highWaterMarkBytes is an option of classic-level. Other databases ignore it.
  const options = { gte, lt, reverse, limit, highWaterMarkBytes: CHUNK_BYTES };
  const iterator = db.iterator(options);
  try {
    return (await iterator.nextv(limit)).map(([key, value]) => [plain(key), plain(value)] as const);
  } finally {
    await iterator.close();
  }
}
