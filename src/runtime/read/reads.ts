import { checkKey } from '../../core/cbor/index.ts';
import { encodeProof, pathToProof } from '../../core/merkle/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import {
  conflictKeyToKey,
  conflictRange,
  entryKey,
  entryRowToEntry,
  listedKeyToKey,
  listedRange,
  type StateMeta,
} from '../../core/rows/index.ts';
import { isLive, winner } from '../../core/state/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Entry,
  equalBytes,
  type Hasher,
  type JsonValue,
  LatticeError,
} from '../../core/types/index.ts';
import { encodeFragment, keyHash, type SignedHead, siblingsToFragments } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { AttestationBook } from '../cuts/attestations.ts';
import type { CurrentCut, Cuts } from '../cuts/cuts.ts';
import type { ConflictView, EntryView, Lattice, Page } from '../facade/facade.ts';
import { type Between, type EntryReads, HERE, type Wanted, wantedKeys } from '../storage/entry-reads.ts';
import { entryRows, heldRows, rootOf } from '../storage/held-rows.ts';
import type { Hold, Holds } from '../storage/holds.ts';
import { createJoinedGet } from '../storage/joined-reads.ts';
import { entryToConflict, entryToView } from './views.ts';

const DEFAULT_PAGE = 100;
/** Entries in one page: at the largest value size a page stays within 16 MiB. */
const MAX_PAGE = 1000;
/** Entries of a page read at a time: of the usual page one read, and at the largest value size 2 MiB. */
const LIST_CHUNK = 128;

export interface ReadsDeps {
  readonly replica: Replica;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly writer: Writer;
  readonly network: string;
  readonly ownHead: () => SignedHead;
  readonly entries: EntryReads;
  readonly holds: Pick<Holds, 'hold'>;
  readonly cuts: Pick<Cuts, 'current' | 'nextInMs'>;
  readonly book: Pick<AttestationBook, 'certificate'>;
}

export interface Reads {
  get(key: string): Promise<EntryView | undefined>;
  entriesByHash(hashes: readonly Bytes[]): Promise<readonly (Entry | undefined)[]>;
  /** The same for who is between batches (see Writer.read). */
  entriesBetween(hashes: readonly Bytes[]): Promise<readonly (Entry | undefined)[]>;
  list(options: {
    readonly prefix?: string;
    readonly limit?: number;
    readonly cursor?: string;
  }): Promise<Page<EntryView>>;
  conflicts(options: { readonly limit?: number; readonly cursor?: string }): Promise<Page<ConflictView>>;
  snapshot: Lattice['snapshot'];
  integrity: Lattice['verifyIntegrity'];
  prove: Lattice['prove'];
  certificate: Lattice['certificate'];
}

/**
 * Everything read of the state. Rows in the store are durable by nature; what must agree with the tree is read between
 * batches.
 */
