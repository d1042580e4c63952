import type { MerkleTree } from '../merkle/index.ts';
import { type Bytes, bytesToHex, MAX_SESSION_KEYS } from '../types/index.ts';
import type { SyncMessage } from '../wire/index.ts';
import { findByCells, findSketch, type LiveCells, type Sketch, tooDifferent } from './cells/index.ts';
import { type DescentOptions, findDifferences, type KeyDifference } from './descend.ts';
import type { Session, SessionProgress } from './effects.ts';
import { type SettleDeps, settleAll, settleWhileFinding } from './settle.ts';

export interface SessionResult extends SessionProgress {
  readonly outcome: 'equal' | 'repaired' | 'equal-except-refused' | 'partial';
  /** How the differing keys were found: all of them by coded symbols, or the rest or all by descent. */
  readonly method: 'cells' | 'descent';
  /** Coded symbols were asked for and were wrong or did not decode. */
  readonly undecoded: boolean;
}

/** What a session needs to look for differences by coded symbols. */
export interface SessionCells {
  /** Our own, of the state whose tree the session has. */
  readonly live: LiveCells;
  /** Empty, or SALT_BYTES at random when the public hash was of no use. */
  readonly salt: Bytes;
  /** Keys that the peer says it has, where it is known. */
  readonly theirEntries: number | undefined;
}

export interface SearchDeps {
  readonly tree: MerkleTree;
  /** Absent: descent only. */
  readonly cells?: SessionCells;
}

export interface SessionDeps extends SearchDeps, SettleDeps {
  /** Commits are flowing: what differs is mostly on its way. Only what differs alike after so many ms is settled. */
  readonly flowMs?: number;
}

/** Keys found to differ. */
export interface Found {
  readonly keys: readonly KeyDifference[];
  /** They are all that differs. */
  readonly complete: boolean;
  readonly method: 'cells' | 'descent';
  readonly undecoded: boolean;
}

const NOTHING: SessionProgress = { found: 0, fetched: 0, pushed: 0, refused: 0, remaining: 0 };

/**
 * One repair between two replicas, driven by the side that opened it: find the differing keys, fetch theirs, push what
 * they lack. Symmetric in effect, so a writer behind NAT is heard. A coroutine without I/O: effects out, answers in.
 *
 * Coded symbols find the keys where they pay; what they leave open, whatever the reason, the descent finds.
 */
export function* repair(deps: SessionDeps): Session<SessionResult> {
  let progress = NOTHING;
  const first = yield* findLasting(deps);
  if (first !== undefined) {
    const { keys, complete, method, undecoded } = first;
    progress = yield* settleAll(deps, keys, complete, progress);
    if (method === 'cells') return { outcome: outcomeOf(progress, complete), method, undecoded, ...progress };
    // The descent finds again what was refused.
    progress = { ...progress, found: progress.found - progress.refused, refused: 0 };
  }
  const { progress: settled, complete } = yield* settleByDescent(deps, progress);
  progress = settled;
  return {
    outcome: outcomeOf(progress, complete),
    method: 'descent',
    undecoded: first?.undecoded ?? false,
    ...progress,
  };
}

function* settleByDescent(deps: SessionDeps, before: SessionProgress): ReturnType<typeof settleWhileFinding> {
  const search = (options: DescentOptions = {}) =>
    findDifferences(deps.tree, MAX_SESSION_KEYS, { ...options, theirEntries: deps.cells?.theirEntries });
  if (deps.refused.size === 0) return yield* settleWhileFinding(deps, (tell) => search({ tell }), before);
  const { keys, complete } = yield* exchange(search());
  return { progress: yield* settleAll(deps, keys, complete, before), complete };
}

/** What coded symbols find; where commits are flowing, what they find at either of two looks. */
function* findLasting(deps: SessionDeps): Session<Found | undefined> {
  const { flowMs = 0 } = deps;
  const first = yield* findFirst(deps, MAX_SESSION_KEYS);
  if (flowMs === 0 || first?.method !== 'cells' || first.keys.length === 0) return first;
  yield { type: 'wait', ms: flowMs };
  const second = yield* findFirst(deps, MAX_SESSION_KEYS);
  if (second === undefined) return undefined;
  const before = new Set(first.keys.map(nameOfDifference));
  return {
    ...second,
    keys: second.keys.filter((key) => before.has(nameOfDifference(key))),
    complete: first.complete && second.complete,
  };
}

/** A key and its leaves: another name once either has changed. */
function nameOfDifference({ keyHash, theirs, mine }: KeyDifference): string {
  const [name, ...leaves] = [keyHash, theirs, mine].map((bytes) => (bytes === undefined ? '' : bytesToHex(bytes)));
  return `${name}:${leaves.join(':')}`;
}

/** Only looks which keys differ, at most `limit`: the search of a repair, without an entry changing hands. */
export function* findKeys(deps: SearchDeps, limit: number): Session<Found> {
  const first = yield* findFirst(deps, limit);
  if (first?.method === 'cells') return first;
  const { keys, complete } = yield* exchange(findDifferences(deps.tree, limit));
  return { keys, complete, method: 'descent', undecoded: first?.undecoded ?? false };
}

/** How much differs, by one request. Undefined when the peer cannot tell. */
export function sketch(tree: MerkleTree, live: LiveCells): Session<Sketch | undefined> {
  return exchange(findSketch(tree, live));
}

/** What coded symbols find, `method: 'cells'` where that is all; undefined where they do not pay. */
function* findFirst({ tree, cells }: SearchDeps, limit: number): Session<Found | undefined> {
  if (cells === undefined || tooDifferent(tree.size, cells.theirEntries ?? tree.size)) return undefined;
  const { outcome, keys, failed } = yield* exchange(findByCells(tree, cells.live, cells.salt));
  const whole = outcome !== 'abandoned';
  return {
    keys: keys.slice(0, limit),
    complete: whole && keys.length <= limit,
    method: whole ? 'cells' : 'descent',
    undecoded: failed,
  };
}

function outcomeOf({ found, refused }: SessionProgress, complete: boolean): SessionResult['outcome'] {
  if (!complete) return 'partial';
  if (found === 0) return 'equal';
  return refused === found ? 'equal-except-refused' : 'repaired';
}

/** Runs a search: its messages are our requests. */
function* exchange<T>(search: Generator<SyncMessage, T, SyncMessage>): Session<T> {
  try {
    let next = search.next();
    while (next.done !== true) {
      const answer = yield { type: 'request', message: next.value };
      if (answer.type !== 'request') throw new Error('a session was resumed with the wrong answer');
      next = search.next(answer.message);
    }
    return next.value;
  } finally {
    // A session that ends early ends its search: it lets go of what it watches.
    search.return(undefined as never);
  }
}
