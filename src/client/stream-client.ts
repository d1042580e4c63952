/// <reference lib="esnext.disposable" preserve="true" />
import type { LatticeEvent } from '../api/contract/event-entities.ts';
import type { LogLine, LogPage } from '../api/contract/process-entities.ts';
import type { Stream } from '../timing/stream.ts';
import type { FollowOptions } from './follow.ts';
import type { CallOptions } from './request.ts';

/** The level of log lines, the least severe first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * A line of the log, or a gap: `dropped` lines are missing before the next one. `restarted` means that the node has
 * been restarted since the last line.
 */
export type LogEvent =
  | { readonly type: 'line'; readonly line: LogLine }
  | { readonly type: 'gap'; readonly dropped: number; readonly restarted?: true };

/** One key that shows something else than before. */
export interface RemoteChange {
  /** The cursor of this change, to go on after it: `changes({ after: change.id })`. */
  readonly id: string;
  readonly key: string;
  /** The version that the key shows, or of the tombstone when it is `deleted`. */
  readonly version: string;
  readonly deleted: boolean;
  /** The author of that version, 64 hex digits. */
  readonly author: string;
  /** The time of that version, 16 hex digits. */
  readonly hlc: string;
}

/** The changes of a node's keys, and the place up to which they have been read. */
export interface RemoteChanges extends Stream<RemoteChange> {
  /**
   * The place up to which everything has been handed out, changes of other prefixes included. Undefined before the
   * first. A later stream goes on `after` it without a gap.
   */
  readonly cursor: string | undefined;
  [Symbol.asyncIterator](): RemoteChanges;
}

/** What happens on the node, as it comes: changes, events and the log. */
export interface StreamClient {
  /**
   * Follows the changes of keys in the order in which they became durable on the node, from the present on or `after` a
   * cursor. A connection that is lost is opened again after the last change that came. A reader that is slow leaves
   * changes waiting in the connection; the node closes it when 1 MiB waits, and the stream goes on from the node's
   * journal. It ends when its signal is aborted, or when it is left by `break` or `return()`.
   *
   * @throws while it is read: `cursor-lost` when the node cannot go on from the cursor, with the cursor of the present in
   * `details.cursor`; what another try would not mend, such as `rate-limited` before the first connection
   * @example
   * const changes = client.changes({ prefix: 'orders/' });
   * for await (const { key, deleted } of changes) {
   *   console.log(key, deleted ? undefined : (await client.getEntry(key))?.value);
   *   if (key === 'orders/last') break;
   * }
   * console.log('to go on later:', changes.cursor);
   */
  changes(options?: FollowOptions & { readonly prefix?: string | undefined }): RemoteChanges;

  /**
   * Follows all events: changes, the end of each batch with its root, and what happens to lungs, repairs and cuts. A
   * connection that is lost is opened again after the last event that came, as often as needed. When that leaves a gap, a
   * `reset` event says so, and the caller reads again what it has derived from events.
   *
   * @throws while it is read: what another try would not mend
   * @example
   * await using events = client.events({ signal: AbortSignal.timeout(60_000) });
   * for await (const event of events) console.log(event.type);
   */
  events(options?: FollowOptions): Stream<LatticeEvent>;

  /**
   * Follows the log of the node: its last lines, then each new one. The stream resumes and ends as that of `events`.
   *
   * @throws while it is read: `unauthorized`, or what another try would not mend
   * @example
   * for await (const event of client.logs({ level: 'warn' })) {
   *   if (event.type === 'line') console.log(event.line.msg);
   *   else console.log(event.dropped, 'lines are missing');
   * }
   */
  logs(options?: FollowOptions & { readonly level?: LogLevel | undefined }): Stream<LogEvent>;

  /**
   * Reads one page of the log's lines. `next` of the page is the `after` of the following one.
   *
   * @throws `unauthorized`, `invalid-query`
   * @example
   * const { items, next } = await client.getLogs({ level: 'warn', limit: 100 });
   * console.log(items.length, next);
   */
  getLogs(
    options?: CallOptions & {
      readonly level?: LogLevel | undefined;
      readonly after?: string | undefined;
      readonly limit?: number | undefined;
    },
  ): Promise<LogPage>;

  /**
   * Tells the least level of the lines that the node writes.
   *
   * @throws `unauthorized`
   * @example
   * console.log(await client.getLogLevel());
   */
  getLogLevel(options?: CallOptions): Promise<LogLevel>;

  /**
   * Sets the least level of the lines that the node writes, until the node ends or a reload brings another one.
   * Resolves to whether it was another one.
   *
   * @throws `unauthorized`
   * @example
   * const changed = await client.setLogLevel('debug');
   * console.log(changed);
   */
  setLogLevel(level: LogLevel, options?: CallOptions): Promise<boolean>;
}
