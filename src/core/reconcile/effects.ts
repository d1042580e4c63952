import type { Bytes, Entry } from '../types/index.ts';
import type { PushVerdict, SyncMessage } from '../wire/index.ts';

/** An operation that the peer sent us and what the door said of it. */
export interface ReceivedOperation {
  readonly key: string;
  readonly commit: Bytes;
  readonly index: number;
  readonly verdict: PushVerdict;
}

/** What takes time: a message to the peer, fragments through the door, entries from the store, time itself. */
export type Work =
  | { readonly type: 'request'; readonly message: SyncMessage }
  | { readonly type: 'ingest'; readonly fragments: readonly Bytes[] }
  | { readonly type: 'entries'; readonly keyHashes: readonly Bytes[] }
  | { readonly type: 'wait'; readonly ms: number };

export type WorkAnswer =
  | { readonly type: 'request'; readonly message: SyncMessage }
  /** `unreadable`: some fragments were of a version that we do not know. */
  | { readonly type: 'ingest'; readonly operations: readonly ReceivedOperation[]; readonly unreadable: boolean }
  | { readonly type: 'entries'; readonly entries: readonly (Entry | undefined)[] }
  | { readonly type: 'waited' };

/** Work begun under a number, which its answer carries. */
export interface Started {
  readonly id: number;
  readonly work: Work;
}

/**
 * What a session asks of its surroundings; it is resumed with the answer. `begin` starts all of `start` beside what was
 * begun before, and is answered by the first of all that is done. What is under way when a session ends is waited for.
 */
export type SessionEffect =
  | Work
  | { readonly type: 'begin'; readonly start: readonly Started[] }
  | { readonly type: 'progress'; readonly progress: SessionProgress };

export type SessionAnswer =
  | WorkAnswer
  | { readonly type: 'done'; readonly id: number; readonly answer: WorkAnswer }
  | { readonly type: 'progress' };

/** How far a session has come. `remaining`: keys found and not settled yet; the others count operations. */
export interface SessionProgress {
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly refused: number;
  readonly remaining: number;
}

export type Session<T> = Generator<SessionEffect, T, SessionAnswer>;
/** A part of a session that does one thing after another. */
export type Steps<T> = Generator<Work, T, WorkAnswer>;

/**
 * Runs parts side by side, at most `width` at a time, begun in their order; yields to `onDone` what each came to, in
 * the order of their ends. They share nothing but what they are made with: each step of one runs as a whole. Undefined
 * in place of a part: there is none yet; one that is running will tell.
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
