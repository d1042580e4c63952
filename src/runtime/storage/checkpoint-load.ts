import { leafHash } from '../../core/merkle/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import {
  CHECKPOINT,
  type Checkpoint,
  decodeCheckpoint,
  decodeJournal,
  type JournalChange,
  journalKeyToSequence,
  journalRange,
  LEAF_BYTES,
  leafPageRange,
  type StateMeta,
} from '../../core/rows/index.ts';
import { type Bytes, compareBytes, type ErrorCode, type Hasher, LatticeError } from '../../core/types/index.ts';
import { keyHash } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { EntryRows } from './entry-rows.ts';

/** Entries read by one call. READS calls run at a time, so the store's threads read while the rest is decoded. */
const READ_CHUNK = 512;
const READS = 4;
const HASH_BYTES = 32;
/**
 * Reading an entry by its key costs about four times as much as reading it in order. So when more than a quarter of the
 * entries have changed, all are read in order instead.
 */
const MAX_SHARE = 4;
/** This many changed keys are read by key whatever the size of the state. */
const ALWAYS_WORTH = 65_536;

/** The codes of errors that tell of a checkpoint of no use. */
const FLAWS: ReadonlySet<ErrorCode> = new Set(['malformed', 'damaged-row', 'store-damaged'] as const);

/** The checkpoint that a start used, and how many keys had changed since it. */
export interface LoadedCheckpoint extends Checkpoint {
  readonly changed: number;
}

interface Leaf {
  readonly keyHash: Bytes;
  /** Undefined: the key is not in the state. */
  readonly leaf: Bytes | undefined;
}

/**
 * Loads the leaves of the newest checkpoint into the replica; for keys that changed since, it takes the leaves that the
 * journal or the entries of the store give. Returns undefined when there is no checkpoint, or none from which a start
 * is possible. The caller must believe the tree only when its root is the stored one.
 */
export async function loadCheckpoint(
  deps: { readonly replica: Replica; readonly store: Store; readonly rows: EntryRows; readonly hasher: Hasher },
  meta: StateMeta,
): Promise<LoadedCheckpoint | undefined> {
  const { replica, store, rows, hasher } = deps;
  try {
    const row = await store.get(CHECKPOINT);
    if (row === undefined) return undefined;
    const checkpoint = decodeCheckpoint(row);
    const changes = await changesSince(replica, store, checkpoint.sequence, meta);
    if (changes === undefined) return undefined;
    replica.loadCounts(meta, checkpoint.authors);
    const changed = await leavesOf(changes, replica, rows, hasher);
    await merge(replica, store, checkpoint.bits, changed);
    replica.loaded();
    return { ...checkpoint, changed: changes.size };
  } catch (error) {
    // A page or a journal record is damaged, so the tree is made from the entries instead.
    if (error instanceof LatticeError && FLAWS.has(error.code)) return undefined;
    throw error;
  }
}

/**
 * The last change of each key after `sequence`. Undefined when the journal has a gap there or the changed keys are too
 * many.
 */
async function changesSince(
  replica: Replica,
  store: Store,
  sequence: number,
  meta: StateMeta,
): Promise<Map<string, JournalChange> | undefined> {
  const changes = new Map<string, JournalChange>();
  let expected = sequence + 1;
  for await (const rows of store.iterate(journalRange(sequence))) {
    for (const [rowKey, row] of rows) {
      if (journalKeyToSequence(rowKey) !== expected++) return undefined;
      const record = decodeJournal(row);
      replica.loadClocks(record.clocks);
      for (const change of record.changes) changes.set(change.key, change);
      if (changes.size > Math.max(ALWAYS_WORTH, meta.entries / MAX_SHARE)) return undefined;
    }
  }
  return expected === meta.sequence + 1 ? changes : undefined;
}

/**
 * The leaves of the changed keys, ascending by key hash. For most keys the journal names the only sibling, which is
 * enough for the leaf; the entries of the others are read.
 */
async function leavesOf(
  changes: ReadonlyMap<string, JournalChange>,
  replica: Replica,
  rows: EntryRows,
  hasher: Hasher,
): Promise<Leaf[]> {
  const leaves: Leaf[] = [];
  const rest: string[] = [];
  for (const [key, change] of changes) {
    if (!change.alone) {
      rest.push(key);
      continue;
    }
    const hash = keyHash(key, hasher);
    leaves.push({ keyHash: hash, leaf: leafHash(hash, [change], hasher) });
  }
  let next = 0;
  const readOn = async (): Promise<void> => {
    while (next < rest.length) {
      const chunk = rest.slice(next, (next += READ_CHUNK)).map((key) => ({ key, keyHash: keyHash(key, hasher) }));
      const found = await rows.many(chunk.map((wanted) => wanted.keyHash));
      chunk.forEach((wanted, i) => {
        const row = found[i];
        if (row === undefined) leaves.push({ keyHash: wanted.keyHash, leaf: undefined });
        else leaves.push(replica.leafOf(rows.decode(wanted, row)));
      });
    }
  };
  await Promise.all(Array.from({ length: READS }, readOn));
  return leaves.sort((a, b) => compareBytes(a.keyHash, b.keyHash));
}

/** Loads the leaves of the checkpoint's pages in order, with `changed` in place of the pages' own. */
async function merge(replica: Replica, store: Store, bits: number, changed: readonly Leaf[]): Promise<void> {
  let at = 0;
  const load = ({ keyHash: hash, leaf }: Leaf): void => {
    if (leaf !== undefined) replica.loadLeaf(hash, leaf);
  };
  for await (const rows of store.iterate(leafPageRange(bits))) {
    for (const [, page] of rows) {
      for (let start = 0; start + LEAF_BYTES <= page.length; start += LEAF_BYTES) {
        const hash = page.subarray(start, start + HASH_BYTES);
        let replaced = false;
        for (let leaf = changed[at]; leaf !== undefined && !replaced; leaf = changed[at]) {
          const order = compareBytes(leaf.keyHash, hash);
          if (order > 0) break;
          load(leaf);
          at++;
          replaced = order === 0;
        }
        if (!replaced) replica.loadLeaf(hash, page.subarray(start + HASH_BYTES, start + LEAF_BYTES));
      }
    }
  }
  for (; at < changed.length; at++) load(changed[at] as Leaf);
}
