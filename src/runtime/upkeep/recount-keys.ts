import { isSameOperation } from '../../core/floor/index.ts';
import {
  type Counted,
  type HiddenOperation,
  type Recounted,
  type Replica,
  type RowWrite,
  returningTo,
} from '../../core/replica/index.ts';
import { decodeHidden } from '../../core/rows/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Entry,
  equalBytes,
  type Hasher,
  LatticeError,
  type Sibling,
} from '../../core/types/index.ts';
import type { Log, Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';

export interface RecountKeysDeps {
  readonly replica: Pick<Replica, 'recount' | 'hidden'>;
  readonly writer: Pick<Writer, 'amend' | 'read'>;
  readonly store: Pick<Store, 'get'>;
  readonly hasher: Hasher;
  readonly log: Log;
}

/**
 * Counts the keys of these entries anew in one durable batch: what came after the end of its author goes, and what is
 * `out`. Hidden operations that count again are read from their rows; one that cannot be read is lost here, with a line
 * in the log. `rows` makes rows that become durable with it.
 */
export async function recountKeys(
  { replica, writer, store, hasher, log }: RecountKeysDeps,
  given: readonly Entry[],
  options: {
    readonly out?: (sibling: Counted) => boolean;
    readonly rows?: (recounted: Recounted) => readonly RowWrite[];
  } = {},
): Promise<Recounted> {
  const { out } = options;
  const values = new Map<string, Sibling>();
  let lastRow: { readonly row: Bytes; readonly value: Bytes | undefined } | undefined;
  const nameOf = (one: HiddenOperation): string => {
    const place = replica.hidden.placeOf(one);
    return place === undefined ? '' : `${bytesToHex(place.row)}.${place.at}`;
  };
  // Between two batches the rows of all hidden operations are in the store, so one that is not there is lost.
  await writer.read(async () => {
    for (const entry of given)
      for (const one of returningTo(entry, replica.hidden, (sibling) => out?.(sibling) !== true)) {
        const value = await readHidden(one);
        if (value !== undefined) values.set(nameOf(one), value);
        else {
          log.error({ key: entry.key }, 'a hidden operation cannot be read, and comes back only where others have it');
          replica.hidden.lose(one);
        }
      }
  });
  let recounted: Recounted = { displaced: [], returned: [], left: [] };
  const keys = given.map(({ key }) => key);
  await writer.amend({
    keys: () => keys.map((key) => ({ key })),
    prepare(view, now) {
      const made = replica.recount(keys, (one) => values.get(nameOf(one)), view, now, out);
      ({ recounted } = made);
      return { step: made.step, rows: options.rows?.(recounted) ?? [] };
    },
  });
  return recounted;

  /** Operations that were hidden together stand in one row, which is read once for those that come one after another. */
  async function readRow(row: Bytes): Promise<Bytes | undefined> {
    if (lastRow === undefined || !equalBytes(lastRow.row, row)) lastRow = { row, value: await store.get(row) };
    return lastRow.value;
  }

  async function readHidden(one: HiddenOperation): Promise<Sibling | undefined> {
    const place = replica.hidden.placeOf(one);
    if (place === undefined) return undefined;
    try {
      const value = await readRow(place.row);
      if (value === undefined) return undefined;
      const found = decodeHidden(place, value, hasher);
      // A block says nothing of what belongs to it.
      return isSameOperation(found, one) && found.operation.key === one.operation.key ? found : undefined;
    } catch (error) {
      if (error instanceof LatticeError && error.code === 'damaged-row') return undefined;
      throw error;
    }
  }
}
