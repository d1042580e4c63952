import { bucketRange, decodeEntry, decodeStateMeta, entryKeyToKey, type StateMeta } from '../core/codec/index.ts';
import { createTreeLoader } from '../core/merkle/index.ts';
import { Replica, STATE_META } from '../core/replica/index.ts';
import { type Author, type Bytes, bytesToHex, equalBytes, type Hasher, LatticeError } from '../core/types/index.ts';
import type { Random, Store } from '../ports/index.ts';
import { leafOf } from './reads.ts';

/** Batches remembered for resuming streams: minutes at full speed, hours at rest; about a hundred bytes a change. */
const JOURNAL_LENGTH = 16_384;

export interface OpenedState {
  readonly replica: Replica;
  /** Of the store, 8 bytes: cursors name it. */
  readonly incarnation: Bytes;
}

/**
 * Rebuilds the tree from every stored entry and compares its root with the stored one: every start is an integrity
 * check. On a mismatch it throws and leaves the store as it is.
 */
export async function openState(options: {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly random: Random;
  readonly network: string;
  readonly self: Author;
  readonly directory: string;
}): Promise<OpenedState> {
  const { store, hasher, random, network, self } = options;
  const stored = await store.get(STATE_META);
  const meta = stored === undefined ? undefined : decodeStateMeta(stored);
  if (meta !== undefined && meta.network !== network) {
    throw new LatticeError(
      'other-network',
      `${options.directory} holds network ${JSON.stringify(meta.network)}, configured is ${JSON.stringify(network)}`,
      {
        next: 'set DIOTEC360_NETWORK (or DIOTEC360_P2P_TOPIC) to the stored name, or DIOTEC360_STATE_DIR to another directory',
      },
    );
  }
  const incarnation = meta?.incarnation ?? random.bytes(8);
  const replica = new Replica({ hasher, network, self, journalLength: JOURNAL_LENGTH, incarnation });
  for await (const rows of store.iterate(bucketRange('entry'))) {
    for (const [rowKey, row] of rows) replica.load(decodeEntry(row, entryKeyToKey(rowKey)));
  }
  replica.loaded();
  check(meta, replica, options.directory);
  if (meta !== undefined) replica.restore(meta);
  return { replica, incarnation };
}

function check(meta: StateMeta | undefined, replica: Replica, directory: string): void {
  const rebuilt = replica.tree.root();
  if (meta === undefined ? replica.tree.size === 0 : equalBytes(meta.root, rebuilt)) return;
  const storedRoot = meta === undefined ? 'none' : bytesToHex(meta.root);
  throw new LatticeError(
    'root-mismatch',
    `the store in ${directory} is damaged: its stored root is ${storedRoot}, its ${replica.tree.size} entries make ${bytesToHex(rebuilt)}`,
    {
      next: 'the directory is left as it is: move it aside, and start again; the node then takes its state from its peers',
      details: { stored: storedRoot, rebuilt: bytesToHex(rebuilt), entries: replica.tree.size },
    },
  );
}

/** Recomputes the root from the stored entries alone. */
export async function recomputeRoot(store: Store, hasher: Hasher): Promise<{ readonly root: Bytes; readonly entries: number }> {
  const loader = createTreeLoader(hasher);
  for await (const rows of store.iterate(bucketRange('entry'))) {
    for (const [rowKey, row] of rows) {
      const { keyHash, leaf } = leafOf(decodeEntry(row, entryKeyToKey(rowKey)), hasher);
      loader.add(keyHash, leaf);
    }
  }
  const tree = loader.finish();
  return { root: tree.root(), entries: tree.size };
}
