import type {
  EntryView,
  OperationOutcome,
  Replica,
  RowWrite,
  Step,
  WriteIntent,
  WriteOutcome,
} from '../../core/replica/index.ts';
import { type Bytes, type Entry, type Fragment, type Hasher, LatticeError } from '../../core/types/index.ts';
import { keyHashInto } from '../../core/wire/index.ts';
import type { Clock, Log, Signer, Store } from '../../ports/index.ts';
import { createEntryCache } from '../storage/entry-cache.ts';
import { type EntryReads, HERE } from '../storage/entry-reads.ts';
import { fragmentBytes, intentBytes } from './sizes.ts';

/**
 * Operations made durable by one batch: enough to amortise the disk's sync, few enough that readers wait milliseconds.
 */
const MAX_BATCH_OPERATIONS = 2048;
/** Bytes of the operations in one batch: with values of the largest size it holds fewer of them. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/** Writes and fragments waiting. Beyond it writers are told `overloaded` and fragments are left to repair. */
const MAX_QUEUED_OPERATIONS = 16_384;
/** Their bytes: as many operations of the largest value would be 256 MiB. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
/** Amendments waiting: one is applied while the next is prepared; who has more waits outside. */
const MAX_AMENDMENTS = 8;
/**
 * Entries read by one call: a large batch is read by several of the store's threads, and decoded while the rest is
 * read.
 */
const READ_CHUNK = 256;

interface FragmentJob {
  readonly bytes: number;
  readonly fragment: Fragment;
  readonly done: (outcomes: readonly OperationOutcome[]) => void;
  readonly failed: (error: unknown) => void;
}

interface WriteJob {
  readonly bytes: number;
  readonly intent: WriteIntent;
  readonly done: (outcome: WriteOutcome) => void;
  readonly failed: (error: unknown) => void;
}

/** A change of the state that no commit makes: part of a snapshot, or the correction of one. */
export interface Amendment {
  /** Keys whose entries `prepare` asks for. */
  readonly keys: readonly { readonly key: string; readonly keyHash: Bytes }[];
  /** Makes the step, and rows of its own that become durable with it. Synchronous: the tree changes in it. */
  readonly prepare: (view: EntryView) => { readonly step: Step; readonly rows: readonly RowWrite[] };
}

interface AmendmentJob extends Amendment {
  readonly done: (step: Step) => void;
  readonly failed: (error: unknown) => void;
}

interface Taken {
  readonly fragments: readonly FragmentJob[];
  readonly writes: readonly WriteJob[];
  readonly amendment?: AmendmentJob;
}

export interface Applied {
  readonly step: Step;
  /** The step comes from an amendment. */
  readonly amended: boolean;
}

export interface Writer {
  /** Applies a verified fragment; resolves when its effect is durable. */
  apply(fragment: Fragment): Promise<readonly OperationOutcome[]>;
  /**
   * Signs and applies a local write; resolves when it is durable. Rejects with `overloaded` or `store-write-failed`.
   */
  write(intent: WriteIntent): Promise<WriteOutcome>;
  /**
   * Makes an amendment durable between two batches of live work, so that neither starves the other. Rejects with
   * `overloaded` or `store-write-failed`.
   */
  amend(amendment: Amendment): Promise<Step>;
  /**
   * Runs `read` while no batch is in flight: tree and store agree and everything seen is durable. Batches wait for it.
   * Rejects once a batch has failed.
   */
  read<T>(read: () => T | Promise<T>): Promise<T>;
  /** Resolves when everything queued has been made durable; later calls are refused. */
  drain(): Promise<void>;
  readonly queued: number;
}

