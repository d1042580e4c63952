import type {
  Committed,
  ConfigItem,
  Conflict,
  Cut,
  Entry,
  EntryPage,
  History,
  LatticeEvent,
  LogLine,
  LogPage,
  Operation,
  Proof,
  Reloaded,
  Resources,
  Series,
} from '../api/contract/entities.ts';
import type { Differences, HealthAnswer, NotReady, Peer, PingResult, Status } from '../api/contract/node-entities.ts';
import type { JsonValue } from '../core/types/index.ts';
import { LatticeProblem, notOurs } from './errors.ts';
import { type FollowOptions, follow, type StreamOptions } from './follow.ts';
import { type CallOptions, type ClientOptions, createRequests, type RequestOptions } from './request.ts';
import type { ServerSent } from './server-sent.ts';

/** Which page of a list to read. */
export interface PageOptions extends CallOptions {
  /** The most items of the page. Default: that of the route. */
  readonly limit?: number | undefined;
  /** The cursor of the page before; without it the first page is read. */
  readonly cursor?: string | undefined;
}

/** Conditions of a write, and the key by which it may be tried again. */
export interface WriteOptions extends CallOptions {
  /** The write is done only while this version is current; with `*` only where the key has a value. */
  readonly ifMatch?: string | undefined;
  /** With `*` the write is done only where the key has no value. */
  readonly ifNoneMatch?: '*' | undefined;
  /**
   * 1 to 128 visible ASCII characters. The same request under the same idempotency key is done once, so that it may be
   * sent again for 24 hours.
   */
  readonly idempotencyKey?: string | undefined;
}

/** The address of a peer: its base URL, or its multiaddr. */
export type PeerName = { readonly url: string } | { readonly multiaddr: string };
/** The level of log lines, the least severe first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/**
 * A line of the log, or a gap: `dropped` lines are missing before the next one. `restarted` means that the node has
 * been restarted since the last line.
 */
export type LogEvent =
  | { readonly type: 'line'; readonly line: LogLine }
  | { readonly type: 'gap'; readonly dropped: number; readonly restarted?: true };

/** The entity tag (RFC 9110 §8.8.3) of a version, which may have its quotes already. */
const quoted = (version: string | undefined): string | undefined =>
  version === undefined || version === '*' || version.startsWith('"') ? version : `"${version}"`;

/**
 * Makes a client of a node's API. It has one method for each route, under the route's name in /openapi.json, and
 * `request` and `follow` for routes without a method. It runs in browsers and in Node.js 20, over fetch. Only streams
 * are tried again by themselves.
 *
 * Calls reject with a LatticeError. It is a LatticeProblem when the node, or a proxy before it, answered with an error.
 * Else its code is `unreachable` when there was no answer or only the beginning of one, `timeout`, `answer-too-large`,
 * or `not-a-lattice-node` for an answer that no node gives. An aborted call rejects with the reason of its signal.
 *
 * Throws LatticeError `usage` when the URL is no http or https URL, or when a header cannot carry the token.
 */
