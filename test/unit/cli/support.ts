import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CliContext } from '../../../src/cli/context.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { runCli } from '../../../src/cli/run.ts';
import type { JsonValue } from '../../../src/core/types/index.ts';
import type { NodeStatus, PeerStatus, WriteOperation } from '../../../src/runtime/facade/index.ts';

/** What a command line printed and answered. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly tty?: boolean;
  readonly self?: readonly string[];
  readonly basePorts?: { readonly api: number; readonly p2p: number };
  /** Is told for how many seconds names may be looked for. */
  readonly limitLookups?: (seconds: number) => void;
  /** Called first with a way to send the command a signal. */
  readonly onSignal?: (signal: () => void) => void;
  /** Called with every piece of stdout, and a way to send the command a signal. */
  readonly onOutput?: (soFar: string, signal: () => void) => void;
}

/** Runs a command line in this process. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let out = '';
  let err = '';
  const handlers = new Set<() => void>();
  const signal = (): void => {
    for (const handler of handlers) handler();
  };
  options.onSignal?.(signal);
  const stdout = {
    isTTY: options.tty === true,
    write(text: string | Uint8Array) {
      out += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
      options.onOutput?.(out, signal);
    },
  };
  const env = options.env ?? {};
  const context: CliContext = {
    env,
    cwd: options.cwd ?? process.cwd(),
    output: createOutput(stdout, { write: (text) => (err += String(text)) }, env),
    stdin: (async function* () {
      yield new TextEncoder().encode(options.stdin ?? '');
    })(),
    programName: 'lattice',
    self: options.self ?? ['false'],
    ...(options.basePorts === undefined ? {} : { basePorts: options.basePorts }),
    onStop(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    onReload: () => () => undefined,
    ...(options.limitLookups === undefined ? {} : { limitLookups: options.limitLookups }),
    exitNow(exitCode) {
      throw new Error(`exit ${exitCode}`);
    },
  };
  const code = await runCli(argv, context, '0.0.0-test');
  return { code, out, err };
}

/** The error object that --json writes to stderr. */
export function errorOf(ran: Ran): { readonly code: string; readonly message: string; readonly next: string } {
  return (JSON.parse(ran.err) as { error: { code: string; message: string; next: string } }).error;
}

function statusOf(change: Partial<NodeStatus> = {}): NodeStatus {
  const now = Date.now();
  return {
    name: 'test-node',
    role: 'test',
    version: '0.0.0',
    network: 'test/network',
    peerId: '12D3KooWTest',
    author: 'aa'.repeat(32),
    incarnation: '0011223344556677',
    startedAt: now - 5000,
    now,
    verdict: {
      kind: 'CONVERGED',
      since: now - 4000,
      sentence: 'Both other nodes hold the same state as this one.',
      reasons: [],
      members: [],
    },
    root: '11'.repeat(32),
    entries: 3,
    live: 2,
    conflicts: 0,
    sequence: 4,
    mode: 'auto',
    health: 'OPTIMAL',
    syncMode: 'P2P',
    p2p: { enabled: true, state: 'running', topic: 'test', listen: [], bootstrap: [], peers: 2 },
    http: { enabled: true, state: 'running', peers: 2, streaming: 2 },
    writable: true,
    readOnlyReasons: [],
    warnings: [],
    trust: { hash: '22'.repeat(32), authors: [] },
    converged: { peers: 2, equal: 2 },
    transitions: [],
    refused: {},
    deferred: 0,
    ...change,
  };
}

export function peerOf(change: Partial<PeerStatus> = {}): PeerStatus {
  return {
    peerId: '12D3KooWPeer',
    label: '12D3KooWPeer',
    url: 'http://127.0.0.1:1',
    configured: true,
    trusted: true,
    lung: 'p2p',
    p2p: { connected: true, rttMs: 3 },
    http: { reachable: true, streaming: true },
    agreement: 'equal',
    refused: { count: 0, reasons: {} },
    ...change,
  };
}

type Handler = (request: {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  body: string;
}) => {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
};

export interface FakeNode {
  readonly url: string;
  /** Every request as "METHOD path?query". */
  readonly seen: string[];
  /** Operations of each accepted commit. */
  readonly commits: WriteOperation[][];
  readonly state: Map<string, JsonValue>;
  status: NodeStatus;
  peers: readonly PeerStatus[];
  /** Answers first; undefined: go on as usual. */
  intercept:
    | ((path: string, headers: http.IncomingHttpHeaders) => ReturnType<Handler> | 'hang' | 'cut' | undefined | void)
    | undefined;
  /** Sees every request with its body. */
  onRequest?: (path: string, body: string) => void;
  close(): Promise<void>;
}

export const TOKEN = 'test-token';

export function problem(status: number, code: string, detail: string, next?: string): ReturnType<Handler> {
  return {
    status,
    type: 'application/problem+json',
    body: { type: 'about:blank', title: 't', status, detail, code, ...(next === undefined ? {} : { next }) },
  };
}

