import type { Replica, Step } from '../../core/replica/index.ts';
import {
  type End,
  type EndMark,
  endRowToEnd,
  endsBelow,
  endsFrom,
  markAfter,
  markAt,
  markMs,
  type RowRange,
} from '../../core/rows/index.ts';
import { winner } from '../../core/state/index.ts';
import type { Clock, Log, Store, Timer } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';

/**
 * How many ends one batch passes. Their entries have some megabytes at most, and writes that wait for the disk meanwhile
 * come in between two batches.
 */
const ENDS_AT_ONCE = 256;
/**
 * The longest time between two looks at the clock while anything ends: the wall clock may be set, and no timer follows
 * that.
 */
const LOOK_MS = 1_000;
/** The longest time between two looks where nothing ends that is here, or has been told of: no clock changes that. */
const IDLE_LOOK_MS = 60_000;
/** How long after a failure the ends are looked at again. */
const RETRY_MS = 5_000;

const NO_HASH = new Uint8Array(32);

export interface Expiry {
  start(): void;
  stop(): void;
  /** To be called with each step, before the next one is made. */
  stepped(step: Pick<Step, 'changed'>): void;
  /** Resolves when every end that has come by now is told and counted. */
  settled(): Promise<void>;
}

export interface ExpiryDeps {
  readonly replica: Pick<Replica, 'meta' | 'passEnds'>;
  readonly store: Pick<Store, 'iterate'>;
  readonly writer: Pick<Writer, 'amend' | 'read'>;
  /** The clock by which readers judge what has ended. */
  readonly clock: Clock;
  readonly log: Log;
}

/** What is to be passed at once: all ends between the present mark and the next one. */
interface Slice {
  readonly ends: readonly End[];
  readonly mark: EndMark;
}

/**
 * Tells of values that end, each in a batch of the local sequence, in the order of their ends (SPEC EX5). It waits for
 * the soonest end only and reads the rows of ends a slice at a time, so a million of them costs no memory. When the
 * clock is set back over ends that were told, it tells that the values are there again.
 */
export function createExpiry({ replica, store, writer, clock, log }: ExpiryDeps): Expiry {
  /** No value that has not been told of ends before this, Unix ms; undefined until the rows have been looked at. */
  let soonest: number | undefined;
  /** What was written with an end since the rows were read; undefined while none are being read. */
  let fresh: End[] | undefined;
  let timer: Timer | undefined;
  let started = false;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const mark = (): EndMark => replica.meta.ended;

  /** Begins to collect what is written with an end while every end that is not in the store is still to be stepped. */
  const collect = (): Promise<void> => writer.read(() => void (fresh = []));

  async function read(range: RowRange, reverse: boolean): Promise<End[]> {
    const ends: End[] = [];
    for await (const rows of store.iterate({ ...range, reverse, limit: ENDS_AT_ONCE }))
      for (const [rowKey, value] of rows) ends.push(endRowToEnd(rowKey, value));
    return ends;
  }

  /** The next ends to pass at `now`, soonest first; undefined when there are none, and `soonest` is then known. */
  async function forward(now: number): Promise<Slice | undefined> {
    await collect();
    const ends = await read(endsFrom(mark(), Math.floor(now)), false);
    const last = ends.at(-1);
    if (last !== undefined) return { ends, mark: markAfter(last) };
    const next = await first(endsFrom(mark()));
    soonest = (fresh ?? []).reduce((least, { ms }) => Math.min(least, ms), next?.ms ?? Number.POSITIVE_INFINITY);
    return undefined;
  }

  async function first(range: RowRange): Promise<End | undefined> {
    for await (const rows of store.iterate({ ...range, limit: 1 }))
      for (const [rowKey, value] of rows) return endRowToEnd(rowKey, value);
    return undefined;
  }

  /** The ends that were told though they are later than `now`, latest first. */
  async function back(now: number): Promise<Slice> {
    await collect();
    const ends = await read(endsBelow(mark(), Math.floor(now)), true);
    const last = ends.length === ENDS_AT_ONCE ? ends.at(-1) : undefined;
    return { ends, mark: markAt(last ?? { ms: Math.floor(now) + 1, keyHash: NO_HASH }) };
  }

  /** Moves the mark, and resolves to how many values are told of. */
  async function pass({ ends, mark: next }: Slice): Promise<number> {
    // No step is made between the reading of the keys and that of their entries, so nothing fresh is missed.
    const all = (): Map<string, End> => new Map([...ends, ...(fresh ?? [])].map((end) => [end.key, end]));
    const { passed } = await writer.amend({
      keys: () => Array.from(all().values(), ({ key, keyHash }) => ({ key, keyHash })),
      prepare(view, now) {
        const between = [...all().values()];
        fresh = undefined;
        return { step: replica.passEnds(between, next, view, now), rows: [] };
      },
    });
    return passed.length;
  }

  /** Passes every end that has come. */
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const now = clock.now();
      if (markMs(mark()) > now + 1) {
        const values = await pass(await back(now));
        if (values > 0) log.info({ values }, 'the clock was set back: values that had ended are there again');
        soonest = undefined;
      } else if (soonest === undefined || soonest <= now) {
        const slice = await forward(now);
        if (slice === undefined) return;
        await pass(slice);
      } else return;
    }
  }

  function look(): Promise<void> {
    running ??= run().finally(() => {
      running = undefined;
      fresh = undefined;
    });
    return running;
  }

  function arm(failed = false): void {
    if (!started || stopping.signal.aborted) return;
    timer?.cancel();
    const wait = soonest === undefined ? LOOK_MS : Math.max(1, soonest - clock.now());
    const isIdle = soonest === Number.POSITIVE_INFINITY && mark().length === 0;
    const longest = isIdle ? IDLE_LOOK_MS : LOOK_MS;
    timer = clock.after(failed ? RETRY_MS : Math.min(wait, longest), wake);
  }

  function wake(): void {
    look().then(
      () => arm(),
      (error: unknown) => {
        // A store that fails ends the process through the writer, and a node that stops tells of nothing more.
        if (!stopping.signal.aborted) log.warn({ error: String(error) }, 'ends could not be told, and are tried again');
        arm(true);
      },
    );
  }

  return {
    start() {
      started = true;
      wake();
    },
    stop() {
      stopping.abort();
      timer?.cancel();
    },
    stepped({ changed }) {
      let earlier = false;
      for (const { key, keyHash, after } of changed) {
        const ms = after === undefined ? undefined : winner(after).operation.expires;
        if (ms === undefined) continue;
        fresh?.push({ ms, keyHash, key });
        if (soonest !== undefined && ms < soonest) {
          soonest = ms;
          earlier = true;
        }
      }
      if (earlier && running === undefined) arm();
    },
    async settled() {
      // A look that is under way may have begun before the last end came.
      await running;
      await look();
    },
  };
}
