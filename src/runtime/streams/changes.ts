import { cursorLost, LatticeError } from '../../core/types/index.ts';
import type { Stream } from '../../timing/index.ts';
import type { EventSubscription, Lattice, LatticeEvent } from '../facade/index.ts';

/**
 * How many changes wait for a reader, some 300 bytes each. A reader that takes as many at once as one batch has is not
 * slowed down; beyond them the journal keeps what is to come.
 */
const MAX_WAITING = 1024;

/** One key that shows something else than before. */
export interface Change {
  /** The cursor of this change, to go on after it: `changes({ after: change.id })`. */
  readonly id: string;
  readonly key: string;
  /** The version that the key shows, or of the tombstone when it is `deleted`. */
  readonly version: string;
  readonly deleted: boolean;
  /** The author of that version, 64 hex digits. */
  readonly author: string;
  /** The time of that version, 16 hex digits. */
  readonly hlc: string;
}

/** Which changes to follow. */
export interface ChangesOptions {
  /** Only keys that begin with this text. Default: all keys. */
  readonly prefix?: string | undefined;
  /** The `id` of a change, or the `cursor` of an earlier stream: what came after it comes first. Default: the present. */
  readonly after?: string | undefined;
  /** Ends the stream without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Changes in the order in which they became durable. */
export interface Changes extends Stream<Change> {
  /**
   * The place up to which everything has been handed out, changes of other prefixes included. Undefined before the
   * first. A later stream goes on `after` it without a gap.
   */
  readonly cursor: string | undefined;
  [Symbol.asyncIterator](): Changes;
}

interface Waiting {
  readonly change: Change;
  /** The newest place that is reached with this change: its own, or that of what came behind it and is left out. */
  upTo: string;
}

interface Reader {
  readonly resolve: (result: IteratorResult<Change, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Follows the changes of a node from the call on. A reader that is slower than the node holds nothing up: when
 * MAX_WAITING changes wait, the subscription is given up, and once they are read it is taken up again after the last of
 * them, from the journal. A reader that is further behind than the journal replays gets LatticeError `cursor-lost`.
 *
 * `ended` is aborted when the node ends, with the error of a node that failed as its reason; a node that was stopped
 * ends the stream.
 */
export function followChanges(
  subscribe: Lattice['subscribe'],
  { prefix = '', after, signal }: ChangesOptions,
  ended: AbortSignal,
): Changes {
  const waiting: Waiting[] = [];
  const readers: Reader[] = [];
  let cursor = after;
  let subscription: EventSubscription | undefined;
  /** Counts subscriptions, so that what a former one still delivers is not taken. */
  let turn = 0;
  let behind = false;
  let over: { readonly error?: unknown } | undefined;

  function finish(outcome: { readonly error?: unknown }): void {
    if (over !== undefined) return;
    over = outcome;
    turn++;
    subscription?.close();
    subscription = undefined;
    signal?.removeEventListener('abort', onAbort);
    ended.removeEventListener('abort', onEnded);
    // What is waiting is still read, then comes the end.
    for (const reader of readers.splice(0)) settle(reader);
  }
  function settle(reader: Reader): void {
    if (over !== undefined && 'error' in over) {
      const { error } = over;
      over = {};
      reader.reject(error);
    } else reader.resolve({ done: true, value: undefined });
  }
  function onAbort(): void {
    waiting.length = 0;
    finish({});
  }
  function onEnded(): void {
    const { reason } = ended;
    finish(reason instanceof LatticeError && reason.code === 'stopping' ? {} : { error: reason });
  }

  /** Notes a place that is reached without a change for the reader. */
  function reach(id: string): void {
    const last = waiting.at(-1);
    if (last === undefined) cursor = id;
    else last.upTo = id;
  }

  function take(event: LatticeEvent): boolean {
    if (event.type === 'reset') {
      finish({ error: cursorLost(event.reason, event.id) });
      return false;
    }
    if (event.type === 'batch') reach(event.id);
    if (event.type !== 'change') return true;
    if (!event.key.startsWith(prefix)) {
      reach(event.id);
      return true;
    }
    const { type: _, ...change } = event;
    const reader = readers.shift();
    if (reader !== undefined) {
      cursor = change.id;
      reader.resolve({ done: false, value: change });
      return true;
    }
    if (waiting.length >= MAX_WAITING) return false;
    waiting.push({ change, upTo: change.id });
    return true;
  }

  /** The node has given the subscription up. It is taken up again once the reader has caught up. */
  function onDropped(): void {
    subscription = undefined;
    if (waiting.length === 0) void open();
    else behind = true;
  }

  async function open(): Promise<void> {
    const mine = ++turn;
    behind = false;
    try {
      const opened = await subscribe(
        cursor,
        (event) => mine === turn && take(event),
        () => {
          if (mine === turn) onDropped();
        },
      );
      if (mine !== turn) opened.close();
      else subscription = opened;
    } catch (error) {
      if (mine === turn) finish({ error });
    }
  }

  if (signal?.aborted === true) onAbort();
  else if (ended.aborted) onEnded();
  else {
    signal?.addEventListener('abort', onAbort, { once: true });
    ended.addEventListener('abort', onEnded, { once: true });
    void open();
  }

  const changes: Changes = {
    get cursor() {
      return cursor;
    },
    next() {
      const first = waiting.shift();
      if (first !== undefined) {
        cursor = first.upTo;
        if (behind && waiting.length === 0 && over === undefined) void open();
        return Promise.resolve({ done: false, value: first.change });
      }
      return new Promise((resolve, reject) => {
        const reader = { resolve, reject };
        if (over === undefined) readers.push(reader);
        else settle(reader);
      });
    },
    return() {
      onAbort();
      over = {};
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => changes,
    async [Symbol.asyncDispose]() {
      await changes.return();
    },
  };
  return changes;
}
