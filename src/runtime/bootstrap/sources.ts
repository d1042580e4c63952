import { checkCutCertificate } from '../../core/roster/index.ts';
import { type AttestedEntry, createChunkCheck, manifestToPlan, type SnapshotPlan } from '../../core/snapshot/index.ts';
import {
  type Author,
  type Bytes,
  type ErrorCode,
  type Hasher,
  LatticeError,
  MAX_AHEAD_MS,
} from '../../core/types/index.ts';
import { decodeCertificate, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Verifier } from '../../ports/index.ts';
import { backoff, sleep } from '../../timing/index.ts';
import { everStood, type Roster } from '../fleet/roster.ts';
import type { Peer } from '../peers/peers.ts';
import { ask, peerCodeOf } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';

/**
 * How many chunks are fetched at a time. While one is checked and one is made durable, the others hide the round trips.
 */
const MAX_IN_FLIGHT = 4;
/**
 * How many chunks are fetched from one peer at a time, by lung: as many as a peer answers at once (SPEC S10, X6), less
 * one over HTTP for hellos.
 */
const PER_PEER = { p2p: 2, http: 3 } as const;
/** How long a busy peer is left alone before it is asked again. */
const BUSY_MS = 1_000;
const BACKOFF_MAX_MS = 10_000;
const waitAfterFailures = backoff({ minMs: BUSY_MS, maxMs: BACKOFF_MAX_MS, jitter: 'none' });
/** After this many failures in a row a peer is not asked for chunks of this snapshot. */
const MAX_FAILURES = 4;
/** When no source has been left for this long, another snapshot is looked for. */
const ALONE_MS = 15_000;
const LOOK_EVERY_MS = 250;
/** The codes of faults that only a broken or lying peer shows. */
const LIES: ReadonlySet<ErrorCode> = new Set([
  'malformed',
  'unknown-version',
  'unexpected-answer',
  'not-certified',
  'bad-signature',
]);
/** The answers of a peer that does not have the snapshot. */
const NOT_HERE: ReadonlySet<ErrorCode> = new Set(['gone', 'no-snapshot', 'unverified', 'unknown-version', 'malformed']);
/** The answers of a peer that will have the snapshot soon, or is busy. */
const LATER: ReadonlySet<ErrorCode> = new Set(['overloaded', 'snapshot-soon', 'deadline']);

export interface SourcesDeps {
  readonly network: string;
  readonly roster: Pick<Roster, 'has' | 'present' | 'withHash'>;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly linkTo: LinkTo;
  /** The peers that may be asked, whatever they have. */
  readonly peers: () => readonly Peer[];
  /** Called when the peer sent what does not verify, so that it is not asked again for a while. */
  readonly leaveOut: (peer: Author, error: LatticeError) => void;
  readonly onBytes: (bytes: number) => void;
  readonly stopped: () => boolean;
}

export interface VerifiedChunk {
  readonly index: number;
  readonly source: Author;
  readonly entries: readonly AttestedEntry[];
}

interface Source {
  inFlight: number;
  failures: number;
  nextAt: number;
  gone: boolean;
}

/** Asks over whichever lung reaches the peer, and counts the bytes of the answer. */
async function request(deps: SourcesDeps, peer: Peer, message: SyncMessage): Promise<SyncMessage> {
  const path = deps.linkTo(peer);
  if (path === undefined) throw new Error('no lung reaches the peer');
  return ask(async (bytes) => {
    const reply = await path.link(bytes);
    deps.onBytes(reply.length);
    return reply;
  }, message);
}

/**
 * Asks one peer after the other for the manifest of the cut with this root, or of its newest one when `root` is empty.
 * The plan that it returns is certified by a quorum of a roster of our chain. `soon`: a peer said that it will have one.
 * Undefined: no peer has one.
 */
export async function findPlan(deps: SourcesDeps, root: Bytes): Promise<SnapshotPlan | 'soon' | undefined> {
  let soon = false;
  for (const peer of deps.peers()) {
    if (deps.stopped()) return undefined;
    try {
      const answer = await request(deps, peer, { type: 'snapshot', root });
      if (answer.type !== 'manifest')
        throw new LatticeError('unexpected-answer', `the peer answered ${answer.type} to snapshot`);
      const plan = await certified(deps, manifestToPlan(answer, deps.hasher));
      if (plan !== undefined) return plan;
      soon = true;
    } catch (error) {
      const code = peerCodeOf(error);
      if (code !== undefined) soon ||= LATER.has(code);
      else if (error instanceof LatticeError && LIES.has(error.code)) deps.leaveOut(peer.author, error);
    }
  }
  return soon ? 'soon' : undefined;
}

/**
 * The plan, once its certificate holds for a roster of our chain. Undefined under a roster that we don't know: it may
 * have been decided a moment ago, and reaches us soon.
 */
