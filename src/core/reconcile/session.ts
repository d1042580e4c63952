import {
  encodeFragment,
  KEY_PREFIX_BYTES,
  type LeafDigest,
  type PushVerdict,
  type SyncMessage,
  siblingsToFragments,
} from '../codec/index.ts';
import type { MerkleTree } from '../merkle/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Entry,
  type Fragment,
  type Hasher,
  LatticeError,
  MAX_SESSION_KEYS,
  MAX_SYNC_BYTES,
  MAX_UNDER_PREFIX,
  MAX_WANTS,
  type Refusal,
} from '../types/index.ts';
import { findByCells, type LiveCells, tooDifferent } from './cells/index.ts';
import { findDifferences, type KeyDifference } from './descend.ts';
import { keyOf, type RefusedDifferences } from './refused.ts';

/** An operation that the peer sent us and what the door said of it. */
export interface ReceivedOperation {
  readonly keyHash: Bytes;
  readonly commit: Bytes;
  readonly index: number;
  readonly verdict: PushVerdict;
}

/** What a session asks of its surroundings; it is resumed with the answer. */
export type SessionEffect =
  | { readonly type: 'request'; readonly message: SyncMessage }
  | { readonly type: 'ingest'; readonly fragments: readonly Bytes[] }
  | { readonly type: 'entries'; readonly keyHashes: readonly Bytes[] }
  | { readonly type: 'progress'; readonly progress: SessionProgress };

export type SessionAnswer =
  | { readonly type: 'request'; readonly message: SyncMessage }
  /** `unreadable`: some fragments were of a version that we do not know. */
  | { readonly type: 'ingest'; readonly operations: readonly ReceivedOperation[]; readonly unreadable: boolean }
  | { readonly type: 'entries'; readonly entries: readonly (Entry | undefined)[] }
  | { readonly type: 'progress' };

export interface SessionProgress {
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly refused: number;
}

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

export interface SessionDeps {
  readonly tree: MerkleTree;
  /** Absent: descent only. */
  readonly cells?: SessionCells;
  readonly hasher: Hasher;
  readonly refused: RefusedDifferences;
  /** ms; only for the retry times of refusals. */
  readonly now: () => number;
}

type Session<T> = Generator<SessionEffect, T, SessionAnswer>;

/**
 * One repair between two replicas, driven by the side that opened it: find the differing keys, fetch theirs, push
 * what they lack. Symmetric in effect, so a writer behind NAT is heard. A coroutine without I/O: effects out, answers in.
 *
 * Coded symbols find the keys where they pay; what they leave open, whatever the reason, the descent finds.
 */
