import type { StateMeta } from '../../core/rows/index.ts';
import { type Author, type Bytes, bytesToHex } from '../../core/types/index.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { Door } from '../commit/door.ts';
import type { Guard } from '../commit/guard.ts';
import type { AttestationBook } from '../cuts/attestations.ts';
import type { Cuts } from '../cuts/cuts.ts';
import type { Warning, WarningCode } from '../facade/codes.ts';
import type { Health, NodeStatus, PeerStatus, SyncMode, Transition } from '../facade/facade.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import type { Feed } from '../streams/feed.ts';
import type { HttpPeer, HttpSupervisor } from '../transport/lung-http.ts';
import type { P2pSupervisor } from '../transport/lung-p2p.ts';

export interface StatusDeps {
  readonly options: NodeOptions;
  readonly deps: NodeDeps;
  readonly peers: PeerTable;
  readonly guard: Guard;
  readonly door: Door;
  readonly feed: Feed;
  readonly book: AttestationBook;
  readonly cuts: Cuts;
  readonly p2p: P2pSupervisor;
  readonly http: HttpSupervisor;
  /** Unix ms. */
  readonly startedAt: number;
  readonly incarnation: Bytes;
  readonly trusted: readonly Author[];
  readonly trustHash: Bytes;
  readonly mode: () => SyncMode;
  readonly durable: () => StateMeta;
  /** An operator added the peer while a node ran. */
  readonly isAdded: (author: Author | undefined, url: string | undefined) => boolean;
  readonly transitions: readonly Transition[];
  readonly integrity: () => NodeStatus['integrity'];
  readonly bootstrap: Pick<Bootstrap, 'status' | 'warnings'>;
  readonly queues: () => NonNullable<NodeStatus['queues']>;
}

