import type { MerkleTree } from '../merkle/index.ts';
import { versionOf } from '../state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  compareBytes,
  type Entry,
  type Fragment,
  type Hasher,
  type Hlc,
  LatticeError,
  MAX_SYNC_BYTES,
  MAX_UNDER_PREFIX,
  MAX_WANTS,
} from '../types/index.ts';
import {
  encodeFragment,
  KEY_PREFIX_BYTES,
  keyHash,
  type LeafDigest,
  type PushVerdict,
  type SyncMessage,
  siblingsToFragments,
} from '../wire/index.ts';
import type { KeyDifference } from './descend.ts';
import {
  type ReceivedOperation,
  type Session,
  type SessionProgress,
  type Steps,
  sideBySide,
  type WorkAnswer,
} from './effects.ts';
import type { RefusedDifferences, Unsettlement } from './refused.ts';
import type { SessionTally } from './tally.ts';

/**
 * Pages under way at a time: the next is fetched while the last is verified and made durable. A peer serves two of our
 * requests at a time.
 */
const PAGES_UNDER_WAY = 2;

/**
 * Keys in the first page while the search still goes on. What is in a page is checked while the peer gathers the next
 * one, of twice as many keys.
 */
const FIRST_PAGE = 256;

/**
 * A session ends when more listed keys than this were not delivered, and nothing to speak of came of it: a page is
 * enough to tell a peer that lists what it does not deliver.
 */
const MAX_UNDELIVERED = MAX_WANTS;

export interface SettleDeps {
  readonly tree: MerkleTree;
  readonly hasher: Hasher;
  readonly refused: RefusedDifferences;
  readonly tally: SessionTally;
  /** Called with each operation of ours that the peer does not take, because its state is closed for that time. */
  readonly onBelowFloor?: (operation: PushedOperation) => void;
  /** The time in ms, only for the retry times of refusals. */
  readonly now: () => number;
}

/** An operation that was pushed. */
export interface PushedOperation {
  readonly key: string;
  readonly author: Author;
  readonly hlc: Hlc;
  /** 32 bytes. */
  readonly commit: Bytes;
  readonly index: number;
}

type Settled = Pick<SessionProgress, 'fetched' | 'pushed' | 'refused'> & { readonly keys: number };

/**
 * Settles keys page by page (SPEC S13). `complete` tells that they are all that differ, so refusals of other
 * differences are forgotten.
 */
export function* settleAll(
  deps: SettleDeps,
  keys: readonly KeyDifference[],
  complete: boolean,
  before: SessionProgress,
): Session<SessionProgress> {
  const now = deps.now();
  if (complete) deps.refused.retain(keys);
  const open = keys.filter((k) => !deps.refused.waits(k.keyHash, k.theirs, k.mine, now));
  let progress: SessionProgress = {
    ...before,
    found: before.found + keys.length,
    refused: before.refused + keys.length - open.length,
    remaining: open.length,
  };
  if (open.length === 0) return progress;
  yield { type: 'progress', progress };
  // In the order of their hashes, because wants are sorted, and because the keys of a page then lie side by side in the
  // stores of both nodes.
  const sorted = [...open].sort((a, b) => compareBytes(a.keyHash, b.keyHash));
  const pages = function* (): Generator<Steps<Settled>> {
    for (let at = 0; at < sorted.length; at += MAX_WANTS) yield settle(deps, sorted.slice(at, at + MAX_WANTS));
  };
  yield* sideBySide(pages(), PAGES_UNDER_WAY, function* (settled) {
    progress = after(progress, settled);
    yield { type: 'progress', progress };
  });
  return progress;
}

/**
 * Settles keys while a search by descent finds them. Between states that have little in common the search takes many
 * answers one after the other, and what the first ones brought is settled meanwhile. This is only for peers with which
 * nothing was refused before, because only the end of the search tells which refusals are to be forgotten.
 */
export function* settleWhileFinding(
  deps: SettleDeps,
  search: (
    tell: (keys: readonly KeyDifference[]) => void,
  ) => Generator<SyncMessage, { readonly complete: boolean }, SyncMessage>,
  before: SessionProgress,
): Session<{ readonly progress: SessionProgress; readonly complete: boolean }> {
  let progress = before;
  /** Keys found and not settled yet, and how the search ended, once it has. */
  const found: { queue: KeyDifference[]; end?: { readonly complete: boolean } } = { queue: [] };
  const find = function* (): Steps<Settled> {
    const searching = search((keys) => {
      found.queue = [...found.queue, ...keys].sort((a, b) => compareBytes(a.keyHash, b.keyHash));
      progress = { ...progress, found: progress.found + keys.length, remaining: progress.remaining + keys.length };
    });
    let next = searching.next();
    while (next.done !== true) {
      const answer = yield { type: 'request', message: next.value };
      if (answer.type !== 'request') throw new Error('a session was resumed with the wrong answer');
      next = searching.next(answer.message);
    }
    found.end = next.value;
    return { keys: 0, fetched: 0, pushed: 0, refused: 0 };
  };
  const parts = function* (): Generator<Steps<Settled> | undefined> {
    yield find();
    let size = FIRST_PAGE;
    while (found.end === undefined || found.queue.length > 0) {
      if (found.queue.length >= size || found.end !== undefined) {
        yield settle(deps, found.queue.splice(0, size));
        size = Math.min(2 * size, MAX_WANTS);
      } else yield undefined;
    }
  };
  yield* sideBySide(parts(), PAGES_UNDER_WAY, function* (settled) {
    progress = after(progress, settled);
    if (progress.found > 0) yield { type: 'progress', progress };
  });
  return { progress, complete: found.end?.complete === true };
}

