/** One variable as it was read, for operators. */
export interface ConfigSetting {
  /** DIOTEC360_…, also where an older name was used. */
  readonly name: string;
  /** The text; of a secret only whether it is `set` or `not set`. */
  readonly value: string;
  /** legacy: an older name of the variable, wherever it stood. */
  readonly source: 'environment' | 'file' | 'default' | 'legacy';
  readonly secret: boolean;
  readonly unit: string;
  readonly help: string;
}

/** Everything a node is configured by, resolved, validated and frozen. Paths are absolute, durations are ms. */
export interface Config {
  readonly name: string;
  readonly role: string;
  readonly environment: 'development' | 'production';
  readonly network: string;
  readonly stateDir: string;
  readonly vaultDir: string;
  readonly sentinelDir: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** 'pretty' on a terminal unless told otherwise. */
  readonly logFormat: 'json' | 'pretty';
  /** Whether the API answers /metrics. */
  readonly metrics: boolean;
  readonly api: {
    readonly host: string;
    /** 0 = any free port (tests). */
    readonly port: number;
    /** Bearer token for writes; undefined: no writes over HTTP. */
    readonly token: string | undefined;
    readonly corsOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
    readonly trustedProxies: readonly string[];
    /** Certified cuts may be fetched by anyone. */
    readonly publicSync: boolean;
  };
  readonly key:
    | { readonly source: 'file'; readonly path: string }
    | { readonly source: 'environment'; readonly seedHex: string };
  readonly p2p: {
    readonly enabled: boolean;
    readonly listen: readonly string[];
    /** Validated: each ends in /p2p/<peer id>. */
    readonly bootstrap: readonly string[];
    readonly topic: string;
    readonly mdns: boolean;
  };
  readonly http: {
    /** Base URLs without trailing slash; self is tolerated and found by identity. */
    readonly nodes: readonly string[];
    readonly pollIntervalMs: number;
  };
  readonly heartbeatIntervalMs: number;
  /** Fail-over grace. */
  readonly peerlessTimeoutMs: number;
  /** Sorted, unique, 64 hex; possibly empty (then the node trusts only itself). */
  readonly trusted: readonly string[];
  /** Production-guard violations; non-empty in production: safe mode, read-only. */
  readonly violations: readonly string[];
  /** Every variable, its text and where that comes from. No secrets. */
  readonly settings: readonly ConfigSetting[];
  /** Everything worth a warning at start: unknown names with the nearest known one, downgraded binds, … */
  readonly warnings: readonly string[];
}
