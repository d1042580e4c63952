import { decodeEntry, entryKey, keyHash } from '../core/codec/index.ts';
import type { OperationOutcome, Replica, Step, WriteIntent, WriteOutcome } from '../core/replica/index.ts';
import { type Entry, type Fragment, type Hasher, LatticeError } from '../core/types/index.ts';
import type { Clock, Log, Signer, Store } from '../ports/index.ts';

/** Operations made durable by one batch: enough to amortise the disk's sync, few enough that readers wait milliseconds. */
const MAX_BATCH_OPERATIONS = 2048;
/** Writes and fragments waiting. Beyond it writers are told `overloaded` and fragments are left to repair. */
const MAX_QUEUED_OPERATIONS = 16_384;
/** Entries read by one call: a large batch is read by several of the store's threads, and decoded while the rest is read. */
const READ_CHUNK = 256;
/** Entries kept decoded for the next step: hot keys are not read from the store each time. */
const MAX_CACHED_ENTRIES = 4096;

interface FragmentJob {
  readonly fragment: Fragment;
  readonly done: (outcomes: readonly OperationOutcome[]) => void;
  readonly failed: (error: unknown) => void;
}

interface WriteJob {
  readonly intent: WriteIntent;
  readonly done: (outcome: WriteOutcome) => void;
  readonly failed: (error: unknown) => void;
}

interface Taken {
  readonly fragments: readonly FragmentJob[];
  readonly writes: readonly WriteJob[];
}

export interface Applied {
  readonly step: Step;
  /** The fragments given to the step, in the order of its outcomes. */
  readonly fragments: readonly Fragment[];
}

export interface Writer {
  /** Applies a verified fragment; resolves when its effect is durable. */
  apply(fragment: Fragment): Promise<readonly OperationOutcome[]>;
  /** Signs and applies a local write; resolves when it is durable. Rejects with `overloaded` or `store-write-failed`. */
  write(intent: WriteIntent): Promise<WriteOutcome>;
  /** Runs `read` while no batch is in flight: tree and store agree and everything seen is durable. Batches wait for it. Rejects once a batch has failed. */
  read<T>(read: () => T | Promise<T>): Promise<T>;
  /** Resolves when everything queued has been made durable; later calls are refused. */
  drain(): Promise<void>;
  readonly queued: number;
}

