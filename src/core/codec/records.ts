import {
  type Author,
  type Bytes,
  type Entry,
  type Hlc,
  LatticeError,
  MAX_KEY_BYTES,
  MAX_NETWORK_BYTES,
  type Sibling,
} from '../types/index.ts';
import { authorAt } from './author.ts';
import { type AuthorClock, bytesToClocks, clocksToBytes } from './author-clocks.ts';
import { decodeHeader } from './header.ts';
import { bytesToHlc, hlcInto, hlcToBytes } from './hlc.ts';
import { authorInto, decodeOperation } from './operation.ts';
import {
  ARRAY,
  BYTES,
  createReader,
  expectArray,
  expectEnd,
  malformed,
  type Reader,
  readBytes,
  readBytesOf,
  readHead,
  readTextWithin,
  readUint,
  splitBytes,
} from './reader.ts';
import { createWriter, finish, reserve, writeArray, writeByte, writeBytes, writeHead, writeParts, writeText } from './writer.ts';

const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
const INCARNATION_BYTES = 8;
const AUTHOR_BYTES = 32;
const HLC_BYTES = 8;
const FALSE = 0xf4;
const TRUE = 0xf5;

const SIBLING_ITEMS = 6;
const CHANGE_ITEMS = 7;
/** Commit id, signature, index and heads. */
const SIBLING_BYTES = 128;

/** Runs a decoder of a row's value; whatever it finds malformed is damage: these bytes were our own. */
function decodeRow<T>(what: string, bytes: Bytes, decode: (reader: Reader) => T): T {
  try {
    const reader = createReader(bytes);
    const value = decode(reader);
    expectEnd(reader);
    return value;
  } catch (cause) {
    if (!(cause instanceof LatticeError) || cause.code === 'unknown-format') throw cause;
    throw new LatticeError('damaged-row', `${what} does not parse: ${cause.message}`, { cause });
  }
}

/** [[commit, index, header, signature, operation, proof] …], in the entry's order. */
export function encodeEntry(entry: Entry): Bytes {
  let expected = 1;
  for (const { headerBytes, operationBytes, proof } of entry.siblings) {
    expected += SIBLING_BYTES + headerBytes.length + operationBytes.length + HASH_BYTES * proof.length;
  }
  const writer = createWriter(expected);
  writeArray(writer, entry.siblings.length);
  for (const sibling of entry.siblings) {
    writeArray(writer, SIBLING_ITEMS);
    writeBytes(writer, sibling.commit);
    writeHead(writer, 0, sibling.index);
    writeBytes(writer, sibling.headerBytes);
    writeBytes(writer, sibling.signature);
    writeBytes(writer, sibling.operationBytes);
    writeParts(writer, sibling.proof, HASH_BYTES);
  }
  return finish(writer);
}

function readSibling(reader: Reader): Sibling {
  expectArray(reader, SIBLING_ITEMS);
  const commit = readBytesOf(reader, HASH_BYTES);
  const index = readUint(reader);
  const headerBytes = readBytes(reader);
  const signature = readBytesOf(reader, SIGNATURE_BYTES);
  const operationBytes = readBytes(reader);
  const proof = splitBytes(readBytes(reader), HASH_BYTES);
  const { author, hlc, count } = decodeHeader(headerBytes);
  if (index >= count) throw malformed(`index ${index} of a commit with ${count} operations`);
  return { commit, index, author, hlc, operation: decodeOperation(operationBytes), operationBytes, headerBytes, signature, proof };
}

/**
 * The entry in a row's value. Form is checked, hashes and signatures are not: the tree's root vouches for local rows. With `key`, the one
 * from the row's own key, all siblings must be about it. Byte fields are views of `bytes`. LatticeError `damaged-row`.
 */
export function decodeEntry(bytes: Bytes, key?: string): Entry {
  return decodeRow('an entry', bytes, (reader) => {
    const count = readHead(reader, ARRAY);
    if (count === 0) throw malformed('an entry has at least one sibling');
    const siblings: Sibling[] = [];
    for (let i = 0; i < count; i++) siblings.push(readSibling(reader)); // ends with the bytes, whatever `count` claims
    const own = key ?? (siblings[0] as Sibling).operation.key;
    if (siblings.some((sibling) => sibling.operation.key !== own)) throw malformed('a sibling is about another key');
    return { key: own, siblings };
  });
}