export function createReads(deps: ReadsDeps): Reads {
  const { store, hasher, replica, writer, entries: entryReads } = deps;
  const getRow = createJoinedGet(store);
  const between: Between = (read) => writer.read(read);

  const many = (keys: readonly string[]): Promise<(Entry | undefined)[]> =>
    entryReads.many(wantedKeys(keys, hasher), between);

  function pageSize(limit: number | undefined): number {
    if (limit === undefined) return DEFAULT_PAGE;
    if (!Number.isInteger(limit) || limit < 1)
      throw new LatticeError('invalid-limit', `limit is a whole number from 1 to ${MAX_PAGE}`);
    return Math.min(limit, MAX_PAGE);
  }

  /** The state of one moment between batches. */
  function moment(): Promise<{ readonly meta: StateMeta; readonly hold: Hold }> {
    return writer.read(() => ({ meta: replica.meta, hold: deps.holds.hold('row') }));
  }

  return {
    async get(key) {
      const hash = keyHash(checkKey(key), hasher);
      const [entry] = await entryReads.settle([{ keyHash: hash, key }], [await getRow(entryKey(hash))], between);
      return entry === undefined ? undefined : entryToView(entry);
    },

    entriesByHash: (hashes) => entryReads.many(hashes.map(toWanted), between),
    entriesBetween: (hashes) => entryReads.many(hashes.map(toWanted), HERE),

    async list({ prefix = '', limit, cursor }) {
      const size = pageSize(limit);
      const items: EntryView[] = [];
      const range = listedRange(prefix, cursor === undefined ? undefined : cursorToKey(cursor));
      for await (const rows of store.iterate(range)) {
        for (let at = 0; at < rows.length; at += LIST_CHUNK) {
          const keys = rows.slice(at, at + LIST_CHUNK).map(([rowKey]) => listedKeyToKey(rowKey));
          for (const entry of await many(keys)) {
            const view = entry === undefined ? undefined : entryToView(entry);
            if (view === undefined) continue;
            if (items.length === size) return { items, cursor: keyToCursor((items.at(-1) as EntryView).key) };
            items.push(view);
          }
        }
      }
      return { items };
    },

    async conflicts({ limit, cursor }) {
      const size = pageSize(limit);
      const range = conflictRange(cursor === undefined ? undefined : cursorToKey(cursor));
      const keys: string[] = [];
      for await (const rows of store.iterate({ ...range, limit: size + 1 }))
        for (const [rowKey] of rows) keys.push(conflictKeyToKey(rowKey));
      const shown = keys.slice(0, size);
      const found = await many(shown);
      const items = found.flatMap((entry) =>
        entry !== undefined && entry.siblings.length > 1 ? [entryToConflict(entry)] : [],
      );
      return keys.length > size ? { items, cursor: keyToCursor(shown.at(-1) as string) } : { items };
    },

    async snapshot() {
      const { meta, hold } = await moment();
      return {
        root: bytesToHex(meta.root),
        live: meta.live,
        chunks: liveViews(meta, hold),
        close: () => hold.end(),
      };
    },

    async integrity() {
      const { meta, hold } = await moment();
      try {
        const recomputed = await rootOf(store, hold, hasher);
        return {
          valid: equalBytes(recomputed.root, meta.root) && recomputed.entries === meta.entries,
          root: bytesToHex(meta.root),
          recomputed: bytesToHex(recomputed.root),
          entries: recomputed.entries,
        };
      } finally {
        hold.end();
      }
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
        const [entry] = await entryReads.many([{ keyHash: hash, key }], HERE);
        if (other === undefined) refs = entry?.siblings;
        else refs ??= (await entryReads.many([{ keyHash: other }], HERE))[0]?.siblings;
        const proof = pathToProof(path, refs ?? [], hasher);
        return {
          format: 'diotec360-lattice-proof/1' as const,
          key,
          kind: entry === undefined ? ('absent' as const) : isLive(entry) ? ('present' as const) : ('deleted' as const),
          root,
          network: deps.network,
          merkle: base64url(encodeProof(proof)),
          // One fragment for each sibling, so that the winner stands first whatever commit it came in.
          fragments: (entry?.siblings ?? [])
            .flatMap((s) => siblingsToFragments([s], hasher))
            .map((f) => base64url(encodeFragment(f))),
          ...(cut === undefined
            ? { head: base64url(deps.ownHead().bytes) }
            : { certificate: base64url(cut.certificate) }),
          ...(entry !== undefined && isLive(entry) ? { value: winner(entry).operation.value as JsonValue } : {}),
        };
      });
    },

    certificate(at) {
      const found = deps.book.certificate(at === undefined ? undefined : { at });
      return found === undefined ? undefined : { at: found.at, certificate: base64url(found.bytes) };
    },
  };

  /** The live entries of a moment. LatticeError `store-damaged` when they are not those of its tree. */
  async function* liveViews(meta: StateMeta, hold: Hold): AsyncGenerator<readonly EntryView[]> {
    let entries = 0;
    try {
      for await (const slice of entryRows(store)) {
        const rows = heldRows(slice, hold);
        entries += rows.length;
        yield rows.flatMap(({ keyHash: hash, row, changed }) => {
          const entry = entryRowToEntry(entryKey(hash), row, hasher);
          // What a hold kept was held against the tree when it was read.
          if (!changed && !entryReads.isInTree(hash, entry))
            throw new LatticeError(
              'store-damaged',
              `the entry of ${JSON.stringify(entry.key)} is not the one in the tree`,
            );
          return entryToView(entry) ?? [];
        });
      }
    } finally {
      hold.end();
    }
    if (entries !== meta.entries)
      throw new LatticeError('store-damaged', `the store has ${entries} of ${meta.entries} entries`);
  }

  /**
   * The newest cut, certified, at which the key was what it is now. LatticeError `not-certified` or
   * `changed-since-cut`.
   */
  function certifiedCut(hash: Bytes): CurrentCut & { readonly certificate: Bytes } {
    const cut = deps.cuts.current();
    const next = `try again in ${Math.ceil(deps.cuts.nextInMs() / 1000)} s`;
    const details = { retryAfterMs: deps.cuts.nextInMs() };
    const certificate = cut?.certificate;
    if (cut === undefined || certificate === undefined)
      throw new LatticeError('not-certified', 'no quorum has attested the state of this node yet', { next, details });
    if (cut.isPending(hash))
      throw new LatticeError('changed-since-cut', 'the key has changed since the last cut', { next, details });
    return { ...cut, certificate };
  }
}

const toWanted = (hash: Bytes): Wanted => ({ keyHash: hash });

/** Cursors are opaque to clients: the last key shown, base64url. */
function keyToCursor(key: string): string {
  return base64url(new TextEncoder().encode(key));
}

function cursorToKey(cursor: string): string {
  try {
    return checkKey(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(cursor)));
  } catch (cause) {
    throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', {
      next: 'start again without a cursor',
      cause,
    });
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
