import type { ErrorCode } from '../../core/types/index.ts';

/** A peer as operators name it: the base URL of its API, or a multiaddr that ends in /p2p/<peer id>. */
export type PeerAddress = { readonly url: string } | { readonly multiaddr: string };

export interface PingOutcome {
  readonly lung: 'p2p' | 'http';
  readonly ok: boolean;
  readonly rttMs?: number;
  readonly error?: string;
}

/** How the last comparison with a peer ended. */
export type Agreement = 'unknown' | 'equal' | 'equal-except-refused' | 'different';

export interface PeerStatus {
  /** Peer id (12D3Koo…), or undefined for a URL that has not proven who it is. */
  readonly peerId?: string;
  readonly author?: string;
  readonly url?: string;
  /** Named by our configuration (bootstrap address or URL), as opposed to met on the network. */
  readonly configured: boolean;
  /** Added by an operator while a node ran, and kept since. */
  readonly added?: true;
  readonly trusted: boolean;
  /** The lung that carries this peer now. */
  readonly lung: 'p2p' | 'http' | 'none';
  readonly p2p: { readonly connected: boolean; readonly lastHeardAt?: number; readonly rttMs?: number };
  readonly http: {
    readonly reachable: boolean;
    readonly streaming: boolean;
    readonly lastHeardAt?: number;
    readonly error?: string;
    /** As that of a repair. */
    readonly errorCode?: ErrorCode;
  };
  readonly root?: string;
  readonly agreement: Agreement;
  /** Unix ms since when `agreement` holds. */
  readonly agreementSince?: number;
  /** Items we refused from it or it refused from us, by reason. */
  readonly refused: { readonly count: number; readonly reasons: Readonly<Record<string, number>> };
  readonly trustMatches?: boolean;
  readonly lastRepair?: RepairReport;
  /** The repair that is under way. */
  readonly repair?: RepairProgress;
  /**
   * Keys that differ, counted by a comparison that transfers no entries; 0 only where the roots are equal. `at`: Unix
   * ms. Not `exact`: an estimate.
   */
  readonly differing?: { readonly keys: number; readonly at: number; readonly exact: boolean };
  readonly software?: string;
  /** Its wall clock less ours in ms, as well as a handshake can tell. */
  readonly clockOffsetMs?: number;
}

/** A repair under way. `found` and `remaining` count keys, `fetched` and `pushed` operations. */
export interface RepairProgress {
  readonly running: true;
  readonly lung: 'p2p' | 'http';
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly remaining: number;
  /** Keys settled in a second so far. */
  readonly perSecond: number;
  /** Unix ms. */
  readonly since: number;
}

export interface RepairReport {
  readonly at: number;
  readonly lung: 'p2p' | 'http';
  readonly outcome: 'equal' | 'repaired' | 'equal-except-refused' | 'partial' | 'failed';
  /**
   * How the differing keys were found: by coded symbols alone, or (also) by descending the tree. Absent when it failed.
   */
  readonly method?: 'cells' | 'descent';
  readonly error?: string;
  /** What the peer answered with, or what we made of it; absent where neither has a code. */
  readonly errorCode?: ErrorCode;
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly refused: number;
  readonly requests: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly durationMs: number;
}

/** Which keys differ from a peer's. Roots are hex, of the states compared. */
export interface PeerDifferences {
  /** Peer id. */
  readonly peer: string;
  readonly ourRoot: string;
  readonly theirRoot: string;
  /** `keys` are all that differ. */
  readonly complete: boolean;
  readonly method: 'cells' | 'descent';
  /**
   * By key hash: hex, 64 digits, or the first 16 of a key that we don't hold. `key` only where we hold it. `side`: who
   * has it; `both` have it, with other contents.
   */
  readonly keys: readonly {
    readonly keyHash: string;
    readonly key?: string;
    readonly side: 'ours' | 'theirs' | 'both';
  }[];
}
