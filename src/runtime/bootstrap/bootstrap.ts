import type { Replica, RowWrite } from '../../core/replica/index.ts';
import { BOOTSTRAP, type BootstrapState, CHUNK_LEFT } from '../../core/rows/index.ts';
import type { SnapshotPlan } from '../../core/snapshot/index.ts';
import { type Author, type Bytes, bytesToHex } from '../../core/types/index.ts';
import { decodeCertificate } from '../../core/wire/index.ts';
import type { Clock, Log, Store, Timer } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Cuts } from '../cuts/cuts.ts';
import type { Warning } from '../facade/codes.ts';
import type { BootstrapStatus, LatticeEvent } from '../facade/facade.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { attestersOf, chunkTable, placeOf, type SavedBootstrap, sourceOf, stateRow } from './record.ts';
import { type BackgroundCheckDeps, createBackgroundCheck } from './signature-check.ts';
import { fetchChunks, findPlan, type SourcesDeps } from './sources.ts';
import { createTakeover } from './takeover.ts';

/**
 * A peer with fewer keys is repaired with as ever: that takes two or three seconds, and no question for a snapshot
 * stands before it.
 */
export const MIN_ENTRIES = 16_384;
/** A node with more than this part of a peer's keys repairs. */
const FAR_BEHIND = 1 / 4;
const LOOK_EVERY_MS = 250;
/**
 * With so many times the least, a snapshot that is still to come is faster than a repair now: at 65,536 keys that takes
 * ten seconds and more.
 */
const WORTH_WAITING = 4;
/** Repairs wait so long for a cut to be certified: one period and what it takes. */
const HOLD_MS = 30_000;
const ASK_AGAIN_MS = 1_000;
/** After an attempt that came to nothing. */
const RETRY_MS = 10_000;
/** Snapshots begun one after the other in one attempt: each goes away when its last source restarts. */
const MAX_PLANS = 8;
/** A peer that sent what does not verify is not asked again for so long. */
const LEAVE_OUT_MS = 10 * 60_000;
const TELL_EVERY_MS = 1_000;
const LOG_EVERY_MS = 5_000;

export interface BootstrapDeps
  extends Omit<SourcesDeps, 'peers' | 'leaveOut' | 'onBytes' | 'stopped'>,
    Omit<BackgroundCheckDeps, 'peers' | 'originOf' | 'rowsAt' | 'quarantined' | 'onQuarantine'> {
  readonly saved: SavedBootstrap;
  readonly replica: Replica;
  readonly store: Store;
  readonly writer: Writer;
  readonly peers: PeerTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly cuts: Pick<Cuts, 'pause' | 'resume'>;
  /** The disk is too full to take anything more. */
  readonly isFull: () => boolean;
  /** The next difference with this peer is repaired at once. */
  readonly repairSoon: (author: Author) => void;
  readonly onEvent: (event: LatticeEvent) => void;
  readonly minEntries: number;
}

export interface Bootstrap {
  start(): void;
  stop(): Promise<void>;
  /** A snapshot is being looked for or taken over: repairs wait, and who opens one is told `bootstrapping`. */
  readonly holding: boolean;
  /** Every signature of the state was verified by this node. */
  isVerified(): boolean;
  status(): BootstrapStatus | undefined;
  warnings(): readonly Warning[];
}

/**
 * Takes over a snapshot when this node is empty or far behind: its chunks are verified against a root that a quorum of
 * our own trust list signed, and applied without looking at signatures; these are verified in the background. Until
 * that is done the node vouches for nothing.
 */