export interface WriterDeps {
  readonly replica: Replica;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after a batch is durable, before its callers are answered. */
  readonly onApplied: (applied: Applied) => void;
  /** The store failed: nothing more is acknowledged and the process must end. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * The single writer: takes what is queued, steps the replica, makes the step durable in one batch, then answers. One
 * batch is in flight at a time, so acknowledgements keep the order of application and the first failure fails all later.
 * At most one step is prepared ahead of it.
 */
export function createWriter(deps: WriterDeps): Writer {
  const { replica, store, hasher, signer, clock } = deps;
  let fragments: FragmentJob[] = [];
  let writes: WriteJob[] = [];
  let reads: (() => Promise<void>)[] = [];
  let queued = 0;
  let running = false;
  let closed: LatticeError | undefined;
  /** The first failure: every later batch fails with it. */
  let failure: LatticeError | undefined;
  /** The batch on its way to the disk, and the entries that it changes. */
  let inFlight: { readonly entries: ReadonlyMap<string, Entry>; readonly done: Promise<void> } | undefined;
  let idle: (() => void)[] = [];
  const cache = new Map<string, Entry>();

  function pump(): void {
    if (running) return;
    running = true;
    void run().finally(() => {
      running = false;
      // A job may have come between the loop's last look and now.
      if (reads.length > 0 || fragments.length > 0 || writes.length > 0) return pump();
      for (const resolve of idle) resolve();
      idle = [];
    });
  }

  async function run(): Promise<void> {
    while (reads.length > 0 || fragments.length > 0 || writes.length > 0) {
      // A full batch is worth preparing while the one before is on its way to the disk. A smaller one waits: what comes
      // meanwhile then shares its sync. Readers see durable state only, so they wait too.
      if (reads.length > 0 || queued < MAX_BATCH_OPERATIONS / 2) await settled();
      const waiting = reads;
      reads = [];
      if (waiting.length > 0) await Promise.all(waiting.map((read) => read()));
      if (fragments.length > 0 || writes.length > 0) await batch();
    }
    await settled();
  }

  /** Resolves when no batch is in flight. Never rejects: a failed batch has answered its callers. */
  async function settled(): Promise<void> {
    await inFlight?.done;
  }

  async function batch(): Promise<void> {
    const taken = takeJobs();
    try {
      if (failure !== undefined) throw failure;
      const view = await prefetch(taken);
      const step = replica.step(
        { fragments: taken.fragments.map((j) => j.fragment), writes: taken.writes.map((j) => j.intent) },
        (key) => view.get(key),
        clock.now(),
        (message) => signer.sign(message),
      );
      // In order: this step builds on the one in flight, and fails with it.
      await settled();
      if (failure !== undefined) throw failure;
      const batchInFlight = { entries: step.entries, done: commit(step, taken) };
      inFlight = batchInFlight;
      void batchInFlight.done.finally(() => {
        if (inFlight === batchInFlight) inFlight = undefined;
      });
    } catch (error) {
      fail(error, taken);
    }
  }

  /** Makes a step durable, then answers. Never rejects. */
  async function commit(step: Step, taken: Taken): Promise<void> {
    try {
      if (step.rows.length > 0) {
        await store.batch(step.rows);
        remember(step.entries);
        deps.onApplied({ step, fragments: taken.fragments.map((j) => j.fragment) });
      }
      taken.fragments.forEach((job, i) => job.done(step.outcomes[i] ?? []));
      taken.writes.forEach((job, i) => job.done(step.writes[i] as WriteOutcome));
    } catch (error) {
      fail(error, taken);
    }
  }

  function fail(error: unknown, taken: Taken): void {
    if (failure === undefined) {
      failure = new LatticeError('store-write-failed', `a batch failed: ${error instanceof Error ? error.message : String(error)}`, {
        next: 'the node stops; check the disk, then start it again: it verifies its store first',
        cause: error,
      });
      closed = failure;
      deps.onFatal(failure);
    }
    for (const job of [...taken.fragments, ...taken.writes]) job.failed(failure);
  }

  function takeJobs(): Taken {
    let budget = MAX_BATCH_OPERATIONS;
    let f = 0;
    while (f < fragments.length && budget > 0) budget -= (fragments[f++] as FragmentJob).fragment.operations.length;
    // Whatever peers sent, local writers get half a batch: neither side starves the other.
    budget = Math.max(budget, MAX_BATCH_OPERATIONS / 2);
    let w = 0;
    while (w < writes.length && budget > 0) budget -= (writes[w++] as WriteJob).intent.operations.length;
    const taken = { fragments: fragments.slice(0, f), writes: writes.slice(0, w) };
    fragments = fragments.slice(f);
    writes = writes.slice(w);
    for (const job of taken.fragments) queued -= job.fragment.operations.length;
    for (const job of taken.writes) queued -= job.intent.operations.length;
    return taken;
  }

  async function prefetch(taken: Taken): Promise<Map<string, Entry>> {
    const view = new Map<string, Entry>();
    const missing = new Set<string>();
    const want = (key: string): void => {
      if (view.has(key) || missing.has(key)) return;
      const held = inFlight?.entries.get(key) ?? cache.get(key);
      if (held !== undefined) view.set(key, held);
      // The tree knows which keys exist: a new key costs no read.
      else if (typeof key === 'string' && replica.tree.get(keyHash(key, hasher)) !== undefined) missing.add(key);
    };
    for (const job of taken.fragments) for (const o of job.fragment.operations) want(o.operation.key);
    for (const job of taken.writes) for (const o of job.intent.operations) want(o.key);
    if (missing.size === 0) return view;
    const keys = [...missing];
    const chunks = Array.from({ length: Math.ceil(keys.length / READ_CHUNK) }, (_, i) => keys.slice(i * READ_CHUNK, (i + 1) * READ_CHUNK));
    await Promise.all(
      chunks.map(async (chunk) => {
        const rows = await store.getMany(chunk.map(entryKey));
        chunk.forEach((key, i) => {
          const row = rows[i];
          if (row === undefined) throw new LatticeError('store-damaged', `the store lost the entry of ${JSON.stringify(key)}`);
          view.set(key, decodeEntry(row, key));
        });
      }),
    );
    return view;
  }

  function remember(entries: ReadonlyMap<string, Entry>): void {
    for (const [key, entry] of entries) {
      cache.delete(key);
      cache.set(key, entry);
    }
    for (const key of cache.keys()) {
      if (cache.size <= MAX_CACHED_ENTRIES) break;
      cache.delete(key);
    }
  }

  function enqueue<T>(size: number, add: (done: (value: T) => void, failed: (error: unknown) => void) => void): Promise<T> {
    if (closed !== undefined) return Promise.reject(closed);
    if (queued + size > MAX_QUEUED_OPERATIONS) {
      return Promise.reject(
        new LatticeError('overloaded', 'too many operations are waiting for the disk', { next: 'try again in a second' }),
      );
    }
    queued += size;
    return new Promise<T>((done, failed) => {
      add(done, failed);
      pump();
    });
  }

  return {
    apply: (fragment) => enqueue(fragment.operations.length, (done, failed) => fragments.push({ fragment, done, failed })),
    write: (intent) => enqueue(intent.operations.length, (done, failed) => writes.push({ intent, done, failed })),
    read<T>(read: () => T | Promise<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        reads.push(async () => {
          try {
            // The tree is a failed step ahead of the store for good.
            if (failure !== undefined) throw failure;
            resolve(await read());
          } catch (error) {
            reject(error);
          }
        });
        pump();
      });
    },
    async drain() {
      closed ??= new LatticeError('stopping', 'the node is stopping');
      if (running) await new Promise<void>((resolve) => idle.push(resolve));
    },
    get queued() {
      return queued;
    },
  };
}
