import {
  answerDigests,
  type CellServer,
  createCellServer,
  type ReceivedOperation,
  RefusedDifferences,
  repair,
  type SessionAnswer,
  type SessionProgress,
  type SessionResult,
  SessionTally,
  SettledKeys,
  type Started,
  type Work,
  type WorkAnswer,
} from '../../../../src/core/reconcile/index.ts';
import { type Bytes, LatticeError, type Refusal } from '../../../../src/core/types/index.ts';
import {
  decodeFragment,
  decodeSync,
  encodeFragment,
  encodeSync,
  type PushVerdict,
  type SyncMessage,
  siblingsToFragments,
} from '../../../../src/core/wire/index.ts';
import { outcomeToVerdict } from '../../../../src/runtime/commit/receive.ts';
import { hasher, type TestReplica } from '../replica/support.ts';

export const T = 1_700_000_000_000;

/** What a node refuses: authors that it does not trust. */
export type Door = (author: string) => Refusal | undefined;
export const open: Door = () => undefined;

/** What a session needs of either side. */
export type Side = Pick<TestReplica, 'replica' | 'entryByHash' | 'step'>;

function receive(to: Side, door: Door, fragments: readonly Bytes[]): ReceivedOperation[] {
  return fragments.flatMap((bytes) => {
    const fragment = decodeFragment(bytes, hasher);
    const refusal = door(fragment.header.author);
    const outcomes =
      refusal === undefined ? to.step({ fragments: [fragment] }, T + 100_000).applied[0]?.outcomes : undefined;
    return fragment.operations.map((o, i) => {
      const outcome = outcomes?.[i];
      const verdict: PushVerdict = refusal ?? (outcome === undefined ? 'malformed' : outcomeToVerdict(outcome));
      const { author } = fragment.header;
      return { key: o.operation.key, author, commit: fragment.idBytes, index: o.index, verdict };
    });
  });
}

/** As the runtime does: what has a later version is left out and said so. */
function receiveAll(to: Side, door: Door, fragments: readonly Bytes[]) {
  const known = fragments.filter((bytes) => !isLater(bytes));
  return { operations: receive(to, door, known), unreadable: known.length < fragments.length };
}

function isLater(bytes: Bytes): boolean {
  try {
    decodeFragment(bytes, hasher);
    return false;
  } catch (error) {
    return error instanceof LatticeError && error.code === 'unknown-version';
  }
}

export function respond(to: Side, door: Door, message: SyncMessage, cells?: CellServer): SyncMessage {
  if (message.type === 'cells' && cells !== undefined) {
    try {
      return cells.answer(message);
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      return { type: 'error', code: error.code, message: error.message };
    }
  }
  if (message.type === 'digests') return answerDigests(message.queries, to.replica.tree);
  if (message.type === 'want') {
    const whole = message.keyHashes.flatMap((h) =>
      to.replica.tree.leavesUnder(h, h.length * 8, 16).map((leaf) => leaf.keyHash),
    );
    const siblings = whole.flatMap((h) => to.entryByHash(h)?.siblings ?? []);
    return {
      type: 'entries',
      answered: message.keyHashes.length,
      fragments: siblingsToFragments(siblings, hasher).map(encodeFragment),
    };
  }
  if (message.type === 'push')
    return { type: 'pushed', verdicts: receive(to, door, message.fragments).map((r) => r.verdict) };
  throw new Error(`unexpected ${message.type}`);
}

export interface Run extends SessionResult {
  readonly requests: number;
  readonly bytes: number;
  /** Parts that were under way side by side, at most. */
  readonly mostUnderWay: number;
}

/** One whole session from `a` to `b`, every message through its bytes. */
export function session(
  a: Side,
  b: Side,
  options: {
    refused?: RefusedDifferences;
    tally?: SessionTally;
    doorA?: Door;
    doorB?: Door;
    now?: number;
    tamper?: (m: SyncMessage) => SyncMessage;
    /** Look by coded symbols first, under this salt. */
    cells?: Bytes;
    /** Called after each request was answered. */
    meanwhile?: (request: number) => void;
    /** Which of so many parts under way is done first. */
    pick?: (count: number) => number;
    onProgress?: (progress: SessionProgress) => void;
    /** Commits are flowing: what happens between the two looks. */
    onWait?: (ms: number) => void;
  } = {},
): Run {
  const {
    refused = new RefusedDifferences(),
    tally = new SessionTally(new SettledKeys()),
    doorA = open,
    doorB = open,
    now = 0,
    tamper = (m) => m,
    cells,
    meanwhile,
    pick = () => 0,
    onProgress,
    onWait,
  } = options;
  const server = createCellServer({ state: () => b.replica, now: () => now });
  const run = repair({
    tree: a.replica.tree,
    ...(cells === undefined
      ? {}
      : { cells: { live: a.replica.cells, salt: cells, theirEntries: b.replica.tree.size } }),
    hasher,
    refused,
    tally,
    now: () => now,
    ...(onWait === undefined ? {} : { flowMs: 1_500 }),
  });
  let requests = 0;
  let bytes = 0;
  let mostUnderWay = 0;
  let step = run.next();
  const perform = (work: Work): WorkAnswer => {
    if (work.type === 'ingest') return { type: 'ingest', ...receiveAll(a, doorA, work.fragments) };
    if (work.type === 'wait') {
      onWait?.(work.ms);
      return { type: 'waited' };
    }
    if (work.type === 'entries') return { type: 'entries', entries: work.keyHashes.map((h) => a.entryByHash(h)) };
    const sent = encodeSync(work.message);
    const reply = encodeSync(tamper(respond(b, doorB, decodeSync(sent), server)));
    meanwhile?.(requests);
    requests++;
    bytes += sent.length + reply.length;
    return { type: 'request', message: decodeSync(reply) };
  };
  const underWay: Started[] = [];
  while (step.done !== true) {
    const effect = step.value;
    let answer: SessionAnswer = { type: 'progress' };
    if (effect.type === 'progress') onProgress?.(effect.progress);
    else if (effect.type !== 'begin') answer = perform(effect);
    else {
      underWay.push(...effect.start);
      mostUnderWay = Math.max(mostUnderWay, underWay.length);
      const [done] = underWay.splice(pick(underWay.length), 1);
      if (done === undefined) throw new Error('a session waits for nothing');
      answer = { type: 'done', id: done.id, answer: perform(done.work) };
    }
    step = run.next(answer);
  }
  return { ...step.value, requests, bytes, mostUnderWay };
}

export function fill(r: TestReplica, prefix: string, n: number, now = T): void {
  for (let i = 0; i < n; i++) r.put(`${prefix}${i}`, i, now + i);
}