export interface JournalChange {
  readonly key: string;
  /** Commit id and index of the sibling shown after the batch. */
  readonly commit: Bytes;
  readonly index: number;
  readonly deleted: boolean;
  /** The key's only sibling: commit and index are all that its leaf is made of. */
  readonly alone: boolean;
  /** Who wrote it and when. */
  readonly author: Author;
  readonly hlc: Hlc;
}

/** What one durable batch changed, and the root after it. */
export interface Journal {
  readonly root: Bytes;
  /** Of the authors of whom something newer was seen than before. */
  readonly clocks: readonly AuthorClock[];
  readonly changes: readonly JournalChange[];
}

/** [root, clocks, [[key, commit, index, deleted, alone, author, hlc] …]]. */
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
    writeByte(writer, deleted ? TRUE : FALSE);
    writeByte(writer, alone ? TRUE : FALSE);
    // In place: an array of its own for each would cost more than the writing.
    writeHead(writer, BYTES, AUTHOR_BYTES);
    const authorStart = reserve(writer, AUTHOR_BYTES);
    authorInto(author, writer.bytes, authorStart);
    writeHead(writer, BYTES, HLC_BYTES);
    const hlcStart = reserve(writer, HLC_BYTES);
    hlcInto(hlc, writer.bytes, hlcStart);
  }
  return finish(writer);
}

function readBoolean(reader: Reader): boolean {
  const byte = reader.bytes[reader.at++];
  if (byte !== TRUE && byte !== FALSE) throw malformed(`true or false was expected at ${reader.at - 1}`);
  return byte === TRUE;
}

/** LatticeError `damaged-row`. */
export function decodeJournal(bytes: Bytes): Journal {
  return decodeRow('a journal record', bytes, (reader) => {
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

/** The form of a store directory. Another number is another program's directory, not damage. */
export const STATE_FORMAT = 2;

/** What the state is as a whole, written with every batch. */
export interface StateMeta {
  readonly format: typeof STATE_FORMAT;
  /** 8 random bytes, drawn when the store was created: cursors name it. */
  readonly incarnation: Bytes;
  readonly network: string;
  readonly root: Bytes;
  /** Keys, tombstones included. */
  readonly entries: number;
  /** Keys with a value. */
  readonly live: number;
  /** Keys with more than one sibling. */
  readonly conflicts: number;
  /** Of the last batch. */
  readonly sequence: number;
  /** No own commit has a greater HLC; zero before the first. */
  readonly hlc: Hlc;
}

/** [format, incarnation, network, root, entries, live, conflicts, sequence, hlc]. */
export function encodeStateMeta(meta: StateMeta): Bytes {
  const writer = createWriter(256);
  writeArray(writer, 9);
  writeHead(writer, 0, meta.format);
  writeBytes(writer, meta.incarnation);
  writeText(writer, meta.network);
  writeBytes(writer, meta.root);
  for (const n of [meta.entries, meta.live, meta.conflicts, meta.sequence]) writeHead(writer, 0, n);
  writeBytes(writer, hlcToBytes(meta.hlc));
  return finish(writer);
}

/** LatticeError `unknown-format` for the directory of another version, `damaged-row` otherwise. */
export function decodeStateMeta(bytes: Bytes): StateMeta {
  return decodeRow('the state record', bytes, (reader) => {
    const items = readHead(reader, ARRAY);
    const format = readUint(reader);
    if (format !== STATE_FORMAT) {
      throw new LatticeError('unknown-format', `the store has format ${format}; this program reads format ${STATE_FORMAT}`, {
        next: 'start the version that wrote it, or one that can convert it',
        details: { format },
      });
    }
    if (items !== 9) throw malformed(`a state record has 9 items, not ${items}`);
    const incarnation = readBytesOf(reader, INCARNATION_BYTES);
    const network = readTextWithin(reader, MAX_NETWORK_BYTES);
    const root = readBytesOf(reader, HASH_BYTES);
    const entries = readUint(reader);
    const live = readUint(reader);
    const conflicts = readUint(reader);
    const sequence = readUint(reader);
    const hlc = bytesToHlc(readBytesOf(reader, 8));
    return { format, incarnation, network, root, entries, live, conflicts, sequence, hlc };
  });
}
