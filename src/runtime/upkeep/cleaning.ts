import { checkKey } from '../../core/cbor/index.ts';
import type { FoundEntry, WriteIntent } from '../../core/replica/index.ts';
import { type Bytes, type ErrorCode, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Log } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Writes } from '../commit/writes.ts';
import { type CleanedKey, type CleanKey, type Lattice, REPLACED_CODES } from '../facade/index.ts';
import {
  type AuthoredSince,
  afterCursor,
  checkAuthor,
  cursorAfter,
  lookForAuthor,
  writtenIn,
} from '../read/authored.ts';
import { pageSize } from '../read/cursor.ts';
import { type Between, type Entries, wantedKeys } from '../storage/entries.ts';
import { createLookedAt } from './looked-at.ts';
import { type Decision, replacementOf } from './replacement.ts';

/** Keys of one call: a quarter of a second of writing, and an answer of at most some megabytes. */
const DEFAULT_PAGE = 256;
const MAX_PAGE = 1000;
/** Keys that are named in one call, with their values. */
const MAX_KEYS = 256;
/** Operations of one commit, which takes the node some milliseconds: others' writes wait behind the one under way. */
const OPERATIONS = 128;
/** Commits that are under way at a time, so that the next ones are there as soon as one is durable, and share a batch. */
const UNDER_WAY = 4;

/** What is wrong with one key alone, or has changed about it, so that the others of its commit are written without it. */
const OF_ONE_KEY: ReadonlySet<ErrorCode> = new Set([
  'precondition-failed',
  'invalid-value',
  'invalid-expiry',
  'value-too-large',
  'commit-too-large',
]);

/** A key, and what is to become of it. */
interface Planned {
  readonly keyHash: Bytes;
  readonly decision: Decision;
  /** What was found under the key; absent where nothing is to be written. */
  readonly found?: FoundEntry;
}

/**
 * Replaces what an author wrote by commits of this node (SPEC RO14). Each commit presumes that its keys are as they were
 * when they were read, and what is replaced is no longer found: so it can end anywhere, and goes on when it is called
 * again. While one commit becomes durable, the keys of the next are read.
 */
