import { encodeGossip } from '../../core/wire/index.ts';
import { createAwaitServer } from '../exchange/await-server.ts';
import { createGreeting } from '../exchange/greet.ts';
import { createIntake } from '../exchange/intake.ts';
import { createLiveCommits } from '../exchange/live-commits.ts';
import { createReceipts } from '../exchange/receipts.ts';
import { createReplicas } from '../exchange/replicas.ts';
import { createResponder } from '../exchange/responder.ts';
import { createSyncService } from '../exchange/sync-service.ts';
import { createTellCondition } from '../exchange/tell-condition.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import type { DutyParts } from './build-duties.ts';
import type { FaceParts } from './build-faces.ts';
import type { LungParts } from './build-lungs.ts';
import type { MembershipParts } from './build-membership.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

export type ExchangeParts = ReturnType<typeof buildExchange>;

/** Builds what takes and answers the messages of other nodes, over either lung. */
export function buildExchange(
  options: NodeOptions,
  deps: NodeDeps,
  { replica, roster, self }: OpenedNode,
  state: StateParts,
  { p2p, http, outbox, linkTo }: LungParts,
  {
    book,
    complete,
    vouching,
    cuts,
    completeExchange,
    bootstrap,
    collectors,
    headerVersions,
    snapshots,
    supervision,
  }: DutyParts,
  { membership, rosterExchange, announcements, announcing }: MembershipParts,
  { vault }: FaceParts,
) {
  const { hasher, signer, verifier, clock, random } = deps;
  const { incarnation, entries, peers, mode, members, names, own, guard, writer, door, streams, fleetClock } = state;
  const { network } = options;

  const commits = createLiveCommits({
    hasher,
    clock: fleetClock,
    door,
    seen: (author) => replica.seen(author),
    passOn(fragments) {
      if (mode.now !== 'http' && p2p.running) outbox.add(fragments);
    },
  });
  const intake = createIntake({
    network,
    self,
    incarnation,
    verifier,
    clock: fleetClock,
    heartbeatMs: options.heartbeatMs,
    commits,
    guard,
    peers,
    mode: () => mode.now,
    isTrusted: roster.has,
    isMember: members.has,
    onAttestation: cuts.onAttestation,
    onNotice: membership.hear,
    onAnnouncement: announcements.hear,
    tellTwins: (head) => streams.publishTo(encodeGossip({ type: 'head', head }), head.head.author),
    onName: names.learn,
    onReads(author, reads) {
      headerVersions.note(author, reads);
      collectors.note(author, reads);
    },
    compare: supervision.compare,
  });
  const awaits = createAwaitServer({
    network,
    signer,
    entries,
    writer,
    clock,
    signs: () => roster.isWriter(self) && vouching.isVerified() && !guard.has('clone'),
  });
  const receipts = createReceipts({
    self,
    hasher,
    roster,
    replicas: createReplicas({
      network,
      self,
      roster,
      peers,
      linkTo,
      verifier,
      clock,
      log: deps.log.child('receipts'),
    }),
    book,
    complete,
    labelOf: names.label,
    clock,
    metrics: deps.metrics,
  });
  const responder = createResponder({
    replica,
    hasher,
    writer,
    door,
    clock,
    log: deps.log.child('sync'),
    isMember: members.has,
    hello: own.hello,
    peers,
    onHello(author, hello, lung) {
      if (lung === 'http') http.knocked(author);
      return intake.onHello(author, hello, lung);
    },
    onAttest: cuts.onAttest,
    onNews: rosterExchange.onNews,
    onComplete: completeExchange.onComplete,
    onAddresses: announcing.onNews,
    onAwait: awaits.onAwait,
    entries,
    snapshots,
    vault: vault?.server,
    isBootstrapping: () => bootstrap.blocksRepairs,
  });
  const sync = createSyncService({
    signer,
    verifier,
    hasher,
    random,
    clock,
    incarnation,
    isAllowed: members.has,
    isLeftOut: (author) => roster.present.state.leftOut.has(author),
    onStranger: http.knocked,
    handle: (peer, message) => responder.answer(peer, message, 'http'),
    openStream: (peer, request, send, closed) =>
      streams.openPush(peer, new TextDecoder().decode(request), send, closed),
  });
  const greeting = createGreeting({
    clock,
    log: deps.log.child('greeting'),
    peers,
    members,
    p2p,
    hello: own.hello,
    intake,
  });

  const telling = createTellCondition({
    clock,
    log: deps.log.child('greeting'),
    about: state.about.now,
    peers,
    members,
    linkTo,
    hello: own.hello,
    intake,
  });

  return { intake, responder, sync, greeting, telling, awaits, receipts };
}
