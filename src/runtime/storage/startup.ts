import { hlcMs, lastHlcAt } from '../../core/clock/index.ts';
import { createReplica, type Replica, STATE_META } from '../../core/replica/index.ts';
import {
  ATTESTED,
  bucketRange,
  decodeAttested,
  decodeHidden,
  decodeLate,
  decodeOwnCommit,
  decodeOwnSince,
  decodeStateMeta,
  decodeUntoldCut,
  decodeWrittenRecord,
  HIDDEN_BLOCKS,
  HIDDEN_GONE,
  HIDDEN_ROWS,
  LATE_ROWS,
  OWN_SINCE,
  type OwnCommit,
  rowToBlockNumber,
  rowToGonePlace,
  type StateMeta,
  UNTOLD_CUT,
  WRITTEN,
  WRITTEN_ROWS,
} from '../../core/rows/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  counted,
  equalBytes,
  type Hasher,
  type Hlc,
  LatticeError,
} from '../../core/types/index.ts';
import type { Random, Store } from '../../ports/index.ts';
import { type LoadedCheckpoint, loadCheckpoint } from './checkpoint-load.ts';
import { createEntryRows, type EntryRows } from './entry-rows.ts';
import { loadCells } from './saved-cells.ts';
import { twoReads } from './two-reads.ts';
import { compareEnd, type EndOfStore, loadKept } from './witness.ts';

/**
 * Batches that the journal keeps for streams that go on from a cursor: minutes at full speed, hours at rest. A change
 * takes about a hundred bytes.
 */
export const JOURNAL_LENGTH = 16_384;

export interface OpenedState {
  readonly replica: Replica;
  readonly rows: EntryRows;
  /** The store incarnation, 8 bytes, which cursors carry. */
  readonly incarnation: Bytes;
  /** What the witness of the store says of the end of the store. */
  readonly end: EndOfStore;
  /** The checkpoint that the tree was made from; undefined when it was made from every entry. */
  readonly checkpoint: LoadedCheckpoint | undefined;
  /** The newest time that the node may have attested, in Unix ms; 0 when none. The clock of the replica is past it. */
  readonly attested: number;
}

/**
 * Builds the tree and compares its root with the stored one. The tree is made from the leaves of the newest checkpoint
 * and the entries that changed since. When there is no checkpoint, or that tree has another root than the stored one,
 * the tree is made from every entry. When the entries don't make the stored root either, it rejects with LatticeError
 * `root-mismatch` and leaves the store as it is. The bytes of the entries are checked later, in the background
 * (integrity.ts).
 */
export function openState(options: OpenStateOptions): Promise<OpenedState> {
  return readable(options.directory, () => load(options));
}

interface OpenStateOptions {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly random: Random;
  readonly network: string;
  readonly self: Author;
  /** Whether the author is, or once was, on the trust list. */
  readonly isKnown: (author: Author) => boolean;
  /** Whether an operation of the millisecond came after the end of its author. */
  readonly isAfterEnd?: ((author: Author, ms: number) => boolean) | undefined;
  /** Up to when an author may have collected by a time, both Unix ms. */
  readonly collectedBy?: ((ms: number) => number) | undefined;
  readonly directory: string;
}

async function load(options: OpenStateOptions): Promise<OpenedState> {
  const { store, hasher, random, network, self, directory } = options;
  const rows = createEntryRows(store, hasher);
  // Of two records the one of the newest batch is right: the sequence only grows.
  const records = (await twoReads(store, STATE_META)).map(decodeStateMeta);
  const meta = records.sort((a, b) => b.sequence - a.sequence)[0];
  if (meta !== undefined && meta.network !== network) {
    throw new LatticeError(
      'other-network',
      `the store in ${directory} is of the network ${JSON.stringify(meta.network)}, and ${JSON.stringify(network)} is configured`,
      {
        next: 'set DIOTEC360_NETWORK (or DIOTEC360_P2P_TOPIC) to the stored name, or DIOTEC360_STATE_DIR to another directory',
      },
    );
  }
  const end = compareEnd(store.witness, meta, await loadKept(store));
  // After a loss the sequences of the lost batches are used again, so cursors that name them must not be taken.
  const incarnation = end.missing > 0 || meta === undefined ? random.bytes(8) : meta.incarnation;
  const create = (): Replica => {
    const made = createReplica({
      hasher,
      network,
      self,
      isKnown: options.isKnown,
      isAfterEnd: options.isAfterEnd,
      collectedBy: options.collectedBy,
      journalLength: JOURNAL_LENGTH,
      incarnation,
    });
    if (meta !== undefined) made.loadEnded(meta.ended);
    return made;
  };
  let replica = create();
  let checkpoint = meta === undefined ? undefined : await loadCheckpoint({ replica, store, rows, hasher }, meta);
  if (meta === undefined || checkpoint === undefined || !equalBytes(replica.tree.root(), meta.root)) {
    checkpoint = undefined;
    replica = create();
    await loadEntries(replica, rows);
  }
  check(meta, replica, directory);
  await loadCells(store, replica);
  if (meta !== undefined) {
    replica.restore(meta);
    await loadHistory(store, replica, hasher, self);
    await loadOutside(store, replica, hasher, meta.hlc);
    await loadWritten(store, replica, meta);
  }
  const stored = Math.max(0, ...(await twoReads(store, ATTESTED)).map(decodeAttested));
  // A store that lost its end may have lost this row; the clock that the witness saw was past every attested time.
  const attested = end.short ? Math.max(stored, hlcMs(end.hlc)) : stored;
  if (attested > 0) replica.observeTime(lastHlcAt(attested));
  // No commit may get an HLC that a lost one had.
  replica.observeTime(end.hlc);
  return { replica, rows, incarnation, checkpoint, end, attested };
}

