import { encodeGossip } from '../../core/wire/index.ts';
import { createAudit } from '../audit/audit.ts';
import { createBootstrap, MIN_ENTRIES } from '../bootstrap/bootstrap.ts';
import { createSnapshotServer } from '../bootstrap/snapshot-server.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { createComparison } from '../repair/compare-peer.ts';
import { createRepairs } from '../repair/repairs.ts';
import { JOURNAL_LENGTH } from '../storage/startup.ts';
import { createAccessTokens } from '../upkeep/access-tokens.ts';
import { createAddedPeers } from '../upkeep/added-peers.ts';
import { createCheckpointSaver } from '../upkeep/checkpoint-save.ts';
import { createIntegrityCheck } from '../upkeep/integrity.ts';
import { createStoreChecks } from '../upkeep/store-checks.ts';
import { createSupervision } from '../upkeep/supervision.ts';
import { buildCuts } from './build-cuts.ts';
import type { LungParts } from './build-lungs.ts';
import { buildOthers } from './build-others.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

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
  const { store, hasher, verifier, clock, random, metrics, onFatal, peerIdOf } = deps;
  const { replica, roster, self, addedPeers } = opened;
  const { entries, holds, peers, mode, members, names, own, guard, writer, door, streams, transitions } = state;
  const { p2p, http, linkTo, dialList } = lungs;
  const { network } = options;
  const log = deps.log.child('node');

  const others = buildOthers(options, deps, opened, state, lungs);
  const agreed = buildCuts(options, deps, opened, state, lungs, others);
  const { book, cuts, refusedBelow, vouching } = agreed;

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

  const audit = createAudit({ store, writer, hasher, clock, isFull: () => guard.has('disk') });

  return {
    ...others,
    ...agreed,
    added,
    audit,
    bootstrap,
    checkpoints,
    comparison,
    integrity,
    repairs,
    snapshots,
    supervision,
    tokens,
  };
}
