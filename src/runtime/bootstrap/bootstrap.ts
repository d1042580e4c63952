import type { Replica, RowWrite } from '../../core/replica/index.ts';
import { BOOTSTRAP, type BootstrapRecord, CHUNK_LEFT } from '../../core/rows/index.ts';
import type { SnapshotPlan } from '../../core/snapshot/index.ts';
import { type Author, bytesToHex, counted } from '../../core/types/index.ts';
import { decodeCertificate } from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition, sleep } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Cuts } from '../cuts/cuts.ts';
import type { Warning } from '../facade/codes.ts';
import type { BootstrapStatus, LatticeEvent } from '../facade/index.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { createLeftOut } from './left-out.ts';
import { createBootstrapProgress } from './progress.ts';
import { attestersOf, chunkTable, placeOf, sourceOf, stateRow } from './record.ts';
import { createSignatureCheck, type SignatureCheckDeps } from './signature-check.ts';
import { fetchChunks, findPlan, type SourcesDeps } from './sources.ts';
import type { BootstrapState } from './state.ts';
import * as states from './state.ts';
import { createTakeover } from './takeover.ts';
import type { Vouching } from './vouching.ts';

/**
 * From a peer with fewer keys than this, the state comes by repair, which takes only two or three seconds and need not
 * ask for a snapshot first.
 */
export const MIN_ENTRIES = 16_384;
/** A node that has at least this part of a peer's keys repairs instead. */
const FAR_BEHIND = 1 / 4;
const LOOK_EVERY_MS = 250;
/**
 * With this many times MIN_ENTRIES, waiting for a snapshot is faster than repairing at once: a repair of 65,536 keys
 * takes ten seconds and more.
 */
const WORTH_WAITING = 4;
/** How long repairs wait for a cut to be certified: one period of cuts and what certifying takes, with a margin. */
const HOLD_MS = 30_000;
const ASK_AGAIN_MS = 1_000;
/** How long the node waits after an attempt that failed or found no snapshot. */
const RETRY_MS = 10_000;
/** How many snapshots one attempt begins one after the other. A snapshot is lost when its last source restarts. */
const MAX_PLANS = 8;

export interface BootstrapDeps
  extends Omit<SourcesDeps, 'peers' | 'leaveOut' | 'onBytes' | 'stopped'>,
    Omit<SignatureCheckDeps, 'peers' | 'originOf' | 'rowsAt' | 'quarantined' | 'onQuarantine'> {
  /** The state of the bootstrap, which only this module changes. */
  readonly vouching: Vouching;
  readonly replica: Replica;
  readonly writer: Pick<Writer, 'amend' | 'keep' | 'read' | 'queued'>;
  readonly peers: PeerTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly cuts: Pick<Cuts, 'pause' | 'resume'>;
  /** What people read in place of an author. */
  readonly nameOf: (author: Author) => string;
  /** Whether the disk is too full to take anything more. */
  readonly isFull: () => boolean;
  readonly onEvent: (event: LatticeEvent) => void;
  readonly minEntries: number;
}

export interface Bootstrap {
  start(): void;
  stop(): Promise<void>;
  /**
   * Whether a snapshot is being looked for or taken over. Repairs then wait, and a peer that opens a session is
   * answered `bootstrapping`.
   */
  readonly blocksRepairs: boolean;
  status(): BootstrapStatus | undefined;
  warnings(): readonly Warning[];
}

/**
 * Takes over a snapshot when this node is empty or far behind. The chunks are verified against a root that a quorum of
 * our own trust list signed, and are applied before their signatures are checked; that happens in the background. Until
 * it is done the node vouches for nothing.
 */
