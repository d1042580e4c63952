import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { afterEach } from 'vitest';
import {
  createLeastLevel,
  createLogRing,
  createMachineProbe,
  systemClock,
} from '../../../src/adapters/system/index.ts';
import { createMetrics } from '../../../src/adapters/system/metrics.ts';
import { type ApiConfig, type ApiDeps, createApi } from '../../../src/api/index.ts';
import { createMemoryVault } from '../../support/memory-vault.ts';
import { DEADLINE_MS } from '../../support/wait.ts';
import { type LiveLattice, startLattice } from './live-lattice.ts';

export const TOKEN = 'test-token-of-no-value';

export const TEST_CONFIG: ApiConfig = {
  environment: 'development',
  violations: [],
  api: {
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    corsOrigins: ['http://app.test'],
    allowedHosts: [],
    trustedProxies: [],
  },
  http: { nodes: ['http://127.0.0.1:8001', 'http://127.0.0.1:8002'] },
};

export const clock = systemClock();
export const silentLog = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON. */
  json(): Record<string, unknown>;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** One request as it is written: node:http neither normalises paths nor follows redirects. */
export function ask(url: string, path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, path, method, headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          text,
          json: () => JSON.parse(text) as Record<string, unknown>,
        });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

export const json = (value: unknown, headers: Record<string, string> = {}): Ask => ({
  method: 'PUT',
  body: typeof value === 'string' ? value : JSON.stringify(value),
  headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers },
});

export const auth = { authorization: `Bearer ${TOKEN}` };

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

export interface TestApi {
  readonly url: string;
  readonly lattice: LiveLattice;
  /** Every route as `METHOD /path`. */
  readonly routes: readonly string[];
  readonly close: () => Promise<void>;
  readonly ask: (path: string, options?: Ask) => Promise<Answer>;
}

/** A real node's API on a free port of 127.0.0.1, closed after the test. */
export async function startApi(
  options: {
    config?: Partial<ApiConfig['api']>;
    root?: Partial<ApiConfig>;
    times?: ApiDeps['times'];
    limits?: ApiDeps['limits'];
    lattice?: LiveLattice;
    verifier?: ApiDeps['verifier'];
    clock?: ApiDeps['clock'];
    complete?: boolean;
    hasRoom?: () => boolean;
    dashboard?: URL;
  } = {},
): Promise<TestApi> {
  const given = options.lattice ?? (await startLattice());
  const lattice = options.complete === true ? { vault: createMemoryVault(), ...given } : given;
  const config: ApiConfig = { ...TEST_CONFIG, ...options.root, api: { ...TEST_CONFIG.api, ...options.config } };
  const machine =
    options.complete === true ? createMachineProbe(tmpdir(), async () => ({ free: 1, total: 2 })) : undefined;
  const sources =
    machine === undefined
      ? {}
      : {
          metricsPage: createMetrics(),
          logs: createLogRing('test'),
          logLevel: createLeastLevel('info'),
          resources: () => machine.resources(),
        };
  const api = await createApi({
    lattice,
    config,
    clock: options.clock ?? clock,
    log: silentLog,
    ...sources,
    ...(options.verifier === undefined ? {} : { verifier: options.verifier }),
    ...(options.hasRoom === undefined ? {} : { hasRoom: options.hasRoom }),
    ...(options.times === undefined ? {} : { times: options.times }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.dashboard === undefined ? {} : { dashboard: options.dashboard }),
  });
  if (machine !== undefined) running.push({ close: async () => machine.close() });
  running.push(api);
  const { url } = await api.listen();
  return { url, lattice, routes: api.routes, close: () => api.close(), ask: (path, ask_) => ask(url, path, ask_) };
}

/** Resolves when `condition` holds, checked after each turn of the event loop; rejects after the deadline of tests. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