async function certified(deps: SourcesDeps, plan: SnapshotPlan): Promise<SnapshotPlan | undefined> {
  if (deps.roster.withHash(decodeCertificate(plan.certificateBytes).trustHash) === undefined) return undefined;
  const { signatures } = checkCutCertificate(plan.certificateBytes, {
    network: deps.network,
    withHash: deps.roster.withHash,
  });
  for (const { author, message, signature } of signatures) {
    if (!(await deps.verifier.verify(author, message, signature)))
      throw new LatticeError('bad-signature', `the signature of ${author} under the cut is bad`);
  }
  if (plan.at > deps.clock.now() + MAX_AHEAD_MS) throw new LatticeError('future', 'the cut is of the future');
  return plan;
}

/**
 * Fetches the chunks `todo` of a plan from every peer that has its root, a few at a time, and passes each to `take`
 * once it is verified; `take` resolves when there is room for more. `tooLarge` gets the chunks that are too large to be
 * taken. A peer that fails, or sends what does not verify, is left out, and its chunk is fetched elsewhere. Resolves to
 * `gone` when no peer has that root.
 */
export async function fetchChunks(
  deps: SourcesDeps,
  plan: SnapshotPlan,
  todo: readonly number[],
  take: (chunk: VerifiedChunk) => Promise<void>,
  tooLarge: (index: number) => void,
): Promise<'done' | 'gone' | 'stopped'> {
  const open = todo.toReversed();
  const sources = new Map<Author, Source>();
  let inFlight = 0;
  let turn = 0;
  let failure: unknown;
  let aloneSince: number | undefined;
  let wake: () => void = () => undefined;

  const sourceOf = (peer: Peer): Source => {
    let source = sources.get(peer.author);
    if (source === undefined) sources.set(peer.author, (source = { inFlight: 0, failures: 0, nextAt: 0, gone: false }));
    return source;
  };

  /** Begins one chunk with each peer that is free. Returns true when any was begun. */
  function start(): boolean {
    const peers = deps.peers();
    let started = false;
    for (let i = 0; i < peers.length && open.length > 0 && inFlight < MAX_IN_FLIGHT; i++) {
      const peer = peers[(turn + i) % peers.length] as Peer;
      const source = sourceOf(peer);
      const path = deps.linkTo(peer);
      if (
        path === undefined ||
        source.gone ||
        source.inFlight >= PER_PEER[path.lung] ||
        deps.clock.monotonic() < source.nextAt
      )
        continue;
      void run(peer, source, open.pop() as number);
      started = true;
    }
    turn++;
    return started;
  }

  async function run(peer: Peer, source: Source, index: number): Promise<void> {
    inFlight++;
    source.inFlight++;
    try {
      const entries = await fetchChunk(deps, plan, peer, index);
      source.failures = 0;
      source.inFlight--;
      await take({ index, source: peer.author, entries }).catch((error: unknown) => {
        failure ??= error;
      });
    } catch (error) {
      source.inFlight--;
      if (error instanceof LatticeError && error.code === 'chunk-too-large') tooLarge(index);
      else {
        open.push(index);
        blame(peer, source, error);
      }
    } finally {
      inFlight--;
      wake();
    }
  }

  function blame(peer: Peer, source: Source, error: unknown): void {
    const code = peerCodeOf(error);
    const now = deps.clock.monotonic();
    if (code !== undefined && NOT_HERE.has(code)) source.gone = true;
    else if (code !== undefined && LATER.has(code)) source.nextAt = now + BUSY_MS;
    else if (error instanceof LatticeError && LIES.has(error.code)) {
      source.gone = true;
      deps.leaveOut(peer.author, error);
    } else {
      source.gone = ++source.failures >= MAX_FAILURES;
      source.nextAt = now + waitAfterFailures(source.failures);
    }
  }

  for (;;) {
    if (deps.stopped()) return 'stopped';
    if (failure !== undefined) throw failure;
    while (start());
    if (inFlight === 0) {
      if (open.length === 0) return 'done';
      const now = deps.clock.monotonic();
      aloneSince ??= now;
      const known = deps.peers();
      if (now - aloneSince > ALONE_MS || (known.length > 0 && known.every((peer) => sourceOf(peer).gone)))
        return 'gone';
    } else aloneSince = undefined;
    const woken = new AbortController();
    wake = () => woken.abort();
    await sleep(deps.clock, LOOK_EVERY_MS, woken.signal);
  }
}

async function fetchChunk(
  deps: SourcesDeps,
  plan: SnapshotPlan,
  peer: Peer,
  index: number,
): Promise<readonly AttestedEntry[]> {
  const check = createChunkCheck({
    plan,
    index,
    network: deps.network,
    isTrusted: (author) => everStood(deps.roster, author),
    hasher: deps.hasher,
  });
  let after: Bytes | undefined = new Uint8Array(0);
  while (after !== undefined) {
    const answer: SyncMessage = await request(deps, peer, { type: 'chunk', root: plan.root, index, after });
    if (answer.type !== 'part')
      throw new LatticeError('unexpected-answer', `the peer answered ${answer.type} to chunk`);
    after = check.add(answer);
  }
  return check.finish().entries;
}
