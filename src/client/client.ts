import type { Committed, Entry, Receipt } from '../api/contract/entities.ts';
import type { LatticeEvent } from '../api/contract/event-entities.ts';
import type { Peer } from '../api/contract/node-entities.ts';
import type { ConfigItem, LogLine } from '../api/contract/process-entities.ts';
import type { AccessToken } from '../api/contract/token-entities.ts';
import { streamOf } from '../timing/stream.ts';
import { auditBodies } from './audit-bodies.ts';
import { changesAmong } from './changes.ts';
import { LatticeProblem, notOurs } from './errors.ts';
import { openExport } from './export.ts';
import { type FollowOptions, follow } from './follow.ts';
import type { LatticeClient } from './lattice-client.ts';
import { createMembersClient } from './members.ts';
import {
  type CallOptions,
  type ClientOptions,
  createRequests,
  type JsonOptions,
  objectOf,
  type RequestOptions,
} from './request.ts';
import type { CommitOptions, WriteOptions } from './state-client.ts';
import type { LogEvent, LogLevel } from './stream-client.ts';
import { createVaultClient } from './vault.ts';

/** The entity tag (RFC 9110 §8.8.3) of a version, which may have its quotes already. */
const quoted = (version: string | undefined): string | undefined =>
  version === undefined || version === '*' || version.startsWith('"') ? version : `"${version}"`;

/**
 * Makes a client of a node's API, in Node.js 20 or later or in a browser, over fetch. Nothing is sent before the first
 * call. Only streams are tried again by themselves.
 *
 * @throws `usage` when the URL is no http or https URL, or when a header cannot carry the token
 * @example
 * const client = createClient({ url: 'http://127.0.0.1:8000', token: process.env['DIOTEC360_API_TOKEN'] });
 * console.log((await client.getStatus()).root);
 */
