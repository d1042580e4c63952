import { readdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Bytes } from '../../core/types/index.ts';
import type { Store, StoreOperation } from '../../ports/index.ts';
import { makeDirectory } from '../system/make-directory.ts';
import { unseal } from './checksums.ts';
import { damagedError, lockedError, oldFormatError, openError } from './errors.ts';
import { wrongSize } from './manifest.ts';
import { createOrderedStore } from './ordered.ts';
import { checkTables } from './tables.ts';
import { endedCleanly, openWitness, WITNESS } from './witness.ts';

export interface LevelOptions {
  /** Bytes of uncompressed blocks kept in memory for reads. Default 16 MiB. */
  readonly cacheBytes?: number;
}

/**
 * Reads fill the cache within minutes, and it stays full: blocks of files that a compaction has replaced leave it only
 * when they are the oldest. With 300,000 rows of 232 bytes, reading 100 random keys takes less processor time than
 * with the library's 8 MiB, and no more than with 32 MiB.
 */
const CACHE_BYTES = 16 * 1024 * 1024;
/**
 * LevelDB keeps two of these buffers in memory: one that is written to, and one on its way to a file. Keys of rows are
 * hashes, so rows that are written together are spread over all files, and LevelDB merges files the more often the
 * smaller the buffer is. Compared with the library's 4 MiB, this size saves a sixth of the processor time of writing
 * 500,000 rows of 560 bytes.
 */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
/**
 * Files of 2 MiB that are open, and mapped into memory, at a time. LevelDB adds ten places for its other files, and
 * takes no less than 64 and those ten. With the library's 1,000, every page of a store of a million entries ends up in
 * the memory of the process. In a store beyond 128 MiB, some 200,000 entries, a random read may have to open its file
 * again, which takes 20 µs or more.
 */
const MAX_OPEN_FILES = 64;

/**
 * Directories open in this process, by real path. LevelDB's lock is a POSIX record lock, which a process loses as soon
 * as it closes *any* descriptor of the file. LevelDB refuses a second open in one process, but opens and closes the
 * file to do so. A second open must therefore not reach LevelDB, or other processes could open the directory too.
 */
const openDirectories = new Set<string>();

/**
 * Opens the LevelDB store in `directory`, or creates it. A missing directory is created with mode 0700. One process
 * owns the store.
 *
 * Rejects with LatticeError: `store-locked`, `store-damaged` (the directory is left as it is), `store-open-failed`,
 * `store-full`.
 */
export async function openLevelStore(directory: string, options: LevelOptions = {}): Promise<Store> {
  const path = await ownDirectory(directory);
  if (openDirectories.has(path)) throw lockedError(directory, 'this process');
  openDirectories.add(path);
  try {
    const names = await readdir(path);
    const missing = missingFile(names);
    if (missing !== undefined) throw damagedError(directory, `${missing} is missing`);
    const wrong = await wrongSize(path);
    if (wrong !== undefined) throw damagedError(directory, wrong);
    // LevelDB trusts its files, and a damaged block may end the process without a word. So what ended without a word is
    // looked at before it is opened again.
    if (endedCleanly(path) === false) for await (const _ of checkTables(path, (what) => damagedError(directory, what)));
    return await openDatabase(directory, path, { ...options, isOld: isCreated(names) && !names.includes(WITNESS) });
  } catch (error) {
    openDirectories.delete(path);
    throw openError(directory, error);
  }
}

async function ownDirectory(directory: string): Promise<string> {
  try {
    makeDirectory(resolve(directory), 0o700);
    return await realpath(directory);
  } catch (cause) {
    throw openError(directory, cause);
  }
}

async function openDatabase(
  directory: string,
  path: string,
  options: LevelOptions & { readonly isOld: boolean },
): Promise<Store> {
  const db = new ClassicLevel<Bytes, Bytes>(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: options.cacheBytes ?? CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxOpenFiles: MAX_OPEN_FILES,
  });
  endByLimit(db);
  try {
    await db.open();
  } catch (cause) {
    throw openError(directory, cause);
  }
  let witness: ReturnType<typeof openWitness>;
  try {
    if (options.isOld && (await lacksChecksums(db))) throw oldFormatError(directory);
    witness = openWitness(path);
  } catch (cause) {
    await db.close();
    throw openError(directory, cause);
  }
  let failed = false;
  const store = createOrderedStore({
    db,
    async write(operations) {
      try {
        await writeDurably(db, operations);
      } catch (error) {
        failed = true;
        throw error;
      }
    },
    // LevelDB takes the range with its end. The one row at the end does no harm.
    compact: ({ gte, lt }) => db.compactRange(gte, lt),
    beyond: 1,
    closed() {
      openDirectories.delete(path);
      // After a failed write the files are compared with their checksums at the next start.
      witness.close(!failed);
    },
  });
  return { ...store, witness, checkFiles: () => checkTables(path, (what) => damagedError(directory, what)) };
}

/**
 * An iterator of LevelDB passes over a block that it cannot parse, and says so only in its status. classic-level looks
 * at the status when its native iterator ends, by its range or by its limit; but abstract-level never asks for more
 * rows than the limit, so that the native iterator does not get there. A limit that is no whole number is none for
 * abstract-level, and the native iterator takes its whole part. With it, a read of one row beyond the limit returns no
 * more rows, and rejects when a block was passed over.
 */
function endByLimit(db: ClassicLevel<Bytes, Bytes>): void {
  const inner = db as unknown as { _iterator(options: { readonly limit: number }): unknown };
  const make = inner._iterator;
  inner._iterator = (options) =>
    make.call(db, options.limit < 0 ? options : { ...options, limit: options.limit + 0.5 });
}

/**
 * Writes a batch with a sync. The chained form of a batch takes a fifth of the array form's time on the event loop
 * (1.3 ms against 6.5 ms for a thousand rows).
 */
async function writeDurably(db: ClassicLevel<Bytes, Bytes>, operations: readonly StoreOperation[]): Promise<void> {
  const batch = db.batch();
  try {
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write({ sync: true });
  } finally {
    await batch.close();
  }
}

/**
 * Finds a loss that LevelDB would not notice. Without CURRENT it takes the directory for a new one and removes the data
 * in it; without its write-ahead log it opens with the newest writes gone. A store has both once it is created. A
 * creation that was cut short leaves at most MANIFEST-000001, and is done again.
 */
function missingFile(names: readonly string[]): string | undefined {
  if (!isCreated(names)) return undefined;
  if (!names.includes('CURRENT')) return 'CURRENT, the file that names the store’s manifest,';
  if (!names.some((name) => /^\d+\.log$/.test(name))) return 'the write-ahead log (*.log)';
  return undefined;
}

function isCreated(names: readonly string[]): boolean {
  return names.some(
    (name) => /^\d+\.(ldb|sst|log)$/.test(name) || (/^MANIFEST-\d+$/.test(name) && name !== 'MANIFEST-000001'),
  );
}

/** How many rows tell whether a store without a witness has checksums: more than could be damaged at once. */
const SAMPLE = 32;

/** Whether no row of a sample matches its checksum, as in stores of formats that had none. */
async function lacksChecksums(db: ClassicLevel<Bytes, Bytes>): Promise<boolean> {
  const rows = await db.iterator({ limit: SAMPLE }).all();
  return rows.length > 0 && rows.every(([key, sealed]) => unseal(key, sealed) === undefined);
}
