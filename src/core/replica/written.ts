import { ZERO_HLC } from '../clock/index.ts';
import {
  decodeWrittenKey,
  encodeWritten,
  encodeWrittenRecord,
  PLACE_BYTES,
  WRITTEN,
  type WrittenRecord,
  writtenKey,
} from '../rows/index.ts';
import type { Author, Bytes, Hlc } from '../types/index.ts';
import type { ChangedEntry, RowWrite } from './step.ts';

/**
 * Most bytes of rows, and with them most rows: in a healthy fleet there are those of the 20 s by which the floor is
 * behind, and while it is held this is as much as a start reads in a quarter of a second.
 */
const MAX_BYTES = 16 * 1024 * 1024;
/** What a row takes beside the keys that it names, in the store and in memory. */
const ROW_BYTES = 256;
/** How many of the oldest rows go at once where there are too many, which is no more work than a batch has anyway. */
const GONE_AT_ONCE = 64;

/** What leads to the keys under which an author wrote later than the floor (SPEC RO12), however many others there are. */
export interface WrittenRows {
  /** Every operation of the state that is later than this is named by a row. */
  readonly since: Hlc;
  readonly size: number;
  /**
   * The keys of the rows that name all that the state has of this author later than `after`; undefined where something
   * of that may be named by none.
   */
  of(author: Author, after: Hlc): readonly Bytes[] | undefined;
  /** Takes note of the changes of the batch with this sequence, and returns the rows that belong to it. */
  note(changed: readonly ChangedEntry[], sequence: number): RowWrite[];
  /** Lets go of what is not later than `floor`, in at most `limit` rows; `more` where there are others. */
  pass(floor: Hlc, limit: number): { readonly rows: readonly RowWrite[]; readonly more: boolean };
  /** Takes in a row that was read at a start, with the length of its value. LatticeError `damaged-row`. */
  load(rowKey: Bytes, bytes: number): void;
  /**
   * Ends loading. `sequence` is that of the state, of which nothing is later than `last`. Where the rows do not reach up
   * to it, a version that knows of none has written since, or they are new: then they name what comes from here on.
   */
  loaded(record: WrittenRecord | undefined, sequence: number, last: Hlc): void;
}

interface Held {
  readonly author: Author;
  readonly last: Hlc;
  readonly key: Bytes;
  readonly bytes: number;
}

export function createWritten({ maxBytes = MAX_BYTES }: { readonly maxBytes?: number | undefined } = {}): WrittenRows {
  /** In the order in which they were made. */
  const all = new Set<Held>();
  let total = 0;
  let since: Hlc = ZERO_HLC;
  /** The batch up to which the rows and the record name everything. */
  let upTo = 0;
  /** Whether the record in the store says `since`, or none has to. */
  let isTold = true;

  function add(author: Author, last: Hlc, key: Bytes, valueBytes: number): void {
    const bytes = ROW_BYTES + valueBytes;
    all.add({ author, last, key, bytes });
    total += bytes;
  }

  function drop(one: Held): RowWrite {
    all.delete(one);
    total -= one.bytes;
    return { type: 'del', key: one.key };
  }

  function record(): RowWrite {
    isTold = true;
    return { type: 'put', key: WRITTEN, value: encodeWrittenRecord({ since, sequence: upTo }) };
  }

  /** Where there are too many, the oldest go, and what they named is named by none. */
  function keepWithinBounds(): RowWrite[] {
    if (total <= maxBytes) return [];
    const rows: RowWrite[] = [];
    for (const one of all) {
      if (one.last > since) since = one.last;
      rows.push(drop(one));
      if (rows.length >= GONE_AT_ONCE && total <= maxBytes) break;
    }
    return rows;
  }

  return {
    get since() {
      return since;
    },
    get size() {
      return all.size;
    },
    of(author, after) {
      if (after < since) return undefined;
      return Array.from(all).flatMap((one) => (one.author === author && one.last > after ? [one.key] : []));
    },
    note(changed, sequence) {
      const byAuthor = new Map<Author, { last: Hlc; readonly hashes: Bytes[] }>();
      for (const { keyHash, before, after } of changed) {
        if (after === undefined) continue;
        for (const sibling of after.siblings) {
          const { author, hlc } = sibling;
          if (hlc <= since || before?.siblings.includes(sibling) === true) continue;
          const of = byAuthor.get(author);
          if (of === undefined) byAuthor.set(author, { last: hlc, hashes: [keyHash] });
          else {
            if (hlc > of.last) of.last = hlc;
            of.hashes.push(keyHash);
          }
        }
      }
      upTo = sequence;
      const rows: RowWrite[] = [];
      for (const [author, { last, hashes }] of byAuthor) {
        const key = writtenKey({ author, last, sequence });
        rows.push({ type: 'put', key, value: encodeWritten(hashes) });
        add(author, last, key, PLACE_BYTES * hashes.length);
      }
      const gone = keepWithinBounds();
      // A row of this batch tells as well as the record that the rows reach up to it.
      return rows.length > 0 && gone.length === 0 && isTold ? rows : [...rows, ...gone, record()];
    },
    pass(floor, limit) {
      const rows: RowWrite[] = [];
      let more = false;
      for (const one of all) {
        if (one.last > floor) continue;
        more = rows.length === limit;
        if (more) break;
        rows.push(drop(one));
      }
      if (rows.length === 0) return { rows, more };
      if (floor > since) since = floor;
      return { rows: [...rows, record()], more };
    },
    load(rowKey, bytes) {
      const { author, last, sequence } = decodeWrittenKey(rowKey);
      add(author, last, rowKey.slice(), bytes);
      if (sequence > upTo) upTo = sequence;
    },
    loaded(saved, sequence, last) {
      since = saved?.since ?? ZERO_HLC;
      const named = Math.max(upTo, saved?.sequence ?? 0);
      upTo = sequence;
      if (named === sequence) return;
      since = last;
      isTold = false;
    },
  };
}
