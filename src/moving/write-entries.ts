import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type ErrorCode, LatticeError } from '../core/types/index.ts';
import { VAULT_PREFIX } from '../core/vault/index.ts';
import { batches } from './batches.ts';
import type { ImportedEntry, ImportOperation, ImportTarget, KeyedEntry } from './plan.ts';

export interface WriteMode {
  /** Replaces what a key shows, too. */
  readonly overwrite: boolean;
  /** Looks what would be done, and writes nothing. */
  readonly dryRun: boolean;
  /** What earlier rounds of the same import wrote, which it may change and delete where nobody else has written. */
  readonly mirror?: Mirror | undefined;
  readonly signal?: AbortSignal | undefined;
  progress?(done: number, total: number): void;
}

/** The version of each key that an import wrote, or found as it would have written it. */
export type Mirror = Map<string, string>;

/** A key that the target does not take. The others are written all the same. */
export interface RefusedKey {
  readonly key: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly next: string | undefined;
}

/** What became of the keys. `differing` show another value, which was left alone. */
export interface WrittenEntries {
  readonly taken: number;
  readonly known: number;
  readonly deleted: number;
  readonly differing: readonly string[];
  readonly refused: readonly RefusedKey[];
}

/** Lookups at one time: enough to hide the round trip to a node, and few enough for its connection limit. */
const LOOKUPS = 8;
/** Up to so many keys are looked up one by one. Beyond that, all entries of the target are read. */
const SINGLE_LOOKUPS = 512;
/** Commits at one time: while one is made durable, the next is on its way. */
const COMMITS = 4;
/** How often a batch is tried while others write the same keys. */
const MAX_ROUNDS = 5;
/** What is wrong with one key or its value alone, so that the others of its commit can be written without it. */
const OF_ONE_KEY: ReadonlySet<ErrorCode> = new Set([
  'reserved-key',
  'invalid-key',
  'invalid-value',
  'invalid-expiry',
  'value-too-large',
  'commit-too-large',
]);

type Entries = readonly KeyedEntry[];
/** What each key is to show; undefined for one that is to be deleted. */
type Wanted = ReadonlyMap<string, KeyedEntry | undefined>;

/**
 * Writes entries as commits, each under a condition on what the target showed, so that nothing is replaced that has not
 * been looked at. A key that exists is left alone unless it has the same value, `overwrite` is set, or the mirror says
 * that this import wrote it last. What the mirror has and the entries lack is deleted when `absent` is set, again only
 * where nobody else wrote it. A key that the target does not take, or that others keep writing (`import-contended`), is
 * refused by its name. Rejects with what the target rejects with otherwise, and with the reason of the signal.
 */
export async function writeEntries(
  target: ImportTarget,
  entries: Entries,
  mode: WriteMode,
  absent = false,
): Promise<WrittenEntries> {
  const wanted = new Map<string, KeyedEntry | undefined>(entries.map((entry) => [entry[0], entry]));
  if (absent) for (const key of mode.mirror?.keys() ?? []) if (!wanted.has(key)) wanted.set(key, undefined);
  // An import without a mirror asks for nobody's author, which spares a request.
  const author = mode.mirror === undefined ? undefined : await target.author();
  const outcome = createOutcome(wanted, mode, author);
  for (const key of wanted.keys()) if (key.startsWith(VAULT_PREFIX)) wanted.delete(key);
  for (const [key] of entries) if (key.startsWith(VAULT_PREFIX)) outcome.refuse(key, reserved());
  const shown = await lookUp(target, [...wanted.keys()], mode);
  const operations = [...wanted.keys()].flatMap((key) => outcome.decide(key, shown.get(key)));
  if (mode.dryRun) {
    for (const operation of operations) outcome.written(operation, undefined);
    return outcome.result();
  }
  let done = 0;
  const queue = batches(operations);
  const failed = new AbortController();
  const worker = async (): Promise<void> => {
    for (const batch of queue) {
      mode.signal?.throwIfAborted();
      // The first failure is told, and the other workers begin nothing more.
      if (failed.signal.aborted) return;
      await writeBatch(target, batch, outcome).catch((error: unknown) => {
        failed.abort();
        throw error;
      });
      done += batch.length;
      mode.progress?.(done, operations.length);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: COMMITS }, worker));
  for (const one of workers) if (one.status === 'rejected') throw one.reason;
  return outcome.result();
}

type Outcome = ReturnType<typeof createOutcome>;

