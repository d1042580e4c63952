import { LatticeError } from '../core/types/index.ts';
import type { Output } from './output.ts';

/** What a command may use of the process that it runs in. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly output: Output;
  readonly stdin: AsyncIterable<Uint8Array>;
  /** How this program was called, for printing commands that can be pasted: `lattice`, or `npm run -s lattice --`. */
  readonly programName: string;
  /** The arguments that start this program again, to which a command is added. */
  readonly self: readonly string[];
  /** Calls `handler` for each SIGINT and SIGTERM, and when the parent ends, until the returned function is called. */
  onStop(handler: () => void): () => void;
  /**
   * Calls `handler` for each SIGHUP until the returned function is called. On a terminal the signal says that the
   * terminal has gone, and ends the process.
   */
  onReload(handler: () => void): () => void;
  /** The first ports of `up`. Without them it takes the original's. */
  readonly basePorts?: { readonly api: number; readonly p2p: number };
  /**
   * Has the system look for a name for so many seconds at most. Without it a name server that is silent holds the
   * process for as long as the system has set, because nothing ends a search under way.
   */
  limitLookups?(seconds: number): void;
  /** Ends the process at once, without waiting for what is under way. */
  exitNow(exitCode: number): void;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly envFile?: string;
  /** Name of a context (contexts.ts). */
  readonly context?: string;
  /** Seconds for one request. */
  readonly timeout: number;
  /** Whether --timeout was given, which then holds for what may take longer by itself, too. */
  readonly timeoutGiven?: boolean;
  /** Data for programs are asked for, in JSON or another form (output.ts), instead of text for people. */
  readonly json?: boolean;
  /** Times are shown in UTC instead of the zone of this machine. */
  readonly utc?: boolean;
}

/** The timeout that the user has given; none where a call waits for as long as it may take. */
export const givenTimeout = ({ timeout, timeoutGiven }: GlobalOptions): { readonly timeoutMs?: number } =>
  timeoutGiven === true ? { timeoutMs: timeout * 1000 } : {};

export function usageError(message: string, next?: string): LatticeError {
  return new LatticeError('usage', message, next === undefined ? {} : { next });
}
