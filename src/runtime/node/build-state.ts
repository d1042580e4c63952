import { hlcMs, ZERO_HLC } from '../../core/clock/index.ts';
import type { Unsettled } from '../../core/reconcile/index.ts';
import type { RowWrite } from '../../core/replica/index.ts';
import { bytesToHex, type Hlc } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';
import { createContradictions } from '../commit/contradictions.ts';
import { createCovering, createCoveringWrites } from '../commit/covering.ts';
import { createDoor } from '../commit/door.ts';
import { createGuard } from '../commit/guard.ts';
import { createOwnAbout } from '../commit/own-about.ts';
import { createOwnState } from '../commit/own-state.ts';
import { createSignedTwice } from '../commit/signed-twice.ts';
import { createWriter } from '../commit/writer.ts';
import type { ReadOnlyCode, ReadOnlyReason } from '../facade/codes.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { createMembers } from '../fleet/members.ts';
import { createMode } from '../fleet/mode.ts';
import type { Names } from '../fleet/names.ts';
import { roleReasons } from '../fleet/role.ts';
import { createStanding } from '../fleet/standing.ts';
import { createTransitions } from '../fleet/transitions.ts';
import { clocksOf } from '../peers/clocks.ts';
import { createPeerTable, takeAgain } from '../peers/peers.ts';
import { createEntries } from '../storage/entries.ts';
import { createHolds } from '../storage/holds.ts';
import { createEndKeeper } from '../storage/witness.ts';
import type { FanOut } from '../streams/fan-out.ts';
import { createStreams } from '../streams/streams.ts';
import { createExpiry } from '../upkeep/expiry.ts';
import { createLostBatches } from '../upkeep/lost-batches.ts';
import type { OpenedNode } from './open.ts';

export type StateParts = ReturnType<typeof buildState>;

/** Reasons for which a node also refuses what others made, or may have judged it wrongly. */
const REFUSING: ReadonlySet<ReadOnlyCode> = new Set(['disk', 'clock-jump', 'clock-skew', 'clock-ahead']);
/** Why a commit that has come too early was refused. */
const TOO_EARLY: ReadonlySet<Unsettled> = new Set(['future']);

const later = (a: Hlc, b: Hlc): Hlc => (a > b ? a : b);

interface StandingReason {
  readonly code: ReadOnlyReason['code'];
  /** Undefined: there is no such reason. */
  readonly text: string | undefined;
}

/** Sentences as clauses of one. */
const clauses = (sentences: readonly string[]): string => sentences.map((one) => one.replace(/\.$/, '')).join('; ');

/** The reasons for being read-only that lie in the configuration, and in what the roster says of the own key. */
function reasonsOf(options: NodeOptions, { self, roster }: OpenedNode): readonly StandingReason[] {
  const { violations } = options;
  return [
    { code: 'safe-mode', text: violations.length > 0 ? clauses(violations) : undefined },
    ...roleReasons(self, roster),
  ];
}

