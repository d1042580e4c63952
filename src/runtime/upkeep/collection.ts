import { lastHlcAt } from '../../core/clock/index.ts';
import { deadFrom } from '../../core/floor/index.ts';
import type { Floors, Replica } from '../../core/replica/index.ts';
import {
  COLLECTION,
  type CollectionRecord,
  DEAD_INDEXED,
  type Dead,
  deadKey,
  deadUntil,
  deadValue,
  decodeCollection,
  decodeDead,
  decodeFixedCuts,
  encodeCollection,
  encodeFixedCuts,
  FIXED_CUTS,
  rowAfter,
} from '../../core/rows/index.ts';
import { bytesToHex, equalBytes, hexToBytes } from '../../core/types/index.ts';
import type { Clock, Log, Metrics, Store } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import { collectedAt } from '../cuts/collected-at.ts';
import type { CompleteCut, CompleteCuts } from '../cuts/complete.ts';
import type { Roster } from '../fleet/roster.ts';
import type { Entries } from '../storage/entries.ts';
import { twoReads } from '../storage/two-reads.ts';
import { createCompaction } from './compaction.ts';
import type { RefusedBelow } from './refused-below.ts';
import type { SetAsides } from './set-aside.ts';

/** How often it is looked at whether there is something to collect. */
const LOOK_MS = 1_000;
/** How many keys are collected in one batch, which takes a few milliseconds. */
const PAGE = 256;
/** As many cuts of its own as a node can still be told to be complete (SPEC FL1), over restarts too. */
const MAX_FIXED = 64;

/** What is told of the collection. Times are Unix ms. */
export interface CollectionStatus extends Floors {
  /** Whether dead operations are being taken out of the state at present. */
  readonly isCollecting: boolean;
  /** How many keys have left the state since the start. */
  readonly keys: number;
  /** The members of whom it is not known that they collect, so that nothing is collected; absent where there are none. */
  readonly waitsFor?: readonly string[];
}

/**
 * Takes what is dead out of the state (SPEC FL6 to FL9), once every writer has it. While it is under way the node
 * attests nothing.
 */
export interface Collection {
  start(): void;
  stop(): void;
  /** To be called with each cut that this node fixed. */
  fixed(cut: { readonly at: number; readonly root: string }): void;
  isPending(): boolean;
  status(): CollectionStatus;
}

/** Reads how far an earlier run had come. LatticeError `damaged-row`. */
export async function loadCollection(store: Pick<Store, 'get' | 'iterate'>): Promise<CollectionRecord | undefined> {
  const records = (await twoReads(store, COLLECTION)).map(decodeCollection);
  return records.sort((a, b) => b.closed + b.collected - a.closed - a.collected)[0];
}

/**
 * Reads the roots (hex) of the newest cuts that this store has fixed, by their time. The row of a cut became durable after
 * everything that the cut is made of, so a copy of the store that has the row has the cut. LatticeError `damaged-row`.
 */
export async function loadFixedCuts(store: Pick<Store, 'get' | 'iterate'>): Promise<ReadonlyMap<number, string>> {
  const rows = (await twoReads(store, FIXED_CUTS)).map(decodeFixedCuts);
  const newest = rows.sort((a, b) => (b.at(-1)?.at ?? 0) - (a.at(-1)?.at ?? 0))[0] ?? [];
  return new Map(newest.map(({ at, root }) => [at, bytesToHex(root)]));
}

/** The record of what counts under the present chain of rosters; what was collected under another list says nothing. */
export function floorsOf(saved: CollectionRecord | undefined, roster: Pick<Roster, 'from'>): Floors {
  const [first] = roster.from(0);
  if (saved === undefined || first === undefined || !equalBytes(saved.first, first.state.hash))
    return { closed: 0, collected: 0 };
  return { closed: saved.closed, collected: saved.collected };
}