export function createClient(options: ClientOptions): LatticeClient {
  const requests = createRequests(options);
  const { url, request, json } = requests;
  /** The JSON of an answer; undefined when the node answers `not-found`. */
  const jsonOrAbsent = async <T>(path: string, asked: JsonOptions): Promise<T | undefined> => {
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
  const removeEntry = async (path: string, asked: RequestOptions): Promise<Receipt | undefined> => {
    const answer = await request(path, asked);
    return answer.status === 204 ? undefined : (objectOf(answer.json(), url + path, 'commit') as Committed).receipt;
  };
  /** What a write waits for, as parameters. The node answers soon after it has waited. */
  const waiting = ({ replicas, certified, complete, receiptMs }: CommitOptions) => ({
    replicas,
    certified: certified === true ? 'true' : undefined,
    complete: complete === true ? 'true' : undefined,
    timeout: receiptMs === undefined ? undefined : `${receiptMs}ms`,
  });
  const patient = (write: CommitOptions): CallOptions => ({
    signal: write.signal,
    timeoutMs:
      write.timeoutMs ?? (write.receiptMs === undefined ? undefined : write.receiptMs + (options.timeoutMs ?? 35_000)),
  });
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

  const listEntries: LatticeClient['listEntries'] = ({ prefix, limit, cursor, ...call } = {}) =>
    json('/api/v1/state', { has: 'entries', query: { prefix, limit, cursor }, ...at(call) });

  async function* pages(prefix: string | undefined, call: CallOptions): AsyncGenerator<Entry, void> {
    let cursor: string | undefined;
    do {
      const page = await listEntries({ limit: 1000, prefix, cursor, ...call });
      yield* page.entries;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  async function* logEvents(level: LogLevel | undefined, stream: FollowOptions): AsyncGenerator<LogEvent, void> {
    for await (const { event, data } of follow(requests, '/api/v1/logs', { ...stream, query: { level } })) {
      if (event === 'gap') yield { ...(eventOf(data) as { dropped: number; restarted?: true }), type: 'gap' };
      else if (event === 'line') yield { type: 'line', line: eventOf(data) as LogLine };
    }
  }

  async function* events(stream: FollowOptions): AsyncGenerator<LatticeEvent, void> {
    for await (const { data } of follow(requests, '/api/v1/events', stream)) yield eventOf(data) as LatticeEvent;
  }

  return {
    url,
    request,
    vault: createVaultClient(requests),
    members: createMembersClient(requests),
    follow: (path, stream = {}) => streamOf((signal) => follow(requests, path, { ...stream, signal }), stream.signal),

    getEntry: (key, call = {}) => jsonOrAbsent('/api/v1/state', { has: 'version', query: { key }, ...at(call) }),
    putEntry: (key, value, write = {}) =>
      json('/api/v1/state', {
        has: 'version',
        method: 'PUT',
        query: { key, expires: write.expires, ttl: write.ttl, ...waiting(write) },
        json: value,
        headers: conditions(write),
        ...patient(write),
      }),
    putEntryJson: (key, text, write = {}) =>
      json('/api/v1/state', {
        has: 'version',
        method: 'PUT',
        query: { key, expires: write.expires, ttl: write.ttl, ...waiting(write) },
        body: text,
        headers: { 'content-type': 'application/json', ...conditions(write) },
        ...patient(write),
      }),
    deleteEntry: (key, write = {}) =>
      removeEntry('/api/v1/state', {
        method: 'DELETE',
        query: { key, ...waiting(write) },
        headers: conditions(write),
        ...patient(write),
      }),
    listEntries,
    entries: ({ prefix, signal, timeoutMs } = {}) =>
      streamOf((ending) => pages(prefix, { signal: ending, timeoutMs }), signal),
    exportState: (asked = {}) => openExport(requests, options.timeoutMs, asked),
    commit: (operations, write = {}) =>
      json('/api/v1/commits', {
        has: 'commit',
        method: 'POST',
        query: waiting(write),
        json: { operations },
        headers: conditions(write),
        ...patient(write),
      }),
    getHistory: (key, { limit, cursor, ...call } = {}) =>
      json('/api/v1/history', { query: { key, limit, cursor }, ...at(call) }),
    listConflicts: ({ limit, cursor, ...call } = {}) =>
      json('/api/v1/conflicts', { has: 'conflicts', query: { limit, cursor }, ...at(call) }),
    getProof: (key, { at: where, from, ...call } = {}) =>
      json('/api/v1/proof', { has: 'format', query: { key, at: where, from }, ...at(call) }),
    getProofText: async (key, { at: where, from, ...call } = {}) => {
      const answer = await request('/api/v1/proof', { query: { key, at: where, from }, ...at(call) });
      objectOf(answer.json(), `${url}/api/v1/proof`, 'format');
      return answer.text();
    },
    listEvidence: (call = {}) => json('/api/v1/evidence', { has: 'items', ...at(call) }),
    listCuts: (call = {}) => json('/api/v1/cuts', { has: 'items', ...at(call) }),
    getFloor: (call = {}) => json('/api/v1/floor', { has: 'collection', ...at(call) }),
    listAside: ({ limit, cursor, ...call } = {}) =>
      json('/api/v1/floor/aside', { has: 'items', query: { limit, cursor }, ...at(call) }),
    recoverAside: (wish, call = {}) => json('/api/v1/floor/recover', { method: 'POST', json: wish, ...at(call) }),
    getCertificate: ({ at: when, from, ...call } = {}) =>
      jsonOrAbsent('/api/v1/cuts/certificate', { has: 'certificate', query: { at: when, from }, ...at(call) }),

    async addAuditRecords(records, call = {}) {
      const sum = { added: 0, known: 0 };
      for (const body of auditBodies(records)) {
        const { added, known } = await json<typeof sum>('/api/v1/audit/records', {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json' },
          ...at(call),
        });
        sum.added += added;
        sum.known += known;
      }
      return sum;
    },
    listAuditRecords: ({ kind, limit, cursor, ...call }) =>
      json('/api/v1/audit/records', { has: 'records', query: { kind, limit, cursor }, ...at(call) }),

    isAlive: async (call = {}) => (await json<{ status: string }>('/livez', at(call))).status === 'ok',
    isReady: (call = {}) => json('/readyz', { also: [503], ...at(call) }),
    getStatus: (call = {}) => json('/api/v1/status', { has: 'root', ...at(call) }),
    getHealth: (call = {}) => json('/api/v1/health', at(call)),
    getResources: (call = {}) => json('/api/v1/resources', at(call)),
    getSeries: ({ since, ...call } = {}) => json('/api/v1/series', { query: { since }, ...at(call) }),
    getMetrics: async (call = {}) =>
      (await request('/metrics', { headers: { accept: 'text/plain' }, ...at(call) })).text(),
    getOpenApi: (call = {}) => json('/openapi.json', { has: 'openapi', ...at(call) }),
    listTokens: async (call = {}) =>
      (await json<{ items: AccessToken[] }>('/api/v1/tokens', { has: 'items', ...at(call) })).items,
    createToken: (wish, call = {}) => json('/api/v1/tokens', { has: 'token', method: 'POST', json: wish, ...at(call) }),
    removeToken: (id, call = {}) =>
      withoutBody(`/api/v1/tokens/${encodeURIComponent(id)}`, { method: 'DELETE', ...at(call) }),
    getConfig: async (call = {}) =>
      (await json<{ items: ConfigItem[] }>('/api/v1/config', { has: 'items', ...at(call) })).items,
    reloadConfig: (call = {}) => json('/api/v1/config/reload', { has: 'changed', method: 'POST', ...at(call) }),

    changes: ({ prefix, ...stream } = {}) =>
      changesAmong((signal) => events({ ...stream, signal }), { prefix, after: stream.after, signal: stream.signal }),
    events: (stream = {}) => streamOf((signal) => events({ ...stream, signal }), stream.signal),
    logs: ({ level, ...stream } = {}) => streamOf((signal) => logEvents(level, { ...stream, signal }), stream.signal),
    getLogs: ({ level, after, limit, ...call } = {}) =>
      json('/api/v1/logs', { has: 'items', query: { level, after, limit, format: 'json' }, ...at(call) }),
    getLogLevel: async (call = {}) =>
      (await json<{ level: LogLevel }>('/api/v1/logs/level', { has: 'level', ...at(call) })).level,
    setLogLevel: async (level, call = {}) =>
      (
        await json<{ changed: boolean }>('/api/v1/logs/level', {
          has: 'changed',
          method: 'POST',
          json: { level },
          ...at(call),
        })
      ).changed,

    listPeers: async (call = {}) =>
      (await json<{ peers: Peer[] }>('/api/v1/peers', { has: 'peers', ...at(call) })).peers,
    addPeer: async (peer, call = {}) =>
      (await json<{ added: boolean }>('/api/v1/peers', { has: 'added', method: 'POST', json: peer, ...at(call) }))
        .added,
    removePeer: (peer, call = {}) =>
      withoutBody('/api/v1/peers', { method: 'DELETE', query: { ...peer }, ...at(call) }),
    pingPeer: (peer, call = {}) =>
      json('/api/v1/peers/ping', { has: 'results', method: 'POST', json: { peer }, ...at(call) }),
    getDifferences: (peerId, { limit, ...call } = {}) =>
      json(`/api/v1/peers/${encodeURIComponent(peerId)}/differences`, { query: { limit }, ...at(call) }),
    verifyStore: (call = {}) => json('/api/v1/store/verify', { has: 'round', method: 'POST', ...at(call) }),
    syncNow: (call = {}) => json('/api/v1/sync/now', { has: 'peers', method: 'POST', ...at(call) }),
    setMode: (mode, { reason, ...call } = {}) =>
      json('/api/v1/sync/mode', {
        has: 'mode',
        method: 'POST',
        json: { mode, ...(reason === undefined ? {} : { reason }) },
        ...at(call),
      }),
  };
}
