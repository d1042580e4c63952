// What the composition root hands to the API beside the node: its log, its metrics page and its machine.

/** One value as of now. */
export interface Gauge {
  readonly name: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Writes the page: everything counted so far, and these gauges. */
export interface MetricsSource {
  readonly contentType: string;
  render(gauges: readonly Gauge[]): Promise<string>;
}

/** Least first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLineView {
  /** Where to go on after this line. */
  readonly id: string;
  readonly level: LogLevel;
  readonly [field: string]: unknown;
}

/** The node's newest log lines in memory. */
export interface LogSource {
  /**
   * Lines after the id `after`, oldest first; `dropped` of them are gone. `restarted`: the id is of another run.
   * `next`: where to go on.
   */
  read(options: { readonly after?: string | undefined; readonly level: LogLevel; readonly limit: number }): {
    readonly lines: readonly LogLineView[];
    readonly dropped: number;
    readonly restarted: boolean;
    readonly next: string;
  };
  /** The place before the newest `count` lines of at least `level`. */
  tail(count: number, level: LogLevel): string;
  /** Calls `onLine` after each new line until the returned function is called. */
  follow(onLine: () => void): () => void;
}

/** What the node uses of its machine. Bytes, ms; CPU in percent of one core. */
export interface ResourceView {
  readonly disk: {
    readonly path: string;
    readonly freeBytes: number;
    readonly totalBytes: number;
    readonly storeBytes: number;
  };
  readonly memory: {
    readonly rss: number;
    readonly heapUsed: number;
    readonly heapTotal: number;
    readonly external: number;
    readonly arrayBuffers: number;
  };
  /** What the event loop kept callbacks waiting, over the last seconds. */
  readonly eventLoop: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly cpu: { readonly percent: number };
  readonly uptimeMs: number;
  /** Version of Node.js. */
  readonly node: string;
  readonly platform: string;
}

export type ResourceSource = () => Promise<ResourceView>;
