import type {
  EntryView,
  OperationOutcome,
  Replica,
  RowWrite,
  Step,
  WriteIntent,
  WriteOutcome,
} from '../../core/replica/index.ts';
import { type Entry, type Fragment, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Signer, Store } from '../../ports/index.ts';
import type { Entries } from '../storage/entries.ts';
import { createEntryCache } from '../storage/entry-cache.ts';
import type { EndKeeper } from '../storage/witness.ts';
import { type Applied, entriesAfter } from './applied.ts';
import {
  type Batch,
  createJobQueue,
  type FragmentJob,
  MAX_BATCH_OPERATIONS,
  type RowsJob,
  type Waiter,
} from './jobs.ts';
import type { Origin } from './origin.ts';
import { keysOf, type NeededKey, type PrefetchDeps, prefetch } from './prefetch.ts';

/**
 * How many amendments may wait. One is applied while the next is prepared, so a caller with more of them waits itself.
 */
const MAX_AMENDMENTS = 8;
/**
 * How many jobs of rows may wait. Each part of the node waits for its job before it queues another, so more is a
 * mistake.
 */
const MAX_ROWS_JOBS = 64;

/** A change of the state that comes from no commit: part of a snapshot, or the correction of one. */
export interface Amendment {
  /** The keys whose entries `prepare` asks for. It is called when no other step comes before that of the amendment. */
  readonly keys: () => readonly NeededKey[];
  /** Makes the step at `now` (Unix ms) and rows that become durable with it. As it changes the tree, it may not wait. */
  readonly prepare: (view: EntryView, now: number) => { readonly step: Step; readonly rows: readonly RowWrite[] };
}

export interface Writer {
  /**
   * Applies a verified fragment and resolves when its effect is durable. Rejects with LatticeError `overloaded`,
   * `store-write-failed` or `stopping`.
   */
  apply(fragment: Fragment, origin: Origin): Promise<readonly OperationOutcome[]>;
  /**
   * Signs and applies a local write and resolves when it is durable. Rejects with LatticeError `overloaded`,
   * `store-write-failed` or `stopping`.
   */
  write(intent: WriteIntent): Promise<WriteOutcome>;
  /**
   * Makes an amendment durable between two batches of commits, so that neither starves the other. Rejects with
   * LatticeError `overloaded`, `store-write-failed` or `stopping`.
   */
  amend(amendment: Amendment): Promise<Step>;
  /**
   * Makes rows durable that belong to no commit. `make` is called between two batches, when the tree and the store
   * agree. Rejects with LatticeError `overloaded`, `store-write-failed` or `stopping`.
   */
  keep(make: () => readonly RowWrite[]): Promise<void>;
  /**
   * Runs `read` while no batch is in flight, so that the tree and the store agree and everything in them is durable.
   * Batches wait until it has ended. Rejects once a batch has failed.
   */
  read<T>(read: () => T | Promise<T>): Promise<T>;
  /**
   * Resolves when everything queued has become durable; later calls are refused. `last` makes rows for the very last
   * batch. Rejects when that batch fails.
   */
  drain(last?: () => readonly RowWrite[]): Promise<void>;
  /** How many operations wait. */
  readonly queued: number;
}

export interface WriterDeps {
  readonly replica: Replica;
  readonly store: Pick<Store, 'batch'>;
  readonly hasher: Hasher;
  readonly entries: Pick<Entries, 'isPresent' | 'many'>;
  readonly signer: Signer;
  readonly clock: Clock;
  /** Unix ms: the last moment of which an own commit may be; undefined where there is none. */
  readonly lastMs?: () => number | undefined;
  readonly log: Log;
  /** Called with every step before anybody can read what the step changed. */
  readonly onStep: (step: Step) => void;
  /**
   * Is told of each durable batch before anything else hears of the batch. When it throws, the batch counts as failed.
   */
  readonly witness?: Pick<EndKeeper, 'countRow' | 'begin'>;
  /**
   * Called when a batch is durable, before its callers are answered. An error that it throws is logged and takes
   * nothing back.
   */
  readonly onDurable: (applied: Applied) => void;
  /**
   * Called instead of `onDurable` for a step that left the state as it was, because its operations were held,
   * superseded or deferred.
   */
  readonly onUnchanged?: (applied: Applied) => void;
  /** Called when the store has failed: nothing more is acknowledged, and the process must end. */
  readonly onFatal: (error: unknown) => void;
}

/** The callers that wait for one batch, whatever the batch is made of. */
interface Waiting extends Batch {
  readonly amendment?: Amendment & Waiter<Step>;
  readonly rows?: RowsJob;
}

