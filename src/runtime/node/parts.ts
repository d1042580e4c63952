import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { namedLog } from '../fleet/named-log.ts';
import { createNames } from '../fleet/names.ts';
import { createFanOut } from '../streams/fan-out.ts';
import { buildDuties, type DutyParts } from './build-duties.ts';
import { buildExchange, type ExchangeParts } from './build-exchange.ts';
import { buildFaces, type FaceParts } from './build-faces.ts';
import { buildLungs, type LungParts } from './build-lungs.ts';
import { buildMembership, type MembershipParts } from './build-membership.ts';
import { buildState, type StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

/** All parts of a node. */
export type Parts = StateParts & LungParts & DutyParts & MembershipParts & FaceParts & ExchangeParts;

/**
 * Builds the parts of a node in the order in which data passes through them. Each is given only those built before it.
 */
export function buildParts(options: NodeOptions, given: NodeDeps, opened: OpenedNode): Parts {
  const { peerIdOf } = given;
  const names = createNames({
    self: opened.self,
    ownName: options.name,
    configured: options.names ?? new Map(),
    remembered: new Map(opened.rememberedPeers.map(({ author, name }) => [author, name])),
    decided: opened.roster.present.state.roster.members,
    departed: opened.roster.present.state.departed,
    peerIdOf,
    log: given.log.child('node'),
  });
  const deps = { ...given, log: namedLog(given.log, names.label, peerIdOf) };
  const state = buildState(options, deps, opened, names);
  const lungs = buildLungs(options, deps, opened, state);
  const duties = buildDuties(options, deps, opened, state, lungs);
  const membership = buildMembership(options, deps, opened, state, lungs, duties);
  const faces = buildFaces(deps, opened, state, lungs, duties);
  const exchange = buildExchange(options, deps, opened, state, lungs, duties, membership, faces);
  const { mode, own, guard, contradictions, covering, streams } = state;
  const { p2p, http, outbox } = lungs;
  state.follow(
    createFanOut({
      self: opened.self,
      own,
      guard,
      onOwnFromElsewhere: () => duties.doubt.sawLost('a commit'),
      onOffered: (by, fragment, index) => duties.refusedBelow.offered(by, fragment, index),
      contradictions,
      covering,
      cuts: duties.cuts,
      awaits: exchange.awaits,
      checkpoints: duties.checkpoints,
      outbox,
      gossips: () => mode.now !== 'http' && p2p.running,
      streams,
      vault: faces.vault,
      push: http.push,
      metrics: deps.metrics,
      clock: deps.clock,
      log: deps.log.child('node'),
    }),
  );
  return { ...state, ...lungs, ...duties, ...membership, ...faces, ...exchange };
}
