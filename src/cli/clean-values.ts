import { randomUUID } from 'node:crypto';
import type { AuthoredKey, Committed, Operation } from '../client/index.ts';
import { resolution } from '../client/resolution.ts';
import { createBackoff, isTemporary, pause } from '../client/retry.ts';
import { type ErrorCode, LatticeError } from '../core/types/index.ts';
import { VAULT_PREFIX } from '../core/vault/index.ts';
import { batches } from '../moving/batches.ts';
import type { ImportOperation, KeyedEntry } from '../moving/plan.ts';

/** What is written in place of what an author wrote. */
export type Cleaned =
  | 'deleted'
  | 'from-backup'
  /** The value that another author wrote at the same time, which stays alone. */
  | 'settled';

/** Why what an author wrote is left as it is. */
export type Left =
  /** It is a deletion, or has ended, and there is nothing to put in its place. */
  | 'shows-nothing'
  /** Several others wrote the key at the same time. Which of them stays is for people to decide. */
  | 'in-conflict'
  /** It names an object of the vault, which the vault alone changes. */
  | 'vault'
  /** Somebody wrote the key meanwhile. */
  | 'changed'
  /** The node takes no such value or end. */
  | 'refused';

/** What becomes of one key. */
export type Decision =
  | { readonly key: string; readonly does: Cleaned; readonly operation: Operation }
  | { readonly key: string; readonly does: Left; readonly operation?: undefined };

/** The values of a backup by their keys; undefined where there is none, and everything is deleted. */
export type Backup = ReadonlyMap<string, KeyedEntry> | undefined;

/** What is wrong with one key alone, or has changed about it, so that the others of its commit are written without it. */
const OF_ONE_KEY: ReadonlySet<ErrorCode> = new Set([
  'precondition-failed',
  'reserved-key',
  'invalid-value',
  'invalid-expiry',
  'value-too-large',
  'commit-too-large',
]);
/** Commits at one time, so that some are on their way while others are made durable together. */
const COMMITS = 4;
/** Operations of one commit, which takes the node some milliseconds: others' writes wait behind those under way. */
const OPERATIONS = 64;
/** Keys of one page, which the node reads in one go. */
const PAGE = 256;
/** How often a request is tried again before the node is given up, with pauses of up to 10 s. */
const MAX_TRIES = 12;

/** What one author's value of a key is replaced by. What others wrote at the same time is newer than any backup. */
export function decide({ key, written, siblings }: AuthoredKey, backup: Backup, nowMs: number): Decision {
  if (key.startsWith(VAULT_PREFIX)) return { key, does: 'vault' };
  const own = siblings.find(({ version }) => version === written);
  const others = siblings.filter(({ version, deleted }) => version !== written && !deleted);
  const [other, second] = others;
  if (second !== undefined) return { key, does: 'in-conflict' };
  const conflict = { key, siblings };
  if (other !== undefined) return { key, does: 'settled', operation: resolution(conflict, other) };
  const [, value, expires] = backup?.get(key) ?? [];
  if (value !== undefined && (expires === undefined || expires > nowMs))
    return { key, does: 'from-backup', operation: resolution(conflict, { deleted: false, value, expires }) };
  if (own === undefined || own.deleted) return { key, does: 'shows-nothing' };
  return { key, does: 'deleted', operation: resolution(conflict, { deleted: true }) };
}

/** The node that is cleaned. */
export interface CleanTarget {
  /** One page of what the author wrote. */
  values(options: {
    readonly limit: number;
    readonly cursor: string | undefined;
    readonly signal: AbortSignal;
  }): Promise<{ readonly values: readonly AuthoredKey[]; readonly cursor?: string | undefined }>;
  /** One atomic commit, done once under its idempotency key. */
  commit(
    operations: readonly Operation[],
    options: { readonly idempotencyKey: string; readonly signal: AbortSignal },
  ): Promise<Pick<Committed, 'commit'>>;
}

export interface CleanOptions {
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
 * Replaces what an author wrote, page by page, by commits of the node. Each commit is atomic and depends on what its
 * keys showed when they were read, and what is replaced is no longer found: so it can be stopped anywhere, and goes on
 * when it is begun again. Rejects with what the node rejects with, or with the reason of the signal.
 */
export async function cleanValues(target: CleanTarget, options: CleanOptions): Promise<void> {
  const { signal } = options;
  const pageAfter = (cursor: string | undefined) =>
    patiently(() => target.values({ limit: PAGE, cursor, signal }), signal);
  let reading: ReturnType<typeof pageAfter> | undefined = pageAfter(undefined);
  while (reading !== undefined) {
    const { values, cursor }: Awaited<ReturnType<typeof pageAfter>> = await reading;
    // The next page is read while this one is written. Where writing fails, nobody asks for it any more.
    reading = cursor === undefined ? undefined : pageAfter(cursor);
    reading?.catch(() => undefined);
    await cleanPage(target, values, options);
    options.progress(cursor === undefined ? 1 : Number.parseInt(cursor.slice(0, 8), 16) / 2 ** 32);
  }
}

async function cleanPage(target: CleanTarget, values: readonly AuthoredKey[], options: CleanOptions): Promise<void> {
  const decisions = new Map(values.map((value) => [value.key, decide(value, options.backup, options.now())] as const));
  const operations: Operation[] = [];
  for (const decision of decisions.values()) {
    if (decision.operation === undefined || options.dryRun) options.tell(decision);
    else operations.push(decision.operation);
  }
  const queue = batches(operations as readonly ImportOperation[], OPERATIONS);
  const worker = async (): Promise<void> => {
    for (const batch of queue) await write(target, batch, options, (key) => decisions.get(key) as Decision);
  };
  const workers = await Promise.allSettled(Array.from({ length: COMMITS }, worker));
  for (const one of workers) if (one.status === 'rejected') throw one.reason;
}

/** Writes a batch, or the halves of it where one of its keys stands in the way of the others. */
async function write(
  target: CleanTarget,
  batch: readonly Operation[],
  options: CleanOptions,
  decisionOf: (key: string) => Decision,
): Promise<void> {
  const { signal } = options;
  signal.throwIfAborted();
  // One key for all tries, so that a commit whose answer was lost is not taken for one that others wrote before.
  const idempotencyKey = `clean-${randomUUID()}`;
  try {
    await patiently(() => target.commit(batch, { idempotencyKey, signal }), signal);
    for (const { key } of batch) options.tell(decisionOf(key));
  } catch (error) {
    if (!(error instanceof LatticeError) || !OF_ONE_KEY.has(error.code)) throw error;
    const [first] = batch;
    if (batch.length === 1 && first !== undefined)
      return options.tell({ key: first.key, does: error.code === 'precondition-failed' ? 'changed' : 'refused' });
    const middle = batch.length >> 1;
    await write(target, batch.slice(0, middle), options, decisionOf);
    await write(target, batch.slice(middle), options, decisionOf);
  }
}

/** Tries again what a node that is busy, or that restarts, did not answer. */
async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const wait = createBackoff();
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || !isTemporary(error) || tries >= MAX_TRIES) throw error;
      await pause(wait.next(error), signal);
    }
  }
}
