import type { StateMeta } from '../rows/index.ts';
import { type Conditions, winner } from '../state/index.ts';
import type { Bytes, Entry, Fragment, LatticeError, Sibling } from '../types/index.ts';

/** A row written or deleted by a step. The shape of the store port's operations. */
export type RowWrite =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/** One client's write: all of it in one commit, or none. */
export interface WriteIntent {
  readonly operations: readonly (Conditions & {
    readonly kind: 'put' | 'delete';
    readonly key: string;
    readonly value?: unknown;
  })[];
  /**
   * Rows of the writer's own, durable with the commit: asked for once when it is made. Its operations begin at `first`.
   */
  readonly rows?: (made: {
    readonly commit: Fragment;
    readonly first: number;
    readonly created: readonly boolean[];
  }) => readonly RowWrite[];
}

export type WriteOutcome =
  | {
      readonly ok: true;
      readonly commit: Fragment;
      readonly results: readonly { readonly key: string; readonly version: string; readonly created: boolean }[];
    }
  | { readonly ok: false; readonly error: LatticeError };

/** What became of each operation of a fragment. `future`: the whole fragment is to be deferred. */
export type OperationOutcome = 'added' | 'held' | 'superseded' | 'future';

/** A fragment that was given to a step, with the outcome of each of its operations, in their order. */
export interface AppliedFragment {
  readonly fragment: Fragment;
  readonly outcomes: readonly OperationOutcome[];
}

/** An entry that a step changed. */
export interface ChangedEntry {
  readonly key: string;
  /** 32 bytes. Their memory is shared with the key hashes of the same step and nothing else: they may be kept. */
  readonly keyHash: Bytes;
  /** Undefined: the key is new. */
  readonly before: Entry | undefined;
  /** Undefined: the key has left the state. */
  readonly after: Entry | undefined;
}

export interface Step {
  /** To be made durable as one batch; nothing of this step may be seen before. Empty when nothing changed. */
  readonly rows: readonly RowWrite[];
  /** The fragments given, in their order. */
  readonly applied: readonly AppliedFragment[];
  /** The outcome of each intent given, in their order. */
  readonly writes: readonly WriteOutcome[];
  /** Own commits made by this step, to be published once durable. */
  readonly commits: readonly Fragment[];
  /** Each key once, in the order in which they first changed. */
  readonly changed: readonly ChangedEntry[];
  readonly root: Bytes;
  readonly sequence: number;
  /** The state after this step: what is durable once its rows are. */
  readonly meta: StateMeta;
}

/** Reads the current entry of a key. Every key of a step's input must be answerable without I/O. */
export type EntryView = (key: string) => Entry | undefined;

/**
 * What readers are shown of a changed key, for events and the journal. Of a key that has left the state that is a
 * deletion of what was shown before.
 */
export function shownAfter({ key, before, after }: ChangedEntry): Sibling {
  if (after !== undefined) return winner(after);
  if (before === undefined) throw new Error(`the key ${JSON.stringify(key)} was not there and is not there`);
  const shown = winner(before);
  return { ...shown, operation: { kind: 'delete', key, context: shown.operation.context } };
}