function after(progress: SessionProgress, settled: Settled): SessionProgress {
  return {
    found: progress.found,
    fetched: progress.fetched + settled.fetched,
    pushed: progress.pushed + settled.pushed,
    refused: progress.refused + settled.refused,
    remaining: progress.remaining - settled.keys,
  };
}

/** Fetches and pushes one page of differing keys, and notes what either side refused. */
function* settle(deps: SettleDeps, page: readonly KeyDifference[]): Steps<Settled> {
  const wanted = page.filter((k) => k.theirs !== undefined).map((k) => k.keyHash);
  const byName = new Map(page.map((key) => [nameOf(key.keyHash), key]));
  const { operations: received, unreadable } = yield* fetch(wanted, (operations) => {
    const names = new Set(operations.map(({ key }) => nameOfKey(deps, key)));
    for (const name of names) {
      const key = byName.get(name);
      if (key !== undefined && hasChanged(deps, key)) deps.tally.noteTaken();
    }
  });
  const refusals = new Map<string, Unsettlement>();
  const delivered = new Set(received.map((operation) => nameOfKey(deps, operation.key)));
  for (const key of wanted.map(nameOf))
    if (!delivered.has(key))
      refusals.set(key, unreadable ? { reason: 'unknown-version', by: 'us' } : { reason: 'not-delivered', by: 'peer' });
  const missing = unreadable ? 0 : refusals.size;
  let fetched = 0;
  for (const operation of received) {
    if (operation.verdict === 'held') fetched++;
    else if (operation.verdict !== 'superseded') {
      const { author, verdict: reason } = operation;
      refusals.set(nameOfKey(deps, operation.key), { reason, by: 'us', author });
    }
  }

  const ended = new Set<KeyDifference>();
  const end = (key: KeyDifference): void => {
    if (ended.has(key)) return;
    ended.add(key);
    // A key is named by our leaf after the exchange, because that may have changed by what was just taken in.
    const leaf = leavesOf(deps.tree, key.keyHash)[0]?.digest;
    const why = refusals.get(nameOf(key.keyHash));
    if (why !== undefined) deps.refused.add(key.keyHash, key.theirs, leaf, why, deps.now());
    else if (leaf !== undefined) deps.tally.noteSettled(key.keyHash, leaf);
  };

  const mine = page
    .filter((k) => k.mine !== undefined)
    .flatMap((key) => leavesOf(deps.tree, key.keyHash).map(({ keyHash: hash }) => ({ hash, key })));
  let pushed = 0;
  if (mine.length > 0) {
    const entries = yield* load(mine.map(({ hash }) => hash));
    const theirs = new Set(received.map(versionOf));
    const lacking = entries.flatMap((entry) => entry?.siblings.filter((s) => !theirs.has(versionOf(s))) ?? []);
    const byKey = new Map(entries.flatMap((entry, i) => (entry === undefined ? [] : [[entry.key, mine[i]?.key]])));
    pushed = yield* push(deps, siblingsToFragments(lacking, deps.hasher), refusals, (key) => {
      const difference = byKey.get(key);
      if (difference !== undefined) end(difference);
    });
  }

  for (const key of page) end(key);
  deps.tally.noteUndelivered(missing);
  if (deps.tally.undelivered > MAX_UNDELIVERED && deps.tally.came === 'fruitless') throw notDelivered(deps.tally);
  return { fetched, pushed, refused: refusals.size, keys: page.length };
}

/** The failure of a session with a peer that lists what it does not deliver. */
export function notDelivered({ undelivered }: SessionTally): LatticeError {
  return new LatticeError('not-delivered', `the peer lists ${undelivered} keys of which it sends nothing`);
}

/** The name of a key while its page is settled. It is the same for a whole hash and for its 8-byte prefix. */
function nameOf(hash: Bytes): string {
  return bytesToHex(hash.subarray(0, KEY_PREFIX_BYTES));
}

function nameOfKey({ hasher }: SettleDeps, key: string): string {
  return nameOf(keyHash(key, hasher));
}

/** Whether our leaf of the key is another one than when the difference was found. */
function hasChanged({ tree }: SettleDeps, { keyHash: hash, mine }: KeyDifference): boolean {
  const leaf = leavesOf(tree, hash)[0]?.digest;
  return leaf !== undefined && (mine === undefined || compareBytes(leaf.subarray(0, mine.length), mine) !== 0);
}