/** A small node behind real HTTP: state in a Map, the API's forms. */
export async function startFakeNode(): Promise<FakeNode> {
  const state = new Map<string, JsonValue>();
  const commits: WriteOperation[][] = [];
  const seen: string[] = [];
  const view = (key: string, value: JsonValue) => ({
    key,
    value,
    version: `${'ab'.repeat(32)}.0`,
    author: 'aa'.repeat(32),
    hlc: '0'.repeat(16),
    commit: 'ab'.repeat(32),
    index: 0,
  });

  const handle: Handler = ({ method, path, query, headers, body }) => {
    const open = method === 'GET';
    if (!open && headers.authorization !== `Bearer ${TOKEN}`) {
      if (path === '/api/lattice/sync/switch')
        return { status: 200, body: { success: false, message: 'this needs the API token' } };
      return problem(401, 'unauthorized', 'this needs the API token', 'send the token');
    }
    const key = query.get('key');
    if (path === '/health') return { status: 200, body: { status: 'healthy' } };
    if (path === '/api/v1/status') return { status: 200, body: { ...node.status, now: Date.now() } };
    if (path === '/api/v1/peers') return { status: 200, body: { peers: node.peers } };
    if (path === '/api/v1/sync/identity') return { status: 200, type: 'application/cbor', body: '' };
    if (path === '/api/v1/store/verify') return { status: 200, body: { round: 3 } };
    if (path === '/api/v1/sync/now')
      return { status: 200, body: { converged: node.status.converged, peers: node.peers } };
    if (path === '/api/lattice/sync/switch')
      return { status: 200, body: { success: true, mode: query.get('mode'), message: `mode is ${query.get('mode')}` } };
    if (path === '/api/v1/sync/mode') {
      const { mode, reason } = JSON.parse(body) as { mode: string; reason?: string };
      return {
        status: 200,
        body: { changed: true, mode, message: `mode is ${mode}${reason === undefined ? '' : ` (${reason})`}` },
      };
    }
    if (path === '/api/v1/conflicts') {
      const siblings = [
        { version: 'v1', author: 'aa', hlc: '02', deleted: false, value: 1 },
        { version: 'v2', author: 'bb', hlc: '01', deleted: true },
      ];
      const at = Number(query.get('cursor') ?? '0');
      const rest = at < 2 ? { cursor: String(at + 1) } : {};
      return { status: 200, body: { conflicts: [{ key: `k${at}`, siblings }], ...rest } };
    }
    if (path === '/api/v1/proof')
      return {
        status: 200,
        body: { format: 'diotec360-lattice-proof/1', key, kind: 'absent', root: node.status.root },
      };
    if (path === '/api/v1/commits') {
      const { operations } = JSON.parse(body) as { operations: WriteOperation[] };
      const taken = operations.find((o) => o.ifNoneMatch === '*' && state.has(o.key));
      if (taken !== undefined) return problem(412, 'precondition-failed', 'a key exists');
      for (const o of operations) state.set(o.key, o.value as JsonValue);
      commits.push(operations);
      return { status: 201, body: { commit: 'ab'.repeat(32), hlc: '0'.repeat(16), results: [] } };
    }
    if (path !== '/api/v1/state') return problem(404, 'no-route', 'there is nothing under this path');
    if (key === null) {
      const limit = Number(query.get('limit') ?? '100');
      const keys = [...state.keys()]
        .sort()
        .filter((k) => k.startsWith(query.get('prefix') ?? '') && k > (query.get('cursor') ?? ''));
      const page = keys.slice(0, limit).map((k) => view(k, state.get(k) as JsonValue));
      return { status: 200, body: { entries: page, ...(keys.length > limit ? { cursor: keys[limit - 1] } : {}) } };
    }
    if (method === 'PUT') {
      if (headers['if-none-match'] === '*' && state.has(key))
        return problem(412, 'precondition-failed', 'the key exists', 'read it again');
      if (headers['if-match'] !== undefined && headers['if-match'] !== `"${view(key, null).version}"`)
        return problem(412, 'precondition-failed', 'other version');
      const created = !state.has(key);
      state.set(key, JSON.parse(body) as JsonValue);
      return { status: created ? 201 : 200, body: view(key, state.get(key) as JsonValue) };
    }
    if (!state.has(key)) return problem(404, 'not-found', 'there is no value under this key');
    if (method === 'DELETE') {
      state.delete(key);
      return { status: 204 };
    }
    return { status: 200, body: view(key, state.get(key) as JsonValue) };
  };

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://x');
      seen.push(`${request.method} ${request.url}`);
      node.onRequest?.(url.pathname, Buffer.concat(chunks).toString());
      const early = node.intercept?.(url.pathname, request.headers);
      if (early === 'hang') return;
      if (early === 'cut') {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"half":');
        request.socket.destroySoon();
        return;
      }
      const answer =
        early ??
        handle({
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        });
      response.writeHead(answer.status, { 'content-type': answer.type ?? 'application/json', ...answer.headers });
      response.end(
        answer.body === undefined ? '' : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const node: FakeNode = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    commits,
    state,
    status: statusOf(),
    peers: [peerOf()],
    intercept: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return node;
}

/** Runs `work` while the zone of this machine is `zone`. */
export function inZone<T>(zone: string, work: () => T): T {
  const before = process.env['TZ'];
  process.env['TZ'] = zone;
  try {
    return work();
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
}