export function createCleaning({
  entries,
  writer,
  writeIntent,
  hasher,
  now,
  log,
}: {
  readonly entries: Pick<Entries, 'page' | 'many' | 'isPresent'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly writeIntent: Writes['writeIntent'];
  readonly hasher: Hasher;
  /** Unix ms, by which what has ended is judged. */
  readonly now: () => number;
  readonly log: Log;
}): Pick<Lattice, 'clean'> {
  const between: Between = (read) => writer.read(read);

  const plan = (found: FoundEntry, asked: AuthoredSince, kept: Omit<CleanKey, 'key'>): Planned => {
    const decision = replacementOf(found.entry, asked, kept, now());
    return { keyHash: found.keyHash, decision, ...(decision.writes === undefined ? {} : { found }) };
  };

  /** Writes what is planned, or the halves of it where one of the keys stands in the way of the others. */
  async function write(planned: readonly Planned[], tell: (done: Planned) => void): Promise<void> {
    const operations = planned.flatMap(toOperations);
    try {
      if (operations.length > 0) await writeIntent({ operations });
      for (const one of planned) tell(one);
    } catch (error) {
      if (!(error instanceof LatticeError) || !OF_ONE_KEY.has(error.code)) throw error;
      const [first] = planned;
      if (planned.length === 1 && first !== undefined) {
        const does = error.code === 'precondition-failed' ? 'changed' : 'refused';
        return tell({ ...first, decision: { ...first.decision, does } });
      }
      const middle = planned.length >> 1;
      await write(planned.slice(0, middle), tell);
      await write(planned.slice(middle), tell);
    }
  }

  const lookedAt = createLookedAt(entries);

  /** The keys that are named. */
  async function* named(keys: readonly CleanKey[], asked: AuthoredSince): AsyncGenerator<readonly Planned[]> {
    for (let at = 0; at < keys.length; at += OPERATIONS) {
      const part = keys.slice(at, at + OPERATIONS);
      const seen = part.map(({ key }) => lookedAt.take(key));
      const unseen = part.flatMap(({ key }, i) => (seen[i] === undefined ? [key] : []));
      const wanted = wantedKeys(unseen, hasher);
      const read = wanted.length === 0 ? [] : await entries.many(wanted, between);
      let next = 0;
      yield part.map((kept, i): Planned => {
        const { keyHash, entry } = seen[i] ?? { keyHash: wanted[next]?.keyHash as Bytes, entry: read[next++] };
        if (entry !== undefined && writtenIn(entry, asked) !== undefined) return plan({ keyHash, entry }, asked, kept);
        return { keyHash, decision: { key: kept.key, does: 'changed' } };
      });
    }
  }

  /** The next `size` keys of the author. `place.last` is the key hash up to which they were looked for. */
  async function* following(
    size: number,
    asked: AuthoredSince,
    place: Place,
    isLook: boolean,
  ): AsyncGenerator<readonly Planned[]> {
    let room = size;
    for await (const { found, last } of lookForAuthor({ entries, between }, asked, place.last)) {
      const taken = found.slice(0, room);
      room -= taken.length;
      if (isLook) for (const one of taken) lookedAt.note(one.found);
      yield taken.map((one) => plan(one.found, asked, NOTHING_KEPT));
      place.last = taken.length < found.length ? (taken.at(-1)?.found.keyHash ?? place.last) : last;
      if (place.last === undefined || room === 0) return;
    }
  }

  /**
   * Writes the parts, and tells of each key when that is done, in their order. Rejects with the first error, once nothing is
   * under way any more. What was written after it is told too.
   */
  async function carryOut(parts: AsyncGenerator<readonly Planned[]>, dryRun: boolean, tell: Tell): Promise<void> {
    const waiting: Planned[] = [];
    const underWay: { readonly done: Promise<unknown>; readonly told: Planned[] }[] = [];
    let failure: unknown;
    function begin(): void {
      const told: Planned[] = [];
      const done = write(waiting.splice(0, OPERATIONS), (one) => told.push(one)).then(
        () => undefined,
        (error: unknown) => error,
      );
      underWay.push({ done, told });
    }
    async function end({ done, told }: (typeof underWay)[number]): Promise<void> {
      const error = await done;
      for (const one of told) tell(one, failure === undefined);
      failure ??= error;
    }
    /** Ends those that are under way, until there are so few. The next keys are read while some are. */
    async function endUntil(few: number): Promise<void> {
      for (let first = underWay[0]; first !== undefined && underWay.length > few; first = underWay[0]) {
        await end(first);
        underWay.shift();
      }
      if (failure !== undefined) throw failure;
    }
    try {
      for await (const part of parts) {
        if (dryRun) for (const one of part) tell(one, true);
        else waiting.push(...part);
        for (; waiting.length >= OPERATIONS; begin()) await endUntil(UNDER_WAY - 1);
      }
      for (; waiting.length > 0; begin()) await endUntil(UNDER_WAY - 1);
    } finally {
      await endUntil(0);
    }
  }

  return {
    async clean(given, { since = 0, limit, cursor, keys, dryRun = false } = {}) {
      const asked = { author: checkAuthor(given), since };
      const place: Place = { last: afterCursor(cursor) };
      if (keys !== undefined) checkKeys(keys, limit !== undefined || cursor !== undefined);
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      // Not all that was read of a page: it would outlive the garbage collector's first look, and its second.
      const items: CleanedKey[] = [];
      let lastDone = place.last;
      let isCut = false;
      try {
        const parts = keys === undefined ? following(size, asked, place, dryRun) : named(keys, asked);
        await carryOut(parts, dryRun, ({ keyHash, decision: { key, does } }, isNext) => {
          items.push({ key, does });
          if (isNext) lastDone = keyHash;
        });
      } catch (error) {
        // What was replaced is told, and the next call meets with the error again if it is there still.
        isCut = items.length > 0 && error instanceof LatticeError;
        if (!isCut) throw error;
      }
      const replaced = dryRun ? 0 : items.filter(({ does }) => REPLACED.has(does)).length;
      if (replaced > 0) log.info({ author: asked.author, since, keys: replaced }, 'what an author wrote is replaced');
      const last = isCut ? lastDone : place.last;
      const isWhole = keys !== undefined || (last === undefined && !isCut);
      return { items, ...(isWhole ? {} : { cursor: cursorAfter(last) }) };
    },
  };
}

/** `isNext`: every key before it is done too. */
type Tell = (done: Planned, isNext: boolean) => void;
/** The key hash up to which keys were looked for; undefined where nothing is left. */
interface Place {
  last: Bytes | undefined;
}

const NOTHING_KEPT = {};
const REPLACED: ReadonlySet<string> = new Set(REPLACED_CODES);

function toOperations({ found, decision: { key, writes } }: Planned): WriteIntent['operations'] {
  if (found === undefined || writes === undefined) return [];
  const { value, expires } = writes;
  if (value === undefined) return [{ kind: 'delete', key, found }];
  return [{ kind: 'put', key, value, found, ...(expires === undefined ? {} : { expires }) }];
}

/** Throws LatticeError `invalid-body`, or what is wrong with a key. */
function checkKeys(keys: readonly CleanKey[], isPaged: boolean): void {
  const refuse = (rule: string, next: string): LatticeError => new LatticeError('invalid-body', rule, { next });
  if (isPaged) throw refuse('keys go without limit and cursor', 'leave these two out');
  if (keys.length === 0 || keys.length > MAX_KEYS)
    throw refuse(`keys are 1 to ${MAX_KEYS} at a time, and not ${keys.length}`, 'give so many of them in each call');
  const names = new Set(keys.map(({ key }) => checkKey(key)));
  if (names.size < keys.length) throw refuse('a key is named twice', 'name each key once');
}
