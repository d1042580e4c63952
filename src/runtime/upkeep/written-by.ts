import { lastHlcAt } from '../../core/clock/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { decodeWritten, PLACE_BYTES } from '../../core/rows/index.ts';
import { type Author, type Bytes, bytesToHex, type Entry, LatticeError } from '../../core/types/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import { type Entries, HERE } from '../storage/entries.ts';

/** How many keys are read at a time, which takes a few milliseconds. */
const PAGE = 256;
const PLACE_BITS = 8 * PLACE_BYTES;
/** More keys than ever have the same first bytes of their hashes. */
const MAX_SAME = 8;

export interface KeysOfDeps {
  readonly replica: Pick<Replica, 'written' | 'tree'>;
  readonly entries: Pick<Entries, 'page' | 'many'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly store: Pick<Store, 'getMany'>;
}

/**
 * The entries, a page at a time, that may have something which an author wrote later than its end, Unix ms (SPEC RO12).
 * Rows lead to those of each author, so the work is by what these wrote. Where the rows do not name all of that, or
 * cannot be read, the entries are all that there are.
 */
export async function* entriesAfterEnds(
  deps: KeysOfDeps,
  ends: ReadonlyMap<Author, number>,
): AsyncGenerator<readonly Entry[]> {
  const { entries, writer } = deps;
  const hashes = await namedAfter(deps, ends);
  if (hashes === undefined) {
    let after: Bytes | undefined;
    do {
      const page = await entries.page(after, PAGE, (read) => writer.read(read));
      yield page.entries.map(({ entry }) => entry);
      after = page.last;
    } while (after !== undefined);
    return;
  }
  for (let at = 0; at < hashes.length; at += PAGE) {
    const wanted = hashes.slice(at, at + PAGE).map((keyHash) => ({ keyHash }));
    const found = await writer.read(() => entries.many(wanted, HERE));
    yield found.filter((entry) => entry !== undefined);
  }
}

/** The hashes of the keys that the rows name, each once; undefined where they do not name all. */
async function namedAfter(
  { replica, writer, store }: KeysOfDeps,
  ends: ReadonlyMap<Author, number>,
): Promise<readonly Bytes[] | undefined> {
  const rowKeys: Bytes[] = [];
  for (const [author, until] of ends) {
    const of = replica.written.of(author, lastHlcAt(until));
    if (of === undefined) return undefined;
    rowKeys.push(...of);
  }
  const hashes = new Map<string, Bytes>();
  for (let at = 0; at < rowKeys.length; at += PAGE) {
    const isWhole = await writer.read(async () => {
      const rows = await rowsOf(store, rowKeys.slice(at, at + PAGE));
      for (const place of rows?.flatMap(decodeWritten) ?? [])
        for (const { keyHash } of replica.tree.leavesUnder(place, PLACE_BITS, MAX_SAME))
          hashes.set(bytesToHex(keyHash), keyHash);
      return rows !== undefined;
    });
    if (!isWhole) return undefined;
  }
  return Array.from(hashes.values());
}

/** Undefined where one of them is not there or damaged: every entry is looked at then, which needs none of them. */
async function rowsOf(store: Pick<Store, 'getMany'>, keys: readonly Bytes[]): Promise<readonly Bytes[] | undefined> {
  try {
    const rows = await store.getMany(keys);
    const found = rows.filter((row) => row !== undefined && row.length % PLACE_BYTES === 0) as Bytes[];
    return found.length === keys.length ? found : undefined;
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'store-damaged') return undefined;
    throw error;
  }
}
