import type { Author, Hasher } from '../../core/types/index.ts';
import type {
  Clock,
  HttpLung,
  Log,
  Machine,
  Metrics,
  P2pLung,
  Random,
  Signer,
  Store,
  VaultStore,
  Verifier,
} from '../../ports/index.ts';
import type { Warning } from './codes.ts';
import type { VaultPolicy } from './vault.ts';

/** What a node is told about itself and its fleet. Durations are in ms. */
export interface NodeOptions {
  readonly name: string;
  readonly role: string;
  /** Software version, told to peers and shown in status. */
  readonly version: string;
  readonly network: string;
  /** The authors whose commits count. When it is empty, only the node's own commits count. */
  readonly trusted: readonly Author[];
  /** Authors of the configured bootstrap peers. */
  readonly bootstrap: readonly Author[];
  /** What the configuration calls other nodes, until they tell it themselves. */
  readonly names?: ReadonlyMap<Author, string>;
  /** Base URLs and multiaddrs at which other members reach this node, which it tells them. Absent: none. */
  readonly announce?: readonly string[];
  /** Base URLs of HTTP peers. */
  readonly urls: readonly string[];
  readonly heartbeatMs: number;
  /** The grace: how long P2P may bring nothing of a peer before HTTP carries the peer. */
  readonly graceMs: number;
  readonly pollMs: number;
  /**
   * Times of cuts are whole multiples of this, so all nodes of a network use the same. Default: CUT_PERIOD_MS. Only
   * tests use less.
   */
  readonly cutPeriodMs?: number;
  /**
   * Collection floors are whole multiples of this, in ms, so all nodes of a network use the same. Default:
   * COLLECTION_GRID_MS. Only tests use less.
   */
  readonly collectionGridMs?: number;
  /** How long after its time a cut is fixed. Default: CUT_SETTLE_MS. */
  readonly cutSettleMs?: number;
  /**
   * A bootstrap is worth it from a peer that has at least this many keys. Default: MIN_ENTRIES of bootstrap.ts. Only
   * tests use less.
   */
  readonly bootstrapMinEntries?: number;
  /** The directory of the store, which error messages name. */
  readonly directory: string;
  /** Which rules for production the configuration breaks. With any, the node starts read-only. */
  readonly violations: readonly string[];
  readonly warnings: readonly string[];
  /** What the process around the node has to tell of it. It is asked each time that the status is. */
  readonly notices?: () => readonly Warning[];
  /**
   * Only status shows `topic` and `bootstrap`. With `open`, peers that are no members may connect over P2P. While there
   * are `flaws`, sentences about the settings of the P2P lung, it does not start, and its status has them.
   */
  readonly p2p: {
    readonly topic: string;
    readonly bootstrap: readonly string[];
    readonly open?: boolean;
    readonly flaws?: readonly string[];
  };
}

/** How a node holds its vault. */
export interface VaultSettings {
  readonly policy: VaultPolicy;
  /** Most bytes of one object that is put here. */
  readonly maxObjectBytes: number;
  /** Bytes up to which the node fetches by itself; undefined: as many as there are. */
  readonly capacityBytes: number | undefined;
}

/** What a running node can be told anew, in the words of `NodeOptions`. */
export interface Reconfiguration
  extends Pick<NodeOptions, 'trusted' | 'bootstrap' | 'urls' | 'announce' | 'violations' | 'warnings'> {
  /** Absent: the vault goes on as it is. */
  readonly vault?: VaultSettings;
  readonly p2p: Pick<NodeOptions['p2p'], 'bootstrap' | 'flaws'>;
}

export interface NodeDeps {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** When absent, the series has no figures of the process. */
  readonly machine?: Machine;
  /** When absent, P2P is switched off. */
  readonly p2p?: P2pLung;
  readonly http: HttpLung;
  /** When absent, the node has no vault. The caller opens the store and closes it once the node has stopped. */
  readonly vault?: {
    readonly store: VaultStore;
    readonly kind: 'files' | 's3' | 'memory';
    readonly settings: VaultSettings;
  };
  readonly peerIdOf: (author: Author) => string;
  /**
   * Called when the store has failed. The node acknowledges nothing more, and the process should end within a second.
   */
  readonly onFatal: (error: unknown) => void;
}
