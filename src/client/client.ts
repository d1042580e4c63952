import type {
  CommitResult,
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
  Resources,
  Series,
} from '../api/contract/entities.ts';
import type { Differences, HealthAnswer, NotReady, Peer, PingResult, Status } from '../api/contract/node-entities.ts';
import type { JsonValue } from '../core/types/index.ts';
import { type FollowOptions, follow } from './follow.ts';
import { type CallOptions, type ClientOptions, createRequests } from './request.ts';

export interface PageOptions extends CallOptions {
  readonly limit?: number;
  readonly cursor?: string;
}

export interface WriteOptions extends CallOptions {
  /** Writes only while this version is current; `*`: only where the key has a value. */
  readonly ifMatch?: string;
  /** `*`: only where the key has no value. */
  readonly ifNoneMatch?: '*';
  /** The same request under the same key is done once: safe to try again. */
  readonly idempotencyKey?: string;
}

export type PeerName = { readonly url: string } | { readonly multiaddr: string };
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** A line, or the number of lines that were lost before the next. */
export type LogEvent =
  | { readonly type: 'line'; readonly line: LogLine }
  | { readonly type: 'gap'; readonly dropped: number };

const quoted = (version: string | undefined): string | undefined =>
  version === undefined || version === '*' ? version : `"${version}"`;

/**
 * The API of a node, one method for each route, under the route's name in /openapi.json. Errors are LatticeProblem.
 * Needs nothing but fetch: Node 20 and browsers.
 */