/** Our leaves under a key hash or its prefix: seldom more than one. */
function leavesOf(tree: MerkleTree, hash: Bytes): LeafDigest[] {
  return tree.leavesUnder(hash, hash.length * 8, MAX_UNDER_PREFIX);
}

/**
 * Fetches one page of entries and takes them in through the door. `hashes` strictly increase. `tell` is told what each
 * answer brought.
 */
function* fetch(
  hashes: readonly Bytes[],
  tell: (operations: readonly ReceivedOperation[]) => void,
): Steps<{ readonly operations: readonly ReceivedOperation[]; readonly unreadable: boolean }> {
  const operations: ReceivedOperation[] = [];
  let unreadable = false;
  let at = 0;
  while (at < hashes.length) {
    const wanted = hashes.slice(at);
    const answer = yield { type: 'request', message: { type: 'want', keyHashes: wanted } };
    if (answer.type !== 'request' || answer.message.type !== 'entries') throw unexpected(answer, 'entries');
    const { answered, fragments } = answer.message;
    if (answered < 1 || answered > wanted.length)
      throw new LatticeError('malformed', `the peer answered ${answered} of ${wanted.length} wants`);
    at += answered;
    if (fragments.length === 0) continue;
    const ingested = yield { type: 'ingest', fragments };
    if (ingested.type !== 'ingest') throw new Error('a session was resumed with the wrong answer');
    operations.push(...ingested.operations);
    tell(ingested.operations);
    unreadable ||= ingested.unreadable;
  }
  return { operations, unreadable };
}

function* load(keyHashes: readonly Bytes[]): Steps<readonly (Entry | undefined)[]> {
  const answer = yield { type: 'entries', keyHashes };
  if (answer.type !== 'entries') throw new Error('a session was resumed with the wrong answer');
  return answer.entries;
}

/**
 * Pushes the fragments and notes what the peer refuses. `end` is told each key of which every operation was answered:
 * on a slow link that is long before the page ends.
 */
function* push(
  deps: SettleDeps,
  fragments: readonly Fragment[],
  refusals: Map<string, Unsettlement>,
  end: (key: string) => void,
): Steps<number> {
  let pushed = 0;
  const open = new Map<string, number>();
  for (const { operations } of fragments)
    for (const { operation } of operations) open.set(operation.key, (open.get(operation.key) ?? 0) + 1);
  for (const batch of batches(fragments)) {
    const message: SyncMessage = { type: 'push', live: false, fragments: batch.map((b) => b.bytes) };
    const answer = yield { type: 'request', message };
    if (answer.type !== 'request' || answer.message.type !== 'pushed') throw unexpected(answer, 'pushed');
    const operations = batch.flatMap(({ fragment: { header, idBytes, operations: all } }) =>
      all.map(({ index, operation }) => ({
        operation,
        author: header.author,
        hlc: header.hlc,
        commit: idBytes,
        index,
      })),
    );
    const { verdicts } = answer.message;
    if (verdicts.length !== operations.length)
      throw new LatticeError('malformed', `${verdicts.length} verdicts for ${operations.length} operations`);
    operations.forEach((o, i) => {
      const verdict = verdicts[i] as PushVerdict;
      if (verdict === 'held') pushed++;
      else if (verdict !== 'superseded')
        refusals.set(nameOfKey(deps, o.operation.key), { reason: verdict, by: 'peer', author: o.author });
      if (verdict === 'below-floor') deps.onBelowFloor?.({ ...o, key: o.operation.key });
    });
    for (const { operation } of operations) {
      const left = (open.get(operation.key) ?? 0) - 1;
      open.set(operation.key, left);
      if (left === 0) end(operation.key);
    }
  }
  return pushed;
}

/**
 * The fragments as the contents of messages that stay under the limits of size and count, with room for the framing.
 */
export function batches(fragments: readonly Fragment[]): { readonly fragment: Fragment; readonly bytes: Bytes }[][] {
  const out: { readonly fragment: Fragment; readonly bytes: Bytes }[][] = [];
  let open: { readonly fragment: Fragment; readonly bytes: Bytes }[] = [];
  let size = 0;
  for (const fragment of fragments) {
    const bytes = encodeFragment(fragment);
    if (open.length >= MAX_WANTS || size + bytes.length + 8 > MAX_SYNC_BYTES - 1024) {
      out.push(open);
      open = [];
      size = 0;
    }
    open.push({ fragment, bytes });
    size += bytes.length + 8;
  }
  if (open.length > 0) out.push(open);
  return out;
}

function unexpected(answer: WorkAnswer, wanted: string): LatticeError {
  const got =
    answer.type !== 'request'
      ? answer.type
      : answer.message.type === 'error'
        ? `error ${answer.message.code}: ${answer.message.message}`
        : answer.message.type;
  return new LatticeError('unexpected-answer', `expected ${wanted}, the peer answered ${got}`);
}