const NONE: Batch = { fragments: [], writes: [] };
const UNCHANGED: ReadonlyMap<string, Entry> = new Map();

/**
 * The single writer: it takes what is queued, steps the replica, makes the step durable in one batch, and then answers.
 * One batch is in flight at a time, so acknowledgements keep the order of application, and after the first failure
 * every later batch fails. At most one step is prepared while a batch is in flight.
 */
export function createWriter(deps: WriterDeps): Writer {
  const { replica, store, signer, clock, log } = deps;
  const queue = createJobQueue();
  let amendments: (Amendment & Waiter<Step>)[] = [];
  let rowsJobs: RowsJob[] = [];
  let reads: (() => Promise<void>)[] = [];
  let running = false;
  let closed: LatticeError | undefined;
  /** The first failure: every later batch fails with it. */
  let failure: LatticeError | undefined;
  /** The batch that is being written, and the entries that it changes. */
  let inFlight: { readonly entries: ReadonlyMap<string, Entry>; readonly done: Promise<void> } | undefined;
  let idle: (() => void)[] = [];
  const cache = createEntryCache();
  const source: PrefetchDeps = { ...deps, known: (key) => inFlight?.entries.get(key) ?? cache.get(key) };

  const hasWork = (): boolean => !queue.isEmpty || amendments.length > 0 || rowsJobs.length > 0;

  function pump(): void {
    if (running) return;
    running = true;
    void run().finally(() => {
      running = false;
      // A job may have come after the loop's last look.
      if (reads.length > 0 || hasWork()) return pump();
      for (const resolve of idle) resolve();
      idle = [];
    });
  }

  async function run(): Promise<void> {
    while (reads.length > 0 || hasWork()) {
      // A full batch is worth preparing while the one before it is being written. A smaller one waits, so that jobs
      // which come meanwhile share its sync. Reads wait as well, because they may see durable state only.
      if (reads.length > 0 || (queue.operations < MAX_BATCH_OPERATIONS / 2 && amendments.length === 0)) await settled();
      const waiting = reads;
      reads = [];
      if (waiting.length > 0) await Promise.all(waiting.map((read) => read()));
      if (!queue.isEmpty) await stepNow();
      const amendment = amendments.shift();
      if (amendment !== undefined) await amendNow(amendment);
      const rows = rowsJobs.shift();
      if (rows !== undefined) await keepNow(rows);
    }
    await settled();
  }

  /** Resolves when no batch is in flight. It never rejects, because a failed batch has answered its callers. */
  async function settled(): Promise<void> {
    await inFlight?.done;
  }

  async function stepNow(): Promise<void> {
    const batch = queue.take();
    try {
      if (failure !== undefined) throw failure;
      const view = await prefetch(source, keysOf(batch));
      const step = replica.step(
        { fragments: batch.fragments.map((j) => j.fragment), writes: batch.writes.map((j) => j.intent) },
        (key) => view.get(key),
        clock.now(),
        (message) => signer.sign(message),
        deps.lastMs?.(),
      );
      deps.onStep(step);
      await send(step, [], batch);
    } catch (error) {
      fail(error, batch);
    }
  }

  async function amendNow(amendment: Amendment & Waiter<Step>): Promise<void> {
    const waiting = { ...NONE, amendment };
    try {
      if (failure !== undefined) throw failure;
      const keys = amendment.keys();
      const view = await prefetch(source, (want) => keys.forEach(({ key, keyHash }) => want(key, keyHash)));
      const { step, rows } = amendment.prepare((key) => view.get(key), clock.now());
      deps.onStep(step);
      await send(step, rows, waiting);
    } catch (error) {
      fail(error, waiting);
    }
  }

  async function keepNow(rows: RowsJob): Promise<void> {
    await settled();
    const waiting = { ...NONE, rows };
    let made: readonly RowWrite[];
    try {
      if (failure !== undefined) throw failure;
      made = rows.make();
    } catch (error) {
      // None of these rows has reached the store, so only the caller that asked for them is told.
      rows.failed(error);
      return;
    }
    const counted = made.length === 0 || deps.witness === undefined ? made : [...made, deps.witness.countRow()];
    launch(UNCHANGED, makeDurable(undefined, counted, waiting));
  }

  /** Sends steps one after another, because each builds on the one in flight and fails with it. */
  async function send(step: Step, rows: readonly RowWrite[], waiting: Waiting): Promise<void> {
    await settled();
    if (failure !== undefined) throw failure;
    // An entry that is taken out must not be found in the cache, and one that an amendment brings in is seldom written
    // soon.
    for (const { key, after } of step.changed)
      if (waiting.amendment !== undefined || after === undefined) cache.delete(key);
    launch(entriesAfter(step), makeDurable(step, rows, waiting));
  }

  function launch(entries: ReadonlyMap<string, Entry>, done: Promise<void>): void {
    const batch = { entries, done };
    inFlight = batch;
    void done.finally(() => {
      if (inFlight === batch) inFlight = undefined;
    });
  }

  /** Makes a step and rows durable, then reports and answers. It never rejects. */
  async function makeDurable(step: Step | undefined, rows: readonly RowWrite[], waiting: Waiting): Promise<void> {
    try {
      const all = step === undefined ? rows : rows.length === 0 ? step.rows : [...step.rows, ...rows];
      const durable = deps.witness?.begin(step?.meta);
      if (all.length > 0) {
        await store.batch(all);
        durable?.();
      }
    } catch (error) {
      return fail(error, waiting);
    }
    if (step !== undefined) {
      if (waiting.amendment === undefined)
        for (const { key, keyHash, after } of step.changed) if (after !== undefined) cache.wrote(key, keyHash, after);
      tell(step, waiting);
    }
    waiting.fragments.forEach((job, i) => job.done(step?.applied[i]?.outcomes ?? []));
    waiting.writes.forEach((job, i) => job.done(step?.writes[i] as WriteOutcome));
    if (step !== undefined) waiting.amendment?.done(step);
    waiting.rows?.done();
  }

  /** Reports a durable batch. An error of a listener must not take the batch back, because it is durable. */
  function tell(step: Step, { fragments, amendment }: Waiting): void {
    const taken = step.applied.map((one, i) => ({ ...one, origin: (fragments[i] as FragmentJob).origin }));
    const applied: Applied = { step, taken, amended: amendment !== undefined && step.changed.length > 0 };
    try {
      if (step.changed.length + step.passed.length > 0) deps.onDurable(applied);
      else if (taken.length > 0) deps.onUnchanged?.(applied);
    } catch (err) {
      log.error({ err, sequence: step.sequence }, 'a durable batch was not told on');
    }
  }

  function fail(error: unknown, waiting: Waiting): void {
    if (failure === undefined) {
      const why = error instanceof Error ? error.message : String(error);
      failure = new LatticeError('store-write-failed', `a batch failed: ${why}`, {
        next: 'the node stops, and whether the write took effect is not known: when the node is back, read the key, or repeat the write with the same Idempotency-Key',
        cause: error,
      });
      closed = failure;
      deps.onFatal(failure);
    }
    for (const job of [...waiting.fragments, ...waiting.writes]) job.failed(failure);
    waiting.amendment?.failed(failure);
    waiting.rows?.failed(failure);
  }

  /** Queues a job by `add`, which throws when there is no room. */
  function enqueue<T>(add: (waiter: Waiter<T>) => void): Promise<T> {
    if (closed !== undefined) return Promise.reject(closed);
    return new Promise<T>((done, failed) => {
      add({ done, failed });
      pump();
    });
  }

  function addRows(make: RowsJob['make'], waiter: Waiter<void>): void {
    if (rowsJobs.length >= MAX_ROWS_JOBS)
      throw new LatticeError('overloaded', 'too many rows are waiting for the disk');
    rowsJobs.push({ make, ...waiter });
  }

  return {
    apply: (fragment, origin) => enqueue((waiter) => queue.addFragment(fragment, origin, waiter)),
    write: (intent) => enqueue((waiter) => queue.addWrite(intent, waiter)),
    amend: (amendment) =>
      enqueue((waiter) => {
        if (amendments.length >= MAX_AMENDMENTS)
          throw new LatticeError('overloaded', 'too many amendments are waiting for the disk');
        amendments.push({ ...amendment, ...waiter });
      }),
    keep: (make) => enqueue((waiter) => addRows(make, waiter)),
    read<T>(read: () => T | Promise<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        reads.push(async () => {
          try {
            // After a failed step the tree stays ahead of the store, so no read would see them agree.
            if (failure !== undefined) throw failure;
            resolve(await read());
          } catch (error) {
            reject(error);
          }
        });
        pump();
      });
    },
    async drain(last) {
      closed ??= new LatticeError('stopping', 'the node is stopping');
      const idleNow = (): Promise<void> =>
        running ? new Promise<void>((resolve) => idle.push(resolve)) : Promise.resolve();
      await idleNow();
      if (last === undefined || failure !== undefined) return;
      await new Promise<void>((done, failed) => {
        addRows(last, { done, failed });
        pump();
      });
      await idleNow();
    },
    get queued() {
      return queue.operations;
    },
  };
}
