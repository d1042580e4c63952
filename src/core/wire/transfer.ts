import type { CborItem } from '../cbor/cbor.ts';
import { malformed, splitBytes, UINT } from '../cbor/reader.ts';
import { createWriter, finish, writeArray, writeBoolean, writeBytes, writeHead } from '../cbor/writer.ts';
import {
  type Bytes,
  concatBytes,
  MAX_FRAGMENT_BYTES,
  MAX_OPERATIONS,
  MAX_SYNC_BYTES,
  MAX_WANTS,
  REFUSALS,
  type Refusal,
} from '../types/index.ts';
import { checkIncreasing, repeat } from './differences.ts';
import type { WireReader } from './fields.ts';

/**
 * (wire) Most fragments in one answer to a want. No fragment has under 128 bytes, so the message is full before this is
 * reached.
 */
export const MAX_ENTRY_FRAGMENTS = MAX_SYNC_BYTES / 128;
/** (wire) First bytes of a key hash by which a key is named that coded symbols found: their item has no more of it. */
export const KEY_PREFIX_BYTES = 8;
const HASH_BYTES = 32;

/** What became of one pushed operation. It is `held` when it was applied or was there already. */
export type PushVerdict = 'held' | 'superseded' | Refusal;

const VERDICTS: readonly PushVerdict[] = ['held', 'superseded', ...REFUSALS];

/** Asks for entries by 1…MAX_WANTS key hashes, increasing: 32 bytes of each, or the first KEY_PREFIX_BYTES of each. */
export interface Want {
  readonly type: 'want';
  readonly keyHashes: readonly Bytes[];
}

/** The answer to `want`: the fragments of the first `answered` key hashes; a prefix stands for every key under it. */
export interface Entries {
  readonly type: 'entries';
  readonly answered: number;
  readonly fragments: readonly Bytes[];
}

/** 1…MAX_WANTS fragments for the other side. `live` tells that they were just applied and are not what a repair found. */
export interface Push {
  readonly type: 'push';
  readonly live: boolean;
  readonly fragments: readonly Bytes[];
}

/**
 * The answer to `push`: one verdict for each operation in the order sent, and one for each fragment that could not be
 * read.
 */
export interface Pushed {
  readonly type: 'pushed';
  readonly verdicts: readonly PushVerdict[];
}

export function wantFields({ keyHashes }: Want): CborItem[] {
  const width = keyHashes[0]?.length ?? HASH_BYTES;
  if (!keyHashes.every((hash) => hash.length === width))
    throw new RangeError('the key hashes of one want have one width');
  return [width, concatBytes(...keyHashes)];
}

export function pushedFields({ verdicts }: Pushed): CborItem[] {
  return [Uint8Array.from(verdicts, verdictToByte)];
}

/**
 * `[type, second, fragments]`, written without the tree of items that `encodeCbor` takes: nearly all that a repair
 * sends are such messages, of a thousand byte strings each. The caller checks what comes of it.
 */
export function encodeFragments(type: number, second: number | boolean, fragments: readonly Bytes[]): Bytes {
  const writer = createWriter(fragments.reduce((sum, fragment) => sum + fragment.length + 5, 16));
  writeArray(writer, 3);
  writeHead(writer, UINT, type);
  if (typeof second === 'number') writeHead(writer, UINT, second);
  else writeBoolean(writer, second);
  writeArray(writer, fragments.length);
  for (const fragment of fragments) writeBytes(writer, fragment);
  return finish(writer);
}

export function readWant(reader: WireReader): Want {
  const width = reader.uint('width');
  if (width !== HASH_BYTES && width !== KEY_PREFIX_BYTES) throw malformed(`key hashes of ${width} bytes`);
  const keyHashes = splitBytes(reader.bytes('key hashes', width, MAX_WANTS * width), width);
  checkIncreasing(keyHashes);
  return { type: 'want', keyHashes };
}

export function readEntries(reader: WireReader): Entries {
  const answered = reader.uint('answered', 0, MAX_WANTS);
  return { type: 'entries', answered, fragments: readFragments(reader, 0, MAX_ENTRY_FRAGMENTS) };
}

export function readPush(reader: WireReader): Push {
  const live = reader.boolean();
  return { type: 'push', live, fragments: readFragments(reader, 1, MAX_WANTS) };
}

export function readPushed(reader: WireReader): Pushed {
  const verdicts = Array.from(reader.bytes('verdicts', 0, MAX_WANTS * MAX_OPERATIONS), byteToVerdict);
  return { type: 'pushed', verdicts };
}

export function readFragments(reader: WireReader, min: number, max: number): Bytes[] {
  return repeat(reader.array('fragments', min, max), () => reader.bytes('fragment', 1, MAX_FRAGMENT_BYTES));
}

function verdictToByte(verdict: PushVerdict): number {
  return VERDICTS.indexOf(verdict === 'key-full' ? 'overloaded' : verdict);
}

function byteToVerdict(byte: number): PushVerdict {
  const verdict = VERDICTS[byte];
  if (verdict === undefined) throw malformed(`verdict ${byte} is unknown`);
  return verdict;
}