export function createBootstrap(deps: BootstrapDeps): Bootstrap {
  const { clock, log, replica, writer } = deps;
  let saved = deps.saved.state;
  let quarantined = deps.saved.quarantined;
  let quarantinedFrom = deps.saved.quarantinedFrom;
  let phase: BootstrapStatus['phase'] | undefined =
    saved === undefined ? undefined : saved.cursor.length === 0 ? 'manifest' : 'verifying';
  let plan: { readonly root: Bytes; readonly at: number } | undefined;
  let work: Promise<void> | undefined;
  let holding = false;
  let stopped = true;
  let nextAt = 0;
  let timer: Timer | undefined;
  let endWait: () => void = () => undefined;
  let error: string | undefined;
  let servers: readonly Author[] = saved?.sources ?? [];
  let bytes = 0;
  let entries = 0;
  let done = 0;
  let total = 0;
  let fetching = { since: 0, ms: 0 };
  let toldAt = -Infinity;
  let loggedAt = -Infinity;
  const leftOut = new Map<Author, { readonly until: number; readonly reason: string }>();
  const active = (): boolean =>
    phase === 'manifest' || phase === 'chunks' || phase === 'catching-up' || phase === 'verifying';

  const peerName = (author: Author): string => deps.peers.get(author)?.url ?? deps.peerIdOf(author);

  /** Peers with our trust list that a lung reaches. */
  const reachable = (): Peer[] =>
    Array.from(deps.peers.all()).filter(
      (peer) =>
        peer.trustMatches === true &&
        (leftOut.get(peer.author)?.until ?? -Infinity) < clock.monotonic() &&
        deps.linkTo(peer) !== undefined,
    );
  const isAhead = (peer: Peer): boolean =>
    peer.head !== undefined &&
    peer.head.entries >= deps.minEntries &&
    replica.tree.size < FAR_BEHIND * peer.head.entries;

  const sources: SourcesDeps = {
    ...deps,
    peers: reachable,
    leaveOut(author, cause) {
      leftOut.set(author, { until: clock.monotonic() + LEAVE_OUT_MS, reason: cause.message });
      log.warn(
        { peer: deps.peerIdOf(author), code: cause.code, reason: cause.message },
        'left out as a source of snapshots',
      );
    },
    onBytes(count) {
      bytes += count;
    },
    stopped: () => stopped,
  };

  const check = createBackgroundCheck({
    ...deps,
    peers: reachable,
    originOf(keyHash) {
      if (saved === undefined) return { source: undefined, attesters: [] };
      return { source: sourceOf(saved, keyHash), attesters: attestersOf(saved) };
    },
    rowsAt(cursor, verified) {
      saved = { ...(saved as BootstrapState), cursor, verified };
      return [stateRow(saved)];
    },
    quarantined: () => quarantined,
    onQuarantine({ keyHash }) {
      quarantined++;
      if (saved !== undefined) quarantinedFrom ??= sourceOf(saved, keyHash);
    },
  });

  function look(): void {
    if (stopped) return;
    timer = clock.after(LOOK_EVERY_MS, look);
    tell();
    if (work !== undefined) {
      if (phase === 'catching-up' && Array.from(deps.peers.all()).some((peer) => peer.agreement === 'equal'))
        phase = 'verifying';
      return;
    }
    if (saved !== undefined && saved.cursor.length > 0) return begin(verify);
    if (isDue()) begin(takeOver);
  }

  function isDue(): boolean {
    if (stopped || work !== undefined || clock.monotonic() < nextAt || deps.isFull()) return false;
    if (saved !== undefined && saved.cursor.length > 0) return false;
    const peers = reachable();
    return saved === undefined ? peers.some(isAhead) : peers.length > 0;
  }

  function begin(run: () => Promise<void>): void {
    work = run()
      .catch((cause: unknown) => {
        if (stopped) return;
        error = cause instanceof Error ? cause.message : String(cause);
        phase = 'failed';
        log.error({ error }, 'bootstrap failed');
        nextAt = clock.monotonic() + RETRY_MS;
      })
      .finally(() => {
        holding = false;
        work = undefined;
      });
  }

  async function takeOver(): Promise<void> {
    holding = true;
    const before = phase;
    for (let plans = 0; plans < MAX_PLANS; plans++) {
      phase = 'manifest';
      const found = await anyPlan();
      if (stopped) return;
      if (found === undefined) return giveUp(before);
      error = undefined;
      plan = found;
      deps.cuts.pause('a snapshot is being taken over');
      const outcome = await takeChunks(found);
      if (outcome === 'stopped') return;
      if (outcome === 'done') return arrive();
      log.warn({ root: bytesToHex(found.root) }, 'nobody holds the snapshot any more: looking for another');
    }
    throw new Error(`${MAX_PLANS} snapshots went away before they were complete`);
  }

  /** The plan begun with, else the newest; waits a while where a peer says that a cut is about to be certified. */
  async function anyPlan(): Promise<SnapshotPlan | undefined> {
    const until = clock.monotonic() + HOLD_MS;
    for (;;) {
      if (saved !== undefined) {
        const same = await findPlan(sources, decodeCertificate(saved.certificate).root);
        if (same !== undefined && same !== 'soon') return same;
      }
      const newest = await findPlan(sources, new Uint8Array(0));
      if (newest !== 'soon') return newest;
      if (!reachable().some((peer) => (peer.head?.entries ?? 0) >= WORTH_WAITING * deps.minEntries)) return undefined;
      if (stopped || clock.monotonic() > until) return undefined;
      await new Promise<void>((resolve) => {
        endWait = resolve;
        clock.after(ASK_AGAIN_MS, resolve);
      });
    }
  }

  /** Without a certified cut ordinary repair does it, signatures first. */
  async function giveUp(before: BootstrapStatus['phase'] | undefined): Promise<void> {
    nextAt = clock.monotonic() + RETRY_MS;
    phase = before;
    if (saved === undefined) return;
    error = 'no peer offers a certified cut: the rest comes by repair';
    if (!reachable().some(isAhead)) await arrive();
  }

  async function takeChunks(found: SnapshotPlan): Promise<'done' | 'gone' | 'stopped'> {
    const { chunks, todo } = await writer.read(() => chunkTable(found, saved, replica.tree));
    saved = {
      certificate: found.certificateBytes,
      sources: saved?.sources ?? [],
      chunks,
      cursor: new Uint8Array(0),
      verified: 0,
    };
    phase = 'chunks';
    total = chunks.length;
    done = total - todo.length;
    log.info(
      { root: bytesToHex(found.root), at: found.at, entries: found.entries, chunks: total, toFetch: todo.length },
      'taking over a snapshot',
    );
    const takeover = createTakeover({
      writer,
      replica,
      isFull: deps.isFull,
      mark(index, source) {
        done++;
        if (source === undefined) return void (chunks[index] = CHUNK_LEFT);
        const found = placeOf(servers, source);
        servers = found.sources;
        saved = { ...(saved as BootstrapState), sources: servers };
        chunks[index] = found.place;
      },
      rows: () => [stateRow(saved as BootstrapState)],
      onApplied(count) {
        entries += count;
      },
    });
    fetching = { since: clock.monotonic(), ms: fetching.ms };
    try {
      const outcome = await fetchChunks(sources, found, todo, takeover.take, (index) => takeover.leave(index));
      await takeover.settled();
      return outcome;
    } finally {
      fetching = { since: 0, ms: fetching.ms + clock.monotonic() - fetching.since };
    }
  }

  /** Everything of the cut is here, or left to repair. */
  async function arrive(): Promise<void> {
    const arrived: BootstrapState = { ...(saved as BootstrapState), cursor: new Uint8Array(32), verified: 0 };
    await keep([stateRow(arrived)]);
    saved = arrived;
    phase = 'catching-up';
    holding = false;
    log.info({ ...status() }, 'snapshot taken over: verifying signatures');
    for (const peer of deps.peers.all()) deps.repairSoon(peer.author);
    await verify();
  }

  async function verify(): Promise<void> {
    const { cursor, verified } = saved as BootstrapState;
    deps.cuts.pause('the signatures of a snapshot are being verified');
    if (phase !== 'catching-up') phase = 'verifying';
    if (!(await check.run(cursor, verified))) return;
    await keep([{ type: 'del', key: BOOTSTRAP }]);
    phase = 'done';
    saved = undefined;
    deps.cuts.resume();
    log.info({ keys: check.verified, quarantined }, 'bootstrap done: every signature of the state is verified');
    tell(true);
  }

  async function keep(rows: readonly RowWrite[]): Promise<void> {
    await writer.amend({ keys: [], prepare: (view) => ({ step: replica.correct([], view), rows }) });
  }

  function status(): BootstrapStatus | undefined {
    if (phase === undefined) return undefined;
    const ms = fetching.ms + (fetching.since === 0 ? 0 : clock.monotonic() - fetching.since);
    return {
      phase,
      ...(plan === undefined ? {} : { root: bytesToHex(plan.root), at: plan.at }),
      chunks: { done, total },
      entries,
      bytes,
      ratePerSecond: ms > 0 ? Math.round((entries / ms) * 1000) : 0,
      peers: servers.map(deps.peerIdOf),
      ...(phase === 'catching-up' || phase === 'verifying'
        ? { verified: { done: check.verified, total: replica.tree.size } }
        : {}),
      ...(error === undefined ? {} : { error }),
    };
  }

  function tell(now = false): void {
    const at = clock.monotonic();
    const told = now || active() ? status() : undefined;
    if (told === undefined) return;
    if (now || at - toldAt >= TELL_EVERY_MS) {
      toldAt = at;
      deps.onEvent({ type: 'progress', what: 'bootstrap', ...told });
    }
    if (!now && at - loggedAt >= LOG_EVERY_MS) {
      loggedAt = at;
      log.info({ ...told }, 'bootstrap progress');
    }
  }

  return {
    start() {
      stopped = false;
      if (saved !== undefined) deps.cuts.pause('a snapshot has not been verified yet');
      look();
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      check.stop();
      endWait();
      await work;
    },
    get holding() {
      return holding || isDue();
    },
    isVerified: () => saved === undefined,
    status,
    warnings() {
      const now = clock.monotonic();
      const out: Warning[] = Array.from(leftOut)
        .filter(([, { until }]) => until > now)
        .map(([author, { reason }]) => ({
          code: 'left-out-source',
          text: `${peerName(author)} was left out as a source of snapshots: ${reason}`,
        }));
      if (quarantined > 0) {
        const from = quarantinedFrom === undefined ? '' : `, served by ${peerName(quarantinedFrom)}`;
        out.push({
          code: 'quarantine',
          text: `${quarantined} operations with bad signatures were part of an attested cut${from}: they are in quarantine; the log names who attested it`,
        });
      }
      return out;
    },
  };
}
