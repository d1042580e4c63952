import type {
  CertificateDocument,
  CutView,
  EvidenceView,
  FloorView,
  NodeStatus,
  PeerAddress,
  PeerDifferences,
  PeerStatus,
  PingOutcome,
  SeriesView,
  SyncMode,
} from '../runtime/facade/index.ts';
import type { EmbeddedAudit } from './embedded-audit.ts';
import type { EmbeddedCall } from './embedded-call.ts';
import type { EmbeddedInvitations } from './embedded-invitations.ts';
import type { EmbeddedMembers } from './embedded-members.ts';
import type { EmbeddedSetAside } from './embedded-set-aside.ts';
import type { EmbeddedState } from './embedded-state.ts';
import type { EmbeddedTokens } from './embedded-tokens.ts';
import type { EmbeddedVault } from './embedded-vault.ts';

/**
 * The state of an embedded node, and everything that can be asked of that node. What it shows is durable in the store.
 *
 * Every method throws, or rejects with, LatticeError `stopping` once the node has been stopped, and with the error that
 * ended it (`store-write-failed`, `store-damaged`, …) once its store has failed; no call is left waiting then. A call
 * whose signal is aborted rejects with the reason of the signal.
 */
export interface EmbeddedLattice extends EmbeddedState {
  /** The content-addressed vault. Undefined where the settings ask for none. */
  readonly vault?: EmbeddedVault;
  /** Executions and attacks that this node keeps for a program of the original. */
  readonly audit: EmbeddedAudit;
  /** The tokens that the API of this node takes beside that of its settings. */
  readonly tokens: EmbeddedTokens;
  /** What was taken out of the state because it came too late for the floor. */
  readonly setAside: EmbeddedSetAside;
  /** Who belongs to the fleet, and how that changes. */
  readonly members: EmbeddedMembers;
  /** Who may ask to join. */
  readonly invitations: EmbeddedInvitations;

  /**
   * Tells how the node is: its verdict and warnings, why it is read-only where it is, its lungs, repairs and cuts. Times
   * are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { verdict, warnings } = lattice.status();
   * console.log(verdict.kind, verdict.sentence, warnings.map(({ text }) => text));
   */
  status(): NodeStatus;

  /**
   * Tells what the node knows of every peer: which lung carries it, whether its state is equal, and what was refused.
   * Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * for (const { peerId, lung, agreement } of lattice.peers()) console.log(peerId, lung, agreement);
   */
  peers(): readonly PeerStatus[];

  /**
   * Adds a peer by its base URL or its multiaddr, and keeps it across restarts. Resolves to false when it was known.
   *
   * @throws `invalid-peer`, `too-many-peers` beyond 64 of a kind
   * @example
   * const added = await lattice.addPeer({ url: 'http://192.0.2.7:8000' });
   * console.log(added ? 'added' : 'known already');
   */
  addPeer(peer: PeerAddress, options?: EmbeddedCall): Promise<boolean>;

  /**
   * Removes a peer that was added while a node ran.
   *
   * @throws `not-found`; `peer-configured` for a peer of the configuration, which is removed there
   * @example
   * await lattice.removePeer({ url: 'http://192.0.2.7:8000' });
   */
  removePeer(peer: PeerAddress, options?: EmbeddedCall): Promise<void>;

  /**
   * Tries a known peer, named by its peer id, author or URL, over each lung at once, each within 4 s. Round-trip times
   * are in ms.
   *
   * @throws `not-found`
   * @example
   * const { results } = await lattice.pingPeer('http://192.0.2.7:8000');
   * for (const { lung, ok, rttMs, error } of results) console.log(lung, ok ? rttMs : error);
   */
  pingPeer(
    peer: string,
    options?: EmbeddedCall,
  ): Promise<{ readonly peer: string; readonly results: readonly PingOutcome[] }>;

