import {
  notDelivered,
  type PushedOperation,
  type ReceivedOperation,
  repair,
  type SearchDeps,
  type Session,
  type SessionAnswer,
  type SessionEffect,
  type SessionProgress,
  SessionTally,
  type Work,
  type WorkAnswer,
} from '../../core/reconcile/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import {
  type Author,
  type Bytes,
  type Entry,
  type ErrorCode,
  type Hasher,
  LatticeError,
} from '../../core/types/index.ts';
import { type PushVerdict, SALT_BYTES, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Random } from '../../ports/index.ts';
import type { Door } from '../commit/door.ts';
import { receive } from '../commit/receive.ts';
import type { Writer } from '../commit/writer.ts';
import type { RepairReport } from '../facade/index.ts';
import type { LungName } from '../peers/link.ts';
import type { Peer } from '../peers/peers.ts';
import { noteDecoded } from '../peers/repairing.ts';
import { type Entries, HERE } from '../storage/entries.ts';
import { ask, errorCodeOf, exchange, type Link } from '../transport/link.ts';
import { countedLink, PROBE, SESSION, sharedLink, type Turn } from './session-links.ts';

/**
 * After this many sessions in a row in which a peer's cells did not decode, the hash of the cells is salted, because
 * items may have been made to collide on purpose.
 */
const UNDECODED_BEFORE_SALT = 2;

export interface SessionRunnerDeps {
  readonly replica: Replica;
  readonly hasher: Hasher;
  readonly writer: Writer;
  readonly door: Door;
  readonly clock: Clock;
  readonly random: Random;
  readonly entries: Pick<Entries, 'many'>;
  /** Called with each operation of ours that the peer does not take, because its state is closed for that time. */
  readonly onBelowFloor?: (peer: Author, operation: PushedOperation) => void;
}

/** What a session ended as, and whether anything came of it. */
export interface EndedSession {
  readonly report: RepairReport;
  /** Whether it brought the states closer, as far as this node can tell. A failure of the lung tells nothing. */
  readonly came: SessionTally['came'];
}

/**
 * Runs the coroutine of a session to its end. Rejects when a part of its work fails. Whether it resolves or rejects,
 * none of its work is under way after that.
 */
export async function drive<T>(
  writer: Pick<Writer, 'read'>,
  session: Session<T>,
  perform: (work: Work) => Promise<WorkAnswer>,
  onProgress: (progress: SessionProgress) => void,
): Promise<T> {
  const underWay = new Map<number, Promise<{ readonly id: number; readonly answer: WorkAnswer }>>();
  // The coroutine reads the tree as it runs, so each of its steps runs between batches.
  const resume = (answer?: SessionAnswer): Promise<IteratorResult<SessionEffect, T>> =>
    writer.read(() => (answer === undefined ? session.next() : session.next(answer)));
  const answerTo = async (effect: SessionEffect): Promise<SessionAnswer> => {
    if (effect.type === 'progress') {
      onProgress(effect.progress);
      return { type: 'progress' };
    }
    if (effect.type !== 'begin') return perform(effect);
    for (const { id, work } of effect.start)
      underWay.set(
        id,
        perform(work).then((answer) => ({ id, answer })),
      );
    const first = await Promise.race(underWay.values());
    underWay.delete(first.id);
    return { type: 'done', ...first };
  };
  try {
    let step = await resume();
    while (step.done !== true) step = await resume(await answerTo(step.value));
    return step.value;
  } finally {
    // Ends the coroutine, which releases what it keeps.
    session.return(undefined as never);
    await Promise.allSettled(underWay.values());
  }
}

const ALONE: Turn = { flowMs: 0, isProbe: false, wait: () => Promise.resolve(), isWanted: () => false };

/** Codes of failures by which a session ends in order: what is left is for the next one. */
const CUT: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode>(['session-limit', 'session-deadline']);
/** Codes of failures that are the peer's doing, and not the lung's. */
const FRUITLESS: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode>([
  ...(CUT as ReadonlySet<ErrorCode>),
  'no-progress',
  'not-delivered',
  'malformed',
  'unexpected-answer',
]);

/**
 * Runs one session over `link` to its end, within bounds of requests and time. It never rejects: a failure is an
 * outcome of its report.
 */
