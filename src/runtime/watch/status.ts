// Longer than other files, because it gathers from every part of a node what one answer shows.
import { type Author, type Bytes, bytesToHex, nodeLabel } from '../../core/types/index.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { Contradictions } from '../commit/contradictions.ts';
import type { Door } from '../commit/door.ts';
import type { Guard } from '../commit/guard.ts';
import type { OwnState } from '../commit/own-state.ts';
import type { SignedTwice } from '../commit/signed-twice.ts';
import type { Writer } from '../commit/writer.ts';
import type { AttestationBook } from '../cuts/attestation-book.ts';
import type { Cuts } from '../cuts/cuts.ts';
import type { Mismatches } from '../cuts/mismatches.ts';
import type { Warning } from '../facade/codes.ts';
import type {
  BootstrapStatus,
  FloorStatus,
  FloorView,
  Health,
  NodeStatus,
  PeerStatus,
  VaultService,
} from '../facade/index.ts';
import type { MembershipService } from '../facade/members.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import type { HeaderVersions } from '../fleet/header-versions.ts';
import type { Members } from '../fleet/members.ts';
import type { Mode } from '../fleet/mode.ts';
import type { Names } from '../fleet/names.ts';
import type { RememberedPeers } from '../fleet/remembered-peers.ts';
import type { Roster } from '../fleet/roster.ts';
import type { Transitions } from '../fleet/transitions.ts';
import type { Announcements } from '../membership/announcements.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { clockOf, heardMs, isHeard, isHeardOver, lastHeard } from '../peers/view.ts';
import type { GossipOutbox } from '../streams/outbox.ts';
import type { Streams } from '../streams/streams.ts';
import type { HttpPeer } from '../transport/http-peer.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';
import type { P2pSupervisor } from '../transport/lung-p2p.ts';
import type { AddedPeersBook } from '../upkeep/added-peers.ts';
import type { IntegrityCheck } from '../upkeep/integrity.ts';
import type { LostBatches } from '../upkeep/lost-batches.ts';
import type { FloorWatch } from './floor.ts';
import { createMemberFacts, leftOf } from './members.ts';
import type { VerdictFacts } from './verdict-facts.ts';
import { createVerdictKeeper, type VerdictKeeper } from './verdict-keeper.ts';
import { createWarnings } from './warnings.ts';

export interface StatusDeps {
  readonly options: NodeOptions;
  readonly deps: NodeDeps;
  readonly opened: { readonly roster: Roster };
  readonly parts: StatusParts;
  readonly floor: FloorWatch;
  /** Unix ms. */
  readonly startedAt: number;
}

/** The parts of a node that the status is read from. */
export interface StatusParts {
  /** The node's incarnation, 8 bytes. */
  readonly incarnation: Bytes;
  readonly peers: Pick<PeerTable, 'all'>;
  readonly members: Pick<Members, 'has'>;
  readonly names: Names;
  readonly remembered: Pick<RememberedPeers, 'of' | 'at'>;
  readonly mode: Pick<Mode, 'now'>;
  readonly own: Pick<OwnState, 'durable'>;
  readonly guard: Pick<Guard, 'isOpen' | 'reasons' | 'since' | 'warnings'>;
  readonly writer: Pick<Writer, 'queued'>;
  readonly door: Pick<Door, 'refused' | 'deferred' | 'verifying'>;
  readonly streams: Pick<Streams, 'streamsTo'>;
  readonly transitions: Pick<Transitions, 'all'>;
  readonly p2p: Pick<P2pSupervisor, 'status' | 'running'>;
  readonly http: Pick<HttpSupervisor, 'peers' | 'find' | 'outboxBytes'>;
  readonly outbox: Pick<GossipOutbox, 'waiting'>;
  readonly book: Pick<AttestationBook, 'agreedAt'>;
  readonly signedTwice: Pick<SignedTwice, 'warnings'>;
  readonly contradictions: Pick<Contradictions, 'warnings'>;
  readonly mismatches: Pick<Mismatches, 'warnings'>;
  readonly cuts: Pick<Cuts, 'status'>;
  readonly headerVersions: Pick<HeaderVersions, 'notReadBy'>;
  readonly integrity: Pick<IntegrityCheck, 'progress' | 'scrub'>;
  readonly lost: Pick<LostBatches, 'warnings'>;
  readonly rosterWarnings: () => readonly Warning[];
  readonly bootstrap: Pick<Bootstrap, 'status' | 'warnings'>;
  readonly added: Pick<AddedPeersBook, 'addressesOf'>;
  readonly announcements: Pick<Announcements, 'of'>;
  readonly membershipService: Pick<MembershipService, 'changes'>;
  readonly vault: { readonly service: Pick<VaultService, 'status'> } | undefined;
}

