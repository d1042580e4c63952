import type { JsonValue } from '../../src/core/types/index.ts';
import type {
  ConflictView,
  EntryView,
  NodeStatus,
  PeerStatus,
  ProofDocument,
  WriteOperation,
  WriteResult,
} from '../../src/runtime/facade/index.ts';

/** A node that is stopped or cut off must not hold a test for longer than this. */
const REQUEST_TIMEOUT_MS = 60_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  json(): unknown;
}

/**
 * A node's HTTP API as an outside client sees it. Every call but `send` rejects when the answer is not the good one.
 */
export interface Api {
  readonly url: string;
  send(
    method: string,
    path: string,
    options?: { body?: unknown; token?: string | undefined; headers?: Record<string, string> },
  ): Promise<Answer>;
  get(key: string): Promise<EntryView | undefined>;
  put(key: string, value: JsonValue, headers?: Record<string, string>): Promise<EntryView>;
  del(key: string): Promise<void>;
  commit(operations: readonly WriteOperation[]): Promise<WriteResult>;
  status(): Promise<NodeStatus>;
  peers(): Promise<readonly PeerStatus[]>;
  /** What this node knows of the peer with this author key. */
  peer(author: string): Promise<PeerStatus>;
  /** All live entries. */
  entries(): Promise<readonly EntryView[]>;
  conflicts(): Promise<readonly ConflictView[]>;
  proof(key: string): Promise<ProofDocument>;
  /** Server-sent events from now on (or after an id), until the consumer leaves the loop. */
  events(after?: string): AsyncGenerator<{ readonly event: string; readonly data: unknown }>;
}

export function createApiClient(url: string, token: string): Api {
  async function send(method: string, path: string, options: Parameters<Api['send']>[2] = {}): Promise<Answer> {
    const { body, headers = {} } = options;
    const bearer = 'token' in options ? options.token : token;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as unknown };
  }

  async function ok<T>(method: string, path: string, options?: Parameters<Api['send']>[2]): Promise<T> {
    const answer = await send(method, path, options);
    if (answer.status >= 300)
      throw new Error(`${method} ${url}${path} answered ${answer.status}: ${answer.text.slice(0, 500)}`);
    return (answer.text === '' ? undefined : answer.json()) as T;
  }

  async function pages<T>(path: string, field: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await ok<Record<string, unknown>>('GET', `${path}?limit=1000${query}`);
      items.push(...(page[field] as T[]));
      cursor = page.cursor as string | undefined;
    } while (cursor !== undefined);
    return items;
  }

  const at = (key: string): string => `/api/v1/state?key=${encodeURIComponent(key)}`;

  return {
    url,
    send,
    async get(key) {
      const answer = await send('GET', at(key));
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw new Error(`GET ${key} answered ${answer.status}: ${answer.text}`);
      return answer.json() as EntryView;
    },
    put: (key, value, headers = {}) => ok('PUT', at(key), { body: value, headers }),
    del: (key) => ok('DELETE', at(key)),
    commit: (operations) => ok('POST', '/api/v1/commits', { body: { operations } }),
    status: () => ok('GET', '/api/v1/status'),
    peers: async () => (await ok<{ peers: readonly PeerStatus[] }>('GET', '/api/v1/peers')).peers,
    async peer(author) {
      const found = (await this.peers()).find((p) => p.author === author);
      if (found === undefined) throw new Error(`${url} knows no peer ${author}`);
      return found;
    },
    entries: () => pages<EntryView>('/api/v1/state', 'entries'),
    conflicts: () => pages<ConflictView>('/api/v1/conflicts', 'conflicts'),
    proof: (key) => ok('GET', `/api/v1/proof?key=${encodeURIComponent(key)}`),
    async *events(after) {
      const leave = new AbortController();
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
      const response = await fetch(`${url}/api/v1/events${query}`, { signal: leave.signal });
      if (response.status !== 200 || response.body === null) throw new Error(`events answered ${response.status}`);
      const decoder = new TextDecoder();
      let text = '';
      try {
        for await (const chunk of response.body) {
          text += decoder.decode(chunk as Uint8Array, { stream: true });
          const blocks = text.split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) {
            const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
            const data = field('data');
            if (data !== undefined) yield { event: field('event') ?? 'message', data: JSON.parse(data) as unknown };
          }
        }
      } finally {
        leave.abort();
      }
    },
  };
}
