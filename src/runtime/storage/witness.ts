import type { Replica, RowWrite } from '../../core/replica/index.ts';
import {
  decodeKept,
  decodeLastBatch,
  encodeKept,
  encodeLastBatch,
  KEPT,
  type LastBatch,
  type StateMeta,
} from '../../core/rows/index.ts';
import { type Bytes, equalBytes, type Hlc, LatticeError } from '../../core/types/index.ts';
import type { Store, Witness } from '../../ports/index.ts';
import { twoReads } from './two-reads.ts';

const NO_HLC = 0n as Hlc;

/** What a start learned by comparing the state record with the witness of the store (SPEC N15). */
export interface EndOfStore {
  /** How many batches that were durable are missing at the end of the store, those of earlier starts included. */
  readonly missing: number;
  /** Whether this start is the one that found some of them missing. */
  readonly short: boolean;
  /** How many batches of rows that belong to no commit the store has counted. */
  readonly kept: number;
  /** The store incarnation that stands in the store; undefined where no state record does. */
  readonly incarnation: Bytes | undefined;
  /** Whether the last run closed the store. False where no witness tells. */
  readonly clean: boolean;
  /** True: the witness was lost, or is that of another store, so nobody can tell what is missing. */
  readonly unwitnessed: boolean;
  /** No HLC that the node ever issued is greater, whether its commit is still here or not. */
  readonly hlc: Hlc;
  /** The greatest HLC of an own commit that was ever durable here. */
  readonly committed: Hlc;
}

const GOOD: Omit<EndOfStore, 'kept' | 'incarnation'> = {
  missing: 0,
  short: false,
  clean: false,
  unwitnessed: false,
  hlc: NO_HLC,
  committed: NO_HLC,
};

/** Reads how many batches the store has counted that belong to no commit. Rejects with LatticeError `damaged-row`. */
export async function loadKept(store: Pick<Store, 'get' | 'iterate'>): Promise<number> {
  return Math.max(0, ...(await twoReads(store, KEPT)).map(decodeKept));
}

/** Compares the state record that a start found, and the count of other batches, with what the witness saw last. */
export function compareEnd(witness: Witness | undefined, meta: StateMeta | undefined, kept: number): EndOfStore {
  const counted = { kept, incarnation: meta?.incarnation };
  if (witness === undefined) return { ...GOOD, ...counted };
  const last = recordOf(witness);
  // A new store has neither a record nor a state.
  if (last === undefined) return { ...GOOD, ...counted, unwitnessed: meta !== undefined };
  if (meta !== undefined && !equalBytes(last.incarnation, meta.incarnation))
    return { ...GOOD, ...counted, unwitnessed: true };
  const { sequence, hlc, committed } = last;
  const lost = Math.max(0, sequence - (meta?.sequence ?? 0)) + Math.max(0, last.kept - kept);
  return {
    missing: last.missing + lost,
    short: lost > 0,
    ...counted,
    clean: witness.earlier?.clean === true,
    unwitnessed: false,
    hlc,
    committed,
  };
}

function recordOf({ earlier }: Witness): LastBatch | undefined {
  try {
    return earlier === undefined ? undefined : decodeLastBatch(earlier.record);
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'damaged-row') return undefined;
    throw error;
  }
}

const later = (a: Hlc, b: Hlc): Hlc => (a > b ? a : b);

/** Tells the witness of each durable batch, and remembers with it what is missing. */
export interface EndKeeper {
  /** The row that counts one more batch that belongs to no commit; it becomes durable in that batch. */
  countRow(): RowWrite;
  /**
   * To be called as a batch goes to the store, before the next step is made: with its state record, or without one for
   * a batch that belongs to no commit. Returns what is to be called once the batch is durable, which throws what the
   * file system throws.
   */
  begin(meta: StateMeta | undefined): () => void;
  /** How many batches are missing still. */
  readonly missing: number;
  /** What was missing is here again. */
  recovered(): void;
}

export function createEndKeeper(deps: {
  readonly store: Pick<Store, 'witness'>;
  readonly end: EndOfStore;
  readonly replica: Pick<Replica, 'meta' | 'committed'>;
  readonly self: Parameters<Replica['committed']>[0];
}): EndKeeper {
  const { store, end, replica, self } = deps;
  let { missing, kept } = end;
  // The witness goes with the incarnation that stands in the store: a new one comes with the next state record.
  let last = { ...replica.meta, incarnation: end.incarnation ?? replica.meta.incarnation };
  let committed = later(replica.committed(self), end.committed);

  function note(): void {
    const { incarnation, sequence } = last;
    // The clock may be ahead of the batch: it has passed each time that the node attests before the attestation leaves.
    const { hlc } = replica.meta;
    store.witness?.note(encodeLastBatch({ incarnation, sequence, kept, hlc, committed, missing }));
  }
  // A loss must outlive this run also when nothing is written in it.
  if (end.short || end.unwitnessed) note();
  return {
    countRow: () => ({ type: 'put', key: KEPT, value: encodeKept(++kept) }),
    begin(meta) {
      // The replica makes its next step while this batch is written, and that step may never become durable.
      const own = replica.committed(self);
      return () => {
        if (meta !== undefined) last = meta;
        committed = later(own, committed);
        note();
      };
    },
    get missing() {
      return missing;
    },
    recovered() {
      missing = 0;
      note();
    },
  };
}