export interface WriterDeps {
  readonly replica: Replica;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly entries: EntryReads;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with every step before any of it can be read. */
  readonly onStep: (step: Step) => void;
  /** Called after a batch is durable, before its callers are answered. */
  readonly onApplied: (applied: Applied) => void;
  /** In place of it for a step that left the state as it was: its operations were held, superseded or deferred. */
  readonly onUnchanged?: (applied: Applied) => void;
  /** The store failed: nothing more is acknowledged and the process must end. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * The single writer: takes what is queued, steps the replica, makes the step durable in one batch, then answers. One
 * batch is in flight at a time, so acknowledgements keep the order of application and the first failure fails all
 * later. At most one step is prepared ahead of it.
 */
export function createWriter(deps: WriterDeps): Writer {
  const { replica, store, hasher, signer, clock } = deps;
  let fragments: FragmentJob[] = [];
  let writes: WriteJob[] = [];
  let amendments: AmendmentJob[] = [];
  let reads: (() => Promise<void>)[] = [];
  let queued = 0;
  let queuedBytes = 0;
  let running = false;
  let closed: LatticeError | undefined;
  /** The first failure: every later batch fails with it. */
  let failure: LatticeError | undefined;
  /** The batch on its way to the disk, and the entries that it changes. */
  let inFlight: { readonly entries: ReadonlyMap<string, Entry>; readonly done: Promise<void> } | undefined;
  let idle: (() => void)[] = [];
  const cache = createEntryCache();

  function pump(): void {
    if (running) return;
    running = true;
    void run().finally(() => {
      running = false;
      // A job may have come between the loop's last look and now.
      if (reads.length > 0 || hasWork()) return pump();
      for (const resolve of idle) resolve();
      idle = [];
    });
  }

  async function run(): Promise<void> {
    while (reads.length > 0 || hasWork()) {
      // A full batch is worth preparing while the one before is on its way to the disk. A smaller one waits: what comes
      // meanwhile then shares its sync. Readers see durable state only, so they wait too.
      if (reads.length > 0 || (queued < MAX_BATCH_OPERATIONS / 2 && amendments.length === 0)) await settled();
      const waiting = reads;
      reads = [];
      if (waiting.length > 0) await Promise.all(waiting.map((read) => read()));
      if (fragments.length > 0 || writes.length > 0) await batch();
      const amendment = amendments.shift();
      if (amendment !== undefined) await amendNow(amendment);
    }
    await settled();
  }

  const hasWork = (): boolean => fragments.length > 0 || writes.length > 0 || amendments.length > 0;

  /** Resolves when no batch is in flight. Never rejects: a failed batch has answered its callers. */
  async function settled(): Promise<void> {
    await inFlight?.done;
  }

  async function batch(): Promise<void> {
    const taken = takeJobs();
    try {
      if (failure !== undefined) throw failure;
      const view = await prefetch(taken, []);
      const step = replica.step(
        { fragments: taken.fragments.map((j) => j.fragment), writes: taken.writes.map((j) => j.intent) },
        (key) => view.get(key),
        clock.now(),
        (message) => signer.sign(message),
      );
      deps.onStep(step);
      await send(step, [], taken);
    } catch (error) {
      fail(error, taken);
    }
  }

  async function amendNow(amendment: AmendmentJob): Promise<void> {
    const taken = { fragments: [], writes: [], amendment };
    try {
      if (failure !== undefined) throw failure;
      const view = await prefetch(taken, amendment.keys);
      const { step, rows } = amendment.prepare((key) => view.get(key));
      deps.onStep(step);
      await send(step, rows, taken);
    } catch (error) {
      fail(error, taken);
    }
  }

  /** In order: a step builds on the one in flight, and fails with it. */
  async function send(step: Step, rows: readonly RowWrite[], taken: Taken): Promise<void> {
    await settled();
    if (failure !== undefined) throw failure;
    // What an amendment takes out must not be found there, and what it brings in is seldom what is written next.
    if (taken.amendment !== undefined) for (const { key } of step.changed) cache.delete(key);
    const batchInFlight = { entries: entriesAfter(step), done: commit(step, rows, taken) };
    inFlight = batchInFlight;
    void batchInFlight.done.finally(() => {
      if (inFlight === batchInFlight) inFlight = undefined;
    });
  }

  /** Makes a step durable, then answers. Never rejects. */
  async function commit(step: Step, rows: readonly RowWrite[], taken: Taken): Promise<void> {
    try {
      const amended = taken.amendment !== undefined;
      if (step.rows.length + rows.length > 0)
        await store.batch(rows.length === 0 ? step.rows : [...step.rows, ...rows]);
      if (step.rows.length > 0) {
        if (!amended) for (const { key, after } of step.changed) if (after !== undefined) cache.set(key, after);
        deps.onApplied({ step, amended });
      } else if (taken.fragments.length > 0) deps.onUnchanged?.({ step, amended });
      taken.fragments.forEach((job, i) => job.done(step.applied[i]?.outcomes ?? []));
      taken.writes.forEach((job, i) => job.done(step.writes[i] as WriteOutcome));
      taken.amendment?.done(step);
    } catch (error) {
      fail(error, taken);
    }
  }

  function fail(error: unknown, taken: Taken): void {
    if (failure === undefined) {
      failure = new LatticeError(
        'store-write-failed',
        `a batch failed: ${error instanceof Error ? error.message : String(error)}`,
        {
          next: 'the node stops; check the disk, then start it again: it verifies its store first',
          cause: error,
        },
      );
      closed = failure;
      deps.onFatal(failure);
    }
    for (const job of [...taken.fragments, ...taken.writes]) job.failed(failure);
    taken.amendment?.failed(failure);
  }

  function takeJobs(): Taken {
    let budget = MAX_BATCH_OPERATIONS;
    let bytes = MAX_BATCH_BYTES;
    let f = 0;
    for (; f < fragments.length && budget > 0 && bytes > 0; f++) {
      const job = fragments[f] as FragmentJob;
      budget -= job.fragment.operations.length;
      bytes -= job.bytes;
    }
    // Whatever peers sent, local writers get half a batch: neither side starves the other.
    budget = Math.max(budget, MAX_BATCH_OPERATIONS / 2);
    bytes = Math.max(bytes, MAX_BATCH_BYTES / 2);
    let w = 0;
    for (; w < writes.length && budget > 0 && bytes > 0; w++) {
      const job = writes[w] as WriteJob;
      budget -= job.intent.operations.length;
      bytes -= job.bytes;
    }
    const taken = { fragments: fragments.slice(0, f), writes: writes.slice(0, w) };
    fragments = fragments.slice(f);
    writes = writes.slice(w);
    for (const job of taken.fragments) queued -= job.fragment.operations.length;
    for (const job of taken.writes) queued -= job.intent.operations.length;
    for (const job of [...taken.fragments, ...taken.writes]) queuedBytes -= job.bytes;
    return taken;
  }

  async function prefetch(taken: Taken, amended: Amendment['keys']): Promise<Map<string, Entry>> {
    const view = new Map<string, Entry>();
    const missing = new Map<string, Bytes>();
    const hashed = new Uint8Array(32);
    const want = (key: string, known?: Bytes): void => {
      if (view.has(key) || missing.has(key)) return;
      const held = inFlight?.entries.get(key) ?? cache.get(key);
      if (held !== undefined) return void view.set(key, held);
      if (typeof key !== 'string') return;
      if (known === undefined) keyHashInto(key, hasher, hashed);
      // The tree knows which keys exist: a new key costs no read.
      if (replica.tree.get(known ?? hashed) !== undefined) missing.set(key, known ?? hashed.slice());
    };
    for (const { key, keyHash: known } of amended) want(key, known);
    for (const job of taken.fragments) for (const o of job.fragment.operations) want(o.operation.key);
    for (const job of taken.writes) for (const o of job.intent.operations) want(o.key);
    if (missing.size === 0) return view;
    const keys = [...missing];
    const chunks = Array.from({ length: Math.ceil(keys.length / READ_CHUNK) }, (_, i) =>
      keys.slice(i * READ_CHUNK, (i + 1) * READ_CHUNK),
    );
    await Promise.all(
      chunks.map(async (chunk) => {
        // None of them is in the batch on its way: what the store has of them stays as it is.
        const entries = await deps.entries.many(
          chunk.map(([key, hashed]) => ({ key, keyHash: hashed })),
          HERE,
        );
        chunk.forEach(([key], i) => {
          const entry = entries[i];
          if (entry !== undefined) view.set(key, entry);
        });
      }),
    );
    return view;
  }

  function enqueue<T>(
    size: number,
    bytes: number,
    add: (done: (value: T) => void, failed: (error: unknown) => void) => void,
  ): Promise<T> {
    if (closed !== undefined) return Promise.reject(closed);
    if (queued + size > MAX_QUEUED_OPERATIONS || queuedBytes + bytes > MAX_QUEUED_BYTES) {
      return Promise.reject(
        new LatticeError('overloaded', 'too many operations are waiting for the disk', {
          next: 'try again in a second',
        }),
      );
    }
    queued += size;
    queuedBytes += bytes;
    return new Promise<T>((done, failed) => {
      add(done, failed);
      pump();
    });
  }

  return {
    apply(fragment) {
      const bytes = fragmentBytes(fragment);
      return enqueue(fragment.operations.length, bytes, (done, failed) =>
        fragments.push({ bytes, fragment, done, failed }),
      );
    },
    write(intent) {
      const bytes = intentBytes(intent);
      return enqueue(intent.operations.length, bytes, (done, failed) => writes.push({ bytes, intent, done, failed }));
    },
    amend(amendment) {
      if (closed !== undefined) return Promise.reject(closed);
      if (amendments.length >= MAX_AMENDMENTS)
        return Promise.reject(new LatticeError('overloaded', 'too many amendments are waiting for the disk'));
      return new Promise((done, failed) => {
        amendments.push({ ...amendment, done, failed });
        pump();
      });
    },
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

/** The entries that a step changed and left in the state, by key. */
function entriesAfter({ changed }: Step): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { key, after } of changed) if (after !== undefined) entries.set(key, after);
  return entries;
}
