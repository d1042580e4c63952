import { COLLECTORS, HEADER_READERS } from '../../core/rows/index.ts';
import { EXPIRY_VERSION, nodeLabel, SPOKEN_VERSION } from '../../core/types/index.ts';
import { encodeGossip } from '../../core/wire/index.ts';
import { createAudit } from '../audit/audit.ts';
import { createBootstrap, MIN_ENTRIES } from '../bootstrap/bootstrap.ts';
import { createSnapshotServer } from '../bootstrap/snapshot-server.ts';
import { createVouching } from '../bootstrap/vouching.ts';
import { createAttestationBook } from '../cuts/attestations.ts';
import { createAttestedMark } from '../cuts/attested.ts';
import { collectedAt } from '../cuts/collected-at.ts';
import { createCompleteCuts } from '../cuts/complete.ts';
import { createCompleteExchange } from '../cuts/complete-exchange.ts';
import { CUT_PERIOD_MS, CUT_SETTLE_MS, createCuts } from '../cuts/cuts.ts';
import { createMismatches } from '../cuts/mismatches.ts';
import { createAttestationWays } from '../cuts/spread.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { createHeaderVersions } from '../fleet/header-versions.ts';
import { createRememberedPeers } from '../fleet/remembered-peers.ts';
import { createDoubt, hasNoPast } from '../membership/doubt.ts';
import { isHeard } from '../peers/view.ts';
import { createComparison } from '../repair/compare-peer.ts';
import { createRepairs } from '../repair/repairs.ts';
import { JOURNAL_LENGTH } from '../storage/startup.ts';
import { createAccessTokens } from '../upkeep/access-tokens.ts';
import { createAddedPeers } from '../upkeep/added-peers.ts';
import { createAfterEnd } from '../upkeep/after-end.ts';
import { createCheckpointSaver } from '../upkeep/checkpoint-save.ts';
import { createCollection, floorsOf } from '../upkeep/collection.ts';
import { createDisplacedBook } from '../upkeep/displaced.ts';
import { createIntegrityCheck } from '../upkeep/integrity.ts';
import { createRefusedBelow } from '../upkeep/refused-below.ts';
import { createSetAsides } from '../upkeep/set-aside.ts';
import { createStoreChecks } from '../upkeep/store-checks.ts';
import { createSupervision } from '../upkeep/supervision.ts';
import { expectedNodes } from '../watch/members.ts';
import type { LungParts } from './build-lungs.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

/** How many keys an event names. */
const MAX_NAMED = 8;

export type DutyParts = ReturnType<typeof buildDuties>;

/**
 * Builds what a node does of its own accord, time and again: cuts, bootstrap, repair, fail-over, checks and
 * checkpoints.
 */
