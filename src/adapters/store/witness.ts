import { closeSync, fdatasync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Bytes } from '../../core/types/index.ts';
import type { Witness } from '../../ports/index.ts';

/** The file in the directory of the store. LevelDB leaves files of other names alone. */
export const WITNESS = 'witness';

/**
 * Two places for records, each in a sector of its own, written in turn: a write that is cut short leaves the record
 * before it.
 */
const SLOTS = [0, 4096] as const;
const SLOT_BYTES = 512;
/** A record in its place: u32 format, u32 count of records written, u8 clean, u16 length, record, CRC-32 of all that. */
const FORMAT = 0x4c57_0001;
const HEAD_BYTES = 11;
const MAX_RECORD = SLOT_BYTES - HEAD_BYTES - 4;
/**
 * Records reach the system with each batch, and the disk at most this much later. So nothing is missed when the process
 * dies; after a loss of power the witness may lag behind the store by the batches of this time, and it is never ahead,
 * because it is written after them.
 */
const SYNC_MS = 1_000;

interface Slot {
  readonly count: number;
  readonly clean: boolean;
  readonly record: Bytes;
}

function encode({ count, clean, record }: Slot): Bytes {
  if (record.length > MAX_RECORD) throw new RangeError(`a record of the witness has at most ${MAX_RECORD} bytes`);
  const bytes = new Uint8Array(SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FORMAT);
  view.setUint32(4, count);
  view.setUint8(8, clean ? 1 : 0);
  view.setUint16(9, record.length);
  bytes.set(record, HEAD_BYTES);
  const end = HEAD_BYTES + record.length;
  view.setUint32(end, crc32(bytes.subarray(0, end)));
  return bytes;
}

function decode(bytes: Bytes): Slot | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== FORMAT) return undefined;
  const length = view.getUint16(9);
  const end = HEAD_BYTES + length;
  if (length > MAX_RECORD || view.getUint32(end) !== crc32(bytes.subarray(0, end))) return undefined;
  return { count: view.getUint32(4), clean: view.getUint8(8) === 1, record: bytes.slice(HEAD_BYTES, end) };
}

/** Whether the last run of a store ended by closing it; undefined where no witness tells. */
export function endedCleanly(directory: string): boolean | undefined {
  let file: number;
  try {
    file = openSync(join(directory, WITNESS), 'r');
  } catch {
    return undefined;
  }
  try {
    return newest(file)?.clean;
  } finally {
    closeSync(file);
  }
}

function newest(file: number): Slot | undefined {
  const slots = SLOTS.flatMap((position) => {
    const bytes = new Uint8Array(SLOT_BYTES);
    if (readSync(file, bytes, 0, SLOT_BYTES, position) !== SLOT_BYTES) return [];
    return decode(bytes) ?? [];
  });
  return slots.sort((a, b) => b.count - a.count)[0];
}

/** Opens the witness of the store in `directory`, or creates it. It throws what the file system throws. */
export function openWitness(directory: string): Witness & {
  /** Closes the file. `clean` marks the last record as that of a store that was closed with all that was written. */
  close(clean: boolean): void;
} {
  const path = join(directory, WITNESS);
  const file = openSync(path, 'a+', 0o600);
  closeSync(file);
  const open = openSync(path, 'r+');
  const earlier = newest(open);
  let count = earlier?.count ?? 0;
  let last = earlier?.record ?? new Uint8Array(0);
  let syncing = false;
  let stale = false;
  let pause: NodeJS.Timeout | undefined;
  let closed = false;

  function write(record: Bytes, clean: boolean): void {
    count++;
    last = record;
    writeSync(open, encode({ count, clean, record }), 0, SLOT_BYTES, SLOTS[count % 2]);
  }

  function syncSoon(): void {
    stale = true;
    if (syncing || closed) return;
    syncing = true;
    stale = false;
    // An error here is one of the disk, which the store's own next sync meets as well.
    fdatasync(open, () => {
      pause = setTimeout(() => {
        syncing = false;
        if (stale) syncSoon();
      }, SYNC_MS);
      pause.unref();
    });
  }

  // From here on an end of the process is an unclean one. Both places exist, so that later writes keep the file's size.
  try {
    for (let i = 0; i < SLOTS.length; i++) write(last, false);
    fdatasyncSync(open);
  } catch (error) {
    closeSync(open);
    throw error;
  }

  return {
    earlier: earlier === undefined || earlier.record.length === 0 ? undefined : earlier,
    note(record) {
      write(record, false);
      syncSoon();
    },
    close(clean) {
      closed = true;
      clearTimeout(pause);
      write(last, clean);
      fdatasyncSync(open);
      closeSync(open);
    },
  };
}
