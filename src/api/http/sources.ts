// What the composition root hands to the API beside the node: its log, its metrics and the figures of its machine.

/** One value of a metric as of the present. */
export interface Gauge {
  readonly name: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Writes the page of metrics: everything that was counted, and the given gauges. */
export interface MetricsSource {
  readonly contentType: string;
  render(gauges: readonly Gauge[]): Promise<string>;
}

/** The levels of log lines, the least severe first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The least level of the lines that the node writes. Setting it holds until the node ends. */
export interface LogLevelControl {
  get(): LogLevel;
  set(level: LogLevel): void;
}

/** One line of the log. */
export interface LogLineView {
  /** The place after which to go on reading. */
  readonly id: string;
  readonly level: LogLevel;
  readonly [field: string]: unknown;
}

/** The node's newest log lines in memory. */
export interface LogSource {
  /**
   * Reads at most `limit` lines of at least `level` after the id `after`, or from the oldest one on, oldest first.
   * `dropped` is the number of lines after that id that are gone. `restarted` means that the id is of another run of
   * the node. `next` is the id after which to go on.
   */
  read(options: { readonly after?: string | undefined; readonly level: LogLevel; readonly limit: number }): {
    readonly lines: readonly LogLineView[];
    readonly dropped: number;
    readonly restarted: boolean;
    readonly next: string;
  };
  /** The id after which the newest `count` lines of at least `level` come. */
  tail(count: number, level: LogLevel): string;
  /** Calls `onLine` after each new line until the returned function is called. */
  follow(onLine: () => void): () => void;
}

/** What the node uses of its machine. Sizes are in bytes, times in ms, the CPU in percent of one core. */
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
  /** Absent where the system does not tell. */
  readonly descriptors?: { readonly limit: number; readonly open: number };
  /** How long callbacks waited for the event loop within the last seconds. */
  readonly eventLoop: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly cpu: { readonly percent: number };
  readonly uptimeMs: number;
  /** The version of Node.js. */
  readonly node: string;
  readonly platform: string;
}

export type ResourceSource = () => Promise<ResourceView>;
