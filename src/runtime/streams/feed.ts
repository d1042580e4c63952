import { hlcToHex } from '../../core/clock/index.ts';
import { type Step, shownAfter } from '../../core/replica/index.ts';
import {
  decodeJournal,
  type Journal,
  journalKeyToSequence,
  journalRange,
  keyToEntryKey,
} from '../../core/rows/index.ts';
import { versionOf } from '../../core/state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Fragment,
  GOSSIP_TARGET_BYTES,
  type Hasher,
  LatticeError,
} from '../../core/types/index.ts';
import {
  decodeEntry,
  encodeFragment,
  encodeGossip,
  type SignedHead,
  siblingsToFragments,
} from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EventSubscription, LatticeEvent, Transition } from '../facade/facade.ts';

/** Push streams and event streams served at once; more are told to come back. */
const MAX_CONSUMERS = 512;
/** Journal records replayed to one resuming consumer; one further behind is told to start over (repair is cheaper). */
const MAX_REPLAY = 10_000;
/** Changes that wait for one consumer while its replay runs: batches are kept alive by it, about 2 KB a change. */
const MAX_WAITING_CHANGES = 16_384;
/** Journal records read at once while replaying. */
const REPLAY_CHUNK = 256;
/**
 * Bytes of a replay after which a cursor says how far it has come: a reader that is cut off meanwhile goes on from
 * there.
 */
const CURSOR_EVERY_BYTES = 64 * 1024;

interface Consumer {
  readonly peer: Author | undefined;
  /** Called with every batch after the one the consumer has seen. False: it is full and gets dropped. */
  readonly take: (batch: Batch) => boolean;
  readonly takeHead: ((head: SignedHead) => boolean) | undefined;
  /** Frames of push streams that belong to no batch. */
  readonly takeFrame: ((frame: Bytes) => boolean) | undefined;
  /** Events that belong to no batch. */
  readonly takeEvent: ((event: LatticeEvent) => boolean) | undefined;
  readonly drop: () => void;
}

/** A durable batch as consumers see it. */
interface Batch {
  readonly sequence: number;
  readonly step: Step;
  /** Commits to push on, each with the peer it came from. */
  readonly pushed: readonly { readonly fragment: Fragment; readonly from: Author | undefined }[];
}

export interface Feed {
  publish(batch: Batch): void;
  publishHead(head: SignedHead): void;
  /** A message for every push stream but that of `except`. */
  publishFrame(frame: Bytes, except: Author | undefined): void;
  publishTransition(transition: Transition): void;
  /** An event that belongs to no batch: it has no id and is not replayed. */
  publishEvent(event: LatticeEvent): void;
  /** Push stream for a peer: commits not its own relay, heads, and a cursor to resume at. */
  openPush(
    peer: Author,
    cursor: string,
    send: (frame: Bytes) => boolean,
    closed: () => void,
  ): Promise<EventSubscription>;
  openEvents(after: string | undefined, send: (event: LatticeEvent) => boolean): Promise<EventSubscription>;
  /** Peers that have a push stream open from us. */
  streamsTo(peer: Author): boolean;
  closeAll(): void;
}

export interface FeedDeps {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly writer: Writer;
  /** Of the store: cursors name it. Hex. */
  readonly incarnation: string;
  /** The newest durable sequence. */
  readonly sequence: () => number;
}

/**
 * The durable local sequence as streams. A consumer resumes at a cursor `<store incarnation>.<sequence>`; what came
 * since is replayed from the journal, then it goes on live without a gap.
 */
