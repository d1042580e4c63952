import type { AbstractLevel } from 'abstract-level';
import type { Bytes } from '../../core/types/index.ts';
import type { KeyRange, Row, Store, StoreOperation } from '../../ports/index.ts';
import { damagedRowError, seal, unseal } from './checksums.ts';
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
  /** Frees the space of what was deleted in a range, where the database does not do so by itself. */
  readonly compact?: Store['compact'];
  /** How many rows an iterator with a limit is asked for beyond the limit, to make it end. Default 0. */
  readonly beyond?: number;
  /** Called once, after the database has closed. */
  readonly closed?: () => void;
}

/**
 * The store port over an abstract-level database. Every value has a checksum over its key and itself. A row that does
 * not match its checksum is read once more in the other way, by an iteration or by its key, and damages the answer only
 * when that finds nothing better (SPEC N14).
 *
 * Batches are written one after the other, because LevelDB takes
 * concurrent ones in the order in which threads arrive, which is not the order of the calls. After the first failure
 * no further batch is tried, because one that succeeds would leave a gap before it.
 *
 * Rejects with LatticeError: `store-closed`, `store-damaged`, `store-read-failed`, and `store-write-failed` or
 * `store-full`, with which every later batch rejects too.
 */
export function createOrderedStore({ db, write, compact, closed, beyond = 0 }: OrderedDeps): Store {
  let tail = Promise.resolve();
  let pending = 0;
  let failure: Error | undefined;
  let closing: Promise<void> | undefined;

  async function writeAfter(previous: Promise<void>, operations: readonly StoreOperation[]): Promise<void> {
    await previous;
    if (failure !== undefined) throw failure;
    try {
      await write(seal(operations));
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

  /** Reads a row by an iteration, after a read by its key has found it damaged. */
  async function iterated(key: Bytes): Promise<Bytes | undefined> {
    const [row] = await readChunk(db, { gte: key, lt: nextKey(key), limit: 1 }, beyond);
    if (row === undefined) return undefined;
    return unseal(...row) ?? fail(key);
  }

  /** Reads a row by its key, after an iteration has found it damaged. */
  async function byKey(key: Bytes): Promise<Bytes> {
    const sealed = await db.get(key);
    return (sealed === undefined ? undefined : unseal(key, plain(sealed))) ?? fail(key);
  }

  async function one(key: Bytes, sealed: Bytes | undefined): Promise<Bytes | undefined> {
    return sealed === undefined ? undefined : (unseal(key, plain(sealed)) ?? iterated(key));
  }

  async function many(keys: readonly Bytes[]): Promise<(Bytes | undefined)[]> {
    const found = await db.getMany(keys as Bytes[]);
    const values: (Bytes | undefined)[] = [];
    for (const [i, sealed] of found.entries()) {
      const key = keys[i] as Bytes;
      const value = sealed === undefined ? undefined : unseal(key, plain(sealed));
      values.push(sealed !== undefined && value === undefined ? await iterated(key) : value);
    }
    return values;
  }

  async function chunk(range: KeyRange): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for (const [key, sealed] of await readChunk(db, range, beyond))
      rows.push([key, unseal(key, sealed) ?? (await byKey(key))]);
    return rows;
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
    get: (key) => read(async () => one(key, await db.get(key))),
    getMany: (keys) => read(() => many(keys)),
    iterate: (range) => readChunks(range, (part) => read(() => chunk(part))),

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

    ...(compact === undefined ? {} : { compact: (range) => read(() => compact(range)) }),
    close: () => (closing ??= shut()),
  };
}

function fail(key: Bytes): never {
  throw damagedRowError(key);
}

/** Makes a Uint8Array of classic-level's Buffer, because `slice` of a Buffer shares memory and does not copy. */
function plain(bytes: Bytes): Bytes {
  if (bytes.constructor === Uint8Array) return bytes;
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
  beyond: number,
): Promise<readonly Row[]> {
  // highWaterMarkBytes is an option of classic-level. Other databases ignore it.
  const options = { gte, lt, reverse, limit, highWaterMarkBytes: CHUNK_BYTES };
  const iterator = db.iterator(options);
  try {
    return (await iterator.nextv(limit + beyond)).map(([key, value]) => [plain(key), plain(value)] as const);
  } finally {
    await iterator.close();
  }
}