  /**
   * Finds which keys differ from those of a peer, which is named by its peer id or author, and lists at most `limit` of
   * them (1 to 1,000; 100 by default). No entry is transferred.
   *
   * @throws `not-found`, `peer-unreachable`, `overloaded`, `invalid-limit`, or the code with which the peer refused
   * @example
   * const [peer] = lattice.peers();
   * if (peer?.author !== undefined) console.log(await lattice.differences(peer.author, { limit: 10 }));
   */
  differences(peer: string, options?: EmbeddedCall & { readonly limit?: number }): Promise<PeerDifferences>;

  /**
   * Compares the state with that of every peer that a lung reaches, and repairs what differs, at once. It resolves when
   * all of these repairs have ended, well or not: `peers()` tells how. An aborted call leaves the repairs running.
   *
   * @throws nothing of its own
   * @example
   * await lattice.syncNow({ signal: AbortSignal.timeout(30_000) });
   */
  syncNow(options?: EmbeddedCall): Promise<void>;

  /**
   * Sets which lungs may carry peers: `auto`, `p2p` or `http`. `cause` is a sentence for the log and the status.
   *
   * @throws `invalid-request` for another mode, or a cause that is no line of text
   * @example
   * const { message } = lattice.setMode('http', 'P2P is blocked here');
   * console.log(message);
   */
  setMode(
    mode: SyncMode,
    cause: string,
  ): { readonly changed: boolean; readonly mode: SyncMode; readonly message: string };

  /**
   * Tells the newest 64 cuts, newest first, with one item for each root that somebody attested or this node had. Times
   * are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const newest = lattice.cuts()[0];
   * console.log(newest?.at, newest?.root);
   */
  cuts(): readonly CutView[];

  /**
   * Tells where the floor stands, which is the newest cut that all writers attested alike, and who holds it there, since
   * when, why, and what to do about it; and how far what is dead has left the state. Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { at, held, holders } = lattice.floor();
   * if (held) for (const { label, text, next } of holders) console.log(label, text, next);
   */
  floor(): FloorView;

  /**
   * Gives the certificate (base64url) of the newest certified cut, or of the cut at `at` (Unix ms), with the chain of
   * rosters as in `prove`. Undefined where there is none.
   *
   * @throws `not-found` for a hash of no roster
   * @example
   * const certified = lattice.certificate();
   * console.log(certified?.at, certified?.certificate);
   */
  certificate(at?: number, options?: { readonly from?: string }): CertificateDocument | undefined;

  /**
   * Tells what this node keeps of authors that contradict themselves, at most 4 pairs of commits an author.
   *
   * @throws nothing of its own
   * @example
   * for (const { author, kind, about } of lattice.evidence()) console.log(author, kind, about);
   */
  evidence(): readonly EvidenceView[];

  /**
   * Begins a check of the whole store at once. It has found everything good when `scrub.completed` of the status is at
   * least `round`; damage ends the node with `store-damaged`.
   *
   * @throws nothing of its own
   * @example
   * const { round } = lattice.verifyStore();
   * console.log(round, lattice.status().scrub?.completed);
   */
  verifyStore(): { readonly round: number };

  /**
   * Computes the root anew from the store and compares it with the root of the tree. `fault` says what was found
   * damaged. Signatures are left to `verifyStore`.
   *
   * @throws `store-read-failed`
   * @example
   * const { valid, fault } = await lattice.verifyIntegrity();
   * console.log(valid ? 'good' : fault);
   */
  verifyIntegrity(options?: EmbeddedCall): Promise<{
    readonly valid: boolean;
    readonly root: string;
    readonly recomputed: string;
    readonly entries: number;
    readonly fault?: string;
  }>;

  /**
   * Gives the figures of the last hour in steps. With `since` (Unix ms), only the points later than that.
   *
   * @throws nothing of its own
   * @example
   * console.log(lattice.series(Date.now() - 60_000));
   */
  series(since?: number): SeriesView;
}
