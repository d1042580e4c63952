import type { Replica } from '../../core/replica/index.ts';
import { decodeLastBatch, encodeLastBatch, type LastBatch, type StateMeta } from '../../core/rows/index.ts';
import { equalBytes, type Hlc, LatticeError } from '../../core/types/index.ts';
import type { Store, Witness } from '../../ports/index.ts';

const NO_HLC = 0n as Hlc;

/** What a start learned by comparing the state record with the witness of the store (SPEC N15). */
export interface EndOfStore {
  /** How many batches that were durable are missing at the end of the store, those of earlier starts included. */
  readonly missing: number;
  /** Whether this start is the one that found some of them missing. */
  readonly short: boolean;
  /** Whether the last run closed the store. False where no witness tells. */
  readonly clean: boolean;
  /** True: the witness was lost, or is that of another store, so nobody can tell what is missing. */
  readonly unwitnessed: boolean;
  /** No HLC that the node ever issued is greater, whether its commit is still here or not. */
  readonly hlc: Hlc;
  /** The greatest HLC of an own commit that was ever durable here. */
  readonly committed: Hlc;
}

const GOOD: EndOfStore = {
  missing: 0,
  short: false,
  clean: false,
  unwitnessed: false,
  hlc: NO_HLC,
  committed: NO_HLC,
};

/** Compares the state record that a start found with what the witness saw last. */
export function compareEnd(witness: Witness | undefined, meta: StateMeta | undefined): EndOfStore {
  if (witness === undefined) return GOOD;
  const last = recordOf(witness);
  // A new store has neither a record nor a state.
  if (last === undefined) return { ...GOOD, unwitnessed: meta !== undefined };
  if (meta !== undefined && !equalBytes(last.incarnation, meta.incarnation)) return { ...GOOD, unwitnessed: true };
  const { sequence, hlc, committed } = last;
  const lost = Math.max(0, sequence - (meta?.sequence ?? 0));
  return {
    missing: last.missing + lost,
    short: lost > 0,
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

/** Tells the witness of each durable batch, and remembers with it what is missing. */
export interface EndKeeper {
  /** To be called when a batch is durable. Throws what the file system throws. */
  durable(meta: StateMeta): void;
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
  let { missing } = end;

  function note({ incarnation, sequence, hlc }: StateMeta): void {
    const own = replica.committed(self);
    const committed = own > end.committed ? own : end.committed;
    store.witness?.note(encodeLastBatch({ incarnation, sequence, hlc, committed, missing }));
  }
  // A loss must outlive this run also when nothing is written in it.
  if (end.short || end.unwitnessed) note(replica.meta);
  return {
    durable: note,
    get missing() {
      return missing;
    },
    recovered() {
      missing = 0;
      note(replica.meta);
    },
  };
}
