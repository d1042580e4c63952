import type { LegacyFiles } from './legacy.ts';

/** One variable as the node took it, for operators. */
export interface ConfigSetting {
  /** The name that begins with DIOTEC360_, even where an older name was used. */
  readonly name: string;
  /** The text; of a secret only `set` or `not set`. */
  readonly value: string;
  /**
   * Where the text comes from; `legacy` means an older name of the variable, wherever it stood, and `options` the options
   * of a program that embeds the node.
   */
  readonly source: 'environment' | 'file' | 'default' | 'legacy' | 'options';
  readonly secret: boolean;
  readonly unit: string;
  readonly help: string;
}

/** Where the bytes of the vault lie, and with what a bucket is reached. */
export type VaultStoreConfig =
  | { readonly kind: 'files' | 'memory' }
  | {
      readonly kind: 's3';
      readonly endpoint: string;
      readonly bucket: string;
      /** Empty, or with a slash at its end. */
      readonly prefix: string;
      readonly region: string;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
    };

/** The configuration of a node, resolved, validated and frozen. Paths are absolute, and durations are in ms. */
export interface Config {
  readonly name: string;
  readonly role: string;
  /** What other nodes are called, each by its public key of 64 hex digits. */
  readonly names: readonly (readonly [publicKey: string, name: string])[];
  readonly environment: 'development' | 'production';
  readonly network: string;
  /** The directory of the node's own store: below `STATE_DIR` where files of the original's lie in that. */
  readonly stateDir: string;
  readonly vaultDir: string;
  readonly sentinelDir: string;
  readonly vault: {
    /** Whether the node has a vault of its own. Only a program that embeds a node goes without it. */
    readonly enabled: boolean;
    readonly policy: 'all' | 'pinned' | 'none';
    /** Most bytes of one object that is put here. */
    readonly maxObjectBytes: number;
    /** Bytes up to which the node fetches by itself; undefined: no bound. */
    readonly capacityBytes: number | undefined;
    readonly store: VaultStoreConfig;
  };
  /** Files of the original's in these directories, at the time when the configuration was read. */
  readonly legacy: readonly LegacyFiles[];
  /** Whether the node takes them in by itself. */
  readonly importLegacy: 'off' | 'auto';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** `pretty` on a terminal and `json` elsewhere, unless the configuration says otherwise. */
  readonly logFormat: 'json' | 'pretty';
  /** Whether the API answers /metrics. */
  readonly metrics: boolean;
  readonly api: {
    /** Whether the API is served at all. Only a program that embeds a node goes without it. */
    readonly enabled: boolean;
    readonly host: string;
    /** 0 means any free port. */
    readonly port: number;
    /** The bearer token of writes and operator calls. Without it they are all refused. */
    readonly token: string | undefined;
    /** Where it is set, reads need this token or another one of the node. */
    readonly readToken: string | undefined;
    readonly corsOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
    readonly trustedProxies: readonly string[];
    /** Whether anyone may fetch certified cuts. */
    readonly publicSync: boolean;
    /** Who may switch the mode by the original's endpoint: whoever has the token, or programs on this machine too. */
    readonly legacySwitch: 'token' | 'loopback';
  };
  readonly key:
    | { readonly source: 'file'; readonly path: string }
    | { readonly source: 'environment'; readonly seedHex: string };
  readonly p2p: {
    readonly enabled: boolean;
    readonly listen: readonly string[];
    /** Multiaddrs, each with /p2p/<peer id> at its end. */
    readonly bootstrap: readonly string[];
    readonly topic: string;
    readonly mdns: boolean;
    /** Whether peers that are no members may connect. */
    readonly open: boolean;
    /** What is wrong with these settings, as sentences. With any, the lung does not start, and the node does. */
    readonly flaws: readonly string[];
  };
  /** Whether the operator wants the node read-only. */
  readonly safeMode: boolean;
  readonly http: {
    /** Base URLs without a slash at their end. The node may be among them; it recognises itself by its identity. */
    readonly nodes: readonly string[];
    readonly pollIntervalMs: number;
  };
  /** Base URLs, and multiaddrs without the node's own peer id, that the node tells other members. */
  readonly announce: readonly string[];
  readonly heartbeatIntervalMs: number;
  /** The grace: how long P2P may bring nothing of a peer before HTTP takes over. */
  readonly peerlessTimeoutMs: number;
  /** The trust list: public keys of 64 hex digits, sorted, each once. When it is empty the node trusts only itself. */
  readonly trusted: readonly string[];
  /** Which rules for production it breaks, as sentences. When there are any the node is read-only (safe mode). */
  readonly violations: readonly string[];
  /** Every variable with its text and where that comes from. The texts of secrets are not in it. */
  readonly settings: readonly ConfigSetting[];
  /** Sentences that the node logs at its start, for example about unknown names. */
  readonly warnings: readonly string[];
}
