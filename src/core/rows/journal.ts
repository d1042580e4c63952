import {
  ARRAY,
  BYTES,
  expectArray,
  readBoolean,
  readBytes,
  readBytesOf,
  readHead,
  readTextWithin,
  readUint,
} from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import {
  createWriter,
  finish,
  reserve,
  writeArray,
  writeBoolean,
  writeBytes,
  writeHead,
  writeText,
} from '../cbor/writer.ts';
import { bytesToHlc, hlcInto } from '../clock/hlc.ts';
import { type Author, type Bytes, type Hlc, MAX_KEY_BYTES } from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { authorInto } from '../wire/operation.ts';
import { type AuthorClock, bytesToClocks, clocksToBytes } from './author-clocks.ts';

const HASH_BYTES = 32;
const AUTHOR_BYTES = 32;
const HLC_BYTES = 8;
const CHANGE_ITEMS = 7;

/** What a batch changed of one key. */
export interface JournalChange {
  readonly key: string;
  /** Commit id (32 bytes) and operation index of the winner after the batch. */
  readonly commit: Bytes;
  readonly index: number;
  readonly deleted: boolean;
  /** Whether it is the key's only sibling. Its commit and index are then all that the key's leaf is made of. */
  readonly alone: boolean;
  /** Who wrote it, and when. */
  readonly author: Author;
  readonly hlc: Hlc;
}

/** What one durable batch changed, and the root after it. */
export interface Journal {
  readonly root: Bytes;
  /** The clocks of the authors of whom something newer was seen than before the batch. */
  readonly clocks: readonly AuthorClock[];
  readonly changes: readonly JournalChange[];
}

/** The bytes of the row: [root, clocks, [[key, commit, index, deleted, alone, author, hlc] …]]. */
export function encodeJournal(journal: Journal): Bytes {
  const writer = createWriter(64 + 144 * journal.changes.length);
  writeArray(writer, 3);
  writeBytes(writer, journal.root);
  writeBytes(writer, clocksToBytes(journal.clocks));
  writeArray(writer, journal.changes.length);
  for (const { key, commit, index, deleted, alone, author, hlc } of journal.changes) {
    writeArray(writer, CHANGE_ITEMS);
    writeText(writer, key);
    writeBytes(writer, commit);
    writeHead(writer, 0, index);
    writeBoolean(writer, deleted);
    writeBoolean(writer, alone);
    // These are written in place, because an array for each would cost more than the writing.
    writeHead(writer, BYTES, AUTHOR_BYTES);
    const authorStart = reserve(writer, AUTHOR_BYTES);
    authorInto(author, writer.bytes, authorStart);
    writeHead(writer, BYTES, HLC_BYTES);
    const hlcStart = reserve(writer, HLC_BYTES);
    hlcInto(hlc, writer.bytes, hlcStart);
  }
  return finish(writer);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeJournal(bytes: Bytes): Journal {
  return decodeStored('a journal record', bytes, (reader) => {
    expectArray(reader, 3);
    const root = readBytesOf(reader, HASH_BYTES);
    const clocks = bytesToClocks(readBytes(reader));
    const count = readHead(reader, ARRAY);
    const changes: JournalChange[] = [];
    for (let i = 0; i < count; i++) {
      expectArray(reader, CHANGE_ITEMS);
      const key = readTextWithin(reader, MAX_KEY_BYTES);
      const commit = readBytesOf(reader, HASH_BYTES);
      const index = readUint(reader);
      const deleted = readBoolean(reader);
      const alone = readBoolean(reader);
      const author = authorAt(readBytesOf(reader, AUTHOR_BYTES), 0);
      changes.push({ key, commit, index, deleted, alone, author, hlc: bytesToHlc(readBytesOf(reader, HLC_BYTES)) });
    }
    return { root, clocks, changes };
  });
}