export function createClient(options: ClientOptions) {
  const requests = createRequests(options);
  const { json, send } = requests;
  const conditions = ({ ifMatch, ifNoneMatch, idempotencyKey }: WriteOptions) => ({
    'if-match': quoted(ifMatch),
    'if-none-match': ifNoneMatch,
    'idempotency-key': idempotencyKey,
  });
  const absentAsUndefined = async <T>(call: Promise<Response>): Promise<T | undefined> => {
    const response = await call;
    if (response.status !== 404) return (await response.json()) as T;
    await response.body?.cancel();
    return undefined;
  };
  const at = (options: CallOptions): CallOptions => (options.signal === undefined ? {} : { signal: options.signal });

  async function listEntries({
    prefix,
    limit,
    cursor,
    ...rest
  }: PageOptions & { readonly prefix?: string } = {}): Promise<EntryPage> {
    return json('/api/v1/state', { query: { prefix, limit, cursor }, ...at(rest) });
  }

  return {
    /** Undefined when there is no value under the key. */
    getEntry: (key: string, call: CallOptions = {}) =>
      absentAsUndefined<Entry>(send('/api/v1/state', { query: { key }, also: [404], ...at(call) })),
    putEntry: (key: string, value: JsonValue, write: WriteOptions = {}) =>
      json<Entry>('/api/v1/state', {
        method: 'PUT',
        query: { key },
        json: value,
        headers: conditions(write),
        ...at(write),
      }),
    async deleteEntry(key: string, write: WriteOptions = {}): Promise<void> {
      await send('/api/v1/state', { method: 'DELETE', query: { key }, headers: conditions(write), ...at(write) });
    },
    listEntries,
    /** Every entry in key order, page by page. */
    async *entries({ prefix, ...call }: CallOptions & { readonly prefix?: string } = {}): AsyncGenerator<Entry> {
      let cursor: string | undefined;
      do {
        const page = await listEntries({
          limit: 1000,
          ...(prefix === undefined ? {} : { prefix }),
          ...(cursor === undefined ? {} : { cursor }),
          ...at(call),
        });
        yield* page.entries;
        cursor = page.cursor;
      } while (cursor !== undefined);
    },
    commit: (operations: readonly Operation[], write: Pick<WriteOptions, 'idempotencyKey' | 'signal'> = {}) =>
      json<CommitResult>('/api/v1/commits', {
        method: 'POST',
        json: { operations },
        headers: conditions(write),
        ...at(write),
      }),
    getHistory: (key: string, { limit, cursor, ...call }: PageOptions = {}) =>
      json<History>('/api/v1/history', { query: { key, limit, cursor }, ...at(call) }),
    listConflicts: ({ limit, cursor, ...call }: PageOptions = {}) =>
      json<{ conflicts: Conflict[]; cursor?: string }>('/api/v1/conflicts', { query: { limit, cursor }, ...at(call) }),
    /** `at: 'cut'`: at the newest certified cut, with its certificate. */
    getProof: (key: string, { at: where, ...call }: CallOptions & { readonly at?: 'cut' } = {}) =>
      json<Proof>('/api/v1/proof', { query: { key, at: where }, ...at(call) }),
    listCuts: (call: CallOptions = {}) => json<{ items: Cut[] }>('/api/v1/cuts', at(call)),
    /** `at`: Unix ms of the cut; default the newest certified one. Undefined when there is none. */
    getCertificate: ({ at: when, ...call }: CallOptions & { readonly at?: number } = {}) =>
      absentAsUndefined<{ at: number; certificate: string }>(
        send('/api/v1/cuts/certificate', { query: { at: when }, also: [404], ...at(call) }),
      ),

    isAlive: async (call: CallOptions = {}): Promise<boolean> => (await send('/livez', at(call))).ok,
    isReady: (call: CallOptions = {}) =>
      send('/readyz', { also: [503], ...at(call) }).then(
        async (response) => (await response.json()) as { status: 'ready' } | NotReady,
      ),
    getStatus: (call: CallOptions = {}) => json<Status>('/api/v1/status', at(call)),
    getHealth: (call: CallOptions = {}) => json<HealthAnswer>('/api/v1/health', at(call)),
    getResources: (call: CallOptions = {}) => json<Resources>('/api/v1/resources', at(call)),
    getSeries: ({ since, ...call }: CallOptions & { readonly since?: number } = {}) =>
      json<Series>('/api/v1/series', { query: { since }, ...at(call) }),
    getMetrics: async (call: CallOptions = {}): Promise<string> => (await send('/metrics', at(call))).text(),
    getOpenApi: (call: CallOptions = {}) => json<Record<string, unknown>>('/openapi.json', at(call)),
    getConfig: async (call: CallOptions = {}): Promise<ConfigItem[]> =>
      (await json<{ items: ConfigItem[] }>('/api/v1/config', at(call))).items,

    /**
     * Events from `after` or from now on. Resumes by itself; a `reset` event says where that could not be done without
     * a gap.
     */
    async *events(options: FollowOptions = {}): AsyncGenerator<LatticeEvent> {
      for await (const { data } of follow(requests, '/api/v1/events', {}, options))
        yield JSON.parse(data) as LatticeEvent;
    },
    /** The log: its last lines, then live. */
    async *logs({ level, ...options }: FollowOptions & { readonly level?: LogLevel } = {}): AsyncGenerator<LogEvent> {
      for await (const { event, data } of follow(requests, '/api/v1/logs', { level }, options)) {
        if (event === 'gap') yield { type: 'gap', ...(JSON.parse(data) as { dropped: number }) };
        else yield { type: 'line', line: JSON.parse(data) as LogLine };
      }
    },
    getLogs: ({
      level,
      after,
      limit,
      ...call
    }: CallOptions & { readonly level?: LogLevel; readonly after?: string; readonly limit?: number } = {}) =>
      json<LogPage>('/api/v1/logs', { query: { level, after, limit, format: 'json' }, ...at(call) }),

    listPeers: async (call: CallOptions = {}): Promise<Peer[]> =>
      (await json<{ peers: Peer[] }>('/api/v1/peers', at(call))).peers,
    /** False when it was known already. */
    addPeer: async (peer: PeerName, call: CallOptions = {}): Promise<boolean> =>
      (await json<{ added: boolean }>('/api/v1/peers', { method: 'POST', json: peer, ...at(call) })).added,
    async removePeer(peer: PeerName, call: CallOptions = {}): Promise<void> {
      await send('/api/v1/peers', { method: 'DELETE', query: { ...peer }, ...at(call) });
    },
    /** `peer`: peer id, author key, or URL of a known peer. */
    pingPeer: (peer: string, call: CallOptions = {}) =>
      json<PingResult>('/api/v1/peers/ping', { method: 'POST', json: { peer }, ...at(call) }),
    getDifferences: (peerId: string, { limit, ...call }: CallOptions & { readonly limit?: number } = {}) =>
      json<Differences>(`/api/v1/peers/${encodeURIComponent(peerId)}/differences`, { query: { limit }, ...at(call) }),
    syncNow: (call: CallOptions = {}) =>
      json<{ converged: { peers: number; equal: number }; peers: Peer[] }>('/api/v1/sync/now', {
        method: 'POST',
        ...at(call),
      }),
    setMode: (mode: Status['mode'], { reason, ...call }: CallOptions & { readonly reason?: string } = {}) =>
      json<{ changed: boolean; mode: Status['mode']; message: string }>('/api/v1/sync/mode', {
        method: 'POST',
        json: { mode, ...(reason === undefined ? {} : { reason }) },
        ...at(call),
      }),
  };
}

export type LatticeClient = ReturnType<typeof createClient>;
