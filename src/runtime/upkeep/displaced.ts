import { hlcMs, hlcToHex } from '../../core/clock/index.ts';
import type { RowWrite } from '../../core/replica/index.ts';
import {
  DISPLACED_TOTALS,
  type Displaced,
  type DisplacedTotals,
  decodeDisplaced,
  decodeDisplacedTotals,
  displacedKey,
  displacedOrderOf,
  displacedOrderToKey,
  displacedRange,
  encodeDisplaced,
  encodeDisplacedTotals,
  NONE_DISPLACED,
} from '../../core/rows/index.ts';
import { versionOf } from '../../core/state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  counted,
  type Hasher,
  type JsonValue,
  LatticeError,
  type Sibling,
} from '../../core/types/index.ts';
import type { Clock, Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Warning } from '../facade/codes.ts';
import type { DisplacedView, LatticeEvent, Page } from '../facade/index.ts';
import { timeOf } from '../facade/times.ts';
import { base64url, fromBase64url } from '../read/base64url.ts';
import { pageSize } from '../read/cursor.ts';
import { twoReads } from '../storage/two-reads.ts';

/** Bytes of all rows: some 60,000 operations of usual sizes, and a fraction of what the state itself takes. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Rows that are read or deleted at a time. */
const CHUNK_ROWS = 64;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** Keys that the event names. */
const MAX_NAMED = 8;
/** How long the warning stands after the last operation was taken out: everybody looks at a fleet once a week. */
const WARNING_MS = 7 * 24 * 3_600_000;

/** What commits after the ends of their authors had in the state, until it was taken out (SPEC RO14). */
export interface DisplacedBook {
  /** Keeps the operations durably. It resolves before they are taken out, so that none is lost between. */
  keep(late: readonly Sibling[], ends: ReadonlyMap<Author, number>): Promise<void>;
  /** Says that these were taken out. */
  tell(displaced: readonly Sibling[], ends: ReadonlyMap<Author, number>): void;
  list(options: {
    readonly limit?: number;
    readonly cursor?: string;
    readonly fits?: (item: DisplacedView) => boolean;
  }): Promise<Page<DisplacedView>>;
  warnings(): readonly Warning[];
}

/** Reads what an earlier run has kept. LatticeError `damaged-row`. */
export async function loadDisplaced(store: Pick<Store, 'get' | 'iterate'>): Promise<DisplacedTotals> {
  // Of two records the one with the later time is right: it never goes back.
  const found = (await twoReads(store, DISPLACED_TOTALS)).map(decodeDisplacedTotals);
  return found.sort((a, b) => b.lastAt - a.lastAt)[0] ?? NONE_DISPLACED;
}

