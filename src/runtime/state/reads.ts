import {
  checkKey,
  conflictKeyToKey,
  conflictRange,
  decodeEntry,
  encodeFragment,
  entryKey,
  entryRange,
  entryRowToEntry,
  keyHash,
  keyToEntryKey,
  listedKeyToKey,
  listedRange,
  type SignedHead,
  type StateMeta,
  siblingsToFragments,
} from '../../core/codec/index.ts';
import { encodeProof, pathToProof } from '../../core/merkle/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { isLive, winner } from '../../core/state/index.ts';
import { type Bytes, bytesToHex, type Entry, equalBytes, type Hasher, type JsonValue, LatticeError } from '../../core/types/index.ts';
import type { Row, Store, StoreReads } from '../../ports/index.ts';
import type { AttestationBook } from '../cuts/attestations.ts';
import type { CurrentCut, Cuts } from '../cuts/cuts.ts';
import type { ConflictView, EntryView, Lattice, Page } from '../facade.ts';
import { rootOfRows } from './integrity.ts';
import { createJoinedGet } from './joined-reads.ts';
import { entryToConflict, entryToView } from './views.ts';
import type { Writer } from './writer.ts';

const DEFAULT_PAGE = 100;
/** Entries in one page: at the largest value size a page stays within 16 MiB. */
const MAX_PAGE = 1000;
/** Entries of a page read at a time: of the usual page one read, and at the largest value size 2 MiB. */
const LIST_CHUNK = 128;
/** Entries of a snapshot handed over at a time: decoding them takes a few milliseconds. */
const SNAPSHOT_CHUNK = 256;

export interface ReadsDeps {
  readonly replica: Replica;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly writer: Writer;
  readonly network: string;
  readonly ownHead: () => SignedHead;
  /** Rejects when an entry read is not the one in the tree (see IntegrityCheck). */
  readonly vouch: (entries: readonly Entry[]) => Promise<void>;
  readonly cuts: Pick<Cuts, 'current' | 'nextInMs'>;
  readonly book: Pick<AttestationBook, 'certificate'>;
}

export interface Reads {
  get(key: string): Promise<EntryView | undefined>;
  entriesByHash(hashes: readonly Bytes[]): Promise<readonly (Entry | undefined)[]>;
  list(options: { readonly prefix?: string; readonly limit?: number; readonly cursor?: string }): Promise<Page<EntryView>>;
  conflicts(options: { readonly limit?: number; readonly cursor?: string }): Promise<Page<ConflictView>>;
  snapshot(): Promise<{ readonly root: string; readonly live: number; readonly chunks: AsyncIterable<readonly EntryView[]> }>;
  integrity: Lattice['verifyIntegrity'];
  prove: Lattice['prove'];
  certificate: Lattice['certificate'];
}

