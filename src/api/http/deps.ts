import type { Lattice } from '../../runtime/facade/index.ts';
import type { Timers } from '../../timing/index.ts';
import type { Limits } from './rate-limits.ts';
import type { LogSource, MetricsSource, ResourceSource } from './sources.ts';

/** What the API needs of the node's configuration; the full Config fits. */
export interface ApiConfig {
  readonly environment: 'development' | 'production';
  /** Production-guard violations. */
  readonly violations: readonly string[];
  readonly api: {
    readonly host: string;
    /** 0 = any free port. */
    readonly port: number;
    /** Bearer token for writes; undefined: no writes over HTTP. */
    readonly token: string | undefined;
    readonly corsOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
    /** Addresses or CIDR ranges whose X-Forwarded-For counts. */
    readonly trustedProxies: readonly string[];
    /** What is served of certified cuts may be read by anyone, and kept by any cache between. */
    readonly publicSync?: boolean;
  };
  readonly http: { readonly nodes: readonly string[] };
  /** Where files of the original's vault may lie. */
  readonly vaultDir?: string;
  /** Every setting as the node took it, for operators; secrets are not among the values. */
  readonly settings?: readonly ShownSetting[];
}

/** One setting of the node and where it comes from. */
export interface ShownSetting {
  readonly name: string;
  /** Of a secret: `set` or `not set`. */
  readonly value: string;
  readonly source: 'environment' | 'file' | 'default' | 'legacy';
  readonly secret: boolean;
  readonly unit?: string;
  readonly help: string;
}

export interface ApiLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ApiMetrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
}

/** Times that tests shorten. Milliseconds. */
export interface ApiTimes {
  /** Longest work on one request before it is answered with 504. */
  readonly deadlineMs: number;
  /** Comment lines on event streams: proxies cut silent connections, usually after 30 s or more. */
  readonly sseHeartbeatMs: number;
  /** How long close() lets requests under way finish before it cuts their connections. */
  readonly drainMs: number;
}

export interface ApiDeps {
  readonly lattice: Lattice;
  readonly config: ApiConfig;
  readonly clock: Timers;
  readonly log: ApiLog;
  readonly metrics?: ApiMetrics;
  readonly times?: Partial<ApiTimes>;
  /** Requests of one client within ten seconds. */
  readonly limits?: Partial<Limits>;
  /** Absent: there is no /metrics. */
  readonly metricsPage?: MetricsSource;
  /** Absent: there is no /api/v1/logs. */
  readonly logs?: LogSource;
  /** Absent: there is no /api/v1/resources. */
  readonly resources?: ResourceSource;
  /** Where the built dashboard lies; default: beside the program. */
  readonly dashboard?: URL;
}

export const DEFAULT_TIMES: ApiTimes = { deadlineMs: 30_000, sseHeartbeatMs: 15_000, drainMs: 2000 };

/** What the routes share. */
export interface RouteContext {
  readonly lattice: Lattice;
  readonly config: ApiConfig;
  readonly clock: Timers;
  readonly log: ApiLog;
  /**
   * Rejects with LatticeError `deadline` when `work` takes longer than a request may. The work itself goes on, its
   * outcome unseen.
   */
  readonly inTime: <T>(work: Promise<T>) => Promise<T>;
}