export function createBootstrap(deps: BootstrapDeps): Bootstrap {
  const { clock, log, replica, writer, vouching } = deps;
  const shown = createBootstrapProgress(deps);
  const leftOut = createLeftOut(deps);
  let work: Promise<void> | undefined;
  const stopping = new AbortController();
  const isStopped = (): boolean => stopping.signal.aborted;
  let nextAt = 0;
  let looks: Repetition | undefined;
  let servers: readonly Author[] = states.recordOf(vouching.state)?.sources ?? [];

  const move = (next: BootstrapState): void => vouching.move(next);
  const record = (): BootstrapRecord | undefined => states.recordOf(vouching.state);
  /** The record of work that runs only while there is one. */
  const held = (): BootstrapRecord => {
    const one = record();
    if (one === undefined) throw new Error(`a bootstrap that is ${vouching.state.phase} has no record`);
    return one;
  };

  /** The peers with our trust list that a lung reaches and that are not left out. */
  const reachable = (): Peer[] =>
    Array.from(deps.peers.all()).filter(
      (peer) => peer.view.trustMatches === true && !leftOut.has(peer.author) && deps.linkTo(peer) !== undefined,
    );
  const entriesOf = ({ view }: Peer): number => view.head?.entries ?? 0;
  const isAhead = (peer: Peer): boolean =>
    entriesOf(peer) >= deps.minEntries && replica.tree.size < FAR_BEHIND * entriesOf(peer);

  const sources: SourcesDeps = {
    ...deps,
    peers: reachable,
    leaveOut: leftOut.add,
    onBytes: shown.received,
    stopped: isStopped,
  };

  const check = createSignatureCheck({
    ...deps,
    peers: reachable,
    originOf(keyHash) {
      const one = record();
      if (one === undefined) return { source: undefined, attesters: [] };
      return { source: sourceOf(one, keyHash), attesters: attestersOf(one) };
    },
    rowsAt(cursor, verified) {
      move(states.progress(vouching.state, { ...held(), cursor, verified }));
      return [stateRow(held())];
    },
    quarantined: () => vouching.quarantine.operations,
    onQuarantine({ keyHash }) {
      const one = record();
      vouching.quarantined(one === undefined ? undefined : sourceOf(one, keyHash));
    },
  });

  function look(): void {
    if (work !== undefined) {
      shown.tell(status(), false);
      const isEqual = Array.from(deps.peers.all()).some(({ view }) => view.agreement === 'equal');
      if (vouching.state.phase === 'catching-up' && isEqual) move(states.catchUp(vouching.state));
      return;
    }
    if (clock.monotonic() < nextAt) return;
    if (states.isArrived(vouching.state)) begin(verify);
    else if (isDue()) begin(takeOver);
  }

  /** Whether a snapshot should be looked for. */
  function isDue(): boolean {
    if (isStopped() || work !== undefined || clock.monotonic() < nextAt || deps.isFull()) return false;
    if (states.isArrived(vouching.state)) return false;
    const peers = reachable();
    return record() === undefined ? peers.some(isAhead) : peers.length > 0;
  }

  function begin(run: () => Promise<void>): void {
    work = run()
      .catch((cause: unknown) => {
        if (isStopped()) return;
        const error = cause instanceof Error ? cause.message : String(cause);
        move(states.fail(vouching.state, error));
        log.error({ error }, 'bootstrap failed');
        nextAt = clock.monotonic() + RETRY_MS;
      })
      .finally(() => {
        work = undefined;
      });
  }

  async function takeOver(): Promise<void> {
    for (let plans = 0; plans < MAX_PLANS; plans++) {
      move(states.look(vouching.state));
      const found = await anyPlan();
      if (isStopped()) return;
      if (found === undefined) return giveUp();
      deps.cuts.pause('a snapshot is being taken over');
      const outcome = await takeChunks(found);
      if (outcome === 'stopped') return;
      if (outcome === 'done') return arrive();
      log.warn({ root: bytesToHex(found.root) }, 'nobody holds the snapshot any more: looking for another');
    }
    throw new Error(`${MAX_PLANS} snapshots went away before they were complete`);
  }

  /**
   * The plan that was begun, or else the newest one. Waits for a while when a peer says that a cut will soon be
   * certified.
   */
  async function anyPlan(): Promise<SnapshotPlan | undefined> {
    const until = clock.monotonic() + HOLD_MS;
    for (;;) {
      const begun = record();
      if (begun !== undefined) {
        const same = await findPlan(sources, decodeCertificate(begun.certificate).root);
        if (same !== undefined && same !== 'soon') return same;
      }
      const newest = await findPlan(sources, new Uint8Array(0));
      if (newest !== 'soon') return newest;
      if (!reachable().some((peer) => entriesOf(peer) >= WORTH_WAITING * deps.minEntries)) return undefined;
      if (isStopped() || clock.monotonic() > until) return undefined;
      await sleep(clock, ASK_AGAIN_MS, stopping.signal);
    }
  }

  /** Without a certified cut the state comes by repair, which checks signatures first. */
  async function giveUp(): Promise<void> {
    nextAt = clock.monotonic() + RETRY_MS;
    move(states.giveUp(vouching.state));
    if (record() === undefined) return;
    shown.trouble('no peer offers a certified cut: the rest comes by repair');
    if (!reachable().some(isAhead)) await arrive();
  }

  async function takeChunks(plan: SnapshotPlan): Promise<'done' | 'gone' | 'stopped'> {
    const before = record();
    const { chunks, todo } = await writer.read(() => chunkTable(plan, before, replica.tree));
    const begun: BootstrapRecord = {
      certificate: plan.certificateBytes,
      sources: before?.sources ?? [],
      chunks,
      cursor: new Uint8Array(0),
      verified: 0,
    };
    move(states.fetch(vouching.state, plan, begun));
    shown.begin(plan, chunks.length - todo.length, chunks.length);
    const { at, entries } = plan;
    log.info(
      { root: bytesToHex(plan.root), at, entries, chunks: chunks.length, toFetch: todo.length },
      'taking over a snapshot',
    );
    const takeover = createTakeover({
      writer,
      replica,
      isFull: deps.isFull,
      mark(index, source) {
        shown.chunkDone();
        if (source === undefined) return void (chunks[index] = CHUNK_LEFT);
        const found = placeOf(servers, source);
        servers = found.sources;
        chunks[index] = found.place;
        move(states.progress(vouching.state, { ...held(), sources: servers }));
      },
      rows: () => [stateRow(held())],
      onApplied: shown.applied,
    });
    shown.fetching(true);
    try {
      return await fetchChunks(sources, plan, todo, takeover.take, (index) => takeover.leave(index));
    } finally {
      // This runs after a failure, too: batches that are still being written note how far they have come, which is
      // legal only in this state.
      await takeover.settled().finally(() => shown.fetching(false));
    }
  }

  /** Everything of the cut is here, or left to repair. */
  async function arrive(): Promise<void> {
    const arrived: BootstrapRecord = { ...held(), cursor: new Uint8Array(32), verified: 0 };
    await keep([stateRow(arrived)]);
    move(states.arrive(vouching.state, arrived));
    log.info({ ...status() }, 'snapshot taken over: verifying signatures');
    for (const peer of deps.peers.all()) deps.peers.repairSoon(peer.author);
    await verify();
  }

  async function verify(): Promise<void> {
    const { cursor, verified } = held();
    deps.cuts.pause('the signatures of a snapshot are being verified');
    if (vouching.state.phase !== 'catching-up') move(states.catchUp(vouching.state));
    if (!(await check.run(cursor, verified))) return;
    await keep([{ type: 'del', key: BOOTSTRAP }]);
    move(states.finish(vouching.state));
    shown.trouble(undefined);
    deps.cuts.resume();
    const quarantined = vouching.quarantine.operations;
    log.info({ keys: check.verified, quarantined }, 'bootstrap done: every signature of the state is verified');
    shown.tell(status(), true);
  }

  const keep = (rows: readonly RowWrite[]): Promise<void> => writer.keep(() => rows);

  function status(): BootstrapStatus | undefined {
    return shown.status(vouching.state, servers, { done: check.verified, total: replica.tree.size });
  }

  return {
    start() {
      if (!vouching.isVerified()) deps.cuts.pause('a snapshot has not been verified yet');
      looks = every(clock, LOOK_EVERY_MS, look, {
        firstMs: 0,
        onError: (err) => log.error({ err }, 'a look for snapshots failed'),
      });
    },
    async stop() {
      looks?.stop();
      stopping.abort();
      check.stop();
      await work;
    },
    get blocksRepairs() {
      return states.isTakingOver(vouching.state) || isDue();
    },
    status,
    warnings() {
      const { operations, from } = vouching.quarantine;
      if (operations === 0) return leftOut.warnings(deps.nameOf);
      const by = from === undefined ? '' : `, served by ${deps.nameOf(from)}`;
      const text =
        `${counted(operations, 'operation')} with ${operations === 1 ? 'a bad signature was' : 'bad signatures were'} part of an attested cut${by}: ` +
        `${operations === 1 ? 'it is' : 'they are'} in quarantine; the log names who attested it`;
      return [...leftOut.warnings(deps.nameOf), { code: 'quarantine', text }];
    },
  };
}
