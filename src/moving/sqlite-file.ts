import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { fileFailure, LatticeError } from '../core/types/index.ts';

/** Bytes of a database that is read. It is in memory twice while it is, and so many hold far more than a node keeps. */
const MAX_DATABASE_BYTES = 256 * 1024 * 1024;
/** How often a file is read that changes meanwhile. */
const MAX_READS = 3;
const MAGIC = 'SQLite format 3\0';
const HEADER_BYTES = 100;
/** A write-ahead log without a frame has only its header (SQLite file format, section 4.1). */
const WAL_HEADER_BYTES = 32;

const cut = (message: string): LatticeError =>
  new LatticeError('database-malformed', message, {
    next: 'The file was cut or changed after it was written: take another copy.',
  });
const unsettled = (message: string): LatticeError =>
  new LatticeError('database-unsettled', message, {
    next: 'Stop the original node. If the file stays, copy both files elsewhere, open the copy once with sqlite3 (`sqlite3 telemetry.db .schema`), and import the copy.',
  });

/**
 * The bytes of a SQLite database as of one moment. It reads the file and its directory, and changes neither. Rejects
 * with LatticeError `database-malformed`, `database-unsettled`, `file-too-large` or `file-unreadable`.
 */
export async function readDatabase(path: string): Promise<Uint8Array> {
  for (let read = 0; read < MAX_READS; read++) {
    const bytes = await readOnce(path);
    if (bytes === undefined) continue;
    await checkBeside(path);
    checkHeader(bytes);
    // The mark of the write-ahead log (bytes 18 and 19) asks for a file beside it, which the copy in memory has not.
    if (bytes[18] === 2) bytes.set([1, 1], 18);
    return bytes;
  }
  throw unsettled(`it changed each of the ${MAX_READS} times that it was read`);
}

/** All bytes; undefined when the file changed meanwhile. */
async function readOnce(path: string): Promise<Uint8Array | undefined> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its other end.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const before = await file.stat({ bigint: true });
    if (!before.isFile())
      throw new LatticeError('database-malformed', 'it is not a plain file', { next: 'Name the database itself.' });
    if (before.size > MAX_DATABASE_BYTES) {
      const size = Math.ceil(Number(before.size) / 2 ** 20);
      throw new LatticeError('file-too-large', `it has ${size} MiB, over ${MAX_DATABASE_BYTES / 2 ** 20}`, {
        next: 'Import a copy without the rows that are not needed (`DELETE FROM …; VACUUM`).',
      });
    }
    const bytes = new Uint8Array(Number(before.size));
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) return undefined;
      at += bytesRead;
    }
    const after = await file.stat({ bigint: true });
    return after.size === before.size && after.mtimeNs === before.mtimeNs ? bytes : undefined;
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${fileFailure(cause)}`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  } finally {
    await file?.close();
  }
}

/** Refuses a database beside which changes wait that are not in it, or that would have to be taken back. */
async function checkBeside(path: string): Promise<void> {
  if ((await sizeOf(`${path}-wal`)) > WAL_HEADER_BYTES)
    throw unsettled('the write-ahead log beside it (-wal) holds changes that are not in it');
  if ((await sizeOf(`${path}-journal`)) === 0) return;
  // A journal that is done with is removed, emptied, or begins with zeros.
  const file = await open(`${path}-journal`, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  try {
    const { bytesRead, buffer } = (await file?.read(Buffer.alloc(1), 0, 1, 0)) ?? {
      bytesRead: 0,
      buffer: Buffer.alloc(1),
    };
    if (bytesRead === 1 && buffer[0] !== 0)
      throw unsettled('the journal beside it (-journal) holds a transaction that was cut and has to be taken back');
  } finally {
    await file?.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** Checks the header (SQLite file format, section 1.3) against the size of the file. */
function checkHeader(bytes: Uint8Array): void {
  if (bytes.length === 0) throw cut('it is empty');
  if (new TextDecoder('latin1').decode(bytes.subarray(0, MAGIC.length)) !== MAGIC)
    throw new LatticeError('database-malformed', 'it is not an SQLite database', {
      next: 'Name the telemetry.db of the original.',
    });
  if (bytes.length < HEADER_BYTES) throw cut(`it is cut after ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const told = view.getUint16(16);
  const pageBytes = told === 1 ? 65_536 : told;
  const pages = view.getUint32(28);
  // The number of pages counts only where the version that wrote it is the last one (section 1.3.9).
  const counts = pages > 0 && view.getUint32(24) === view.getUint32(92);
  if (counts && bytes.length < pages * pageBytes)
    throw cut(`it is cut: its header tells of ${pages * pageBytes} bytes, and it has ${bytes.length}`);
}
