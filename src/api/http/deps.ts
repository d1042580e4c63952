import type { Author, Bytes } from '../../core/types/index.ts';
import type { Lattice } from '../../runtime/facade/index.ts';
import type { MonotonicTimers, Timers } from '../../timing/index.ts';
import type { Limits } from './costs.ts';
import type { WaitingWrites } from './receipts.ts';
import type { LogLevelControl, LogSource, MetricsSource, ResourceSource } from './sources.ts';

/** The part of the node's configuration that the API needs. */
export interface ApiConfig {
  readonly environment: 'development' | 'production';
  /** Which rules for production the configuration breaks, as sentences. Empty outside of production. */
  readonly violations: readonly string[];
  readonly api: {
    readonly host: string;
    /** 0 means any free port. */
    readonly port: number;
    /** The bearer token of writes and operator calls. Without it they are all refused. */
    readonly token: string | undefined;
    /** With it, reads need this token or another one. */
    readonly readToken?: string | undefined;
    readonly corsOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
    /**
     * The proxies whose X-Forwarded-For is believed: addresses, CIDR ranges, `loopback`, `linklocal`, `uniquelocal`.
     */
    readonly trustedProxies: readonly string[];
    /**
     * Whether anyone may read the cells and snapshots of certified cuts, and any cache may keep them. Default: false.
     */
    readonly publicSync?: boolean;
    /**
     * Who may switch the mode by the original's endpoint: whoever has the token, or programs on this machine too. Default:
     * token.
     */
    readonly legacySwitch?: 'token' | 'loopback';
  };
  readonly http: { readonly nodes: readonly string[] };
  /** The directory in which files of the original's vault are looked for. Without it the vault is empty. */
  readonly vaultDir?: string;
  /** Every setting as the node took it, for operators. The values of secrets are not in it. */
  readonly settings?: readonly ShownSetting[];
}

/** One setting of the node and where it comes from. */
export interface ShownSetting {
  readonly name: string;
  /** The text; of a secret only `set` or `not set`. */
  readonly value: string;
  /**
   * Where the value comes from; `legacy` means an older name of the variable, wherever it stood, and `options` the
   * options of a program that embeds the node.
   */
  readonly source: 'environment' | 'file' | 'default' | 'legacy' | 'options';
  readonly secret: boolean;
  readonly unit?: string;
  readonly help: string;
}

/** What a reload of the configuration came to. Variables are named with their prefix. */
export interface ReloadReport {
  /** The variables by which the node acts anew. */
  readonly changed: readonly string[];
  /** Variables that have changed too and take effect with a restart. */
  readonly needsRestart: readonly string[];
  /** The authors who are trusted no more. */
  readonly untrusted: readonly string[];
  readonly warnings: readonly string[];
}

export interface ApiLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ApiMetrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
}

/** Times in milliseconds, which tests shorten. */
export interface ApiTimes {
  /** The longest work on one request. After it the request is answered with 504. */
  readonly deadlineMs: number;
  /** The time between heartbeats of streams: proxies cut silent connections, usually after 30 s or more. */
  readonly sseHeartbeatMs: number;
  /**
   * How long `close` waits for requests under way before it cuts their connections: half of what a node has for its end,
   * because its last batch and its store come after the API.
   */
  readonly drainMs: number;
}

export interface ApiDeps {
  readonly lattice: Lattice;
  readonly config: ApiConfig;
  readonly clock: MonotonicTimers;
  readonly log: ApiLog;
  readonly metrics?: ApiMetrics;
  /** Checks Ed25519 signatures. Without it the certificates of nodes in bundles stay unchecked. */
  readonly verifier?: { verify(author: Author, message: Bytes, signature: Bytes): Promise<boolean> };
  readonly times?: Partial<ApiTimes>;
  /** Other shares than DEFAULT_LIMITS. */
  readonly limits?: Partial<Limits>;
  /** Without it there is no /metrics. */
  readonly metricsPage?: MetricsSource;
  /** Without it there is no /api/v1/logs. */
  readonly logs?: LogSource;
  /** Without it there is no /api/v1/logs/level. */
  readonly logLevel?: LogLevelControl;
  /**
   * The way to the disk of `config.vaultDir`, by which few calls run at a time and none waits for ever. Without it calls
   * go to the disk directly.
   */
  readonly vaultDisk?: <T>(work: () => Promise<T>) => Promise<T>;
  /** Without it there is no /api/v1/resources. */
  readonly resources?: ResourceSource;
  /** Reads the configuration again (SPEC N18). Without it that is answered `reload-impossible`. */
  readonly reload?: () => Promise<ReloadReport>;
  /** Whether one more connection may be taken in, as far as file descriptors go. Default: always. */
  readonly hasRoom?: () => boolean;
  /** The directory of the built dashboard. Without it there is none. */
  readonly dashboard?: URL;
}

export const DEFAULT_TIMES: ApiTimes = { deadlineMs: 30_000, sseHeartbeatMs: 15_000, drainMs: 1000 };

/** What all routes get. */
export interface RouteContext {
  readonly lattice: Lattice;
  readonly config: ApiConfig;
  readonly clock: Timers;
  readonly log: ApiLog;
  readonly waitingWrites: WaitingWrites;
  /**
   * Settles as `work` does, or rejects with LatticeError `deadline` when that takes longer than a request may. The work
   * itself goes on then, and its outcome is dropped.
   */
  readonly inTime: <T>(work: Promise<T>) => Promise<T>;
}
