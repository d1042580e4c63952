import { encodeFragment, type PushVerdict, type SyncMessage, siblingsToFragments } from '../codec/index.ts';
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
  MAX_WANTS,
  type Refusal,
} from '../types/index.ts';
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
}

export interface SessionDeps {
  readonly tree: MerkleTree;
  readonly hasher: Hasher;
  readonly refused: RefusedDifferences;
  /** ms; only for the retry times of refusals. */
  readonly now: () => number;
}

type Session<T> = Generator<SessionEffect, T, SessionAnswer>;

/**
 * One repair between two replicas, driven by the side that opened it: find the differing keys, fetch theirs, push
 * what they lack. Symmetric in effect, so a writer behind NAT is heard. A coroutine without I/O: effects out, answers in.
 */
export function* repair(deps: SessionDeps): Session<SessionResult> {
  const { keys, complete } = yield* descend(deps.tree);
  const now = deps.now();
  if (complete) deps.refused.retain(new Set(keys.map((k) => keyOf(k.keyHash, k.theirs, k.mine))));
  const open = keys.filter((k) => !deps.refused.waits(k.keyHash, k.theirs, k.mine, now));
  const waiting = keys.length - open.length;
  let progress: SessionProgress = { found: keys.length, fetched: 0, pushed: 0, refused: waiting };
  if (keys.length === 0) return { outcome: complete ? 'equal' : 'partial', ...progress };

  for (let at = 0; at < open.length; at += MAX_WANTS) {
    const page = open.slice(at, at + MAX_WANTS);
    const settled = yield* settle(deps, page);
    progress = {
      found: progress.found,
      fetched: progress.fetched + settled.fetched,
      pushed: progress.pushed + settled.pushed,
      refused: progress.refused + settled.refused,
    };
    yield { type: 'progress', progress };
  }
  const outcome = !complete ? 'partial' : progress.refused > 0 && progress.refused === keys.length ? 'equal-except-refused' : 'repaired';
  return { outcome, ...progress };
}

function* descend(tree: MerkleTree): Session<{ readonly keys: KeyDifference[]; readonly complete: boolean }> {
  const search = findDifferences(tree, MAX_SESSION_KEYS);
  let next = search.next();
  while (next.done !== true) {
    const answer = yield { type: 'request', message: next.value };
    if (answer.type !== 'request') throw new Error('a session was resumed with the wrong answer');
    next = search.next(answer.message);
  }
  return next.value;
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
    else if (operation.verdict !== 'superseded') refusals.set(bytesToHex(operation.keyHash), operation.verdict);
  }
  if (unreadable) {
    const read = new Set(received.map((operation) => bytesToHex(operation.keyHash)));
    for (const key of wanted.map(bytesToHex)) if (!read.has(key)) refusals.set(key, 'unknown-version');
  }

  const entries = yield* load(page.filter((k) => k.mine !== undefined).map((k) => k.keyHash));
  const missing = entries.flatMap((entry) => entry?.siblings.filter((s) => !theirs.has(`${bytesToHex(s.commit)}.${s.index}`)) ?? []);
  const pushed = yield* push(deps, siblingsToFragments(missing, deps.hasher), refusals);

  // Keyed by the leaves as they are now: ours may have changed by what we just took.
  for (const key of page) {
    const reason = refusals.get(bytesToHex(key.keyHash));
    if (reason !== undefined) deps.refused.add(key.keyHash, key.theirs, deps.tree.get(key.keyHash)?.slice(0, 16), reason, deps.now());
  }
  return { fetched, pushed, refused: refusals.size };
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
        refusals.set(bytesToHex(deps.hasher.hash(new TextEncoder().encode(o.operation.key))), verdict);
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