export function createDisplacedBook(deps: {
  readonly store: Pick<Store, 'getMany' | 'iterate'>;
  readonly writer: Pick<Writer, 'keep'>;
  readonly hasher: Hasher;
  readonly saved: DisplacedTotals;
  readonly nameOf: (author: Author) => string;
  readonly onEvent: (event: LatticeEvent) => void;
  readonly clock: Pick<Clock, 'now'>;
  /** Bytes of all rows. Default: 32 MiB. */
  readonly maxBytes?: number;
}): DisplacedBook {
  const { store, writer, hasher, clock, maxBytes = MAX_BYTES } = deps;
  let totals = deps.saved;

  const withTotals = (rows: RowWrite[], next: DisplacedTotals): readonly RowWrite[] => {
    totals = next;
    return [...rows, { type: 'put', key: DISPLACED_TOTALS, value: encodeDisplacedTotals(next) }];
  };

  /** Deletes rows, those of the earliest operations first, until so many bytes more have room. */
  async function makeRoom(bytes: number): Promise<void> {
    while (totals.operations > 0 && totals.bytes + bytes > maxBytes) {
      const deletes: RowWrite[] = [];
      let freed = 0;
      for await (const rows of store.iterate({ ...displacedRange(), limit: CHUNK_ROWS }))
        for (const [key, value] of rows) {
          if (totals.bytes - freed + bytes <= maxBytes) break;
          deletes.push({ type: 'del', key });
          freed += value.length;
        }
      if (deletes.length === 0) return;
      const { operations, gone } = totals;
      await writer.keep(() =>
        withTotals(deletes, {
          ...totals,
          operations: operations - deletes.length,
          bytes: totals.bytes - freed,
          gone: gone + deletes.length,
        }),
      );
    }
  }

  async function keep(late: readonly Sibling[], ends: ReadonlyMap<Author, number>): Promise<void> {
    const at = clock.now();
    const rows = late.map((operation) => ({
      key: displacedKey(operation),
      value: encodeDisplaced({ operation, until: ends.get(operation.author) ?? 0, at }),
    }));
    // The same operation comes again where an earlier look could not take it out.
    const there = await store.getMany(rows.map(({ key }) => key));
    const fresh = rows.filter((_, i) => there[i] === undefined);
    const bytes = fresh.reduce((sum, { value }) => sum + value.length, 0);
    if (fresh.length === 0) return;
    await makeRoom(bytes);
    await writer.keep(() =>
      withTotals(
        fresh.map(({ key, value }) => ({ type: 'put', key, value })),
        { ...totals, operations: totals.operations + fresh.length, bytes: totals.bytes + bytes, lastAt: at },
      ),
    );
  }

  function viewOf({ operation: one, until, at }: Displaced): DisplacedView {
    const { kind, key, value } = one.operation;
    return {
      key,
      version: versionOf(one),
      author: one.author,
      name: deps.nameOf(one.author),
      hlc: hlcToHex(one.hlc),
      at: hlcMs(one.hlc),
      deleted: kind !== 'put',
      ...(kind === 'put' ? { value: value as JsonValue } : {}),
      commit: bytesToHex(one.commit),
      until,
      displacedAt: at,
    };
  }

  function keyOf(cursor: string): Bytes {
    try {
      const key = displacedOrderToKey(fromBase64url(cursor));
      if (key !== undefined) return key;
    } catch {
      // What is no base64url is no cursor either.
    }
    throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', {
      next: 'start again without a cursor',
    });
  }

  return {
    keep,
    tell(displaced, ends) {
      for (const [author, until] of ends) {
        const own = displaced.filter((one) => one.author === author);
        if (own.length === 0) continue;
        const keys = [...new Set(own.map(({ operation }) => operation.key))].slice(0, MAX_NAMED);
        deps.onEvent({ type: 'displaced', author, name: deps.nameOf(author), until, operations: own.length, keys });
      }
    },
    async list({ limit, cursor, fits }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const items: DisplacedView[] = [];
      let last = cursor === undefined ? undefined : keyOf(cursor);
      for (;;) {
        const chunk: (readonly [Bytes, Bytes])[] = [];
        for await (const rows of store.iterate({ ...displacedRange(last), reverse: true, limit: CHUNK_ROWS }))
          chunk.push(...rows);
        for (const [key, value] of chunk) {
          const item = viewOf(decodeDisplaced(value, hasher));
          if (items.length === size || fits?.(item) === false)
            return { items, ...(last === undefined ? {} : { cursor: base64url(displacedOrderOf(last)) }) };
          items.push(item);
          last = key;
        }
        if (chunk.length < CHUNK_ROWS) return { items };
      }
    },
    warnings() {
      const now = clock.now();
      const { operations, gone, lastAt } = totals;
      if (operations === 0 || now - lastAt > WARNING_MS) return [];
      return [
        {
          code: 'displaced',
          text:
            `${counted(operations, 'operation')} of ended authors ${operations === 1 ? 'was' : 'were'} taken out of the state, ` +
            `the last at ${timeOf(lastAt, now)}${gone > 0 ? ` (and ${gone} earlier that are listed no more)` : ''}: ` +
            'see lattice members displaced, and write again what is still wanted',
        },
      ];
    },
  };
}