export function* repair(deps: SessionDeps): Session<SessionResult> {
  let progress: SessionProgress = { found: 0, fetched: 0, pushed: 0, refused: 0 };
  let undecoded = false;
  const { cells } = deps;
  if (cells !== undefined && !tooDifferent(deps.tree.size, cells.theirEntries ?? deps.tree.size)) {
    const search = yield* exchange(findByCells(deps.tree, cells.live, cells.salt));
    if (search.outcome === 'equal') return { outcome: 'equal', method: 'cells', undecoded, ...progress };
    const complete = search.outcome === 'found' && search.keys.length <= MAX_SESSION_KEYS;
    progress = yield* settleAll(deps, search.keys.slice(0, MAX_SESSION_KEYS), complete, progress);
    if (search.outcome === 'found') return { outcome: outcomeOf(progress, complete), method: 'cells', undecoded, ...progress };
    undecoded = search.failed;
    // The descent finds again what was refused.
    progress = { ...progress, found: progress.found - progress.refused, refused: 0 };
  }
  const { keys, complete } = yield* exchange(findDifferences(deps.tree, MAX_SESSION_KEYS));
  progress = yield* settleAll(deps, keys, complete, progress);
  return { outcome: outcomeOf(progress, complete), method: 'descent', undecoded, ...progress };
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

/** Settles keys page by page. `complete`: they are all that differs, so other refusals are forgotten. */
function* settleAll(
  deps: SessionDeps,
  keys: readonly KeyDifference[],
  complete: boolean,
  before: SessionProgress,
): Session<SessionProgress> {
  const now = deps.now();
  if (complete) deps.refused.retain(new Set(keys.map((k) => keyOf(k.keyHash, k.theirs, k.mine))));
  const open = keys.filter((k) => !deps.refused.waits(k.keyHash, k.theirs, k.mine, now));
  const waiting = keys.length - open.length;
  let progress: SessionProgress = { ...before, found: before.found + keys.length, refused: before.refused + waiting };
  for (let at = 0; at < open.length; at += MAX_WANTS) {
    const settled = yield* settle(deps, open.slice(at, at + MAX_WANTS));
    progress = {
      found: progress.found,
      fetched: progress.fetched + settled.fetched,
      pushed: progress.pushed + settled.pushed,
      refused: progress.refused + settled.refused,
    };
    yield { type: 'progress', progress };
  }
  return progress;
}

/** Fetches and pushes one page of differing keys, and notes the refusals of either side. */
function* settle(deps: SessionDeps, page: readonly KeyDifference[]): Session<Omit<SessionProgress, 'found'>> {
  const wanted = page.filter((k) => k.theirs !== undefined).map((k) => k.keyHash);
  const { operations: received, unreadable } = yield* fetch(wanted);
  const refusals = new Map<string, Refusal>();
  const theirs = new Set<string>();
  let fetched = 0;
  for (const operation of received) {
    theirs.add(`${bytesToHex(operation.commit)}.${operation.index}`);
    if (operation.verdict === 'held') fetched++;
    else if (operation.verdict !== 'superseded') refusals.set(nameOf(operation.keyHash), operation.verdict);
  }
  if (unreadable) {
    const read = new Set(received.map((operation) => nameOf(operation.keyHash)));
    for (const key of wanted.map(nameOf)) if (!read.has(key)) refusals.set(key, 'unknown-version');
  }

  const mine = page.filter((k) => k.mine !== undefined).flatMap((k) => leavesOf(deps.tree, k.keyHash));
  const entries = yield* load(mine.map((leaf) => leaf.keyHash));
  const missing = entries.flatMap((entry) => entry?.siblings.filter((s) => !theirs.has(`${bytesToHex(s.commit)}.${s.index}`)) ?? []);
  const pushed = yield* push(deps, siblingsToFragments(missing, deps.hasher), refusals);

  // Keyed by the leaves as they are now: ours may have changed by what we just took.
  for (const key of page) {
    const reason = refusals.get(nameOf(key.keyHash));
    if (reason !== undefined) deps.refused.add(key.keyHash, key.theirs, leavesOf(deps.tree, key.keyHash)[0]?.digest, reason, deps.now());
  }
  return { fetched, pushed, refused: refusals.size };
}

/** Name of a key while its page is settled, the same for a whole hash and its 8-byte prefix. */
function nameOf(keyHash: Bytes): string {
  return bytesToHex(keyHash.subarray(0, KEY_PREFIX_BYTES));
}

/** Our leaves that a key hash or its prefix stands for: seldom more than one. */
function leavesOf(tree: MerkleTree, keyHash: Bytes): LeafDigest[] {
  return tree.leavesUnder(keyHash, keyHash.length * 8, MAX_UNDER_PREFIX);
}

function* fetch(keyHashes: readonly Bytes[]): Session<{ readonly operations: readonly ReceivedOperation[]; readonly unreadable: boolean }> {
  const sorted = [...keyHashes].sort((a, b) => (bytesToHex(a) < bytesToHex(b) ? -1 : 1));
  const operations: ReceivedOperation[] = [];
  let unreadable = false;
  let at = 0;
  while (at < sorted.length) {
    const wanted = sorted.slice(at, at + MAX_WANTS);
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
    unreadable ||= ingested.unreadable;
  }
  return { operations, unreadable };
}

function* load(keyHashes: readonly Bytes[]): Session<readonly (Entry | undefined)[]> {
  if (keyHashes.length === 0) return [];
  const answer = yield { type: 'entries', keyHashes };
  if (answer.type !== 'entries') throw new Error('a session was resumed with the wrong answer');
  return answer.entries;
}

function* push(deps: SessionDeps, fragments: readonly Fragment[], refusals: Map<string, Refusal>): Session<number> {
  let pushed = 0;
  for (const batch of batches(fragments)) {
    const message: SyncMessage = { type: 'push', live: false, fragments: batch.map((b) => b.bytes) };
    const answer = yield { type: 'request', message };
    if (answer.type !== 'request' || answer.message.type !== 'pushed') throw unexpected(answer, 'pushed');
    const operations = batch.flatMap((b) => b.fragment.operations);
    const { verdicts } = answer.message;
    if (verdicts.length !== operations.length)
      throw new LatticeError('malformed', `${verdicts.length} verdicts for ${operations.length} operations`);
    operations.forEach((o, i) => {
      const verdict = verdicts[i] as PushVerdict;
      if (verdict === 'held') pushed++;
      else if (verdict !== 'superseded') {
        refusals.set(nameOf(deps.hasher.hash(new TextEncoder().encode(o.operation.key))), verdict);
      }
    });
  }
  return pushed;
}

/** Fragments in messages under the size and count limits, with room for the framing. */
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

function unexpected(answer: SessionAnswer, wanted: string): LatticeError {
  const got =
    answer.type !== 'request'
      ? answer.type
      : answer.message.type === 'error'
        ? `error ${answer.message.code}: ${answer.message.message}`
        : answer.message.type;
  return new LatticeError('unexpected-answer', `expected ${wanted}, the peer answered ${got}`);
}