export function createFeed(deps: FeedDeps): Feed {
  const consumers = new Set<Consumer>();
  const cursorAt = (sequence: number): string => `${deps.incarnation}.${sequence}`;

  /** The sequence a cursor names, or why it cannot be resumed. */
  function resolve(cursor: string, newest: number): number | string {
    const [incarnation, text] = cursor.split('.');
    const sequence = Number(text);
    if (incarnation !== deps.incarnation) return 'the cursor belongs to another store';
    if (text === undefined || !/^\d{1,15}$/.test(text) || sequence > newest)
      return 'the cursor is not one of this store';
    if (newest - sequence > MAX_REPLAY) return 'the cursor is too far behind';
    return sequence;
  }

  /**
   * Joins a consumer at the present and replays what came since its cursor. While the replay runs, live batches wait
   * in a bounded queue; a consumer that falls behind that far is dropped.
   */
  async function join(
    cursor: string | undefined,
    consumer: Omit<Consumer, 'take'> & { readonly take: (batch: Batch) => boolean },
    replay: (sequence: number, journal: Journal) => Promise<boolean>,
    reset: (reason: string, newest: number) => void,
  ): Promise<EventSubscription> {
    if (consumers.size >= MAX_CONSUMERS)
      throw new LatticeError('overloaded', `${MAX_CONSUMERS} streams are open already`);
    let waiting: Batch[] | undefined = [];
    let waitingChanges = 0;
    let dropped = false;
    const joined: Consumer = {
      ...consumer,
      take: (batch) => {
        if (waiting === undefined) return consumer.take(batch);
        waiting.push(batch);
        waitingChanges += batch.step.changed.length;
        return waiting.length <= MAX_REPLAY && waitingChanges <= MAX_WAITING_CHANGES;
      },
      drop: () => {
        dropped = true;
        consumers.delete(joined);
        consumer.drop();
      },
    };
    const newest = await deps.writer.read(() => {
      consumers.add(joined);
      return deps.sequence();
    });
    const from = cursor === undefined ? newest : resolve(cursor, newest);
    try {
      if (typeof from === 'string') reset(from, newest);
      else {
        const ended = await replayRange(
          from,
          newest,
          async (sequence, journal) => !dropped && (await replay(sequence, journal)),
        );
        if (ended === 'lost') reset('the journal no longer goes back to the cursor', newest);
        // What it did not take would be a gap.
        else if (ended === 'full' && !dropped) joined.drop();
      }
    } catch (error) {
      consumers.delete(joined);
      throw error;
    }
    for (const batch of waiting) if (!dropped && !consumer.take(batch)) joined.drop();
    waiting = undefined;
    return { close: () => void consumers.delete(joined) };
  }

  /** `lost`: records are missing. `full`: the consumer took no more. */
  async function replayRange(
    from: number,
    to: number,
    replay: (sequence: number, journal: Journal) => Promise<boolean>,
  ): Promise<'sent' | 'lost' | 'full'> {
    let expected = from + 1;
    while (expected <= to) {
      const rows = [];
      for await (const chunk of deps.store.iterate({ ...journalRange(expected - 1), limit: REPLAY_CHUNK }))
        rows.push(...chunk);
      if (rows.length === 0) return 'lost';
      for (const [key, value] of rows) {
        const sequence = journalKeyToSequence(key);
        if (sequence !== expected) return 'lost';
        if (sequence > to) return 'sent';
        if (!(await replay(sequence, decodeJournal(value)))) return 'full';
        expected++;
      }
    }
    return 'sent';
  }

  function broadcast(offer: (consumer: Consumer) => boolean): void {
    for (const consumer of consumers) if (!offer(consumer)) consumer.drop();
  }

  return {
    publish: (batch) => broadcast((c) => c.take(batch)),
    publishHead: (head) => broadcast((c) => c.takeHead?.(head) ?? true),
    publishFrame: (frame, except) => broadcast((c) => c.peer === except || (c.takeFrame?.(frame) ?? true)),
    publishTransition: (transition) => broadcast((c) => c.takeEvent?.({ type: 'transition', transition }) ?? true),
    publishEvent: (event) => broadcast((c) => c.takeEvent?.(event) ?? true),
    streamsTo: (peer) => Array.from(consumers).some((c) => c.peer === peer),
    closeAll() {
      for (const consumer of Array.from(consumers)) consumer.drop();
    },

    async openPush(peer, cursor, send, closed) {
      let at = deps.sequence();
      let replaying = true;
      let open = true;
      let unclaimed = 0;
      const sendCommits = (fragments: readonly Fragment[]): boolean =>
        packFragments(fragments).every((frame) => {
          unclaimed += frame.length;
          return send(frame);
        });
      const sendCursor = (): boolean => send(encodeGossip({ type: 'cursor', cursor: cursorAt(at) }));
      const stream = await join(
        cursor === '' ? undefined : cursor,
        {
          peer,
          take: (batch) => {
            at = batch.sequence;
            // Whoever made a commit has it.
            const fragments = batch.pushed
              .filter((p) => p.from !== peer && p.fragment.header.author !== peer)
              .map((p) => p.fragment);
            return fragments.length === 0 || sendCommits(fragments);
          },
          // While the replay runs a head comes without a cursor: it would claim what is still being sent.
          takeHead: (head) => send(encodeGossip({ type: 'head', head })) && (replaying || sendCursor()),
          takeFrame: send,
          takeEvent: undefined,
          drop: () => {
            open = false;
            closed();
          },
        },
        async (sequence, journal) => {
          at = sequence;
          const rows = await deps.store.getMany(journal.changes.map((c) => keyToEntryKey(c.key, deps.hasher)));
          const siblings = rows.flatMap((row, i) =>
            row === undefined ? [] : decodeEntry(row, journal.changes[i]?.key ?? '').siblings,
          );
          if (!sendCommits(siblingsToFragments(siblings, deps.hasher))) return false;
          if (unclaimed < CURSOR_EVERY_BYTES) return true;
          unclaimed = 0;
          return sendCursor();
        },
        (reason, newest) => {
          at = newest;
          send(encodeGossip({ type: 'reset', reason }));
        },
      );
      replaying = false;
      if (open) sendCursor();
      return stream;
    },

    openEvents(after, send) {
      const change = (
        sequence: number,
        at: number,
        key: string,
        version: string,
        deleted: boolean,
        author: string,
        hlc: string,
      ): boolean => send({ id: `${cursorAt(sequence)}.${at}`, type: 'change', key, version, deleted, author, hlc });
      // An event id is a cursor and the change's place in its batch; a batch is replayed from its beginning.
      const [incarnation, sequence, place] = (after ?? '').split('.');
      const resume =
        after === undefined ? undefined : place === undefined ? after : `${incarnation}.${Number(sequence) - 1}`;
      const skip = place === undefined ? undefined : { sequence: Number(sequence), place: Number(place) };
      const wanted = (s: number, at: number): boolean => skip === undefined || s > skip.sequence || at > skip.place;
      return join(
        resume,
        {
          peer: undefined,
          take: (batch) => {
            const { step } = batch;
            const changes = step.changed.every((changed, i) => {
              const shown = shownAfter(changed);
              return change(
                batch.sequence,
                i,
                changed.key,
                versionOf(shown),
                shown.operation.kind === 'delete',
                shown.author,
                hlcToHex(shown.hlc),
              );
            });
            return (
              changes &&
              send({
                id: cursorAt(batch.sequence),
                type: 'batch',
                root: bytesToHex(step.root),
                changes: step.changed.length,
              })
            );
          },
          takeHead: undefined,
          takeFrame: undefined,
          takeEvent: send,
          drop: () => undefined,
        },
        async (s, journal) => {
          const sent = journal.changes.every(
            (c, i) =>
              !wanted(s, i) ||
              change(s, i, c.key, `${bytesToHex(c.commit)}.${c.index}`, c.deleted, c.author, hlcToHex(c.hlc)),
          );
          return (
            sent &&
            send({ id: cursorAt(s), type: 'batch', root: bytesToHex(journal.root), changes: journal.changes.length })
          );
        },
        (reason, newest) => send({ id: cursorAt(newest), type: 'reset', reason }),
      );
    },
  };
}

/** Fragments as gossip messages of about the target size, one author's commits per message. */
export function packFragments(fragments: readonly Fragment[]): Bytes[] {
  const messages: Bytes[] = [];
  let open: Bytes[] = [];
  let author: Author | undefined;
  let size = 0;
  const flush = (): void => {
    if (open.length > 0) messages.push(encodeGossip({ type: 'commits', fragments: open }));
    open = [];
    size = 0;
  };
  for (const fragment of fragments) {
    const bytes = encodeFragment(fragment);
    if (author !== fragment.header.author || open.length >= 256 || size + bytes.length > GOSSIP_TARGET_BYTES) flush();
    author = fragment.header.author;
    open.push(bytes);
    size += bytes.length;
  }
  flush();
  return messages;
}
