import type { ErrorCode } from '../../core/types/index.ts';

/** A peer as operators name it: the base URL of its API, or a multiaddr that ends in /p2p/<peer id>. */
export type PeerAddress = { readonly url: string } | { readonly multiaddr: string };

export interface PingOutcome {
  readonly lung: 'p2p' | 'http';
  readonly ok: boolean;
  readonly rttMs?: number;
  readonly error?: string;
}

/** How a peer's state compares with this node's; `unknown` where the peer was not heard within the grace. */
export type Agreement = 'unknown' | 'equal' | 'equal-except-refused' | 'different';

export interface PeerStatus {
  /** The peer id (12D3Koo…). Undefined for a URL at which no node has proven who it is. */
  readonly peerId?: string;
  readonly author?: string;
  /** What its operator calls it, as it told or as the configuration says. Two nodes may have one name. */
  readonly name?: string;
  /** What people read in place of an id: the name, made unique where two nodes have the same one. */
  readonly label: string;
  /** The base URL over which the peer is carried. */
  readonly url?: string;
  /** The other configured URLs at which the same peer answers; one of them takes over when `url` fails. */
  readonly alternatives?: readonly string[];
  /**
   * Whether the configuration names the peer (by bootstrap address or URL) or an operator added it. Other peers were
   * met on the network.
   */
  readonly configured: boolean;
  /** True: an operator added the peer while a node ran, and the node keeps it. */
  readonly added?: true;
  /** The addresses under which an operator added the peer. Removing all of them removes it. */
  readonly addedAs?: readonly string[];
  /** URLs and multiaddrs at which it says that it can be reached, as a member of the roster. */
  readonly announces?: readonly string[];
  readonly trusted: boolean;
  /** The lung that carries this peer at present. */
  readonly lung: 'p2p' | 'http' | 'none';
  readonly p2p: { readonly connected: boolean; readonly lastHeardAt?: number; readonly rttMs?: number };
  readonly http: {
    readonly reachable: boolean;
    readonly streaming: boolean;
    readonly lastHeardAt?: number;
    readonly error?: string;
    /** The code of `error`, with the meaning that it has in a RepairReport. */
    readonly errorCode?: ErrorCode;
  };
  readonly root?: string;
  readonly agreement: Agreement;
  /** Since when `agreement` holds, Unix ms. */
  readonly agreementSince?: number;
  /** How many items the two nodes refused from each other, and for which reasons. */
  readonly refused: { readonly count: number; readonly reasons: Readonly<Record<string, number>> };
  readonly trustMatches?: boolean;
  readonly lastRepair?: RepairReport;
  /** How far the repair with this peer has come; absent when none runs. */
  readonly repair?: RepairProgress;
  /**
   * How many keys differ, as counted by a comparison that transfers no entries. It is 0 only where the roots are equal.
   * When `exact` is false the number is an estimate. `at`: Unix ms.
   */
  readonly differing?: { readonly keys: number; readonly at: number; readonly exact: boolean };
  readonly software?: string;
  /** Why the peer refuses writes, as it told (READ_ONLY_CODES), and since when (Unix ms). */
  readonly readOnly?: { readonly codes: readonly string[]; readonly since: number };
  /** The peer's wall clock less ours in ms. It includes the time that the head took to arrive. */
  readonly clockOffsetMs?: number;
}

/** How far a repair has come. `found` and `remaining` count keys, `fetched` and `pushed` count operations. */
export interface RepairProgress {
  readonly running: true;
  readonly lung: 'p2p' | 'http';
  readonly found: number;
  readonly fetched: number;
  readonly pushed: number;
  readonly remaining: number;
  /** Keys settled per second since the repair began. */
  readonly perSecond: number;
  /** When the repair began, Unix ms. */
  readonly since: number;
}

export interface RepairReport {
  readonly at: number;
  readonly lung: 'p2p' | 'http';
  readonly outcome: 'equal' | 'repaired' | 'equal-except-refused' | 'partial' | 'failed';
  /**
   * How the differing keys were found: by coded symbols alone, or by descending the tree as well or instead. Absent
   * when the repair failed.
   */
  readonly method?: 'cells' | 'descent';
  readonly error?: string;
  /** The code that the peer answered with, or else our own code for the failure; absent where there is neither. */
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

/** The keys that differ between a peer's state and ours. Roots are hex and name the two states that were compared. */
export interface PeerDifferences {
  /** Peer id. */
  readonly peer: string;
  readonly ourRoot: string;
  readonly theirRoot: string;
  /** True: `keys` lists all keys that differ. False: there are more than the limit. */
  readonly complete: boolean;
  readonly method: 'cells' | 'descent';
  /**
   * One item for each key. `keyHash` is hex and has 64 digits, or only the first 16 for a key that this node does not
   * have. `key` is given only where this node has the key. `side` tells who has it; `both` means that both have it with
   * other contents.
   */
  readonly keys: readonly {
    readonly keyHash: string;
    readonly key?: string;
    readonly side: 'ours' | 'theirs' | 'both';
  }[];
}
