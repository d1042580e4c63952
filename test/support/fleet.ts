import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { planFleet, writeFleet } from '../../src/config/fleet.ts';
import type { ConflictView, EntryView, NodeStatus } from '../../src/runtime/facade/index.ts';
import { type Api, createApiClient } from './api.ts';
import { type Exit, type RunningProcess, runCli, type Surroundings, untilExit, untilReady } from './node-process.ts';
import { createProxy, type Proxy, type ProxyMode } from './proxy.ts';
import { DEADLINE_MS, eventually } from './wait.ts';

export type Lung = 'p2p' | 'http';
const LUNGS: readonly Lung[] = ['p2p', 'http'];

/**
 * Nodes listen below the range that systems take ephemeral ports from, so that nobody is given a stopped node's port.
 */
const FIRST_PORT = 12_000;
const PORT_SPREAD = 18_000;
/** Fleets of one test file stand beside each other: each takes its ports above those of the one before it. */
let ports = Promise.resolve(FIRST_PORT + Math.floor(Math.random() * PORT_SPREAD));
/** Repairs start within seconds of a settled difference; two cores are shared with other work. */
const SETTLE_MS = 150_000;

export interface FleetOptions {
  /** Default 3. All trust each other. */
  readonly nodes?: number;
  /** Which of them start at once. Default: all. */
  readonly start?: readonly number[];
  /** Whether node `from` is told where to dial node `to`. Default: always. */
  readonly dials?: (from: number, to: number, lung: Lung) => boolean;
  /** DIOTEC360_ variables by their short names, over what `lattice init` writes; undefined removes one. */
  readonly env?: (node: number) => Readonly<Record<string, string | undefined>>;
  /** What the machine of a node is like, asked at each of its starts. Default: this one. */
  readonly surroundings?: (node: number, stateDir: string) => Surroundings;
  /** Whether a failed test shows its log. Default: yes; not where one test file has many fleets at once. */
  readonly showsLog?: boolean;
  /** Names of the nodes. Default: node-a, node-b and so on. */
  readonly names?: readonly string[];
}

export interface Node {
  readonly name: string;
  readonly author: string;
  readonly peerId: string;
  /** Straight to the node, past the proxies. */
  readonly api: Api;
  readonly token: string;
  readonly p2pPort: number;
  /** What its env file announces where a test does not take that away: its URL and its multiaddr, past the proxies. */
  readonly announces: string;
  /** The network that the fleet's configuration names. */
  readonly network: string;
  readonly envFile: string;
  readonly keyFile: string;
  readonly stateDir: string;
  /** The process that runs now, or the one that ran last. Throws when there was none. */
  readonly process: RunningProcess;
  readonly started: boolean;
  /** Started and not stopped by the test. Throws when it ended by itself. */
  readonly running: boolean;
  /** Starts the process and resolves when its API answers. */
  start(): Promise<void>;
  /** Starts it and resolves when it ends: a start that is refused. */
  startAndExit(): Promise<Exit>;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with how it ended. */
  terminate(): Promise<Exit>;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** Changes its env file; takes effect at the next start. */
  configure(env: Readonly<Record<string, string | undefined>>): void;
}

/** What all nodes agree on. */
export interface Agreed {
  readonly root: string;
  readonly entries: readonly EntryView[];
  readonly conflicts: readonly ConflictView[];
}

export interface Fleet {
  readonly dir: string;
  readonly nodes: readonly Node[];
  /** The relay that `from` reaches `to` through. */
  proxy(from: number, to: number, lung: Lung): Proxy;
  /** Cuts or blackholes lungs (default both) of one pair (default all), whoever dials. */
  block(
    how: Exclude<ProxyMode, 'open'>,
    where?: { readonly lung?: Lung; readonly between?: readonly [number, number] },
  ): void;
  /** Opens what is blocked. */
  restore(where?: { readonly lung?: Lung; readonly between?: readonly [number, number] }): void;
  /** Waits until roots, live entries and conflict lists of the nodes (default: the running ones) are the same. */
  settled(nodes?: readonly number[]): Promise<Agreed>;
  /** Waits for a state of one node. */
  status(node: number, what: string, holds: (status: NodeStatus) => boolean, deadlineMs?: number): Promise<NodeStatus>;
  stop(): Promise<void>;
}