/** Everything read of the state. Rows in the store are durable by nature; what must agree with the tree is read between batches. */
export function createReads(deps: ReadsDeps): Reads {
  const { store, hasher, replica, writer } = deps;
  const getRow = createJoinedGet(store);

  async function load(key: string): Promise<Entry | undefined> {
    const row = await getRow(keyToEntryKey(checkKey(key), hasher));
    return row === undefined ? undefined : decodeEntry(row, key);
  }

  async function entriesByHash(hashes: readonly Bytes[]): Promise<readonly (Entry | undefined)[]> {
    const keys = hashes.map(entryKey);
    const rows = await store.getMany(keys);
    return rows.map((row, i) => (row === undefined ? undefined : entryRowToEntry(keys[i] as Bytes, row, hasher)));
  }

  /** The entries of keys that are listed. LatticeError `store-damaged` for one that is not there. */
  async function listed(moment: StoreReads, rows: readonly Row[]): Promise<Entry[]> {
    const keys = rows.map(([rowKey]) => listedKeyToKey(rowKey));
    const found = await moment.getMany(keys.map((key) => keyToEntryKey(key, hasher)));
    return found.map((row, i) => {
      const key = keys[i] as string;
      if (row === undefined) throw new LatticeError('store-damaged', `the store lost the entry of ${JSON.stringify(key)}`);
      return decodeEntry(row, key);
    });
  }

  function pageSize(limit: number | undefined): number {
    if (limit === undefined) return DEFAULT_PAGE;
    if (!Number.isInteger(limit) || limit < 1) throw new LatticeError('invalid-limit', `limit is a whole number from 1 to ${MAX_PAGE}`);
    return Math.min(limit, MAX_PAGE);
  }

  /** All entry rows as of one moment between batches, with the state that they belong to. */
  function pinned(): Promise<{ first: IteratorResult<readonly Row[]>; rows: AsyncIterator<readonly Row[]>; meta: StateMeta }> {
    return writer.read(async () => {
      const rows = store.iterate(entryRange())[Symbol.asyncIterator]();
      // The first read pins the store's snapshot; the rest may come while batches go on.
      return { first: await rows.next(), rows, meta: replica.meta };
    });
  }

  return {
    async get(key) {
      const entry = await load(key);
      if (entry === undefined) return undefined;
      await deps.vouch([entry]);
      return entryToView(entry);
    },

    entriesByHash,

    async list({ prefix = '', limit, cursor }) {
      const size = pageSize(limit);
      const items: EntryView[] = [];
      const range = listedRange(prefix, cursor === undefined ? undefined : cursorToKey(cursor));
      // One moment for the whole page: the list of keys and their entries are read one after the other.
      const moment = store.snapshot();
      try {
        for await (const rows of moment.iterate(range)) {
          for (let at = 0; at < rows.length; at += LIST_CHUNK) {
            const entries = await listed(moment, rows.slice(at, at + LIST_CHUNK));
            await deps.vouch(entries);
            for (const view of entries.map(entryToView)) {
              if (view === undefined) continue;
              if (items.length === size) return { items, cursor: keyToCursor((items.at(-1) as EntryView).key) };
              items.push(view);
            }
          }
        }
        return { items };
      } finally {
        await moment.close();
      }
    },

    async conflicts({ limit, cursor }) {
      const size = pageSize(limit);
      const range = conflictRange(cursor === undefined ? undefined : cursorToKey(cursor));
      const keys: string[] = [];
      for await (const rows of store.iterate({ ...range, limit: size + 1 }))
        for (const [rowKey] of rows) keys.push(conflictKeyToKey(rowKey));
      const shown = keys.slice(0, size);
      const entries = await store.getMany(shown.map((key) => keyToEntryKey(key, hasher)));
      const found = entries.flatMap((row, i) => (row === undefined ? [] : [decodeEntry(row, shown[i])]));
      await deps.vouch(found);
      const items = found.flatMap((entry) => (entry.siblings.length > 1 ? [entryToConflict(entry)] : []));
      return keys.length > size ? { items, cursor: keyToCursor(shown.at(-1) as string) } : { items };
    },

    async snapshot() {
      const { first, rows, meta } = await pinned();
      return { root: bytesToHex(meta.root), live: meta.live, chunks: liveViews(first, rows, hasher, deps.vouch) };
    },

    async integrity() {
      const { first, rows, meta } = await pinned();
      const recomputed = await rootOfRows(first, rows, hasher);
      return {
        valid: equalBytes(recomputed.root, meta.root) && recomputed.entries === meta.entries,
        root: bytesToHex(meta.root),
        recomputed: bytesToHex(recomputed.root),
        entries: recomputed.entries,
      };
    },

    prove(key, { at } = {}) {
      checkKey(key);
      return writer.read(async () => {
        const hash = keyHash(key, hasher);
        // What is asked of the cut's tree is asked before the first await: it may move then.
        const cut = at === 'cut' ? certifiedCut(hash) : undefined;
        const tree = cut?.tree ?? replica.tree;
        const path = tree.path(hash);
        const root = bytesToHex(cut?.root ?? tree.root());
        const other = path.kind === 'leaf' && !equalBytes(path.keyHash, hash) ? path.keyHash : undefined;
        // The other key may have changed since the cut; its entry then is not what the leaf was made of.
        let refs = other === undefined ? undefined : cut?.refsOf(other);
        const entry = await load(key);
        if (other === undefined) refs = entry?.siblings;
        else refs ??= (await entriesByHash([other]))[0]?.siblings;
        const proof = pathToProof(path, refs ?? [], hasher);
        return {
          format: 'diotec360-lattice-proof/1' as const,
          key,
          kind: entry === undefined ? ('absent' as const) : isLive(entry) ? ('present' as const) : ('deleted' as const),
          root,
          network: deps.network,
          merkle: base64url(encodeProof(proof)),
          // One fragment for each sibling, so that the winner stands first whatever commit it came in.
          fragments: (entry?.siblings ?? []).flatMap((s) => siblingsToFragments([s], hasher)).map((f) => base64url(encodeFragment(f))),
          ...(cut === undefined ? { head: base64url(deps.ownHead().bytes) } : { certificate: base64url(cut.certificate) }),
          ...(entry !== undefined && isLive(entry) ? { value: winner(entry).operation.value as JsonValue } : {}),
        };
      });
    },

    certificate(at) {
      const found = deps.book.certificate(at === undefined ? undefined : { at });
      return found === undefined ? undefined : { at: found.at, certificate: base64url(found.bytes) };
    },
  };

  /** The newest cut, certified, at which the key was what it is now. LatticeError `not-certified` or `changed-since-cut`. */
  function certifiedCut(hash: Bytes): CurrentCut & { readonly certificate: Bytes } {
    const cut = deps.cuts.current();
    const next = `try again in ${Math.ceil(deps.cuts.nextInMs() / 1000)} s`;
    const details = { retryAfterMs: deps.cuts.nextInMs() };
    const certificate = cut?.certificate;
    if (cut === undefined || certificate === undefined)
      throw new LatticeError('not-certified', 'no quorum has attested the state of this node yet', { next, details });
    if (cut.isPending(hash)) throw new LatticeError('changed-since-cut', 'the key has changed since the last cut', { next, details });
    return { ...cut, certificate };
  }
}

async function* liveViews(
  first: IteratorResult<readonly (readonly [Bytes, Bytes])[]>,
  rows: AsyncIterator<readonly (readonly [Bytes, Bytes])[]>,
  hasher: Hasher,
  vouch: ReadsDeps['vouch'],
): AsyncGenerator<readonly EntryView[]> {
  try {
    for (let next = first; next.done !== true; next = await rows.next()) {
      for (let at = 0; at < next.value.length; at += SNAPSHOT_CHUNK) {
        const entries = next.value.slice(at, at + SNAPSHOT_CHUNK).map(([rowKey, row]) => entryRowToEntry(rowKey, row, hasher));
        await vouch(entries);
        yield entries.flatMap((entry) => entryToView(entry) ?? []);
      }
    }
  } finally {
    await rows.return?.();
  }
}

/** Cursors are opaque to clients: the last key shown, base64url. */
function keyToCursor(key: string): string {
  return base64url(new TextEncoder().encode(key));
}

function cursorToKey(cursor: string): string {
  try {
    return checkKey(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(cursor)));
  } catch (cause) {
    throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', { next: 'start again without a cursor', cause });
  }
}

function base64url(bytes: Bytes): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64url(text: string): Bytes {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}
