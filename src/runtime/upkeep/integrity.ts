import type { Replica } from '../../core/replica/index.ts';
import { decodeScrub, encodeScrub, SCRUB } from '../../core/rows/index.ts';
import { type Bytes, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Store } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { ScrubStatus } from '../facade/index.ts';
import type { StoreChecks } from './store-checks.ts';

/**
 * The check begins this long after the start, because what the node has missed comes first. Reads compare every entry
 * with the tree in any case.
 */
const BEGIN_MS = 5_000;
/** The shortest rest after each slice. */
const PAUSE_MS = 10;
/**
 * The rest for each millisecond of a slice, so that the check takes at most a fifth of a core while it lasts after a
 * start, and a twentieth in the rounds after it. On a busy or slow machine the rest becomes longer with the slice.
 */
const FIRST_REST = 4;
const ROUND_REST = 19;
/** The shortest time between two rounds of the scrub. A state of a million entries takes about half an hour a round. */
const BETWEEN_ROUNDS_MS = 60_000;
/** How often the scrub makes durable how far it has come. A restart repeats at most this much of a round. */
const SAVE_MS = 60_000;
const NOWHERE: Bytes = new Uint8Array(0);

export interface IntegrityCheck {
  start(): void;
  stop(): void;
  /** How far the check after the start has come; undefined once every entry has been found good. */
  progress(): { readonly checked: number; readonly total: number } | undefined;
  scrub(): ScrubStatus;
  /** Begins a round of the scrub at once, without rests, and returns the number of that round. */
  verify(): number;
}

/** What a round is made of. */
interface Round {
  readonly signatures: boolean;
  readonly restShare: number;
  readonly after: Bytes | undefined;
}

/**
 * Checks what the store has for as long as the node runs, a slice at a time. The first pass after a start checks the
 * files and every entry. Then the scrub goes round: files, entries with their signatures, and all other rows. What
 * changes meanwhile is checked as it is when its turn comes. The first fault ends the process (SPEC N12).
 */
export function createIntegrityCheck(deps: {
  readonly replica: Pick<Replica, 'tree'>;
  readonly store: Pick<Store, 'get' | 'checkFiles'>;
  readonly checks: StoreChecks;
  /** Whether every signature of the state has been checked. Until then the bootstrap checks them. */
  readonly isVerified: () => boolean;
  readonly writer: Pick<Writer, 'keep'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly onFatal: (error: unknown) => void;
}): IntegrityCheck {
  const { replica, store, checks, writer, clock, log } = deps;
  const total = replica.tree.size;
  let firstChecked = 0;
  let firstDone = total === 0;
  let phase: ScrubStatus['phase'] = 'waiting';
  let round = 1;
  let completed = 0;
  let completedAt = 0;
  let checked = 0;
  let hurried = false;
  let savedAt = clock.monotonic();
  const stopping = new AbortController();
  /** Ends the rest that the scrub takes, and the round that is under way. */
  let waking = new AbortController();

  async function rest(began: number, share: number): Promise<void> {
    if (share === 0) return;
    await sleep(clock, Math.max(PAUSE_MS, share * (clock.monotonic() - began)), waking.signal);
  }

  /** The slices of a round, with what each one checked of the entries. */
  async function* slices({ signatures, after }: Round): AsyncGenerator<{ checked: number; last?: Bytes | undefined }> {
    phase = 'files';
    for await (const _ of store.checkFiles?.() ?? []) yield { checked: 0 };
    phase = 'entries';
    for (let last = after; ; ) {
      const slice = await checks.entries(last, signatures && deps.isVerified());
      if (slice.last === undefined) break;
      last = slice.last;
      yield slice;
    }
    if (!signatures) return;
    phase = 'rows';
    for await (const _ of checks.otherRows()) yield { checked: 0 };
  }

  /** Runs a round; false when it was ended before it was whole. */
  async function run(one: Round, note: (checked: number, last: Bytes | undefined) => Promise<void>): Promise<boolean> {
    waking = new AbortController();
    const { signal } = waking;
    let began = clock.monotonic();
    for await (const slice of slices(one)) {
      await note(slice.checked, slice.last);
      await rest(began, one.restShare);
      if (signal.aborted || stopping.signal.aborted) return false;
      began = clock.monotonic();
    }
    return true;
  }

  function save(cursor: Bytes): Promise<void> {
    savedAt = clock.monotonic();
    return writer.keep(() => [{ type: 'put', key: SCRUB, value: encodeScrub({ cursor, checked, completedAt }) }]);
  }

  /** The key hash after which an earlier run of the node was to go on. */
  async function resume(): Promise<Bytes | undefined> {
    const row = await store.get(SCRUB);
    if (row === undefined) return undefined;
    const saved = decodeScrub(row);
    ({ completedAt, checked } = saved);
    return saved.cursor.length === 0 ? undefined : saved.cursor;
  }

  async function firstPass(): Promise<void> {
    while (!firstDone && !stopping.signal.aborted) {
      firstChecked = 0;
      firstDone = await run({ signatures: false, restShare: hurried ? 0 : FIRST_REST, after: undefined }, async (n) => {
        firstChecked += n;
      });
    }
    if (firstDone && total > 0) log.info({ entries: total }, 'every entry checked');
  }

  async function goRound(): Promise<void> {
    let after = await resume();
    for (;;) {
      phase = 'waiting';
      if (!hurried) await sleep(clock, BETWEEN_ROUNDS_MS, waking.signal);
      if (stopping.signal.aborted) return;
      const hurry = hurried;
      if (hurry || after === undefined) checked = 0;
      const started = { signatures: true, restShare: hurry ? 0 : ROUND_REST, after: hurry ? undefined : after };
      hurried = false;
      const whole = await run(started, async (n, last) => {
        checked += n;
        if (last !== undefined && clock.monotonic() - savedAt >= SAVE_MS) await save(last);
      });
      after = undefined;
      if (!whole) continue;
      completed = round++;
      completedAt = clock.now();
      log.info({ round: completed, entries: checked }, 'the store is scrubbed');
      await save(NOWHERE);
    }
  }

  return {
    start() {
      const all = async (): Promise<void> => {
        if (!firstDone) await sleep(clock, BEGIN_MS, waking.signal);
        await firstPass();
        if (!stopping.signal.aborted) await goRound();
      };
      all().catch((cause: unknown) => {
        // The store was closed during the check, or a failed batch has ended everything already.
        if (stopping.signal.aborted) return;
        const error = cause instanceof LatticeError ? damage(cause) : cause;
        log.error({ err: error, checked: firstDone ? checked : firstChecked, total }, 'the check of the store ended');
        deps.onFatal(error);
      });
    },
    stop() {
      stopping.abort();
      waking.abort();
    },
    progress: () => (firstDone ? undefined : { checked: Math.min(firstChecked, total), total }),
    scrub: () => ({
      phase,
      round,
      completed,
      ...(completedAt === 0 ? {} : { completedAt }),
      checked,
      total: replica.tree.size,
    }),
    verify() {
      hurried = true;
      waking.abort();
      return round;
    },
  };
}

function damage(cause: LatticeError): LatticeError {
  return new LatticeError('store-damaged', `the store is damaged: ${cause.message}`, {
    next: 'the node stops; move the state directory aside, and start again: the node then takes its state from its peers',
    details: cause.details,
    cause,
  });
}