async function loadEntries(replica: Replica, rows: EntryRows): Promise<void> {
  for await (const slice of rows.inOrder()) {
    for (const { keyHash, row } of slice) replica.load(rows.parse({ keyHash }, row));
  }
  replica.loaded();
}

/** Rows that are not what was written are passed over: the node then knows less of its history, and errs on no side. */
async function loadHistory(store: Store, replica: Replica, hasher: Hasher, self: Author): Promise<void> {
  const row = await store.get(OWN_SINCE);
  const commits: OwnCommit[] = [];
  for await (const rows of store.iterate(bucketRange('own')))
    for (const [, value] of rows) {
      const commit = decodeOwnCommit(value, hasher);
      if (commit !== undefined) commits.push(commit);
    }
  replica.history.load(row === undefined ? undefined : decodeOwnSince(row, hasher), commits, replica.committed(self));
}

async function loadOutside(store: Store, replica: Replica, hasher: Hasher, last: Hlc): Promise<void> {
  // The marks come first: what they name may have superseded something that is hidden.
  for await (const rows of store.iterate(LATE_ROWS))
    for (const [key, value] of rows) replica.late.load(decodeLate(key, value));
  for (const row of await twoReads(store, UNTOLD_CUT)) replica.late.loadUntold(decodeUntoldCut(row));
  const { hidden } = replica;
  for await (const rows of store.iterate(HIDDEN_GONE))
    for (const [key] of rows) hidden.loadGone(rowToBlockNumber(key), rowToGonePlace(key));
  for await (const rows of store.iterate(HIDDEN_ROWS))
    for (const [row, value] of rows) hidden.load(decodeHidden({ row, at: 0 }, value, hasher), last);
  for await (const rows of store.iterate(HIDDEN_BLOCKS))
    for (const [row, value] of rows) hidden.loadBlock(rowToBlockNumber(row), value, last);
  hidden.loaded();
}

async function loadWritten(store: Store, replica: Replica, { sequence, hlc }: StateMeta): Promise<void> {
  for await (const rows of store.iterate(WRITTEN_ROWS))
    for (const [key, value] of rows) replica.written.load(key, value.length);
  const records = (await twoReads(store, WRITTEN)).map(decodeWrittenRecord);
  replica.written.loaded(records.sort((a, b) => b.sequence - a.sequence)[0], sequence, hlc);
}

const MOVE_ASIDE =
  'the directory is left as it is: move it aside, and start again; the node then takes its state from its peers';

/** Runs reads of a start. When the store is damaged, the error names the directory and the next step. */
export async function readable<T>(directory: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof LatticeError) || (cause.code !== 'damaged-row' && cause.code !== 'store-damaged'))
      throw cause;
    throw new LatticeError(cause.code, `the store in ${directory} is damaged: ${cause.message}`, {
      next: MOVE_ASIDE,
      details: cause.details,
      cause,
    });
  }
}

function check(meta: StateMeta | undefined, replica: Replica, directory: string): void {
  const rebuilt = replica.tree.root();
  if (meta === undefined ? replica.tree.size === 0 : equalBytes(meta.root, rebuilt)) return;
  const storedRoot = meta === undefined ? 'none' : bytesToHex(meta.root);
  throw new LatticeError(
    'root-mismatch',
    `the store in ${directory} is damaged: its stored root is ${storedRoot}, and that of its ${counted(replica.tree.size, 'entry', 'entries')} is ${bytesToHex(rebuilt)}`,
    {
      next: MOVE_ASIDE,
      details: { stored: storedRoot, rebuilt: bytesToHex(rebuilt), entries: replica.tree.size },
    },
  );
}
