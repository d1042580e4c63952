import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { planFleet, writeFleet } from '../../src/config/fleet.ts';
import type { NodeStatus, PeerStatus } from '../../src/runtime/facade/index.ts';
import { cpuSeconds } from './figures.ts';
import { createProxy, type Proxy } from './proxy.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** The flags for profiling: when this process is profiled, its nodes are too. */
const PROFILE = process.execArgv.filter((flag) => flag.startsWith('--cpu-prof'));
/** Time for a start. Without a checkpoint, a node reads its entries one by one, and there may be a million. */
const START_MS = 90_000;
const STOP_MS = 5_000;
const POLL_MS = 5;

/** A node in a process of its own. */
export interface BenchNode {
  readonly name: string;
  readonly api: string;
  readonly port: number;
  readonly token: string;
  /** Starts the process. When it answers, resolves with the time that the start took, ms. */
  start(): Promise<number>;
  /** Stops the process by SIGTERM. When it has ended, resolves with the time that the stop took, ms. */
  stop(): Promise<number>;
  /** The id of its process. Throws before the start. */
  pid(): number;
  /** Processor seconds of its main thread since its start. NaN where the system does not tell. */
  cpu(): number;
  /**
   * Resident memory of the process, MiB. `now`: at present. `peak`: the greatest since its start. `own`: the part at
   * present that is not mapped from files. NaN where the system does not tell.
   */
  memory(): { readonly now: number; readonly peak: number; readonly own: number };
  status(): Promise<NodeStatus>;
  peers(): Promise<readonly PeerStatus[]>;
  /** Writes one commit of puts. */
  commit(entries: readonly { readonly key: string; readonly value: unknown }[]): Promise<void>;
  has(key: string): Promise<boolean>;
}

export interface BenchFleet {
  /** The directory with each node's configuration, its `<name>/state` and its log. */
  readonly dir: string;
  readonly nodes: readonly BenchNode[];
  /** The proxies that were asked for: those in front of the P2P ports, then those in front of the APIs. */
  readonly proxies: readonly Proxy[];
  close(): Promise<void>;
}

export interface FleetRequest {
  readonly nodes: number;
  /** Settings of every node, without their prefix. An empty value removes the setting. */
  readonly settings?: Readonly<Record<string, string>>;
  /** `true` puts a proxy in front of each P2P port, and 'both' in front of each node's API too. */
  readonly proxied?: boolean | 'both';
  /** Node's own flags for the process of each node. */
  readonly execArgv?: readonly string[];
  /** The command line that runs them. Default: what is compiled for benches, in its many files. */
  readonly main?: string;
}

/**
 * Configures nodes on free ports in a temporary directory, and starts none. `close` ends those that run and removes the
 * directory.
 */