/** What a node says about itself and its peers, read from memory. */
export function createStatus(s: StatusDeps): { node(): NodeStatus; peers(): PeerStatus[] } {
  const { options, deps } = s;
  const { clock } = deps;
  const self = deps.signer.author;

  const p2pAlive = (peer: Peer): boolean =>
    s.mode() !== 'http' &&
    s.p2p.running &&
    peer.heardAt.p2p !== undefined &&
    clock.monotonic() - peer.heardAt.p2p <= options.graceMs + options.heartbeatMs;
  const httpAlive = (peer: Peer, url: HttpPeer | undefined): boolean => {
    if (s.mode() === 'p2p') return false;
    if (url?.reachable === true) return true;
    // A peer behind NAT dials us: its hellos and our stream to it are HTTP that works.
    return (
      peer.heardAt.http !== undefined && clock.monotonic() - peer.heardAt.http <= options.graceMs + options.heartbeatMs
    );
  };
  /** Monotonic times as Unix ms for people. */
  const wall = (monotonic: number | undefined): number | undefined =>
    monotonic === undefined ? undefined : Math.round(clock.now() - (clock.monotonic() - monotonic));

  function peerStatus(peer: Peer): PeerStatus {
    const url = s.http.find(peer.author);
    const rtt = deps.p2p?.connections().find((c) => c.peer === peer.author)?.rttMs;
    const { head } = peer;
    const reachable = httpAlive(peer, url);
    return {
      peerId: deps.peerIdOf(peer.author),
      author: peer.author,
      ...optional('url', peer.url),
      configured: peer.configured,
      ...optional('added', s.isAdded(peer.author, peer.url) ? (true as const) : undefined),
      trusted: s.trusted.includes(peer.author),
      lung: peer.path.lung === 'http' && !reachable ? 'none' : peer.path.lung,
      p2p: { connected: peer.connected, ...optional('lastHeardAt', wall(peer.heardAt.p2p)), ...optional('rttMs', rtt) },
      http: {
        reachable,
        streaming: url?.streaming ?? s.feed.streamsTo(peer.author),
        ...optional('lastHeardAt', url?.lastHeardAt ?? wall(peer.heardAt.http)),
        ...optional('error', url?.error),
        ...optional('errorCode', url?.errorCode),
      },
      ...optional('root', head === undefined ? undefined : bytesToHex(head.root)),
      agreement: peer.agreement,
      ...optional('agreementSince', head === undefined ? undefined : peer.agreementSince),
      refused: { count: peer.refused.size, reasons: peer.refused.reasons() },
      ...optional('trustMatches', peer.trustMatches),
      ...optional('lastRepair', peer.repair.last),
      ...optional('repair', peer.repair.progress),
      ...optional('differing', differingOf(peer)),
      ...optional('software', peer.software),
      ...optional('clockOffsetMs', peer.clockOffsetMs),
    };
  }

  /** Equality is claimed from roots only, whatever was counted before; and where they differ, so do keys. */
  function differingOf(peer: Peer): PeerStatus['differing'] {
    if (peer.agreement === 'equal') return { keys: 0, at: wall(peer.agreementAt) ?? clock.now(), exact: true };
    return peer.differing?.keys === 0 && !peer.repair.running ? undefined : peer.differing;
  }

  function unknownUrl(url: HttpPeer): PeerStatus {
    return {
      url: url.url,
      configured: true,
      ...optional('added', s.isAdded(undefined, url.url) ? (true as const) : undefined),
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

  function warnings(peers: readonly Peer[]): Warning[] {
    const out: Warning[] = options.warnings.map((text) => ({ code: 'configuration', text }));
    out.push(...s.guard.warnings(), ...s.book.warnings(), ...s.bootstrap.warnings());
    const warn = (code: WarningCode, text: string): void => void out.push({ code, text });
    if (options.trusted.length === 0)
      warn(
        'no-trust-list',
        `no trust list: only this node's own commits count; set DIOTEC360_TRUSTED_STATE_PUBKEYS=${self}`,
      );
    for (const peer of peers) {
      const name = peer.url ?? deps.peerIdOf(peer.author);
      if (peer.twin) warn('peer-twin', `two nodes run with the key of ${name}: stop one of them`);
      if (peer.trustMatches === false)
        warn(
          'other-trust-list',
          `${name} has another trust list: compare DIOTEC360_TRUSTED_STATE_PUBKEYS on both nodes`,
        );
      if (peer.agreement === 'equal-except-refused') {
        const why = Object.entries(peer.refused.reasons()).map(([reason, n]) => `${n} ${reason}`);
        warn('refused-items', `${name} is equal except refused: ${peer.refused.size} (${why.join(', ')})`);
      }
    }
    return out;
  }

  return {
    peers: () => [
      ...Array.from(s.peers.all(), peerStatus),
      ...s.http
        .peers()
        .filter((p) => p.author === undefined && !p.self)
        .map(unknownUrl),
    ],
    node() {
      const all = [...s.peers.all()];
      const known = all.filter((p) => p.head !== undefined);
      const durable = s.durable();
      const root = bytesToHex(durable.root);
      const p2p = all.some(p2pAlive);
      const http = all.some((p) => httpAlive(p, s.http.find(p.author)));
      const health: Health = p2p && http ? 'OPTIMAL' : p2p ? 'P2P_ONLY' : http ? 'HTTP_ONLY' : 'ISOLATED';
      const overP2p = all.some((p) => p.path.lung === 'p2p');
      const reasons = s.guard.reasons();
      const urls = s.http.peers().filter((p) => !p.self);
      return {
        name: options.name,
        role: options.role,
        version: options.version,
        network: options.network,
        peerId: deps.peerIdOf(self),
        author: self,
        incarnation: bytesToHex(s.incarnation),
        startedAt: s.startedAt,
        now: clock.now(),
        root,
        entries: durable.entries,
        live: durable.live,
        conflicts: durable.conflicts,
        sequence: durable.sequence,
        mode: s.mode(),
        health,
        syncMode: overP2p ? 'P2P' : http ? 'HTTP' : 'NONE',
        p2p: {
          ...s.p2p.status(),
          topic: options.p2p.topic,
          listen: deps.p2p?.listenAddresses() ?? [],
          bootstrap: options.p2p.bootstrap,
          peers: all.filter((p) => p.connected).length,
        },
        http: {
          enabled: urls.length > 0,
          state: urls.length === 0 || s.mode() === 'p2p' ? 'off' : urls.some((p) => p.reachable) ? 'running' : 'failed',
          ...(urls.length > 0 && !urls.some((p) => p.reachable)
            ? optional('error', urls.find((p) => p.error !== undefined)?.error)
            : {}),
          peers: urls.filter((p) => p.reachable).length,
          streaming: urls.filter((p) => p.streaming).length,
        },
        writable: reasons.length === 0,
        readOnlyReasons: reasons,
        warnings: warnings(all),
        trust: { hash: bytesToHex(s.trustHash), authors: s.trusted },
        converged: {
          peers: known.length,
          equal: known.filter((p) => p.head !== undefined && bytesToHex(p.head.root) === root).length,
        },
        cuts: s.cuts.status(),
        transitions: s.transitions,
        refused: s.door.refused(),
        deferred: s.door.deferred(),
        ...optional('integrity', s.integrity()),
        ...optional('bootstrap', s.bootstrap.status()),
        queues: s.queues(),
      };
    },
  };
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]?: V });
}