export function createClient(options: ClientOptions) {
  const requests = createRequests(options);
  const { url, request } = requests;

  const json = async <T>(path: string, asked?: RequestOptions): Promise<T> => (await request(path, asked)).json() as T;
  /** The JSON of an answer; undefined when the node answers `not-found`. */
  const jsonOrAbsent = async <T>(path: string, asked: RequestOptions): Promise<T | undefined> => {
    try {
      return await json<T>(path, asked);
    } catch (error) {
      if (error instanceof LatticeProblem && error.code === 'not-found') return undefined;
      throw error;
    }
  };
  const withoutBody = async (path: string, asked: RequestOptions): Promise<void> => {
    const { status } = await request(path, asked);
    if (status !== 204) throw notOurs(`${url}${path} answered status ${status} where a node answers 204`);
  };
  const conditions = ({ ifMatch, ifNoneMatch, idempotencyKey }: WriteOptions) => ({
    'if-match': quoted(ifMatch),
    'if-none-match': ifNoneMatch,
    'idempotency-key': idempotencyKey,
  });
  const at = ({ signal, timeoutMs }: CallOptions): CallOptions => ({ signal, timeoutMs });
  const eventOf = (data: string): unknown => {
    try {
      return JSON.parse(data) as unknown;
    } catch (cause) {
      throw notOurs(`${url} sent an event that is not JSON`, cause);
    }
  };

  async function listEntries({
    prefix,
    limit,
    cursor,
    ...call
  }: PageOptions & { readonly prefix?: string | undefined } = {}): Promise<EntryPage> {
    return json('/api/v1/state', { query: { prefix, limit, cursor }, ...at(call) });
  }

  return {
    /** The base URL without a slash at its end. */
    url,
    /** Makes any request and resolves to its whole answer: status, headers and body. */
    request,
    /** Follows any stream of server-sent events, event by event. It resumes by itself, as `events` does. */
    follow: (path: string, stream: StreamOptions = {}): AsyncGenerator<ServerSent> => follow(requests, path, stream),

    /** Resolves to undefined when there is no value under the key. */
    getEntry: (key: string, call: CallOptions = {}) =>
      jsonOrAbsent<Entry>('/api/v1/state', { query: { key }, ...at(call) }),
    putEntry: (key: string, value: JsonValue, write: WriteOptions = {}) =>
      json<Entry>('/api/v1/state', {
        method: 'PUT',
        query: { key },
        json: value,
        headers: conditions(write),
        ...at(write),
      }),
    /**
     * Writes a value that is JSON text already. It is sent as it is, so that the node's strict parser sees every digit
     * and member.
     */
    putEntryJson: (key: string, text: string, write: WriteOptions = {}) =>
      json<Entry>('/api/v1/state', {
        method: 'PUT',
        query: { key },
        body: text,
        headers: { 'content-type': 'application/json', ...conditions(write) },
        ...at(write),
      }),
    deleteEntry: (key: string, write: WriteOptions = {}): Promise<void> =>
      withoutBody('/api/v1/state', { method: 'DELETE', query: { key }, headers: conditions(write), ...at(write) }),
    listEntries,
    /** Every entry in key order, read page by page, so that the entries are not those of one moment. */
    async *entries({
      prefix,
      ...call
    }: CallOptions & { readonly prefix?: string | undefined } = {}): AsyncGenerator<Entry> {
      let cursor: string | undefined;
      do {
        const page = await listEntries({ limit: 1000, prefix, cursor, ...at(call) });
        yield* page.entries;
        cursor = page.cursor;
      } while (cursor !== undefined);
    },
    commit: (operations: readonly Operation[], write: Omit<WriteOptions, 'ifMatch' | 'ifNoneMatch'> = {}) =>
      json<Committed>('/api/v1/commits', {
        method: 'POST',
        json: { operations },
        headers: conditions(write),
        ...at(write),
      }),
    getHistory: (key: string, { limit, cursor, ...call }: PageOptions = {}) =>
      json<History>('/api/v1/history', { query: { key, limit, cursor }, ...at(call) }),
    listConflicts: ({ limit, cursor, ...call }: PageOptions = {}) =>
      json<{ conflicts: Conflict[]; cursor?: string }>('/api/v1/conflicts', { query: { limit, cursor }, ...at(call) }),
    /** With `at: 'cut'` the proof is for the newest certified cut and has its certificate. */
    getProof: (key: string, { at: where, ...call }: CallOptions & { readonly at?: 'cut' | undefined } = {}) =>
      json<Proof>('/api/v1/proof', { query: { key, at: where }, ...at(call) }),
    /** The proof document of `getProof` as the node wrote it, for a verifier that reads every character of it. */
    getProofText: async (
      key: string,
      { at: where, ...call }: CallOptions & { readonly at?: 'cut' | undefined } = {},
    ): Promise<string> => (await request('/api/v1/proof', { query: { key, at: where }, ...at(call) })).text(),
    listCuts: (call: CallOptions = {}) => json<{ items: Cut[] }>('/api/v1/cuts', at(call)),
    /** The certificate of the cut at `at` (Unix ms), or of the newest certified cut. Undefined when there is none. */
    getCertificate: ({ at: when, ...call }: CallOptions & { readonly at?: number | undefined } = {}) =>
      jsonOrAbsent<{ at: number; certificate: string }>('/api/v1/cuts/certificate', {
        query: { at: when },
        ...at(call),
      }),

    /** Resolves to true, or rejects. */
    isAlive: async (call: CallOptions = {}): Promise<boolean> =>
      (await json<{ status: string }>('/livez', at(call))).status === 'ok',
    /** Whether the node takes requests, or the reasons why it does not. */
    isReady: (call: CallOptions = {}) => json<{ status: 'ready' } | NotReady>('/readyz', { also: [503], ...at(call) }),
    getStatus: (call: CallOptions = {}) => json<Status>('/api/v1/status', at(call)),
    getHealth: (call: CallOptions = {}) => json<HealthAnswer>('/api/v1/health', at(call)),
    getResources: (call: CallOptions = {}) => json<Resources>('/api/v1/resources', at(call)),
    getSeries: ({ since, ...call }: CallOptions & { readonly since?: number | undefined } = {}) =>
      json<Series>('/api/v1/series', { query: { since }, ...at(call) }),
    /** The metrics in the text format of Prometheus. */
    getMetrics: async (call: CallOptions = {}): Promise<string> =>
      (await request('/metrics', { headers: { accept: 'text/plain' }, ...at(call) })).text(),
    getOpenApi: (call: CallOptions = {}) => json<Record<string, unknown>>('/openapi.json', at(call)),
    getConfig: async (call: CallOptions = {}): Promise<ConfigItem[]> =>
      (await json<{ items: ConfigItem[] }>('/api/v1/config', at(call))).items,
    reloadConfig: (call: CallOptions = {}) => json<Reloaded>('/api/v1/config/reload', { method: 'POST', ...at(call) }),

    /**
     * Events after the id `after`, or from the present on. A connection that is lost is opened again after the last
     * event that came, as often as needed. When that leaves a gap, a `reset` event says so, and the caller reads again
     * what it has derived from events. The stream ends when its signal is aborted, and rejects with an error that
     * another try would not mend.
     */
    async *events(stream: FollowOptions = {}): AsyncGenerator<LatticeEvent> {
      for await (const { data } of follow(requests, '/api/v1/events', stream)) yield eventOf(data) as LatticeEvent;
    },
    /** The last lines of the log, then each new one. The stream resumes and ends as that of `events` does. */
    async *logs({
      level,
      ...stream
    }: FollowOptions & { readonly level?: LogLevel | undefined } = {}): AsyncGenerator<LogEvent> {
      for await (const { event, data } of follow(requests, '/api/v1/logs', { ...stream, query: { level } })) {
        if (event === 'gap') yield { ...(eventOf(data) as { dropped: number; restarted?: true }), type: 'gap' };
        else if (event === 'line') yield { type: 'line', line: eventOf(data) as LogLine };
      }
    },
    getLogs: ({
      level,
      after,
      limit,
      ...call
    }: CallOptions & {
      readonly level?: LogLevel | undefined;
      readonly after?: string | undefined;
      readonly limit?: number | undefined;
    } = {}) => json<LogPage>('/api/v1/logs', { query: { level, after, limit, format: 'json' }, ...at(call) }),

    /** The least level of the lines that the node writes. */
    getLogLevel: async (call: CallOptions = {}): Promise<LogLevel> =>
      (await json<{ level: LogLevel }>('/api/v1/logs/level', at(call))).level,
    /** Sets that level until the node ends or reads its configuration again. Resolves to whether it was another one. */
    setLogLevel: async (level: LogLevel, call: CallOptions = {}): Promise<boolean> =>
      (await json<{ changed: boolean }>('/api/v1/logs/level', { method: 'POST', json: { level }, ...at(call) }))
        .changed,

    listPeers: async (call: CallOptions = {}): Promise<Peer[]> =>
      (await json<{ peers: Peer[] }>('/api/v1/peers', at(call))).peers,
    /** Resolves to false when the peer is known already. */
    addPeer: async (peer: PeerName, call: CallOptions = {}): Promise<boolean> =>
      (await json<{ added: boolean }>('/api/v1/peers', { method: 'POST', json: peer, ...at(call) })).added,
    removePeer: (peer: PeerName, call: CallOptions = {}): Promise<void> =>
      withoutBody('/api/v1/peers', { method: 'DELETE', query: { ...peer }, ...at(call) }),
    /** Tries a known peer over each lung. `peer` is its peer id, its author key or its URL. */
    pingPeer: (peer: string, call: CallOptions = {}) =>
      json<PingResult>('/api/v1/peers/ping', { method: 'POST', json: { peer }, ...at(call) }),
    getDifferences: (peerId: string, { limit, ...call }: CallOptions & { readonly limit?: number | undefined } = {}) =>
      json<Differences>(`/api/v1/peers/${encodeURIComponent(peerId)}/differences`, { query: { limit }, ...at(call) }),
    /** Begins a check of the whole store. It is done when `scrub.completed` of the status is at least `round`. */
    verifyStore: (call: CallOptions = {}) =>
      json<{ round: number }>('/api/v1/store/verify', { method: 'POST', ...at(call) }),
    syncNow: (call: CallOptions = {}) =>
      json<{ converged: { peers: number; equal: number }; peers: Peer[] }>('/api/v1/sync/now', {
        method: 'POST',
        ...at(call),
      }),
    setMode: (mode: Status['mode'], { reason, ...call }: CallOptions & { readonly reason?: string | undefined } = {}) =>
      json<{ changed: boolean; mode: Status['mode']; message: string }>('/api/v1/sync/mode', {
        method: 'POST',
        json: { mode, ...(reason === undefined ? {} : { reason }) },
        ...at(call),
      }),
  };
}

/** What `createClient` makes. */
export type LatticeClient = ReturnType<typeof createClient>;