const live = new Set<Fleet>();
const silent = new WeakSet<Fleet>();

afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const fleet of live) if (!silent.has(fleet)) for (const node of fleet.nodes) console.error(tellTale(node));
});
afterAll(async () => {
  await Promise.all([...live].map((fleet) => fleet.stop()));
});

/** What a failed test wants to know of a node. */
function tellTale(node: Node): string {
  if (!node.started) return `--- ${node.name}: never started`;
  const { process } = node;
  const lines = process.log().slice(-60);
  const told = lines.map(
    ({ time, level, component, msg, ...fields }) =>
      `${String(time)} ${level} ${component ?? ''} ${msg} ${JSON.stringify(fields)}`,
  );
  return [
    `--- ${node.name} (${node.author.slice(0, 8)}, exit ${JSON.stringify(process.exit)})`,
    ...told,
    process.stderr,
  ].join('\n');
}

function editEnv(text: string, changes: Readonly<Record<string, string | undefined>>): string {
  const names = Object.keys(changes).map((name) => `DIOTEC360_${name}=`);
  const kept = text.split('\n').filter((line) => line !== '' && !names.some((name) => line.startsWith(name)));
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === undefined ? [] : [`DIOTEC360_${name}=${value}`],
  );
  return `${[...kept, ...added].join('\n')}\n`;
}

/** Free ports for the APIs and the P2P lungs of `count` nodes, which no other fleet of this process has taken. */
async function takePorts(count: number): Promise<{ readonly basePort: number; readonly p2pBasePort: number }> {
  const taken = ports.then(async (from) => {
    const basePort = await nextFreeRange(from, count);
    return { basePort, p2pBasePort: await nextFreeRange(basePort + count, count) };
  });
  ports = taken.then(({ p2pBasePort }) => p2pBasePort + count);
  return await taken;
}

