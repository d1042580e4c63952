import { decodeSync, encodeSync, keyHash, type PushVerdict, SALT_BYTES, type SyncMessage } from '../core/codec/index.ts';
import {
  type ReceivedOperation,
  repair,
  type SessionAnswer,
  type SessionEffect,
  type SessionProgress,
  type SessionResult,
} from '../core/reconcile/index.ts';
import type { Replica } from '../core/replica/index.ts';
import { type Bytes, type Entry, type Hasher, LatticeError, MAX_SESSION_REQUESTS } from '../core/types/index.ts';
import type { Clock, Random } from '../ports/index.ts';
import type { Door } from './door.ts';
import type { RepairReport } from './facade.ts';
import type { LungName, Peer } from './peers.ts';
import { receive } from './responder.ts';
import type { Writer } from './writer.ts';

/** One whole session: large repairs go on in the next one. */
const SESSION_DEADLINE_MS = 120_000;

/** Sessions with a peer whose cells did not decode, one after another, before their hash is salted: items may have been made to collide. */
const UNDECODED_BEFORE_SALT = 2;

/** One sync request to the peer over some lung; rejects when it fails or times out. */
export type Link = (message: Bytes) => Promise<Bytes>;

export interface SessionRunnerDeps {
  readonly replica: Replica;
  readonly hasher: Hasher;
  readonly writer: Writer;
  readonly door: Door;
  readonly clock: Clock;
  readonly random: Random;
  readonly readEntries: (keyHashes: readonly Bytes[]) => Promise<readonly (Entry | undefined)[]>;
}

async function exchange(link: Link, message: SyncMessage): Promise<SyncMessage> {
  return decodeSync(await link(encodeSync(message)));
}

/** Sends one message and decodes the answer; an error answer rejects with the peer's code. */
export async function ask(link: Link, message: SyncMessage): Promise<SyncMessage> {
  const reply = await exchange(link, message);
  if (reply.type === 'error')
    throw new LatticeError('peer-error', `the peer answered ${reply.code}: ${reply.message}`, { details: { peerCode: reply.code } });
  return reply;
}

/** Drives one repair over `link` to its end, within bounds of requests and time. Never rejects: failure is an outcome. */
export async function runSession(
  deps: SessionRunnerDeps,
  peer: Peer,
  lung: LungName,
  link: Link,
  onProgress: (progress: SessionProgress) => void,
): Promise<RepairReport> {
  const started = deps.clock.monotonic();
  const counters = { requests: 0, bytesSent: 0, bytesReceived: 0 };
  let progress: SessionProgress = { found: 0, fetched: 0, pushed: 0, refused: 0 };
  const counted: Link = async (bytes) => {
    if (counters.requests >= MAX_SESSION_REQUESTS)
      throw new LatticeError('session-limit', `more than ${MAX_SESSION_REQUESTS} requests in one session`);
    if (deps.clock.monotonic() - started > SESSION_DEADLINE_MS)
      throw new LatticeError('session-deadline', 'the session took too long; the next one goes on');
    counters.requests++;
    counters.bytesSent += bytes.length;
    const reply = await link(bytes);
    counters.bytesReceived += reply.length;
    return reply;
  };
  const report = (outcome: RepairReport['outcome'], error?: string): RepairReport => ({
    at: deps.clock.now(),
    lung,
    outcome,
    ...(error === undefined ? {} : { error }),
    ...progress,
    ...counters,
    durationMs: Math.round(deps.clock.monotonic() - started),
  });

  const salt = peer.repair.undecoded >= UNDECODED_BEFORE_SALT ? deps.random.bytes(SALT_BYTES) : new Uint8Array(0);
  const session = repair({
    tree: deps.replica.tree,
    cells: { live: deps.replica.cells, salt, theirEntries: peer.head?.entries },
    hasher: deps.hasher,
    refused: peer.refused,
    now: () => deps.clock.monotonic(),
  });
  // The coroutine reads the tree as it runs, so every step of it runs between batches.
  const resume = (answer?: SessionAnswer): Promise<IteratorResult<SessionEffect, SessionResult>> =>
    deps.writer.read(() => (answer === undefined ? session.next() : session.next(answer)));
  try {
    let step = await resume();
    while (step.done !== true) {
      if (step.value.type === 'progress') {
        progress = step.value.progress;
        onProgress(progress);
      }
      step = await resume(await perform(deps, peer, lung, counted, step.value));
    }
    const { outcome, method, undecoded, ...settled } = step.value;
    progress = settled;
    peer.repair.undecoded = undecoded ? peer.repair.undecoded + 1 : 0;
    return { ...report(outcome), method };
  } catch (error) {
    // Ends the coroutine, which lets go of what it holds.
    session.return({ outcome: 'partial', method: 'descent', undecoded: false, ...progress });
    return report('failed', error instanceof Error ? error.message : String(error));
  }
}

async function perform(deps: SessionRunnerDeps, peer: Peer, lung: LungName, link: Link, effect: SessionEffect): Promise<SessionAnswer> {
  switch (effect.type) {
    case 'request':
      // Whoever has no cells, or no longer, says so by an error, and the session goes on without.
      return { type: 'request', message: await (effect.message.type === 'cells' ? exchange : ask)(link, effect.message) };
    case 'entries':
      return { type: 'entries', entries: await deps.writer.read(() => deps.readEntries(effect.keyHashes)) };
    case 'ingest':
      return { type: 'ingest', ...(await ingest(deps, peer, lung, effect.fragments)) };
    case 'progress':
      return { type: 'progress' };
  }
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
      // A later version is refused by name, so that a rolling upgrade goes on; anything else ends the session.
      if (verdicts[0] !== 'unknown-version') throw new LatticeError('malformed', 'the peer sent a fragment that cannot be read');
      return [];
    }
    return fragment.operations.map((o, i) => ({
      keyHash: keyHash(o.operation.key, deps.hasher),
      commit: fragment.idBytes,
      index: o.index,
      verdict: verdicts[i] as PushVerdict,
    }));
  });
  return { operations, unreadable: received.some((r) => r.fragment === undefined) };
}
