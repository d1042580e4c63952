import { LatticeProblem } from '../client/errors.ts';
import type { Cleaned, CleanOptions } from '../client/index.ts';
import { createBackoff, isTemporary, pause } from '../client/retry.ts';
import { batches } from '../moving/batches.ts';
import type { ImportOperation, KeyedEntry } from '../moving/plan.ts';
import { REPLACED_CODES } from '../runtime/facade/index.ts';

/** What has become of one key, or would become of it. */
export type Decision = Cleaned['items'][number];

/** The values of a backup by their keys; undefined where there is none, and everything is deleted. */
export type Backup = ReadonlyMap<string, KeyedEntry> | undefined;

/** Keys of one page: some tenths of a second of the node's time. */
const PAGE = 1000;
/** Keys that one request names with their values. */
const NAMED = 256;
/** Such requests at one time, so that one is on its way while the keys of another are written. */
const AT_ONCE = 2;
/** How often a request is tried again before the node is given up, with pauses of up to 10 s. */
const MAX_TRIES = 12;

/** What is asked of it. */
type Wish = Omit<CleanOptions, 'since' | 'timeoutMs'>;

/** The node that is cleaned: the members of a client, of one author. */
export interface CleanTarget {
  clean(options: Wish): Promise<Cleaned>;
}

export interface CleanValuesOptions {
  readonly backup: Backup;
  /** Decides only, and writes nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Takes what has become of each key, or would become of it; once for each. */
  tell(decision: Decision): void;
  /** How much of all keys was looked at, 0 to 1. */
  progress(share: number): void;
}

/**
 * Has the node replace what an author wrote, page by page. With a backup each page is looked at first, and then its keys
 * are named with the values that they get. What is replaced is no longer found: so it can be stopped anywhere, and goes
 * on when it is begun again. Resolves to the number of requests whose answers were lost, so that what they replaced was
 * not told. Rejects with what the node rejects with, or with the reason of the signal.
 */
export async function cleanValues(target: CleanTarget, options: CleanValuesOptions): Promise<number> {
  const { backup, dryRun, signal } = options;
  let lost = 0;
  const ask = (asked: Wish): Promise<Cleaned> =>
    patiently(
      () => target.clean({ ...asked, signal }),
      signal,
      (error) => {
        if (asked.dryRun !== true && asked.keys === undefined && mayHaveWritten(error)) lost++;
      },
    );
  const isLook = dryRun || backup !== undefined;
  const pageAfter = (cursor: string | undefined): Promise<Cleaned> => ask({ limit: PAGE, cursor, dryRun: isLook });
  let reading: Promise<Cleaned> | undefined = pageAfter(undefined);
  while (reading !== undefined) {
    const { items, cursor }: Cleaned = await reading;
    // Of two pages that are only looked at, the next is read while the keys of one are replaced. Where that fails, nobody
    // asks for it any more.
    reading = cursor === undefined ? undefined : pageAfter(cursor);
    reading?.catch(() => undefined);
    const found = items.map((item) => withBackup(item, backup, options.now()));
    if (isLook && !dryRun) await replace(found, backup, ask, options);
    else for (const item of found) options.tell(item);
    options.progress(cursor === undefined ? 1 : Number.parseInt(cursor.slice(0, 8), 16) / 2 ** 32);
  }
  return lost;
}

/** What would become of the key where a backup has it: what nobody else wrote gets its value. */
function withBackup({ key, does }: Decision, backup: Backup, nowMs: number): Decision {
  const [, value, expires] = backup?.get(key) ?? [];
  const isKept = value !== undefined && (expires === undefined || expires > nowMs);
  return { key, does: isKept && (does === 'deleted' || does === 'shows-nothing') ? 'from-backup' : does };
}

/** Has what is found replaced, each key with the value of the backup. What is left as it is needs no request. */
async function replace(
  found: readonly Decision[],
  backup: Backup,
  ask: (asked: Wish) => Promise<Cleaned>,
  options: CleanValuesOptions,
): Promise<void> {
  const wanted: ImportOperation[] = [];
  for (const item of found) {
    const [, value, expires] = backup?.get(item.key) ?? [];
    if (!REPLACED.has(item.does)) options.tell(item);
    // What another author wrote beside it is kept by the node in place of the value, if it is there still.
    else if (value !== undefined)
      wanted.push({ op: 'put', key: item.key, value, ...(expires === undefined ? {} : { expires }) });
    else wanted.push({ op: 'delete', key: item.key });
  }
  const queue = batches(wanted, NAMED);
  const worker = async (): Promise<void> => {
    for (const batch of queue) {
      // An answer may have some of them only: the node met with an error then, which it tells when it is asked again.
      let keys: NonNullable<CleanOptions['keys']> = batch.map(({ key, value, expires }) => ({
        key,
        ...(value === undefined ? {} : { value }),
        ...(expires === undefined ? {} : { expires }),
      }));
      while (keys.length > 0) {
        const { items } = await ask({ keys });
        for (const item of items) options.tell(item);
        if (items.length === 0) break;
        const told = new Set(items.map(({ key }) => key));
        keys = keys.filter(({ key }) => !told.has(key));
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const one of workers) if (one.status === 'rejected') throw one.reason;
}

const REPLACED: ReadonlySet<Decision['does']> = new Set(REPLACED_CODES);

/** Whether the node may have replaced something and has not told: one that answers with an error has not. */
const mayHaveWritten = (error: unknown): boolean =>
  !(error instanceof LatticeProblem && error.problem !== undefined && error.status !== 504);

/** Tries again what a node that is busy, or that restarts, did not answer; `failed` is told of each error. */
async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal, failed: (error: unknown) => void): Promise<T> {
  const wait = createBackoff();
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || !isTemporary(error) || tries >= MAX_TRIES) throw error;
      failed(error);
      await pause(wait.next(error), signal);
    }
  }
}
