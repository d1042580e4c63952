import type { Counted, Replica, RowWrite } from '../../core/replica/index.ts';
import {
  ASIDE_LOST,
  ASIDE_ROWS,
  type AsideReason,
  asideKey,
  decodeAside,
  decodeAsideLost,
  encodeAside,
  encodeAsideLost,
  type LateMark,
  type OperationPlace,
  type SetAside,
} from '../../core/rows/index.ts';
import { versionOf } from '../../core/state/index.ts';
import type { Entry, Hasher, Sibling } from '../../core/types/index.ts';
import { keyHash } from '../../core/wire/index.ts';
import type { Log, Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import { type Entries, HERE } from '../storage/entries.ts';
import { twoReads } from '../storage/two-reads.ts';
import { type RecountKeysDeps, recountKeys } from './recount-keys.ts';

/** How many keys are counted anew in one batch, which takes a few milliseconds. */
const PAGE = 256;
/** Most operations that are kept for an operator to look at. Beyond them the oldest go, and are counted. */
const MAX_KEPT = 16_384;

/** An operation that is to be taken out of the state. */
export type TakenOut = OperationPlace & Pick<LateMark, 'key' | 'author' | 'fixed'>;

/** An operation that was set aside, without its value. */
export interface KeptAside extends TakenOut {
  /** The newest cut that was fixed when it was taken out, Unix ms. */
  readonly until: number;
  readonly why: AsideReason;
}

/** The owner of what was set aside (SPEC FL8): taken out of the state, kept in rows, listed for operators. */
export interface SetAsides {
  readonly all: readonly KeptAside[];
  readonly size: number;
  /** How many could not be kept for want of room, until an operator has forgotten all the others. */
  readonly lost: number;
  /** Takes operations out of the state, and lets what they had superseded count again. Those that are not there are passed over. */
  takeOut(operations: readonly TakenOut[], why: AsideReason): Promise<void>;
  /** Takes operations into the state whatever their times, and forgets that they were set aside. */
  takeIn(operations: readonly Sibling[]): Promise<void>;
  /** Puts back what stands in the complete cut at `at`, Unix ms, as this node fixed it. */
  putBack(at: number): Promise<void>;
  /** The operation with its value; undefined where there is none such. */
  read(one: OperationPlace): Promise<Sibling | undefined>;
  /** Forgets operations, because they were written anew or are not wanted. */
  forget(operations: readonly OperationPlace[]): Promise<void>;
}

/** Reads what earlier runs have set aside. LatticeError `damaged-row`. */
export async function loadSetAside(store: Pick<Store, 'iterate'>, hasher: Hasher): Promise<readonly KeptAside[]> {
  const kept: KeptAside[] = [];
  for await (const rows of store.iterate(ASIDE_ROWS))
    for (const [key, value] of rows) kept.push(keptOf(decodeAside(key, value, hasher)));
  return kept;
}

/** Reads how many of them could not be kept. LatticeError `damaged-row`. */
export async function loadAsideLost(store: Pick<Store, 'get' | 'iterate'>): Promise<number> {
  return Math.max(0, ...(await twoReads(store, ASIDE_LOST)).map(decodeAsideLost));
}

const keptOf = ({ operation, fixed, until, why }: SetAside): KeptAside => {
  const { commit, index, hlc, author } = operation;
  return { key: operation.operation.key, commit: commit.slice(), index, hlc, author, fixed, until, why };
};

export function createSetAsides(
  deps: RecountKeysDeps & {
    readonly replica: Pick<Replica, 'recount' | 'hidden' | 'putBack' | 'late'>;
    readonly entries: Pick<Entries, 'many'>;
    readonly writer: Pick<Writer, 'amend' | 'read' | 'keep'>;
    readonly store: Pick<Store, 'get'>;
    readonly hasher: Hasher;
    readonly log: Log;
    readonly saved: readonly KeptAside[];
    /** How many earlier runs could not keep. */
    readonly lost: number;
    /** Default: MAX_KEPT. Only tests keep fewer. */
    readonly maxKept?: number;
    /** Is told what was set aside, once that is durable. */
    readonly onTakenOut?: (operations: readonly KeptAside[]) => void;
  },
): SetAsides {
  const { replica, writer, store, hasher, log, maxKept = MAX_KEPT } = deps;
  let { lost } = deps;
  const kept = new Map<string, KeptAside>();
  for (const one of deps.saved) add(one);

  function add(one: KeptAside): void {
    kept.set(versionOf(one), one);
    replica.late.setAside(one, true);
  }

  /** Whether it was there. */
  function remove(one: Pick<OperationPlace, 'commit' | 'index'>): boolean {
    replica.late.setAside(one, false);
    return kept.delete(versionOf(one));
  }

  async function takePage(page: ReadonlyMap<string, TakenOut>, why: AsideReason): Promise<void> {
    let taken: KeptAside[] = [];
    const keys = [...new Set(Array.from(page.values(), ({ key }) => key))];
    const found = await writer.read(() =>
      deps.entries.many(
        keys.map((key) => ({ key, keyHash: keyHash(key, hasher) })),
        HERE,
      ),
    );
    const given = found.filter((entry): entry is Entry => entry !== undefined);
    const out = (one: Counted): boolean => page.has(versionOf(one));
    const { displaced, left } = await recountKeys(deps, given, {
      out,
      rows(recounted) {
        const rows = recounted.displaced
          .filter(out)
          .flatMap((operation) => keep(page.get(versionOf(operation)), operation, why));
        taken = recounted.displaced.flatMap((operation) => kept.get(versionOf(operation)) ?? []);
        // What is not in the state any more was replaced, or has been taken out before.
        const leftHere = new Set(recounted.left);
        for (const mark of replica.late.marks)
          if (page.has(versionOf(mark)) && !leftHere.has(mark.key)) replica.late.drop(mark);
        return [...rows, ...replica.late.takeRows()];
      },
    });
    if (displaced.length > 0) {
      log.warn(
        { operations: displaced.length, keys: keys.slice(0, 8), why },
        why === 'late'
          ? 'operations that came too late for a complete cut are set aside: see lattice recover'
          : 'operations that other writers refuse as below the floor are set aside: see lattice recover',
      );
    }
    if (taken.length > 0) deps.onTakenOut?.(taken);
    if (left.length > 0) log.debug({ keys: left.length }, 'keys are counted anew once more');
  }

  function keep(taken: TakenOut | undefined, operation: Sibling, why: AsideReason): RowWrite[] {
    if (taken === undefined) return [];
    const one: SetAside = { operation, fixed: taken.fixed, until: replica.late.newest, why };
    add(keptOf(one));
    const rows: RowWrite[] = [{ type: 'put', key: asideKey(operation), value: encodeAside(one) }];
    const [oldest] = kept.values();
    if (kept.size > maxKept && oldest !== undefined) {
      remove(oldest);
      lost++;
      log.warn({ key: oldest.key, lost }, 'the oldest operation that was set aside is forgotten: there are too many');
      rows.push({ type: 'del', key: asideKey(oldest) }, { type: 'put', key: ASIDE_LOST, value: encodeAsideLost(lost) });
    }
    return rows;
  }

  async function takeIn(operations: readonly Sibling[]): Promise<void> {
    if (operations.length === 0) return;
    await writer.amend({
      keys: () => operations.map(({ operation: { key } }) => ({ key })),
      prepare(view, now) {
        const rows = operations.filter(remove).map((one) => ({ type: 'del' as const, key: asideKey(one) }));
        return { step: replica.putBack(operations, view, now), rows };
      },
    });
  }

  async function read(one: OperationPlace): Promise<Sibling | undefined> {
    const value = await store.get(asideKey(one));
    return value === undefined ? undefined : decodeAside(asideKey(one), value, hasher).operation;
  }

  return {
    get all() {
      return [...kept.values()];
    },
    get size() {
      return kept.size;
    },
    get lost() {
      return lost;
    },
    async takeOut(operations, why) {
      for (let at = 0; at < operations.length; at += PAGE)
        await takePage(new Map(operations.slice(at, at + PAGE).map((one) => [versionOf(one), one])), why);
    },
    takeIn,
    async putBack(at) {
      const back = [...kept.values()].filter(({ fixed, until }) => fixed < at && at <= until);
      for (let i = 0; i < back.length; i += PAGE) {
        const operations = (await Promise.all(back.slice(i, i + PAGE).map(read))).filter((one) => one !== undefined);
        await takeIn(operations);
        log.info({ operations: operations.length }, 'operations that a complete cut has are back in the state');
      }
    },
    read,
    async forget(operations) {
      for (let at = 0; at < operations.length; at += PAGE) {
        const page = operations.slice(at, at + PAGE);
        await writer.keep(() => {
          for (const one of page) remove(one);
          const rows: RowWrite[] = page.map((one) => ({ type: 'del', key: asideKey(one) }));
          if (kept.size > 0 || lost === 0) return rows;
          // Whoever has gone through all of them has been told of those that are not there.
          lost = 0;
          return [...rows, { type: 'del', key: ASIDE_LOST }];
        });
      }
    },
  };
}
