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
import { createDoubt, hasNoPast } from '../membership/doubt.ts';
import { isHeard } from '../peers/view.ts';
import { createAfterEnd } from '../upkeep/after-end.ts';
import { createCollection, floorsOf } from '../upkeep/collection.ts';
import { createDisplacedBook } from '../upkeep/displaced.ts';
import { createRefusedBelow } from '../upkeep/refused-below.ts';
import { createSetAsides } from '../upkeep/set-aside.ts';
import type { LungParts } from './build-lungs.ts';
import type { OtherParts } from './build-others.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

/** How many keys an event names. */
const MAX_NAMED = 8;

/** Builds what the node agrees on with others about moments of the state: cuts, the floor, and what is taken out for it. */
export function buildCuts(
  options: NodeOptions,
  deps: NodeDeps,
  opened: OpenedNode,
  state: StateParts,
  { p2p, http, linkTo }: LungParts,
  others: OtherParts,
) {
  const { store, hasher, signer, verifier, clock, random, metrics } = deps;
  const { replica, roster, self } = opened;
  const { entries, peers, mode, members, names, guard, writer, signedTwice, streams } = state;
  const { network } = options;

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
  book.onAdded(complete.look);
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
    notCollecting: () => others.collectors.notReadBy(),
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

  return {
    afterEnd,
    asides,
    attested,
    book,
    collection,
    complete,
    completeExchange,
    cuts,
    displaced,
    doubt,
    mismatches,
    refusedBelow,
    vouching,
  };
}