export function buildDuties(
  options: NodeOptions,
  deps: NodeDeps,
  opened: OpenedNode,
  state: StateParts,
  lungs: LungParts,
) {
  const { store, hasher, signer, verifier, clock, random, metrics, onFatal, peerIdOf } = deps;
  const { replica, roster, self, addedPeers } = opened;
  const { entries, holds, peers, mode, members, names, own, guard, writer, door, signedTwice, streams, transitions } =
    state;
  const { p2p, http, linkTo, dialList } = lungs;
  const { network } = options;
  const log = deps.log.child('node');

  const vouching = createVouching(opened.bootstrap);
  const periodMs = options.cutPeriodMs ?? CUT_PERIOD_MS;
  const cutLog = deps.log.child('cuts');
  const attested = createAttestedMark({ replica, writer, stored: opened.attested });
  const doubt = createDoubt({
    self,
    roster,
    clock: state.fleetClock,
    log: deps.log.child('roster'),
    wayTo(author) {
      const peer = peers.get(author);
      if (peer === undefined || !isHeard(peer.view, clock.monotonic(), options)) return 'away';
      return linkTo(peer) === undefined ? 'relayed' : 'direct';
    },
    nameOf: names.label,
    saved: opened.membership.doubt,
    isNew: hasNoPast({ ...opened, sequence: replica.meta.sequence, votes: opened.membership.roster.votes }),
    isShort: opened.end.short,
    keep: writer.keep,
    passed: attested.heard,
  });
  /** Of what its own key attested, a node that kept its store knows beforehand. */
  function onOwn(at: number): void {
    if (at <= attested.newest) return;
    doubt.sawLost('an attestation');
    replica.late.lost(at);
    attested.heard(at);
  }
  const book = createAttestationBook({
    network,
    self,
    roster,
    periodMs,
    hasher,
    verifier,
    clock: state.fleetClock,
    onOwn,
    onTwoRoots: (statements) => signedTwice.note({ kind: 'two-roots', statements }),
    onHeard: replica.observeTime,
    onAdded: () => complete.look(),
  });
  const complete = createCompleteCuts({
    network,
    roster,
    verifier,
    book,
    clock: state.fleetClock,
    keep: writer.keep,
    self,
    onOwn,
    saved: opened.complete,
    log: cutLog,
  });
  const completeExchange = createCompleteExchange({
    clock: state.fleetClock,
    random,
    log: cutLog,
    complete,
    peers,
    members,
    linkTo,
    periodMs,
    heartbeatMs: options.heartbeatMs,
    graceMs: options.graceMs,
  });
  const displaced = createDisplacedBook({
    store,
    writer,
    hasher,
    saved: opened.displaced,
    nameOf: names.label,
    onEvent: streams.publishEvent,
    clock,
  });
  const afterEnd = createAfterEnd({
    displaced,
    roster,
    replica,
    entries,
    writer,
    store,
    hasher,
    saved: opened.recounted,
    floor: () => complete.newest()?.at,
    nameOf: names.label,
    clock,
    log: deps.log.child('roster'),
  });
  const refusedBelow = createRefusedBelow({ roster, self, hasher });
  const asides = createSetAsides({
    replica,
    entries,
    writer,
    store,
    hasher,
    log: deps.log.child('floor'),
    saved: opened.setAside,
    lost: opened.asideLost,
    onTakenOut: (operations) =>
      streams.publishEvent({
        type: 'set-aside',
        code: operations[0]?.why ?? 'late',
        operations: operations.length,
        keys: operations.slice(0, MAX_NAMED).map(({ key }) => key),
      }),
  });
  replica.late.setFloors(floorsOf(opened.collection, roster));
  // What comes before the first cut of this run is late for those of the runs before.
  replica.late.fixing(opened.attested, collectedAt(roster, opened.attested, options.collectionGridMs));
  replica.late.fixed(opened.attested);
  const collection = createCollection({
    roster,
    replica,
    entries,
    writer,
    store,
    complete,
    asides,
    refused: refusedBelow,
    fixed: opened.fixedCuts,
    notCollecting: () => collectors.notReadBy(),
    isBusy: () => !vouching.isVerified() || afterEnd.isPending(),
    gridMs: options.collectionGridMs,
    clock,
    metrics,
    log: deps.log.child('floor'),
  });
  const mismatches = createMismatches({ log: cutLog, metrics });
  const cuts = createCuts({
    replica,
    writer,
    hasher,
    signer,
    clock,
    log: cutLog,
    network,
    roster,
    book,
    attested,
    closes: (at) => collectedAt(roster, at, options.collectionGridMs),
    periodMs,
    settleMs: options.cutSettleMs ?? CUT_SETTLE_MS,
    clockIsGood: guard.clocks.isGood,
    // Alone, a node whose word needs others' to count has nobody to compare its clock with.
    mayAttest: () =>
      (roster.writers.length === 1 || guard.clocks.hearsPeers()) &&
      guard.isOpen() &&
      !guard.has('clone') &&
      !guard.has('lost-batches') &&
      doubt.mayAttest() &&
      vouching.isVerified() &&
      !afterEnd.isPending() &&
      !collection.isPending(),
    ways: createAttestationWays({ p2p, http, streams, peers, mode: () => mode.now }),
    onCut(cut) {
      if (!cut.certified) collection.fixed(cut);
      streams.publishEvent({ type: 'cut', ...cut });
    },
    onMismatch: mismatches.note,
  });

  const bootstrap = createBootstrap({
    vouching,
    replica,
    entries,
    writer,
    door,
    hasher,
    verifier,
    clock: state.fleetClock,
    log: deps.log.child('bootstrap'),
    network,
    roster,
    peers,
    linkTo,
    peerIdOf,
    nameOf: names.label,
    cuts,
    isFull: () => guard.has('disk'),
    onEvent: streams.publishEvent,
    minEntries: options.bootstrapMinEntries ?? MIN_ENTRIES,
  });
  state.about.takesOver(() => bootstrap.blocksRepairs);
  const snapshots = createSnapshotServer({
    entries,
    holds,
    writer,
    hasher,
    clock,
    log: deps.log.child('snapshots'),
    cut: cuts.current,
    certifies: () => book.certificate() !== undefined,
    isVerified: vouching.isVerified,
  });

  const sessionDeps = {
    onBelowFloor: refusedBelow.note,
    replica,
    hasher,
    writer,
    door,
    clock,
    random,
    entries,
    peers,
    linkTo,
    peerIdOf,
  };
  const repairLog = deps.log.child('repair');
  const repairs = createRepairs({
    ...sessionDeps,
    log: repairLog,
    metrics,
    self,
    nameOf: names.label,
    onEvent: streams.publishEvent,
    root: own.root,
    isBlocked: () => bootstrap.blocksRepairs,
  });
  const comparison = createComparison({ ...sessionDeps, names, log: repairLog });
  const supervision = createSupervision({
    clock,
    log,
    peers,
    roster,
    own,
    guard,
    isMember: members.has,
    repairs,
    comparison,
    http,
    heartbeatMs: options.heartbeatMs,
    graceMs: options.graceMs,
    mode: () => mode.now,
    onTransition: transitions.note,
    beat() {
      const head = own.head();
      if (mode.now !== 'http') p2p.publish(encodeGossip({ type: 'head', head }));
      streams.publishHead(head);
    },
  });

  const integrity = createIntegrityCheck({
    replica,
    store,
    checks: createStoreChecks({ replica, store, hasher, verifier, entries, writer }),
    isVerified: vouching.isVerified,
    writer,
    clock,
    log,
    onFatal,
  });
  const checkpoints = createCheckpointSaver({
    replica,
    store,
    writer,
    clock,
    log,
    loaded: opened.checkpoint,
    journalLength: JOURNAL_LENGTH,
    sequence: replica.meta.sequence,
  });
  const added = createAddedPeers({
    writer,
    added: addedPeers,
    configured: { urls: options.urls, multiaddrs: options.p2p.bootstrap, authors: options.bootstrap },
    self,
    http,
    members,
    onChange: guard.tick,
    stayWith: dialList.name,
    log,
  });

  const tokens = createAccessTokens({
    writer,
    saved: opened.accessTokens,
    hasher,
    random: deps.random,
    clock,
    log,
  });

  const remembered = createRememberedPeers({
    saved: opened.rememberedPeers,
    peers,
    members,
    names,
    urls: () => http.peers().map(({ url }) => url),
    graceMs: options.graceMs,
    heartbeatMs: options.heartbeatMs,
    clock,
    log,
    keep: writer.keep,
  });

  const expectedMembers = () => {
    const hasTrustList = (): boolean => options.trusted.length > 0;
    const expected = expectedNodes({ clock, roster, peers, http, remembered, hasTrustList });
    return [
      ...expected.members.map(({ author }) => ({ author, label: names.label(author) })),
      ...expected.urls.map(({ url }) => ({ author: remembered.at(url)?.author, label: nodeLabel({ url }) })),
    ];
  };
  const headerVersions = createHeaderVersions({
    version: EXPIRY_VERSION,
    row: HEADER_READERS,
    saved: opened.headerReaders,
    members: expectedMembers,
    keep: writer.keep,
    log,
  });
  const collectors = createHeaderVersions({
    version: SPOKEN_VERSION,
    row: COLLECTORS,
    saved: opened.collectors,
    members: expectedMembers,
    keep: writer.keep,
    log,
  });

  const audit = createAudit({ store, writer, hasher, clock, isFull: () => guard.has('disk') });

  return {
    afterEnd,
    asides,
    collection,
    collectors,
    displaced,
    audit,
    attested,
    doubt,
    tokens,
    remembered,
    headerVersions,
    refusedBelow,
    vouching,
    book,
    complete,
    completeExchange,
    mismatches,
    cuts,
    bootstrap,
    snapshots,
    repairs,
    comparison,
    supervision,
    integrity,
    checkpoints,
    added,
  };
}
