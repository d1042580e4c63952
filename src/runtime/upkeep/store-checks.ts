import type { FoundEntry, Replica } from '../../core/replica/index.ts';
import {
  BUCKETS,
  type Bucket,
  bucketRange,
  conflictKey,
  conflictKeyToKey,
  endKey,
  endRowToEnd,
  listedKey,
  listedKeyToKey,
  rowAfter,
} from '../../core/rows/index.ts';
import { winner } from '../../core/state/index.ts';
import {
  type Bytes,
  bytesToHex,
  compareBytes,
  type Entry,
  equalBytes,
  type Hasher,
  LatticeError,
} from '../../core/types/index.ts';
import { commitSigningBytes, keyHash } from '../../core/wire/index.ts';
import type { Store, Verifier } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Entries } from '../storage/entries.ts';

/** How many entries are checked at a time, which takes a few milliseconds without their signatures. */
const SLICE = 128;

/** What the rows of each kind name, where they name keys of the state. */
const KEYS_OF: Partial<Record<Bucket, (rowKey: Bytes, value: Bytes) => string>> = {
  key: listedKeyToKey,
  conflict: conflictKeyToKey,
  end: (rowKey, value) => endRowToEnd(rowKey, value).key,
};

/** The keys of the rows that lead to an entry: its key in the list, and its conflict and its end where it has them. */
function leadingTo({ keyHash: hash, entry }: FoundEntry): Bytes[] {
  const ms = winner(entry).operation.expires;
  return [
    listedKey(entry.key),
    ...(entry.siblings.length > 1 ? [conflictKey(entry.key)] : []),
    ...(ms === undefined ? [] : [endKey({ ms, keyHash: hash })]),
  ];
}

export interface StoreChecks {
  /**
   * Checks the next entries after a key hash, and resolves with how many there were and the last key hash; without one
   * when there were none. With `signatures`, each commit must also have the signature of its author.
   */
  entries(
    after: Bytes | undefined,
    signatures: boolean,
  ): Promise<{ readonly checked: number; readonly last: Bytes | undefined }>;
  /**
   * Reads every row that is no entry, so that each is compared with its checksum; those that lead to entries must lead
   * to one. Yields after each some thousand rows.
   */
  otherRows(): AsyncGenerator<void, void, undefined>;
}

/**
 * The checks of what a store has. Each rejects with LatticeError `store-damaged` or `damaged-row`, after it has read
 * what looked wrong a second time, by an iteration between two batches: what changes meanwhile may look wrong at first.
 */
export function createStoreChecks(deps: {
  readonly replica: Pick<Replica, 'tree'>;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly entries: Pick<Entries, 'page' | 'newest'>;
  readonly writer: Pick<Writer, 'read'>;
}): StoreChecks {
  const { replica, store, hasher, verifier, entries, writer } = deps;

  /** The key hashes of the entries that lack a row that leads to them. */
  async function unindexed(present: readonly FoundEntry[]): Promise<Bytes[]> {
    const wanted = present.flatMap((one) => leadingTo(one).map((rowKey) => ({ rowKey, hash: one.keyHash })));
    const found = await store.getMany(wanted.map(({ rowKey }) => rowKey));
    return wanted.filter((_, i) => found[i] === undefined).map(({ hash }) => hash);
  }

  /**
   * The leaves of the tree after one key hash, and up to another or to the end, whose key hashes are not among
   * `hashes`, which are in order.
   */
  function lostAmong(hashes: readonly Bytes[], after: Bytes | undefined, last: Bytes | undefined): Bytes[] {
    const lost: Bytes[] = [];
    let at = 0;
    for (const leaf of replica.tree.eachLeaf(new Uint8Array(0), 0, after)) {
      if (last !== undefined && compareBytes(leaf.keyHash, last) > 0) break;
      while (at < hashes.length && compareBytes(hashes[at] as Bytes, leaf.keyHash) < 0) at++;
      const found = hashes[at];
      if (found === undefined || !equalBytes(found, leaf.keyHash)) lost.push(leaf.keyHash);
      if (lost.length > SLICE) break;
    }
    return lost;
  }

  async function isThere(rowKey: Bytes): Promise<boolean> {
    for await (const rows of store.iterate({ gte: rowKey, lt: rowAfter(rowKey), limit: 1 })) return rows.length > 0;
    return false;
  }

  async function isSigned(entry: Entry): Promise<boolean> {
    const good = await Promise.all(
      entry.siblings.map(({ author, headerBytes, signature }) =>
        verifier.verify(author, commitSigningBytes(headerBytes), signature),
      ),
    );
    return good.every(Boolean);
  }

  async function unsigned(present: readonly FoundEntry[]): Promise<Bytes[]> {
    const good = await Promise.all(present.map(({ entry }) => isSigned(entry)));
    return present.flatMap(({ keyHash: hash }, i) => (good[i] === true ? [] : [hash]));
  }

  /** Rejects when something is wrong with the present rows of a key. */
  function demand(hash: Bytes, signatures: boolean): Promise<void> {
    return writer.read(async () => {
      const entry = await entries.newest({ keyHash: hash });
      if (entry === undefined) return;
      for (const rowKey of leadingTo({ keyHash: hash, entry }))
        if (!(await isThere(rowKey))) throw damaged(entry.key, 'lacks the rows that lead to it');
      if (signatures && !(await isSigned(entry))) throw damaged(entry.key, 'has a signature that is not its author’s');
    });
  }

  /** Rejects when the key of a row is not in the state, and the row is still there. */
  function demandKey(rowKey: Bytes, hash: Bytes): Promise<void> {
    return writer.read(async () => {
      if (replica.tree.get(hash) !== undefined || !(await isThere(rowKey))) return;
      throw new LatticeError('store-damaged', `the row ${bytesToHex(rowKey)} leads to a key that is not in the state`);
    });
  }

  return {
    async entries(after, signatures) {
      const { entries: slice, last } = await entries.page(after, SLICE, (read) => writer.read(read));
      const hashes = slice.map(({ keyHash: hash }) => hash);
      const suspects = [
        ...lostAmong(hashes, after, last),
        ...(await unindexed(slice)),
        ...(signatures ? await unsigned(slice) : []),
      ];
      for (const hash of suspects) await demand(hash, signatures);
      return { checked: slice.length, last };
    },
    async *otherRows() {
      for (const bucket of Object.keys(BUCKETS) as Bucket[]) {
        if (bucket === 'entry') continue;
        const keyOf = KEYS_OF[bucket];
        for await (const rows of store.iterate(bucketRange(bucket))) {
          if (keyOf !== undefined) {
            for (const [rowKey, value] of rows) {
              const hash = keyHash(keyOf(rowKey, value), hasher);
              if (replica.tree.get(hash) === undefined) await demandKey(rowKey, hash);
            }
          }
          yield;
        }
      }
    },
  };
}

function damaged(key: string, what: string): LatticeError {
  return new LatticeError('store-damaged', `the entry of ${JSON.stringify(key)} ${what}`);
}
