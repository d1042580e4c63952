import { hlcMs, lastHlcAt } from '../../core/clock/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { decodeRecounted, encodeRecounted, RECOUNTED } from '../../core/rows/index.ts';
import { type Author, counted, type Hasher, joined, type Sibling } from '../../core/types/index.ts';
import type { Clock, Log, Store } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Warning } from '../facade/codes.ts';
import { timeOf } from '../facade/times.ts';
import type { Roster } from '../fleet/roster.ts';
import type { Entries } from '../storage/entries.ts';
import { twoReads } from '../storage/two-reads.ts';
import type { DisplacedBook } from './displaced.ts';
import { recountKeys } from './recount-keys.ts';
import { entriesAfterEnds } from './written-by.ts';

/** How often it is looked at whether commits are here that came after the end of their authors. */
const LOOK_MS = 1_000;
/** How many hidden operations are looked at between two batches when the floor has moved: about a millisecond. */
const PASS = 4_096;
/** How many keys a line in the log names. */
const MAX_NAMED = 8;

/**
 * Makes the state what it is by the present roster (SPEC RO12): what an author made after its end is taken out, and what
 * that had superseded counts again. While this is pending the node attests nothing and lets go of no hidden operation,
 * because a cut or floor with what is taken out afterwards would be final.
 */
export interface AfterEnd {
  start(): void;
  stop(): void;
  isPending(): boolean;
  warnings(): readonly Warning[];
}

/** Reads of which authors an earlier run has found nothing left. LatticeError `damaged-row`. */
export async function loadRecounted(store: Pick<Store, 'get' | 'iterate'>): Promise<ReadonlyMap<Author, number>> {
  const [row] = await twoReads(store, RECOUNTED);
  return row === undefined ? new Map() : decodeRecounted(row);
}

export function createAfterEnd(deps: {
  readonly roster: Pick<Roster, 'ends'>;
  readonly replica: Pick<Replica, 'committed' | 'recount' | 'passFloor' | 'hidden' | 'written' | 'tree'>;
  readonly entries: Pick<Entries, 'page' | 'many'>;
  readonly writer: Pick<Writer, 'amend' | 'read' | 'keep'>;
  readonly store: Pick<Store, 'get' | 'getMany'>;
  readonly displaced: Pick<DisplacedBook, 'keep' | 'tell' | 'warnings'>;
  readonly hasher: Hasher;
  readonly saved: ReadonlyMap<Author, number>;
  /** The newest complete cut, Unix ms; undefined where none is known. */
  readonly floor: () => number | undefined;
  readonly nameOf: (author: Author) => string;
  readonly clock: Clock;
  readonly log: Log;
}): AfterEnd {
  const { roster, replica, writer, clock, log } = deps;
  /** The ends of authors after which nothing is left here, and nothing more is taken. */
  const done = new Map(deps.saved);
  let passed = 0;
  let looks: Repetition | undefined;
  let stopped = true;

  /** Authors of whom something later than their ends may be here, with these ends in Unix ms. */
  function pending(): ReadonlyMap<Author, number> {
    const out = new Map<Author, number>();
    for (const [author, until] of roster.ends)
      if (hlcMs(replica.committed(author)) > until && done.get(author) !== until) out.set(author, until);
    return out;
  }

  async function look(): Promise<void> {
    const ends = pending();
    if (ends.size > 0) await recount(ends);
    else await passFloor();
  }

  async function recount(ends: ReadonlyMap<Author, number>): Promise<void> {
    const isLate = ({ author, hlc }: Sibling): boolean => hlcMs(hlc) > (ends.get(author) ?? Infinity);
    const told = { displaced: 0, returned: 0, keys: [] as string[] };
    const taken: Sibling[] = [];
    let isDone = true;
    // A batch that was made before the end was known may have keys that the store would not show yet.
    await writer.read(() => undefined);
    for await (const page of entriesAfterEnds(deps, ends)) {
      if (stopped) return;
      const late = page.filter(({ siblings }) => siblings.some(isLate));
      if (late.length > 0) {
        await deps.displaced.keep(
          late.flatMap(({ siblings }) => siblings.filter(isLate)),
          ends,
        );
        const { displaced, returned, left } = await recountKeys(deps, late);
        taken.push(...displaced);
        told.displaced += displaced.length;
        told.returned += returned.length;
        told.keys.push(...displaced.slice(0, MAX_NAMED - told.keys.length).map(({ operation }) => operation.key));
        isDone &&= left.length === 0;
      }
    }
    if (stopped) return;
    deps.displaced.tell(taken, ends);
    if (told.displaced > 0)
      log.warn(
        { ...told, authors: [...ends.keys()] },
        'commits that came after the ends of their authors are taken out, and what they had replaced counts again',
      );
    // What is left has an operation that was hidden meanwhile: the next look reads it.
    if (!isDone) return;
    for (const [author, until] of ends) done.set(author, until);
    await writer.keep(() => [{ type: 'put', key: RECOUNTED, value: encodeRecounted(done) }]);
  }

  /** What something of up to the floor supersedes counts nowhere again: no end is earlier than the floor. */
  async function passFloor(): Promise<void> {
    const at = deps.floor();
    if (at === undefined || at <= passed) return;
    while (await passSome(at)) if (stopped) return;
  }

  /** Whether there is more of it. */
  async function passSome(at: number): Promise<boolean> {
    let isMore = false;
    await writer.keep(() => {
      // A roster may have come between two batches.
      if (pending().size > 0) return [];
      const { rows, more } = replica.passFloor(lastHlcAt(at), PASS);
      isMore = more;
      if (!more) passed = at;
      return rows;
    });
    return isMore;
  }

  return {
    start() {
      stopped = false;
      looks = every(clock, LOOK_MS, look, {
        onError: (error) => log.warn({ error: String(error) }, 'what came after an end could not be taken out'),
      });
    },
    stop() {
      stopped = true;
      looks?.stop();
    },
    isPending: () => pending().size > 0,
    warnings() {
      const out: Warning[] = [...pending()].map(([author, until]) => ({
        code: 'after-end',
        text:
          `${deps.nameOf(author)} ended at ${timeOf(until, clock.now())}, and commits that it made later are here: ` +
          'this node takes them out, so that all roots become equal, and attests nothing meanwhile',
      }));
      out.push(...deps.displaced.warnings());
      const { beyond } = replica.hidden;
      if (beyond.operations > 0) out.push({ code: 'hidden-full', text: beyondText(beyond) });
      return out;
    },
  };
}

/** What was replaced and could not be kept, with the newest of its keys, for people. */
export function beyondText({ operations, keys }: Replica['hidden']['beyond']): string {
  const named = joined(keys.slice(-MAX_NAMED).map((key) => JSON.stringify(key)));
  const [them, come] = operations === 1 ? ['it', 'it does'] : ['them', 'they do'];
  return (
    `${counted(operations, 'replaced operation')} could not be kept for want of room, of ` +
    `${keys.length === 1 ? 'the key' : 'keys such as'} ${named}: if the author of what replaced ${them} is removed, ` +
    `${come} not come back here; see \`lattice floor\` for who holds the floor`
  );
}
