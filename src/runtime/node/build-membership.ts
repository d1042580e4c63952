import type { Author } from '../../core/types/index.ts';
import { clip } from '../../core/wire/fields.ts';
import { announcedAddresses, MAX_NAME_BYTES } from '../../core/wire/index.ts';
import { createToldEvidence } from '../commit/told-evidence.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { timeOf } from '../facade/times.ts';
import { everStood } from '../fleet/roster.ts';
import { createAnnouncements } from '../membership/announcements.ts';
import { createAnnouncing } from '../membership/announcing.ts';
import { createDialling } from '../membership/dialling.ts';
import { createExchange } from '../membership/exchange.ts';
import { createInvitations } from '../membership/invitations.ts';
import { lockedBy } from '../membership/lock.ts';
import { createMembership, type MembershipDeps } from '../membership/membership.ts';
import { createMembershipService } from '../membership/service.ts';
import { rosterWarnings } from '../membership/warnings.ts';
import { isHeard } from '../peers/view.ts';
import type { DutyParts } from './build-duties.ts';
import type { LungParts } from './build-lungs.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

export type MembershipParts = ReturnType<typeof buildMembership>;

/** Builds what decides who belongs to the fleet, and what tells other members of it. */
export function buildMembership(
  options: NodeOptions,
  deps: NodeDeps,
  opened: OpenedNode,
  state: StateParts,
  { p2p, http, linkTo, dialList }: LungParts,
  { afterEnd, attested, book, complete, doubt }: DutyParts,
) {
  const { hasher, signer, verifier, random, clock, peerIdOf } = deps;
  const { roster, replica, self, known } = opened;
  const { fleetClock, guard, writer, signedTwice, streams, peers, members, mode, names } = state;
  const { network, heartbeatMs, graceMs } = options;
  const log = deps.log.child('roster');
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const floor = (): number | undefined => complete.newest()?.at;

  const hears = (author: Author): boolean => {
    const view = peers.get(author)?.view;
    return view !== undefined && isHeard(view, clock.monotonic(), { graceMs, heartbeatMs });
  };
  const locks: MembershipDeps['locks'] = (next, action) =>
    lockedBy({ self, isHeard: hears, labelOf: names.label }, roster.present.state.roster, next, action);

  const told = createToldEvidence({
    network,
    hasher,
    verifier,
    signedTwice,
    contradictions: state.contradictions,
    everStood: (author) => everStood(roster, author),
  });
  const exchange = createExchange({
    clock,
    random,
    log,
    hasher,
    roster,
    peers,
    members,
    linkTo,
    p2p,
    streams,
    streamsToUs: (author) => http.find(author)?.streaming === true,
    mode: () => mode.now,
    membership: () => membership,
    doubt,
    attestedBy(peer) {
      const fresh = book.newestOf(peer);
      const certified = complete.attestedBy(peer);
      // The book knows what came since the start.
      const signed = (fresh?.attestation.at ?? 0) >= (certified?.attestation.at ?? 0) ? fresh : certified;
      return signed === undefined ? undefined : { kind: 'attested', attestation: signed.bytes };
    },
    evidence: told.all,
    heartbeatMs,
    graceMs,
  });
  const membership = createMembership({
    network,
    self,
    hasher,
    signer,
    verifier,
    clock: fleetClock,
    random,
    log,
    roster,
    saved: opened.membership,
    replica,
    keep: writer.keep,
    attested,
    doubt,
    onVote: signedTwice.noteVote,
    onEvidence: told.take,
    floor,
    locks,
    isSettled: () => guard.isOpen() && !guard.has('clone') && !guard.has('lost-batches') && !guard.has('own-history'),
    async know(authors) {
      known.add(authors);
      await known.save(writer.keep);
    },
    spread: exchange.spread,
    onStopped: (until) =>
      guard.set(
        'retired',
        `the roster retired this node's key, which ${until === undefined ? 'has stopped' : `stopped at ${timeOf(until, clock.now())}`}`,
      ),
    nameOf: names.label,
    onEvent: streams.publishEvent,
    onChange: tell,
  });
  const addressLog = deps.log.child('addresses');
  const announcing = createAnnouncing({
    clock,
    random,
    log: addressLog,
    peers,
    members,
    linkTo,
    p2p,
    streams,
    mode: () => mode.now,
    announcements: () => announcements,
    heartbeatMs,
    graceMs,
  });
  const announcements = createAnnouncements({
    network,
    self,
    own: () => ({
      name: clip(options.name, MAX_NAME_BYTES),
      ...announcedAddresses(options.announce ?? [], peerIdOf(self)),
    }),
    hasher,
    signer,
    verifier,
    clock,
    log: addressLog,
    roster,
    saved: opened.membership.announcements,
    keep: writer.keep,
    spread: announcing.spread,
    onChange({ author, name }) {
      names.learn(author, name);
      dialling.look();
      tell();
    },
  });
  const dialling = createDialling({
    self,
    clock,
    log: addressLog,
    roster,
    announcements,
    http,
    announce: dialList.announce,
  });
  for (const { announcement } of announcements.all())
    if (names.of(announcement.author) === undefined) names.learn(announcement.author, announcement.name);
  const warnings = rosterWarnings({
    self,
    doubt,
    afterEnd: afterEnd.warnings,
    roster,
    membership,
    configured: () => options.trusted,
    epochOf: exchange.epochOf,
    nameOf: names.label,
  });
  const service = createMembershipService({
    network,
    self,
    hasher,
    signer,
    clock: fleetClock,
    random,
    roster,
    membership,
    floor,
    locks,
    peerIdOf,
    nameOf: names.of,
    labelOf: names.label,
    addressesOf(author) {
      const { urls = [], multiaddrs = [] } = announcements.of(author) ?? {};
      return { urls, multiaddrs };
    },
    warnings,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  const invitations = createInvitations({
    clock,
    hasher,
    log,
    saved: opened.invitations,
    keep: writer.keep,
    members: service,
    hasCaughtUp(author) {
      // A writer more needs votes more. While one of them is away, that could be one too many to decide anything.
      if (roster.writers.some((writer) => writer !== self && !hears(writer))) return false;
      const view = peers.get(author)?.view;
      const isFresh = view !== undefined && clock.monotonic() - view.agreementAt <= graceMs;
      return isFresh && view.agreement === 'equal' && book.summary().certified !== undefined;
    },
  });
  return {
    invitations,
    rosterExchange: exchange,
    announcements,
    announcing,
    dialling,
    membership,
    membershipService: service,
    rosterWarnings: warnings,
  };
}
