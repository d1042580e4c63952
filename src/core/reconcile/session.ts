import type { MerkleTree } from '../merkle/index.ts';
import { type Bytes, bytesToHex, MAX_SESSION_KEYS } from '../types/index.ts';
import type { SyncMessage } from '../wire/index.ts';
import { findByCells, findSketch, type LiveCells, type Sketch, tooDifferent } from './cells/index.ts';
import { type DescentOptions, findDifferences, type KeyDifference } from './descend.ts';
import type { Session, SessionProgress } from './effects.ts';
import { type SettleDeps, settleAll, settleWhileFinding } from './settle.ts';

/** How a session ended (SPEC S11), with its last progress. */
export interface SessionResult extends SessionProgress {
  readonly outcome: 'equal' | 'repaired' | 'equal-except-refused' | 'partial';
  /**
   * How the differing keys were found: `cells` when coded symbols found all of them, `descent` when the descent found
   * the rest or all.
   */
  readonly method: 'cells' | 'descent';
  /** Whether coded symbols were asked for and were wrong or did not decode. */
  readonly undecoded: boolean;
}

/** What a session needs to look for differences by coded symbols. */
export interface SessionCells {
  /** Our own coded symbols, of the state whose tree the session has. */
  readonly live: LiveCells;
  /** Empty, or SALT_BYTES drawn at random after cells under the public hash did not decode. */
  readonly salt: Bytes;
  /** The number of keys that the peer says it has, where that is known. */
  readonly theirEntries: number | undefined;
}

export interface SearchDeps {
  readonly tree: MerkleTree;
  /** Without it only the descent searches. */
  readonly cells?: SessionCells;
}

export interface SessionDeps extends SearchDeps, SettleDeps {
  /**
   * Set while commits are flowing, so that most of what differs is on its way. The session then looks again after so
   * many ms and settles only keys that have the same leaves on both sides as before (SPEC S14).
   */
  readonly flowMs?: number;
}

/** What a search found. */
export interface Found {
  /** The keys that differ. */
  readonly keys: readonly KeyDifference[];
  /** Whether these are all that differ. */
  readonly complete: boolean;
  readonly method: 'cells' | 'descent';
  readonly undecoded: boolean;
}

const NOTHING: SessionProgress = { found: 0, fetched: 0, pushed: 0, refused: 0, remaining: 0 };

/**
 * One session of a repair between two nodes, driven by the side that opened it (SPEC S11): it finds the keys that
 * differ, fetches what the peer has of them, and pushes what the peer lacks. Its effect is the same whichever side
 * opens it, so the writes of a node behind NAT spread too. It is a coroutine without I/O: it yields effects and is
 * resumed with answers.
 *
 * Coded symbols find the keys where they pay. What they leave open, for whatever reason, the descent finds.
 */
export function* repair(deps: SessionDeps): Session<SessionResult> {
  let progress = NOTHING;
  const first = yield* findLasting(deps);
  if (first !== undefined) {
    const { keys, complete, method, undecoded } = first;
    progress = yield* settleAll(deps, keys, complete, progress);
    if (method === 'cells') return { outcome: outcomeOf(progress, complete), method, undecoded, ...progress };
    // The descent finds again what was refused, so that is not counted twice.
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

/** What coded symbols find. Where commits are flowing, only what they find both at a first and at a second look. */
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

/** The name of a difference, by its key and leaves: it is another name once either leaf has changed. */
function nameOfDifference({ keyHash, theirs, mine }: KeyDifference): string {
  const [name, ...leaves] = [keyHash, theirs, mine].map((bytes) => (bytes === undefined ? '' : bytesToHex(bytes)));
  return `${name}:${leaves.join(':')}`;
}

/** Only finds which keys differ, at most `limit` of them: the search of a session without settling anything. */
export function* findKeys(deps: SearchDeps, limit: number): Session<Found> {
  const first = yield* findFirst(deps, limit);
  if (first?.method === 'cells') return first;
  const { keys, complete } = yield* exchange(findDifferences(deps.tree, limit));
  return { keys, complete, method: 'descent', undecoded: first?.undecoded ?? false };
}

/** How much differs, asked for by one request. Undefined when the peer cannot tell. */
export function sketch(tree: MerkleTree, live: LiveCells): Session<Sketch | undefined> {
  return exchange(findSketch(tree, live));
}

/**
 * What coded symbols find; `method` is 'cells' when that is all that differs. Undefined where coded symbols do not pay.
 */
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

/** Runs a search, whose messages are requests of the session. */
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
    // A session that ends early ends its search too, which then lets go of what it watches.
    search.return(undefined as never);
  }
}