export async function createFleet({
  nodes: count,
  settings = {},
  proxied = false,
  execArgv = [],
  main = MAIN,
}: FleetRequest): Promise<BenchFleet> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-bench-'));
  const basePort = await nextFreeRange(20_000 + Math.floor(Math.random() * 5_000), count);
  const p2pBasePort = await nextFreeRange(26_000 + Math.floor(Math.random() * 5_000), count);
  const plan = planFleet({ dir, nodes: count, basePort, p2pBasePort });
  const proxies: Proxy[] = [];
  if (proxied !== false) for (let i = 0; i < count; i++) proxies.push(await createProxy(p2pBasePort + i));
  if (proxied === 'both') for (let i = 0; i < count; i++) proxies.push(await createProxy(basePort + i));

  const files = plan.files.map((file) => {
    if (!file.name.endsWith('.env')) return file;
    let { content } = file;
    proxies.forEach((proxy, i) => {
      // A peer id follows the port only in P2P_BOOTSTRAP, and an API's port is part of a URL only in LATTICE_NODES.
      if (i < count) content = content.replaceAll(`/tcp/${p2pBasePort + i}/p2p/`, `/tcp/${proxy.port}/p2p/`);
      else content = content.replaceAll(`http://127.0.0.1:${basePort + i - count}`, `http://127.0.0.1:${proxy.port}`);
    });
    for (const [name, value] of Object.entries(settings)) {
      content = content.replace(new RegExp(`^DIOTEC360_${name}=.*\n`, 'm'), '');
      if (value !== '') content += `DIOTEC360_${name}=${value}\n`;
    }
    return { ...file, content };
  });
  writeFleet({ ...plan, files });

  const nodes = plan.fleet.nodes.map(
    (node, i): BenchNode => createBenchNode(dir, node.name, node.envFile, basePort + i, execArgv, main),
  );
  return {
    dir,
    nodes,
    proxies,
    async close() {
      await Promise.all(nodes.map((node) => node.stop()));
      for (const proxy of proxies) proxy.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function createBenchNode(
  dir: string,
  name: string,
  envFile: string,
  port: number,
  execArgv: readonly string[],
  main: string,
): BenchNode {
  const api = `http://127.0.0.1:${port}`;
  const env = readFileSync(join(dir, envFile), 'utf8');
  const token = /^DIOTEC360_API_TOKEN=(.*)$/m.exec(env)?.[1] ?? '';
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  let child: ChildProcess | undefined;
  // The nodes end with this process, however it ends.
  process.once('exit', () => child?.kill('SIGKILL'));

  async function json<T>(path: string): Promise<T> {
    return (await (await fetch(`${api}${path}`)).json()) as T;
  }
  const status = (): Promise<NodeStatus> => json<NodeStatus>('/api/v1/status');

  return {
    name,
    api,
    port,
    token,
    async start() {
      const from = performance.now();
      const log = createWriteStream(join(dir, `${name}.log`), { flags: 'a' });
      const started = spawn(
        process.execPath,
        [...PROFILE, ...execArgv, '--', main, 'start', '--env-file', join(dir, envFile)],
        {
          cwd: dir,
          // These are the settings of the systemd unit and of the container image.
          env: {
            ...process.env,
            MALLOC_ARENA_MAX: '2',
            NODE_OPTIONS: '--max-semi-space-size=32 --v8-pool-size=1',
            UV_THREADPOOL_SIZE: '16',
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      child = started;
      started.stdout?.pipe(log);
      started.stderr?.pipe(log);
      const deadline = from + START_MS;
      for (;;) {
        try {
          await status();
          return performance.now() - from;
        } catch (error) {
          if (started.exitCode !== null || performance.now() > deadline) {
            throw new Error(`${name} did not start: ${readFileSync(join(dir, `${name}.log`), 'utf8').slice(-2000)}`, {
              cause: error,
            });
          }
          await pause(POLL_MS);
        }
      }
    },
    pid() {
      if (child?.pid === undefined) throw new Error(`${name} does not run`);
      return child.pid;
    },
    async stop() {
      const running = child;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return 0;
      const from = performance.now();
      const kill = setTimeout(() => running.kill('SIGKILL'), STOP_MS);
      const gone = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      await gone;
      clearTimeout(kill);
      return performance.now() - from;
    },
    cpu: () => cpuSeconds(child?.pid ?? 0),
    memory: () => memoryOf(child?.pid ?? 0),
    status,
    peers: async () => {
      const answer = await json<{ peers: readonly PeerStatus[] } | readonly PeerStatus[]>('/api/v1/peers');
      return 'peers' in answer ? answer.peers : answer;
    },
    async commit(entries) {
      const body = JSON.stringify({ operations: entries.map(({ key, value }) => ({ op: 'put', key, value })) });
      const response = await fetch(`${api}/api/v1/commits`, { method: 'POST', headers, body });
      const text = await response.text();
      if (response.status !== 201) throw new Error(`${name} answered ${response.status}: ${text}`);
    },
    async has(key) {
      const response = await fetch(`${api}/api/v1/state/${encodeURIComponent(key)}`);
      await response.arrayBuffer();
      return response.status === 200;
    },
  };
}

/** Resident memory of a process, MiB: see BenchNode.memory. NaN where the system does not tell. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number; readonly own: number } {
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    // The system is not Linux, or the process has ended.
  }
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM'), own: mib('RssAnon') };
}

/**
 * Waits until `condition` holds, and resolves with the time that it took, ms. After `deadlineMs` it rejects with an
 * error that names `what`.
 */
export async function until(
  what: string,
  deadlineMs: number,
  condition: () => Promise<boolean>,
  everyMs = 10,
): Promise<number> {
  const from = performance.now();
  while (!(await condition())) {
    if (performance.now() - from > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await pause(everyMs);
  }
  return performance.now() - from;
}

/** Waits until all roots are equal, and resolves with the time that it took, ms. */
export function untilEqual(nodes: readonly BenchNode[], deadlineMs: number): Promise<number> {
  return until(
    'equal roots',
    deadlineMs,
    async () => new Set((await Promise.all(nodes.map((node) => node.status()))).map((s) => s.root)).size === 1,
  );
}

/** Starts all nodes, and waits until `lung` carries every node's peers. */
export async function startAll(nodes: readonly BenchNode[], lung: 'p2p' | 'http'): Promise<void> {
  await Promise.all(nodes.map((node) => node.start()));
  await untilLung(nodes, lung, 40_000);
}

export function untilLung(nodes: readonly BenchNode[], lung: 'p2p' | 'http', deadlineMs: number): Promise<number> {
  return until(
    `every peer by ${lung}`,
    deadlineMs,
    async () => {
      const all = await Promise.all(nodes.map((node) => node.peers()));
      return all.every(
        (peers) => peers.filter((peer) => peer.configured && peer.lung === lung).length === nodes.length - 1,
      );
    },
    50,
  );
}