/** The phases of a bootstrap in which this node has not the whole state yet. */
const TAKING_OVER: ReadonlySet<BootstrapStatus['phase']> = new Set(['manifest', 'chunks', 'catching-up']);

/** What a node says about itself and its peers. It is read from memory. */
export function createStatus(given: StatusDeps): {
  node(): NodeStatus;
  peers(): PeerStatus[];
  readonly keeper: VerdictKeeper;
} {
  const { options, deps, parts: s } = given;
  const { roster } = given.opened;
  const { clock } = deps;
  const self = deps.signer.author;

  const p2pAlive = (peer: Peer): boolean =>
    s.mode.now !== 'http' && s.p2p.running && isHeardOver(peer.view, 'p2p', clock.monotonic(), options);
  const httpAlive = (peer: Peer, url: HttpPeer | undefined): boolean => {
    if (s.mode.now === 'p2p') return false;
    if (url?.reachable === true) return true;
    // A peer behind NAT can only dial us. Its hellos and our stream to it show that HTTP works.
    return isHeardOver(peer.view, 'http', clock.monotonic(), options);
  };
  /** Whether an operator added the peer while a node ran, and under which addresses. */
  const addition = (author: Author | undefined, urls: readonly string[]): Pick<PeerStatus, 'added' | 'addedAs'> => {
    const addedAs = s.added.addressesOf(author, urls);
    return addedAs.length === 0 ? {} : { added: true, addedAs };
  };
  /** Where the peer says that it can be reached; undefined where it said nothing. */
  const announcesOf = (author: Author): readonly string[] | undefined => {
    const { urls = [], multiaddrs = [] } = s.announcements.of(author) ?? {};
    return urls.length + multiaddrs.length === 0 ? undefined : [...urls, ...multiaddrs];
  };
  /** The peer's wall clock less ours, in whole ms. */
  const clockOffsetOf = (peer: Peer): number | undefined => {
    const told = clockOf(peer.view);
    return told === undefined ? undefined : Math.round(told.ms - (clock.now() - clock.monotonic()));
  };
  /** Turns monotonic times into Unix ms for people. */
  const wall = (monotonic: number | undefined): number | undefined =>
    monotonic === undefined ? undefined : Math.round(clock.now() - (clock.monotonic() - monotonic));

  const lungOf = (peer: Peer): PeerStatus['lung'] =>
    !s.members.has(peer.author) || (peer.link.path.lung === 'http' && !httpAlive(peer, s.http.find(peer.author)))
      ? 'none'
      : peer.link.path.lung;

  const members = createMemberFacts({
    clock,
    graceMs: options.graceMs,
    heartbeatMs: options.heartbeatMs,
    roster,
    isMember: s.members.has,
    hasTrustList: () => options.trusted.length > 0,
    peers: s.peers,
    http: s.http,
    peerIdOf: deps.peerIdOf,
    lungOf,
    root: () => bytesToHex(s.own.durable().root),
    agreedCutOf: s.book.agreedAt,
    names: s.names,
    remembered: s.remembered,
  });
  const keeper = createVerdictKeeper({ clock, log: deps.log.child('node'), facts });

  const warnings = createWarnings({ options, self, roster, clock, parts: s, floor: given.floor });

  function facts(): VerdictFacts {
    const now = clock.now();
    const bootstrap = s.bootstrap.status();
    const takesOver = bootstrap !== undefined && TAKING_OVER.has(bootstrap.phase);
    return {
      now,
      startedAt: given.startedAt,
      graceMs: heardMs(options),
      readOnly: s.guard.reasons().map((reason) => ({ ...reason, since: s.guard.since(reason.code) ?? now })),
      bootstrap: takesOver ? bootstrap.chunks : undefined,
      members: members(),
      left: leftOf({ clock, roster, peers: s.peers, isMember: s.members.has, names: s.names }),
      epoch: roster.present.state.roster.epoch || undefined,
    };
  }

  function peerStatus(peer: Peer): PeerStatus {
    const before = unproven(peer.author);
    const url = s.http.find(peer.author) ?? before;
    const rtt = deps.p2p?.connections().find((c) => c.peer === peer.author)?.rttMs;
    const { head } = peer.view;
    const urls = s.http.peers().flatMap(({ author, url: text }) => (author === peer.author ? text : []));
    const alternatives = urls.filter((text) => text !== peer.link.url);
    const reachable = httpAlive(peer, url);
    return {
      peerId: deps.peerIdOf(peer.author),
      author: peer.author,
      ...optional('name', s.names.of(peer.author)),
      label: s.names.label(peer.author),
      ...optional('url', peer.link.url ?? url?.url),
      ...optional('alternatives', alternatives.length === 0 ? undefined : alternatives),
      configured: peer.link.configured || before !== undefined,
      ...addition(peer.author, peer.link.url === undefined ? urls : [peer.link.url, ...urls]),
      ...optional('announces', announcesOf(peer.author)),
      trusted: roster.has(peer.author),
      lung: lungOf(peer),
      p2p: {
        connected: peer.link.connected,
        ...optional('lastHeardAt', wall(peer.view.heardAt.p2p)),
        ...optional('rttMs', rtt),
      },
      http: {
        reachable,
        streaming: url?.streaming ?? s.streams.streamsTo(peer.author),
        ...optional('lastHeardAt', url?.lastHeardAt ?? wall(peer.view.heardAt.http)),
        ...optional('error', url?.error),
        ...optional('errorCode', url?.errorCode),
      },
      ...optional('root', head === undefined ? undefined : bytesToHex(head.root)),
      ...agreementOf(peer),
      refused: { count: peer.repair.refused.size, reasons: peer.repair.refused.reasons() },
      ...optional('trustMatches', peer.view.trustMatches),
      ...optional('lastRepair', peer.repair.last),
      ...optional('repair', peer.repair.progress),
      ...optional('differing', differingOf(peer)),
      ...optional('software', peer.view.software),
      ...optional('readOnly', readOnlyOf(peer)),
      ...optional('clockOffsetMs', clockOffsetOf(peer)),
    };
  }

  /** A configured URL at which the peer answered in an earlier run, and nobody has since this node started. */
  const unproven = (peer: Author): HttpPeer | undefined =>
    s.http
      .peers()
      .find(
        ({ url, author, announced }) => !announced && author === undefined && s.remembered.at(url)?.author === peer,
      );

  /** A peer that is silent is compared with nothing: what its last head named says nothing of what it has at present. */
  function agreementOf({ view }: Peer): Pick<PeerStatus, 'agreement' | 'agreementSince'> {
    if (view.head === undefined) return { agreement: 'unknown' };
    if (isHeard(view, clock.monotonic(), options))
      return { agreement: view.agreement, agreementSince: view.agreementSince };
    return { agreement: 'unknown', ...optional('agreementSince', wall(lastHeard(view))) };
  }

  /** What a peer that is heard told of its condition. */
  function readOnlyOf({ view }: Peer): PeerStatus['readOnly'] {
    const { condition } = view;
    return condition?.refusesSince !== undefined && isHeard(view, clock.monotonic(), options)
      ? { codes: condition.readOnly, since: condition.refusesSince }
      : undefined;
  }

  /**
   * How many keys differ. It is 0 where the agreement is equal, whatever was counted before. Elsewhere a count of 0 is
   * left out, because keys differ where roots do; only a running repair may show it.
   */
  function differingOf(peer: Peer): PeerStatus['differing'] {
    if (agreementOf(peer).agreement === 'equal')
      return { keys: 0, at: wall(peer.view.agreementAt) ?? clock.now(), exact: true };
    return peer.repair.differing?.keys === 0 && !peer.repair.running ? undefined : peer.repair.differing;
  }

  function unknownUrl(url: HttpPeer): PeerStatus {
    return {
      url: url.url,
      label: nodeLabel(url),
      configured: true,
      ...addition(undefined, [url.url]),
      trusted: false,
      lung: 'none',
      p2p: { connected: false },
      http: {
        reachable: false,
        streaming: false,
        ...optional('error', url.error),
        ...optional('errorCode', url.errorCode),
      },
      agreement: 'unknown',
      refused: { count: 0, reasons: {} },
    };
  }

  return {
    keeper,
    peers() {
      const known = Array.from(s.peers.all(), peerStatus);
      const shown = new Set(known.map(({ url }) => url));
      const others = s.http.peers().filter((p) => p.author === undefined && !p.self && !p.announced);
      return [...known, ...others.filter(({ url }) => !shown.has(url)).map(unknownUrl)];
    },
    node() {
      const all = [...s.peers.all()];
      const verdict = keeper.now();
      const durable = s.own.durable();
      const root = bytesToHex(durable.root);
      const p2p = all.some(p2pAlive);
      const http = all.some((p) => httpAlive(p, s.http.find(p.author)));
      const isWhole = verdict.members.every(
        ({ agreement }) => agreement !== 'not-heard' && agreement !== 'never-heard',
      );
      const both = isWhole ? 'OPTIMAL' : 'PARTIAL';
      const health: Health = p2p && http ? both : p2p ? 'P2P_ONLY' : http ? 'HTTP_ONLY' : 'ISOLATED';
      const overP2p = all.some((p) => p.link.path.lung === 'p2p');
      const reasons = s.guard.reasons();
      const urls = s.http.peers().filter((p) => !p.self && (!p.announced || p.reachable));
      return {
        name: options.name,
        role: options.role,
        version: options.version,
        network: options.network,
        peerId: deps.peerIdOf(self),
        author: self,
        incarnation: bytesToHex(s.incarnation),
        startedAt: given.startedAt,
        now: clock.now(),
        verdict,
        root,
        entries: durable.entries,
        live: durable.live,
        conflicts: durable.conflicts,
        sequence: durable.sequence,
        mode: s.mode.now,
        health,
        syncMode: overP2p ? 'P2P' : http ? 'HTTP' : 'NONE',
        p2p: {
          ...s.p2p.status(),
          topic: options.p2p.topic,
          listen: deps.p2p?.listenAddresses() ?? [],
          bootstrap: options.p2p.bootstrap,
          peers: all.filter((p) => p.link.connected).length,
        },
        http: {
          enabled: urls.length > 0,
          state:
            urls.length === 0 || s.mode.now === 'p2p' ? 'off' : urls.some((p) => p.reachable) ? 'running' : 'failed',
          ...(urls.length > 0 && !urls.some((p) => p.reachable)
            ? optional('error', urls.find((p) => p.error !== undefined)?.error)
            : {}),
          // A node that answers at several URLs is one peer.
          peers: new Set(urls.flatMap((p) => (p.reachable ? p.author : []))).size,
          streaming: urls.filter((p) => p.streaming).length,
        },
        writable: reasons.length === 0,
        readOnlyReasons: reasons,
        warnings: warnings(),
        trust: {
          hash: bytesToHex(roster.hash),
          authors: roster.authors,
          epoch: roster.present.state.roster.epoch,
          changes: s.membershipService.changes().filter(({ stage }) => stage === 'waiting' || stage === 'deciding')
            .length,
        },
        converged: {
          peers: verdict.members.length,
          equal: verdict.members.filter(({ agreement }) => agreement === 'equal').length,
        },
        cuts: s.cuts.status(),
        floor: floorStatus(given.floor.view()),
        transitions: s.transitions.all,
        refused: s.door.refused(),
        deferred: s.door.deferred(),
        ...optional('writesWait', s.guard.isOpen() ? undefined : true),
        ...optional('integrity', s.integrity.progress()),
        ...optional('endsNotReadBy', s.headerVersions.notReadBy()),
        scrub: s.integrity.scrub(),
        ...optional('bootstrap', s.bootstrap.status()),
        ...optional('vault', s.vault?.service.status()),
        queues: {
          writer: s.writer.queued,
          door: s.door.verifying(),
          gossip: s.outbox.waiting(),
          httpOutboxBytes: s.http.outboxBytes(),
        },
      };
    },
  };
}

function floorStatus({ at, due, held, holders, collection }: FloorView): FloorStatus {
  const { closed, collected, collecting, keys, setAside, setAsideLost } = collection;
  return {
    ...optional('at', at),
    due,
    held,
    holders: holders.map(({ author, label, code, since }) => ({ author, label, code, ...optional('since', since) })),
    collection: {
      ...optional('closed', closed),
      ...optional('collected', collected),
      collecting,
      keys,
      setAside,
      ...optional('setAsideLost', setAsideLost),
    },
  };
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]?: V });
}
