import type { Author, Bytes, Entry } from '../types/index.ts';
import type { PushVerdict, SyncMessage } from '../wire/index.ts';

/** An operation that the peer sent us, and what the door said of it. */
export interface ReceivedOperation {
  readonly key: string;
  readonly author: Author;
  readonly commit: Bytes;
  readonly index: number;
  readonly verdict: PushVerdict;
}

/**
 * What a session waits for: an answer of the peer, the door to take fragments in, the store to read entries, or a time
 * to pass.
 */
export type Work =
  | { readonly type: 'request'; readonly message: SyncMessage }
  | { readonly type: 'ingest'; readonly fragments: readonly Bytes[] }
  | { readonly type: 'entries'; readonly keyHashes: readonly Bytes[] }
  | { readonly type: 'wait'; readonly ms: number };

/** The answer to a piece of work. */
export type WorkAnswer =
  | { readonly type: 'request'; readonly message: SyncMessage }
  /** `unreadable` tells that some fragments were of a version that this program does not know. */
  | { readonly type: 'ingest'; readonly operations: readonly ReceivedOperation[]; readonly unreadable: boolean }
  | { readonly type: 'entries'; readonly entries: readonly (Entry | undefined)[] }
  | { readonly type: 'waited' };

/** Work that was begun under a number, which its answer carries. */
export interface Started {
  readonly id: number;
  readonly work: Work;
}

/**
 * What a session asks of whoever runs it, who resumes it with the answer. `begin` starts all of `start` beside the work
 * that was begun before; its answer is that of whichever work, old or new, is done first. When a session ends, whoever
 * runs it waits for the work that is still under way.
 */
export type SessionEffect =
  | Work
  | { readonly type: 'begin'; readonly start: readonly Started[] }
  | { readonly type: 'progress'; readonly progress: SessionProgress };

/** What a session is resumed with. */
export type SessionAnswer =
  | WorkAnswer
  | { readonly type: 'done'; readonly id: number; readonly answer: WorkAnswer }
  | { readonly type: 'progress' };

/**
 * How far a session has come. `remaining` is the number of keys found and not settled yet; `found` and `refused` count
 * keys too; `fetched` and `pushed` count operations.
 */
export interface SessionProgress {
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly refused: number;
  readonly remaining: number;
}

/** A session as a coroutine: it yields effects, is resumed with their answers, and ends with its result. */
export type Session<T> = Generator<SessionEffect, T, SessionAnswer>;
/** A part of a session that does one thing after another. */
export type Steps<T> = Generator<Work, T, WorkAnswer>;

/**
 * Runs parts side by side, at most `width` at a time, begun in their order, and hands to `onDone` what each came to, in
 * the order in which they end. The parts share nothing but what they were made with, and each step of one runs as a
 * whole. Undefined in place of a part means that there is none yet, and that one that is running will lead to it.
 */
export function* sideBySide<T>(
  parts: Iterable<Steps<T> | undefined>,
  width: number,
  onDone: (result: T) => Session<void>,
): Session<void> {
  const waiting = parts[Symbol.iterator]();
  const running = new Map<number, Steps<T>>();
  let start: Started[] = [];
  let ids = 0;
  const go = function* (id: number, part: Steps<T>, step: IteratorResult<Work, T>): Session<void> {
    if (step.done === true) {
      running.delete(id);
      yield* onDone(step.value);
      return;
    }
    running.set(id, part);
    start.push({ id, work: step.value });
  };
  for (;;) {
    while (running.size < width) {
      const next = waiting.next();
      if (next.done === true || next.value === undefined) break;
      yield* go(ids++, next.value, next.value.next());
    }
    if (running.size === 0) return;
    const done: SessionAnswer = yield { type: 'begin', start };
    start = [];
    if (done.type !== 'done') throw new Error('a session was resumed with the wrong answer');
    const part = running.get(done.id);
    if (part === undefined) throw new Error('a session was resumed with an answer to nothing');
    yield* go(done.id, part, part.next(done.answer));
  }
}