export function createCollection(deps: {
  readonly roster: Pick<Roster, 'present' | 'from' | 'onChange'>;
  readonly replica: Pick<Replica, 'late' | 'collect' | 'tree'>;
  readonly entries: Pick<Entries, 'page'>;
  readonly writer: Pick<Writer, 'amend' | 'read' | 'keep'>;
  readonly store: Pick<Store, 'get' | 'iterate' | 'compact'>;
  readonly complete: Pick<CompleteCuts, 'newest'>;
  readonly asides: SetAsides;
  readonly refused: RefusedBelow;
  /** The roots (hex) of the newest cuts that this store had fixed when it was opened, by their time. */
  readonly fixed: ReadonlyMap<number, string>;
  /** The members of whom it is not known that they collect. */
  readonly notCollecting: () => readonly string[] | undefined;
  /** Whether the state is being taken over, or operations after the ends of their authors are being taken out. */
  readonly isBusy: () => boolean;
  readonly gridMs: number | undefined;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'count'>;
  readonly log: Log;
}): Collection {
  const { roster, replica, writer, store, asides, refused, log, clock } = deps;
  const { late } = replica;
  const compaction = createCompaction({ store, log });
  /** Whether all that the store has was written by this version, which makes the rows of what is dead itself. */
  const wasEmpty = replica.tree.size === 0;
  /** The roots (hex) of the newest cuts that this store has fixed, by their time. */
  const roots = new Map(deps.fixed);
  /** The newest complete cut that this node has taken as its own, and the time up to which nothing dead is left. */
  let taken = 0;
  let swept = 0;
  let keys = 0;
  let isIndexed = false;
  let busy = false;
  let stopped = true;
  let looks: Repetition | undefined;

  const first = (): Uint8Array => {
    const [one] = roster.from(0);
    if (one === undefined) throw new Error('a chain of rosters begins with epoch 0');
    return one.state.hash;
  };
  let under = first();

  // Another configured list is another epoch 0, and what was closed under the former one says nothing under it.
  roster.onChange(() => {
    const now = first();
    if (equalBytes(now, under)) return;
    under = now;
    void moveTo({ closed: 0, collected: 0 }).catch((error: unknown) =>
      log.debug({ error: String(error) }, 'floors left'),
    );
  });

  /** Makes the floors durable; from then on the replica goes by them. `isSo` is asked between two batches. */
  async function moveTo(floors: Floors, isSo: () => boolean = () => true): Promise<boolean> {
    let did = false;
    await writer.keep(() => {
      did = isSo();
      if (!did) return [];
      late.setFloors(floors);
      return [{ type: 'put', key: COLLECTION, value: encodeCollection({ first: first(), ...floors }) }];
    });
    return did;
  }

  /** Whether this node fixed the cut alike, and knows what came too late for it. */
  function isOwn({ at, root }: CompleteCut): boolean {
    return at > late.untold && roots.get(at) === bytesToHex(root);
  }

  async function look(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      await work();
    } finally {
      busy = false;
    }
  }

  /**
   * Whether all members are known to collect, or a writer has told that it has collected more than this node: that one
   * has heard members which this node has not, because it has no way to them or its store is new.
   */
  function collects(): boolean {
    return deps.notCollecting() === undefined || refused.closedBy > lastHlcAt(late.floors.collected);
  }

  async function work(): Promise<void> {
    // At once, because a node that ends before it has collected anything would find a store that is not empty.
    if (wasEmpty) await indexAll();
    if (deps.isBusy()) return;
    const cut = deps.complete.newest();
    if (cut !== undefined && collects()) {
      const closes = Math.max(late.floors.closed, collectedAt(roster, cut.at, deps.gridMs));
      if (cut.at > taken && isOwn(cut)) await take(cut, closes);
      else if (closes > late.floors.collected) await moveTo({ closed: late.floors.closed, collected: closes });
    }
    if (!stopped) await sweep();
    // What is dead has left by then, so that nobody sets it aside.
    if (!stopped && !isPending()) await takeOutRefused();
    if (!stopped) await asides.takeIn(refused.takeAccepted());
  }

  /** Makes the complete cut this node's own: its state of up to `closes` is that of the cut from there on. */
  async function take(cut: CompleteCut, closes: number): Promise<void> {
    const last = lastHlcAt(closes);
    const tooLate = (): boolean => {
      for (const { hlc, fixed } of late.marks) if (hlc <= last && fixed >= cut.at) return true;
      return false;
    };
    const isStill = (): boolean => !stopped && cut.at > late.untold && !tooLate();
    do {
      if (tooLate())
        await asides.takeOut(
          [...late.marks].filter(({ hlc, fixed }) => hlc <= last && fixed >= cut.at),
          'late',
        );
      if (stopped || cut.at <= late.untold) return;
    } while (!(await moveTo({ closed: closes, collected: Math.max(closes, late.floors.collected) }, isStill)));
    await asides.putBack(cut.at);
    await writer.keep(() => {
      for (const mark of late.marks) if (mark.fixed < cut.at) late.drop(mark);
      return late.takeRows();
    });
    taken = cut.at;
  }

  const isPending = (): boolean => late.floors.collected > swept;

  /** Takes out what enough writers refuse as below the floor. */
  async function takeOutRefused(): Promise<void> {
    const { collected } = late.floors;
    if (collected === 0) return;
    const last = lastHlcAt(collected);
    const out = refused.decided().filter(({ hlc }) => hlc <= last);
    if (out.length === 0) return;
    // Nothing puts back what was fixed and taken out at one and the same cut.
    await asides.takeOut(
      out.map((one) => ({ ...one, fixed: late.newest })),
      'refused',
    );
    refused.drop(out);
  }

  async function sweep(): Promise<void> {
    const { collected } = late.floors;
    if (collected <= swept) return;
    await indexAll();
    let after: Uint8Array | undefined;
    let left = 0;
    let all = 0;
    for (;;) {
      const page = await deadAfter(after, collected);
      if (stopped) return;
      const end = page.at(-1);
      if (end === undefined) break;
      after = deadKey(end);
      const step = await writer.amend({
        keys: () => page.map(({ key, keyHash }) => ({ key, keyHash })),
        prepare: (view, now) => ({ step: replica.collect(page, view, now), rows: [] }),
      });
      const gone = step.changed.filter((one) => one.after === undefined).length;
      keys += gone;
      all += gone;
      if (gone > 0) deps.metrics.count('lattice_collected_keys_total', {}, gone);
      left += page.length - step.changed.length;
    }
    compaction.collected(all, replica.tree.size);
    // What was left has an end that readers are told of first, or was changed meanwhile.
    if (left === 0 || (await deadAfter(undefined, collected)).length === 0) swept = collected;
  }

  async function deadAfter(after: Uint8Array | undefined, until: number): Promise<readonly Dead[]> {
    const { gte, lt } = deadUntil(until);
    const page: Dead[] = [];
    const range = after === undefined ? { gte, lt } : { gte: rowAfter(after), lt };
    for await (const rows of store.iterate({ ...range, limit: PAGE }))
      for (const [key, value] of rows) page.push(decodeDead(key, value));
    return page;
  }

  /** A store of an earlier version has no rows of what is dead: they are made once. */
  async function indexAll(): Promise<void> {
    if (isIndexed) return;
    if ((await store.get(DEAD_INDEXED)) === undefined) {
      if (!wasEmpty) await indexEach();
      if (stopped) return;
      await writer.keep(() => [{ type: 'put', key: DEAD_INDEXED, value: new Uint8Array(0) }]);
    }
    isIndexed = true;
  }

  async function indexEach(): Promise<void> {
    let after: Uint8Array | undefined;
    do {
      const page = await deps.entries.page(after, PAGE, (read) => writer.read(read));
      if (stopped) return;
      const rows = page.entries.flatMap(({ keyHash, entry: { key, siblings } }) => {
        const ms = deadFrom(siblings);
        // One that has changed meanwhile leaves a row that is found to be stale.
        return ms === undefined ? [] : [{ type: 'put' as const, key: deadKey({ ms, keyHash }), value: deadValue(key) }];
      });
      if (rows.length > 0) await writer.keep(() => rows);
      after = page.last;
    } while (after !== undefined);
  }

  return {
    start() {
      stopped = false;
      looks = every(clock, LOOK_MS, look, {
        onError: (error) => log.warn({ error: String(error) }, 'what is dead could not be collected'),
      });
    },
    stop() {
      stopped = true;
      looks?.stop();
      compaction.stop();
    },
    fixed({ at, root }) {
      roots.set(at, root);
      for (const [oldest] of roots) if (roots.size > MAX_FIXED) roots.delete(oldest);
      const value = encodeFixedCuts(
        Array.from(roots, ([time, hex]) => ({ at: time, root: hexToBytes(hex) ?? new Uint8Array(0) })),
      );
      // A store that fails ends the process through the writer.
      writer
        .keep(() => [{ type: 'put', key: FIXED_CUTS, value }])
        .catch((error: unknown) => log.debug({ error: String(error) }, 'a fixed cut is not remembered'));
    },
    isPending,
    status() {
      const waiting = deps.notCollecting();
      return {
        ...late.floors,
        isCollecting: isPending(),
        keys,
        ...(waiting === undefined ? {} : { waitsFor: waiting }),
      };
    },
  };
}
