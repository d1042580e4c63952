import { hlcMs } from '../../core/clock/index.ts';
import type { Correction, Replica } from '../../core/replica/index.ts';
import type { Author, Sibling } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Guard } from '../commit/guard.ts';
import type { Writer } from '../commit/writer.ts';
import type { Warning } from '../facade/codes.ts';
import { timeOf } from '../facade/times.ts';
import type { Roster } from '../fleet/roster.ts';
import type { Entries, PresentEntry } from '../storage/entries.ts';

/** How often it is looked at whether a retired author's later commits are here. */
const LOOK_MS = 1_000;
/**
 * The writers begin one after the other: what the first one wrote has mostly come to the second by then, and two of
 * them would leave a conflict of two values that are alike.
 */
const TURN_MS = 5_000;
/** How many keys are read at a time, which takes a few milliseconds. */
const PAGE = 256;

/**
 * Makes equal what nodes took of a retired author after its end, before they knew that it had one (SPEC RO12). Others
 * refuse such a commit, so the roots would differ for ever. A writer writes what it has of them once more under its own
 * key, which supersedes them everywhere; who never writes takes them out.
 */
export interface AfterEnd {
  start(): void;
  stop(): void;
  warnings(): readonly Warning[];
}

export function createAfterEnd(deps: {
  readonly self: Author;
  readonly roster: Pick<Roster, 'present' | 'writers' | 'isWriter'>;
  readonly replica: Pick<Replica, 'committed' | 'correct'>;
  readonly entries: Pick<Entries, 'page'>;
  readonly writer: Pick<Writer, 'amend' | 'read' | 'write'>;
  readonly guard: Pick<Guard, 'isOpen' | 'reasons'>;
  /** The floor, Unix ms; undefined for a node that has none. */
  readonly floor: () => number | undefined;
  readonly nameOf: (author: Author) => string;
  readonly clock: Clock;
  readonly log: Log;
}): AfterEnd {
  const { self, roster, replica, writer, clock, log } = deps;
  /** The greatest HLC of each author up to which nothing is left that came after its end. */
  const done = new Map<Author, bigint>();
  /** Monotonic: since when something is to be done. */
  let since: number | undefined;
  let looks: Repetition | undefined;
  let stopped = true;

  /** Retired authors of whom something later than their ends may be here, with these ends in Unix ms. */
  function pending(): ReadonlyMap<Author, number> {
    const out = new Map<Author, number>();
    // Under a floor the register itself tells what counts. Only there authors are removed, of whom nothing comes back.
    if (deps.floor() !== undefined) return out;
    for (const { author, role, until } of roster.present.state.roster.members) {
      if (role !== 'retired') continue;
      const newest = replica.committed(author);
      if (hlcMs(newest) > until && done.get(author) !== newest) out.set(author, until);
    }
    return out;
  }

  async function look(): Promise<void> {
    const ends = pending();
    if (ends.size === 0) {
      since = undefined;
      return;
    }
    since ??= clock.monotonic();
    const isWriter = roster.isWriter(self);
    const turn = Math.max(0, roster.writers.indexOf(self)) * TURN_MS;
    if (isWriter && (clock.monotonic() - since < turn || !deps.guard.isOpen() || deps.guard.reasons().length > 0))
      return;
    const before = new Map([...ends.keys()].map((author) => [author, replica.committed(author)]));
    const isLate = ({ author, hlc }: Sibling): boolean => hlcMs(hlc) > (ends.get(author) ?? Infinity);
    let isDone = true;
    let after: Uint8Array | undefined;
    do {
      const page = await deps.entries.page(after, PAGE, (read) => writer.read(read));
      if (stopped) return;
      const late = page.entries.filter(({ entry }) => entry.siblings.some(isLate));
      if (late.length > 0) isDone = isWriter ? await rewrite(late, isLate) : await takeOut(late, isLate);
      after = page.last;
    } while (after !== undefined && isDone);
    if (isDone) for (const [author, hlc] of before) done.set(author, hlc);
  }

  /** Resolves to whether all of it was written; what was not is looked at again. */
  async function rewrite(late: readonly PresentEntry[], isLate: (sibling: Sibling) => boolean): Promise<boolean> {
    const asked = late.flatMap(({ entry: { key, siblings } }) =>
      siblings.filter(isLate).map(({ author }) => ({ key, author })),
    );
    const outcomes = await Promise.all(
      asked.map(({ key, author }) => writer.write({ operations: [{ kind: 'renew', key, inPlaceOf: author }] })),
    );
    const written = outcomes.filter(({ ok }) => ok).length;
    log.warn(
      { written, authors: [...new Set(asked.map(({ author }) => author))] },
      'commits that retired authors made after their ends had been taken here: what they wrote is written once more',
    );
    return outcomes.every((outcome) => outcome.ok || outcome.error.code === 'not-found');
  }

  async function takeOut(late: readonly PresentEntry[], isLate: (sibling: Sibling) => boolean): Promise<boolean> {
    const keys = late.map(({ keyHash, entry: { key } }) => ({ key, keyHash }));
    await writer.amend({
      keys: () => keys,
      prepare(view, now) {
        const corrections = keys.flatMap(({ key }): Correction[] =>
          (view(key)?.siblings ?? []).filter(isLate).map(({ commit, index }) => ({ key, commit, index })),
        );
        return { step: replica.correct(corrections, view, now), rows: [] };
      },
    });
    log.warn(
      { keys: late.length, first: late.map(({ entry }) => entry.key).slice(0, 8) },
      'commits that retired authors made after their ends are taken out, because they count nowhere',
    );
    return true;
  }

  return {
    start() {
      stopped = false;
      looks = every(clock, LOOK_MS, look, {
        onError: (error) => log.warn({ error: String(error) }, 'what came after an end could not be made equal'),
      });
    },
    stop() {
      stopped = true;
      looks?.stop();
    },
    warnings: () =>
      [...pending()].map(([author, until]) => ({
        code: 'after-end',
        text:
          `${deps.nameOf(author)} retired at ${timeOf(until, clock.now())}, and commits that it made later are here: ` +
          (roster.isWriter(self)
            ? 'this node writes what they have once more, so that all roots become equal'
            : 'this node takes them out, so that all roots become equal'),
      })),
  };
}
