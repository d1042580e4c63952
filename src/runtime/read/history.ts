import { checkKey } from '../../core/cbor/index.ts';
import { hlcMs, hlcToHex } from '../../core/clock/index.ts';
import { bucketRange, decodeJournal, journalKey, journalKeyToSequence } from '../../core/rows/index.ts';
import { isGone, versionOf } from '../../core/state/index.ts';
import {
  type Bytes,
  type Entry,
  type Hasher,
  type JsonValue,
  LatticeError,
  type Sibling,
} from '../../core/types/index.ts';
import { keyBytes, keyHash } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { HistoryItem, HistoryPage, Lattice } from '../facade/index.ts';
import type { Entries } from '../storage/entries.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/**
 * How many journal records one page looks through, and how many bytes of them. That takes some tens of milliseconds,
 * and the next page goes on from there.
 */
const MAX_RECORDS = 4096;
const MAX_BYTES = 8 * 1024 * 1024;
/** How many records are read at once. The largest batches have 300 KiB each, and are searched without a pause. */
const CHUNK = 16;

/**
 * The place where a page ended. The next record to look at is the one before `sequence`, and `version` was shown last.
 */
interface Place {
  readonly sequence: number;
  readonly version: string;
}

function placeOf(cursor: string): Place {
  const match = /^(\d{1,15})\.([0-9a-f]{64}\.\d{1,3})?$/.exec(cursor);
  if (match === null)
    throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', {
      next: 'start again without a cursor',
    });
  return { sequence: Number(match[1]), version: match[2] ?? '' };
}

/**
 * What was shown under a key. The journal tells it for the batches that it keeps, and the present siblings are known
 * from the entry.
 */
export function createHistory(deps: {
  readonly store: Pick<Store, 'iterate'>;
  readonly hasher: Hasher;
  readonly writer: Pick<Writer, 'read'>;
  readonly entries: Pick<Entries, 'get'>;
  /** Unix ms, by which what has ended is judged. */
  readonly now: () => number;
}): Lattice['history'] {
  const { store, hasher, writer, entries } = deps;
  return async (key, { limit = DEFAULT_PAGE, cursor } = {}) => {
    checkKey(key);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
      throw new LatticeError('invalid-limit', `limit is a whole number from 1 to ${MAX_PAGE}`, {
        next: 'give such a number, or leave the limit out',
      });
    const from = cursor === undefined ? undefined : placeOf(cursor);
    const entry = await entries.get({ key, keyHash: keyHash(key, hasher) }, (read) => writer.read(read));
    // A delete leaves a tombstone, so a key without an entry was never written here.
    if (entry === undefined) return { key, items: [], complete: true };
    const held = new Map(entry.siblings.map((sibling) => [versionOf(sibling), sibling]));
    const shownSince = new Map<string, number>();
    const older: HistoryItem[] = [];
    const room = Math.max(1, limit - (from === undefined ? held.size : 0));
    const needle = keyBytes(key);
    let last = from?.version ?? '';
    let place: Place | undefined;
    let oldest: number | undefined;
    let records = 0;
    let bytes = 0;

    const finish = (): HistoryPage => ({
      key,
      items: [...(from === undefined ? presentItems(entry, shownSince, deps.now()) : []), ...older],
      complete: place === undefined && (oldest === undefined || oldest === 1),
      ...(place === undefined ? {} : { cursor: `${place.sequence}.${place.version}` }),
    });

    const { gte, lt } = bucketRange('journal');
    let before = from === undefined ? lt : journalKey(from.sequence);
    if (from !== undefined) oldest = from.sequence;
    for (;;) {
      let read = 0;
      for await (const chunk of store.iterate({ gte, lt: before, reverse: true, limit: CHUNK })) {
        for (const [rowKey, record] of chunk) {
          read++;
          before = rowKey;
          const sequence = journalKeyToSequence(rowKey);
          if (older.length === room || records === MAX_RECORDS || bytes > MAX_BYTES) {
            place = { sequence: sequence + 1, version: last };
            return finish();
          }
          records++;
          bytes += record.length;
          oldest = sequence;
          // Most records are about other keys, and looking for the key's bytes is much cheaper than decoding a record.
          if (!contains(record, needle)) continue;
          for (const change of decodeJournal(record).changes) {
            if (change.key !== key) continue;
            const version = versionOf(change);
            const { author, hlc, deleted } = change;
            if (held.has(version)) shownSince.set(version, sequence);
            else if (version === last) {
              const shown = older.pop();
              // A put that ended before it was replaced was told twice, and is no delete.
              if (shown !== undefined) older.push({ ...shown, sequence, deleted });
            } else {
              older.push({ version, author, hlc: hlcToHex(hlc), at: hlcMs(hlc), deleted, sequence, current: false });
            }
            last = version;
          }
        }
      }
      if (read < CHUNK) return finish();
    }
  };
}

function presentItems(entry: Entry, shownSince: ReadonlyMap<string, number>, nowMs: number): HistoryItem[] {
  return entry.siblings.map((sibling: Sibling, i) => {
    const version = versionOf(sibling);
    const sequence = shownSince.get(version);
    const { operation } = sibling;
    const deleted = isGone(operation, nowMs);
    return {
      version,
      author: sibling.author,
      hlc: hlcToHex(sibling.hlc),
      at: hlcMs(sibling.hlc),
      deleted,
      ...(operation.expires === undefined ? {} : { expires: operation.expires }),
      ...(sequence === undefined ? {} : { sequence }),
      current: i === 0,
      ...(i === 0 ? {} : { concurrent: true }),
      ...(deleted ? {} : { value: operation.value as JsonValue }),
    };
  });
}

function contains(bytes: Bytes, part: Bytes): boolean {
  const first = part[0] as number;
  for (let at = bytes.indexOf(first); at >= 0 && at + part.length <= bytes.length; at = bytes.indexOf(first, at + 1)) {
    let i = 1;
    while (i < part.length && bytes[at + i] === part[i]) i++;
    if (i === part.length) return true;
  }
  return false;
}