/** Builds everything but the network: the state and its one writer, the members, and the streams of what is durable. */
export function buildState(options: NodeOptions, deps: NodeDeps, opened: OpenedNode, names: Names) {
  const { store, hasher, signer, verifier, clock, random, metrics, onFatal } = deps;
  const { replica, rows, roster, self, addedPeers, end } = opened;
  const { network } = options;
  const log = deps.log.child('node');
  const incarnation = random.bytes(8);

  const entries = createEntries({ rows, hasher, replica });
  const holds = createHolds({ hasher });

  const peers = createPeerTable(clock);
  const mode = createMode();
  const members = createMembers({ self, roster, peers });
  for (const author of options.bootstrap) members.configure(author);
  const standingOf = createStanding({
    members,
    open: options.p2p.open === true,
    namesNobody: () => options.trusted.length === 0 && options.urls.length === 0 && addedPeers.now.urls.length === 0,
  });

  const about = createOwnAbout({ name: options.name, guard: () => guard });
  const own = createOwnState({
    replica,
    software: options.version,
    self,
    network,
    incarnation,
    roster,
    clock,
    signer,
    about: about.now,
  });
  const dials = (): boolean =>
    [options.urls, options.bootstrap, addedPeers.now.urls, addedPeers.now.multiaddrs].some((list) => list.length > 0);
  /** A node that dials nobody is dialled by the others that its trust list names. */
  const expectsOthers = (): boolean =>
    dials() || roster.authors.some((author) => author !== self && !roster.present.state.leftOut.has(author));
  const guard = createGuard({
    clock,
    log: deps.log.child('guard'),
    incarnation,
    ownSeen: () => later(replica.seen(self), end.committed),
    dials,
    expectsOthers,
    nameOf: names.label,
    peerClocks: () => clocksOf(peers.all(), names.label),
    members: () => Math.max(roster.authors.length, 1 + Array.from(peers.all()).length),
    agreesWith: (peer) => peers.get(peer)?.view.agreement === 'equal',
    onCleared(code) {
      if (REFUSING.has(code)) takeAgain(peers);
    },
    onOpen: settleHistory,
    onClosed: awaitHistory,
    onTwinGone: (seen) => keepHistory(() => replica.history.adopt(seen)),
    clockAheadMs: () => hlcMs(replica.meta.hlc) - clock.now(),
  });
  const keeper = createEndKeeper({ store, end, replica, self });
  const lost = createLostBatches({
    end,
    keeper,
    replica,
    self,
    peers,
    guard,
    clock,
    log,
    expectsOthers,
    directory: options.directory,
  });
  const configured = (): readonly StandingReason[] => reasonsOf(options, opened);
  for (const { code, text } of configured()) guard.set(code, text);

  /** The clock by which commits and cuts are judged. A clock that is far away from the others' does not decide. */
  const fleetClock: Clock = {
    now: guard.clocks.now,
    monotonic: () => clock.monotonic(),
    after: (ms, run) => clock.after(ms, run),
  };
  /** Ends the time in which own commits may come back. The store has failed when this does, which ends the process. */
  function settleHistory(told: Hlc | undefined): void {
    // The gate may have closed again by the time at which the writer comes to this.
    keepHistory(() =>
      guard.isOpen() ? replica.history.settle(later(told ?? ZERO_HLC, end.committed), replica.seen(self)) : [],
    );
  }
  /**
   * Begins that time again, for a running node that is given its first others. Nobody could tell it of its history
   * before, so what they have of its key up to its own newest commit may be from before its store was made.
   */
  function awaitHistory(): void {
    replica.history.reopen();
    keepHistory(() => replica.history.adopt(replica.seen(self)));
  }
  function keepHistory(make: () => readonly RowWrite[]): void {
    writer.keep(make).catch((error: unknown) => log.debug({ error: String(error) }, 'own history not kept'));
  }

  // The fan-out of durable batches. It is given before the first batch is made.
  let followers: FanOut | undefined;
  const writer = createWriter({
    replica,
    store,
    hasher,
    entries,
    signer,
    clock: fleetClock,
    log,
    lastMs: () => roster.endOf(self),
    onStep(step) {
      holds.stepped(step);
      expiry.stepped(step);
    },
    witness: keeper,
    onDurable: (applied) => followers?.durable(applied),
    onUnchanged: (applied) => followers?.unchanged(applied),
    onFatal,
  });
  const expiry = createExpiry({ replica, store, writer, clock: fleetClock, log });
  if (!expectsOthers()) settleHistory(undefined);
  const contradictions = createContradictions({
    hasher,
    network,
    isKnown: replica.knows,
    isTrusted: roster.has,
    saved: opened.evidence,
    keep: writer.keep,
    nameOf: names.label,
    log,
  });
  const signedTwice = createSignedTwice({
    network,
    hasher,
    saved: opened.signedTwice,
    keep: writer.keep,
    nameOf: names.label,
    log,
    onFound: ({ author, kind }) => streams.publishEvent({ type: 'evidence', kind, author, name: names.label(author) }),
  });
  for (const { evidence } of contradictions.all())
    for (const { key, context } of evidence.forgotten) replica.recallForgotten(key, context);
  const covering = createCovering(clock);
  const coveringWrites = createCoveringWrites({ covering, writer, guard, clock, log });
  const door = createDoor({
    hasher,
    network,
    isTrusted: roster.counts,
    isFull: () => guard.has('disk'),
    verifier,
    writer,
    clock,
    metrics,
    onDue: () => takeAgain(peers, TOO_EARLY),
  });

  const streams = createStreams({
    store,
    entries,
    hasher,
    writer,
    incarnation: bytesToHex(opened.incarnation),
    sequence: () => own.durable().sequence,
  });
  const transitions = createTransitions({
    clock,
    log,
    metrics,
    nameOf: names.label,
    publish: (transition) => streams.publishEvent({ type: 'transition', transition }),
  });
  return {
    incarnation,
    entries,
    holds,
    peers,
    mode,
    members,
    names,
    standingOf,
    about,
    configured,
    own,
    guard,
    contradictions,
    signedTwice,
    covering,
    coveringWrites,
    lost,
    fleetClock,
    writer,
    expiry,
    door,
    streams,
    transitions,
    /** Gives the fan-out that every batch is reported to. To be called once, before the first batch. */
    follow(fanOut: FanOut): void {
      followers = fanOut;
    },
  };
}