/**
 * A fleet of real processes in a temporary directory, every connection between two of them through a proxy of its own.
 * Stopped and removed when its test file ends; the logs are shown when a test fails.
 */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const { nodes: count = 3, dials = () => true } = options;
  const dir = mkdtempSync(join(tmpdir(), 'lattice-fleet-'));
  const { basePort, p2pBasePort } = await takePorts(count);
  const names = options.names ?? Array.from({ length: count }, (_, i) => `node-${String.fromCharCode(97 + i)}`);
  const plan = planFleet({ dir, nodes: count, basePort, p2pBasePort, names, network: 'test/lattice' });
  writeFleet(plan);

  const proxies = new Map<string, Proxy>();
  for (let from = 0; from < count; from++) {
    for (let to = 0; to < count; to++) {
      if (from === to) continue;
      proxies.set(`p2p ${from} ${to}`, await createProxy(p2pBasePort + to));
      proxies.set(`http ${from} ${to}`, await createProxy(basePort + to));
    }
  }
  const proxy = (from: number, to: number, lung: Lung): Proxy => {
    const found = proxies.get(`${lung} ${from} ${to}`);
    if (found === undefined) throw new Error(`there is no ${lung} proxy from ${from} to ${to}`);
    return found;
  };

  const nodes = plan.fleet.nodes.map((planned, i): Node => {
    const others = plan.fleet.nodes.map((_, to) => to).filter((to) => to !== i);
    const envFile = join(dir, planned.envFile);
    const stateDir = join(dir, planned.name, 'state');
    const configure: Node['configure'] = (env) => writeFileSync(envFile, editEnv(readFileSync(envFile, 'utf8'), env));
    configure({
      LATTICE_NODES: others
        .flatMap((to) => (dials(i, to, 'http') ? [`http://127.0.0.1:${proxy(i, to, 'http').port}`] : []))
        .join(','),
      P2P_BOOTSTRAP: others
        .flatMap((to) =>
          dials(i, to, 'p2p')
            ? [`/ip4/127.0.0.1/tcp/${proxy(i, to, 'p2p').port}/p2p/${plan.fleet.nodes[to]?.peerId}`]
            : [],
        )
        .join(','),
      // Nobody learns a way past the proxies.
      ANNOUNCE: undefined,
      ...options.env?.(i),
    });
    const token = /^DIOTEC360_API_TOKEN=(.*)$/m.exec(readFileSync(envFile, 'utf8'))?.[1] ?? '';
    let running: RunningProcess | undefined;
    let wanted = false;
    const current = (): RunningProcess => {
      if (running === undefined) throw new Error(`${planned.name} was never started`);
      return running;
    };
    const spawnNode = (): RunningProcess => {
      if (running !== undefined && running.exit === undefined) throw new Error(`${planned.name} runs already`);
      running = runCli(['start', '--env-file', envFile], { ...options.surroundings?.(i, stateDir), cwd: dir });
      wanted = true;
      return running;
    };
    return {
      name: planned.name,
      author: planned.publicKey,
      peerId: planned.peerId,
      api: createApiClient(planned.api, token),
      token,
      p2pPort: p2pBasePort + i,
      announces: `${planned.api},${planned.p2p}`,
      network: plan.fleet.network,
      envFile,
      keyFile: join(dir, `${planned.name}.key`),
      stateDir,
      get process() {
        return current();
      },
      get started() {
        return running !== undefined;
      },
      get running() {
        if (wanted && running?.exit !== undefined)
          throw new Error(`${planned.name} ended by itself: ${JSON.stringify(running.exit)}`);
        return wanted;
      },
      start: () => untilReady(spawnNode(), planned.api),
      async startAndExit() {
        const exit = await untilExit(spawnNode());
        wanted = false;
        return exit;
      },
      async kill() {
        wanted = false;
        current().signal('SIGKILL');
        await untilExit(current());
      },
      terminate() {
        wanted = false;
        current().signal('SIGTERM');
        return untilExit(current());
      },
      freeze: () => current().signal('SIGSTOP'),
      thaw: () => current().signal('SIGCONT'),
      configure,
    };
  });

  function set(mode: ProxyMode, where: Parameters<Fleet['block']>[1] = {}): void {
    const { lung, between } = where;
    for (const l of lung === undefined ? LUNGS : [lung]) {
      for (let from = 0; from < count; from++) {
        for (let to = 0; to < count; to++) {
          if (from === to || (between !== undefined && !(between.includes(from) && between.includes(to)))) continue;
          proxy(from, to, l).set(mode);
        }
      }
    }
  }

  const read = async (node: Node): Promise<Agreed> => {
    const { root } = await node.api.status();
    const [entries, conflicts] = await Promise.all([node.api.entries(), node.api.conflicts()]);
    return { root, entries, conflicts };
  };

  const fleet: Fleet = {
    dir,
    nodes,
    proxy,
    block: (how, where) => set(how, where),
    restore: (where) => set('open', where),
    async settled(which) {
      const members = which === undefined ? nodes.filter((node) => node.running) : which.map((i) => nodes[i] as Node);
      return await eventually(
        `${members.map((node) => node.name).join(', ')} have one root and the same contents`,
        async () => {
          const roots = await Promise.all(members.map(async (node) => (await node.api.status()).root));
          if (new Set(roots).size !== 1) throw new Error(`roots ${roots.join(', ')}`);
          const all = await Promise.all(members.map(read));
          const [first] = all;
          if (first === undefined) throw new Error('nobody runs');
          if (new Set(all.map(({ root }) => root)).size !== 1) return undefined;
          if (new Set(all.map((a) => JSON.stringify(a))).size !== 1)
            throw new Error(`equal roots, other contents: ${JSON.stringify(all)}`);
          return first;
        },
        SETTLE_MS,
      );
    },
    status: (node, what, holds, deadlineMs = DEADLINE_MS) =>
      eventually(
        `${nodes[node]?.name}: ${what}`,
        async () => {
          const status = await (nodes[node] as Node).api.status();
          return holds(status) ? status : undefined;
        },
        deadlineMs,
      ),
    async stop() {
      live.delete(fleet);
      await Promise.all(
        nodes.map(async (node) => {
          // One that ended by itself has failed its test already.
          if (node.started && node.process.exit === undefined) await node.kill();
        }),
      );
      await Promise.all([...proxies.values()].map((p) => p.close()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
  live.add(fleet);
  if (options.showsLog === false) silent.add(fleet);
  await Promise.all((options.start ?? nodes.map((_, i) => i)).map((i) => (nodes[i] as Node).start()));
  return fleet;
}