export async function runSession(
  deps: SessionRunnerDeps,
  peer: Peer,
  lung: LungName,
  link: Link,
  onProgress: (progress: SessionProgress) => void,
  turn: Turn = ALONE,
): Promise<EndedSession> {
  const counted = countedLink(deps.clock, link, turn.isProbe ? PROBE : SESSION);
  const tally = new SessionTally(peer.repair.settled);
  const shared = sharedLink(deps.clock, tally, turn, counted.link);
  let progress: SessionProgress = { found: 0, fetched: 0, pushed: 0, refused: 0, remaining: 0 };
  const report = (outcome: RepairReport['outcome']): RepairReport => {
    const { remaining: _, ...settled } = progress;
    return {
      at: deps.clock.now(),
      lung,
      outcome,
      ...settled,
      ...counted.counters,
      durationMs: counted.ms(),
    };
  };
  const session = repair({
    ...searchDeps(deps, peer),
    hasher: deps.hasher,
    refused: peer.repair.refused,
    tally,
    onBelowFloor: (operation) => deps.onBelowFloor?.(peer.author, operation),
    now: () => deps.clock.monotonic(),
    flowMs: turn.flowMs,
  });
  const wait = async (ms: number): Promise<void> => {
    await turn.wait(ms);
    shared.begin();
  };
  try {
    const { outcome, method, undecoded, ...settled } = await drive(
      deps.writer,
      session,
      (work) => perform(deps, peer, { lung, link: shared.link, wait }, work),
      (at) => {
        progress = at;
        onProgress(at);
      },
    );
    progress = settled;
    noteDecoded(peer.repair, !undecoded);
    const { came } = tally;
    if (tally.undelivered === 0) return { report: { ...report(outcome), method }, came };
    const { code: errorCode, message: error } = notDelivered(tally);
    return { report: { ...report(came === 'fruitful' ? 'partial' : 'failed'), method, error, errorCode }, came };
  } catch (error) {
    const errorCode = errorCodeOf(error);
    const came = tally.came === 'nothing' ? cameOfFailure(errorCode, tally) : tally.came;
    return {
      report: {
        ...report(CUT.has(errorCode) && came === 'fruitful' ? 'partial' : 'failed'),
        error: error instanceof Error ? error.message : String(error),
        ...(errorCode === undefined ? {} : { errorCode }),
      },
      came,
    };
  }
}

/** What a session came to that failed before any key was settled. */
function cameOfFailure(code: ErrorCode | undefined, { hasTaken }: SessionTally): SessionTally['came'] {
  // It was cut off within its first page, of which the peer had brought something.
  if (CUT.has(code) && hasTaken) return 'fruitful';
  return FRUITLESS.has(code) ? 'fruitless' : 'nothing';
}

/** What the search for differences with a peer needs. */
export function searchDeps(deps: Pick<SessionRunnerDeps, 'replica' | 'random'>, peer: Peer): Required<SearchDeps> {
  const salt = peer.repair.undecoded >= UNDECODED_BEFORE_SALT ? deps.random.bytes(SALT_BYTES) : new Uint8Array(0);
  return { tree: deps.replica.tree, cells: { live: deps.replica.cells, salt, theirEntries: peer.view.head?.entries } };
}

/**
 * Sends one request of a session. A peer that has no coded symbols answers `cells` with an error; that error is
 * returned as the answer, and the session goes on without coded symbols.
 */
export async function requestOver(link: Link, message: SyncMessage): Promise<Extract<WorkAnswer, { type: 'request' }>> {
  return { type: 'request', message: await (message.type === 'cells' ? exchange : ask)(link, message) };
}

async function perform(
  deps: SessionRunnerDeps,
  peer: Peer,
  by: { readonly lung: LungName; readonly link: Link; readonly wait: (ms: number) => Promise<void> },
  work: Work,
): Promise<WorkAnswer> {
  switch (work.type) {
    case 'request':
      return requestOver(by.link, work.message);
    case 'entries':
      return { type: 'entries', entries: await readEntries(deps, work.keyHashes) };
    case 'ingest':
      return { type: 'ingest', ...(await ingest(deps, peer, by.lung, work.fragments)) };
    case 'wait':
      await by.wait(work.ms);
      return { type: 'waited' };
  }
}

/** Reads between batches, because a session goes on from the tree and must read the entries that are in it. */
function readEntries(
  { writer, entries }: Pick<SessionRunnerDeps, 'writer' | 'entries'>,
  keyHashes: readonly Bytes[],
): Promise<(Entry | undefined)[]> {
  return writer.read(() =>
    entries.many(
      keyHashes.map((keyHash) => ({ keyHash })),
      HERE,
    ),
  );
}

async function ingest(
  deps: SessionRunnerDeps,
  peer: Peer,
  lung: LungName,
  fragments: readonly Bytes[],
): Promise<{ readonly operations: readonly ReceivedOperation[]; readonly unreadable: boolean }> {
  const received = await receive(deps.door, fragments, { lung, peer: peer.author, live: false });
  const operations = received.flatMap(({ fragment, verdicts }) => {
    if (fragment === undefined) {
      // A fragment of a later version is refused by that name, so that a rolling upgrade works. Any other that cannot
      // be decoded ends the session.
      if (verdicts[0] !== 'unknown-version')
        throw new LatticeError('malformed', 'the peer sent a fragment that cannot be read');
      return [];
    }
    return fragment.operations.map((o, i) => ({
      key: o.operation.key,
      author: fragment.header.author,
      commit: fragment.idBytes,
      index: o.index,
      verdict: verdicts[i] as PushVerdict,
    }));
  });
  return { operations, unreadable: received.some((r) => r.fragment === undefined) };
}