/** Decides what is to be done with each key, and counts what was. */
function createOutcome(wanted: Wanted, { overwrite, mirror }: WriteMode, author: string | undefined) {
  let taken = 0;
  let known = 0;
  let deleted = 0;
  const differing: string[] = [];
  const refused: RefusedKey[] = [];
  return {
    refuse(key: string, { code, message, next }: LatticeError): void {
      refused.push({ key, code, reason: message, next });
    },
    /** The operation that a key needs, or none. */
    decide(key: string, shown: ImportedEntry | undefined): readonly ImportOperation[] {
      const entry = wanted.get(key);
      // A write would settle what others wrote at the same time, of which nobody has decided yet.
      const ours = shown !== undefined && mirror?.get(key) === shown.version && (shown.conflicts ?? 0) === 0;
      if (entry === undefined) {
        if (ours) return [{ op: 'delete', key, ifMatch: shown.version }];
        mirror?.delete(key);
        if (shown !== undefined) differing.push(key);
        return [];
      }
      const [, value, expires] = entry;
      const put = { op: 'put', key, value, ...(expires === undefined ? {} : { expires }) } as const;
      if (shown === undefined) return [{ ...put, ifNoneMatch: '*' }];
      if (isDeepStrictEqual(shown.value, value) && shown.expires === expires) {
        known++;
        // What this node wrote with the same value came from an earlier run of the import.
        if (shown.author === author) mirror?.set(key, shown.version);
        return [];
      }
      if (overwrite || ours) return [{ ...put, ifMatch: shown.version }];
      differing.push(key);
      return [];
    },
    written({ op, key }: ImportOperation, version: string | undefined): void {
      if (op === 'delete') {
        deleted++;
        // Not before: a delete that failed is tried again in the next round.
        mirror?.delete(key);
      } else {
        taken++;
        if (version !== undefined) mirror?.set(key, version);
      }
    },
    result: (): WrittenEntries => ({
      taken,
      known,
      deleted,
      differing: differing.toSorted(),
      refused: refused.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    }),
  };
}

async function writeBatch(target: ImportTarget, batch: readonly ImportOperation[], outcome: Outcome): Promise<void> {
  let left = batch;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (left.length === 0) return;
    try {
      // A new key for each try: the same operations may have to be written again later, when others were in between.
      const { results } = await target.write(left, { idempotencyKey: `import-${randomUUID()}` });
      const versions = new Map(results.map(({ key, version }) => [key, version]));
      for (const operation of left) outcome.written(operation, versions.get(operation.key));
      return;
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      if (OF_ONE_KEY.has(error.code)) {
        const [first] = left;
        if (left.length === 1 && first !== undefined) return outcome.refuse(first.key, error);
        return await writeHalves(target, left, outcome);
      }
      if (error.code !== 'precondition-failed') throw error;
      const shown = await getEach(
        target,
        left.map(({ key }) => key),
      );
      left = left.flatMap(({ key }) => outcome.decide(key, shown.get(key)));
    }
  }
  const [first] = left;
  if (left.length === 1 && first !== undefined) return outcome.refuse(first.key, contended());
  await writeHalves(target, left, outcome);
}

/**
 * Contexts can make a commit too long, and one key can keep the others of its commit from being written. Halving ends
 * with commits that are taken, and with single keys that are not.
 */
async function writeHalves(target: ImportTarget, batch: readonly ImportOperation[], outcome: Outcome): Promise<void> {
  const middle = batch.length >> 1;
  await writeBatch(target, batch.slice(0, middle), outcome);
  await writeBatch(target, batch.slice(middle), outcome);
}

const reserved = (): LatticeError =>
  new LatticeError('reserved-key', `the vault alone writes keys that begin with ${VAULT_PREFIX}`, {
    next: 'Write it under a key with another beginning, where it is needed. What the vault holds is put there.',
  });

const contended = (): LatticeError =>
  new LatticeError('import-contended', `others wrote it each of the ${MAX_ROUNDS} times that it was tried`, {
    next: 'Run the import again when the writers are quiet.',
  });

async function lookUp(
  target: ImportTarget,
  keys: readonly string[],
  { signal }: WriteMode,
): Promise<ReadonlyMap<string, ImportedEntry>> {
  if (keys.length <= SINGLE_LOOKUPS) return await getEach(target, keys);
  const asked = new Set(keys);
  const shown = new Map<string, ImportedEntry>();
  for await (const { key, ...entry } of target.entries()) {
    signal?.throwIfAborted();
    if (asked.has(key)) shown.set(key, entry);
  }
  return shown;
}

async function getEach(target: ImportTarget, keys: readonly string[]): Promise<Map<string, ImportedEntry>> {
  const shown = new Map<string, ImportedEntry>();
  const queue = keys.values();
  const worker = async (): Promise<void> => {
    for (const key of queue) {
      const entry = await target.get(key);
      if (entry !== undefined) shown.set(key, entry);
    }
  };
  await Promise.all(Array.from({ length: LOOKUPS }, worker));
  return shown;
}
