import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { nodeHasher } from '../../adapters/system/hasher.ts';
import { packageFile } from '../../adapters/system/package-files.ts';
import { isTemporary, type Status } from '../../client/index.ts';
import type { Fleet } from '../../config/fleet.ts';
import { readOriginalSnapshot } from '../../core/original/snapshot.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import { writeEntries } from '../../moving/write-entries.ts';
import { settleWithin, sleep } from '../../timing/index.ts';
import type { ApiClient } from '../client.ts';
import { clock } from '../clock.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { importTarget } from '../import-target.ts';
import { printable, shellWord } from '../output.ts';
import { type Board, createBoard } from '../up/board.ts';
import { type Exit, type NodeChild, spawnNode } from '../up/child.ts';
import { prepareFleet } from '../up/local-fleet.ts';

export interface UpOptions extends GlobalOptions {
  readonly dir: string;
  readonly once?: boolean;
}

/** The first ports, which are the original's. */
const BASE_PORTS = { api: 8000, p2p: 9000 };
const SAMPLE = packageFile('samples/snapshot-6-keys.json');
/** Time for all nodes to answer. Even a slow start takes only seconds; more means that a node hangs. */
const READY_MS = 30_000;
/** Time to equal roots with --once. A fleet on one machine that takes longer does not agree at all. */
const AGREE_MS = 60_000;
const LOOK_MS = 250;
const LOOK_LATER_MS = 1000;
/** A node drains in 2 s. After this time it is killed. */
const DRAIN_MS = 5000;
/** Signals within this time count as one, because npm passes on a Ctrl-C that the terminal has sent us as well. */
const SAME_SIGNAL_MS = 500;

/** Runs three nodes on this machine until a signal, or with `once` until their roots are equal. */
export async function up(context: CliContext, options: UpOptions): Promise<number> {
  const dir = resolve(context.cwd, options.dir);
  const stopped = new AbortController();
  let children: readonly NodeChild[] = [];
  let firstSignal: number | undefined;
  const release = context.onStop(() => {
    const now = performance.now();
    if (firstSignal === undefined) {
      firstSignal = now;
      stopped.abort();
    } else if (now - firstSignal > SAME_SIGNAL_MS) {
      for (const child of children) child.signal('SIGKILL');
    }
  });
  try {
    const fleet = await prepareFleet(dir, context.basePorts ?? BASE_PORTS, (text) => context.output.remark(text));
    if (stopped.signal.aborted) return EXIT.ok;
    children = fleet.nodes.map((node) =>
      spawnNode({
        name: node.name,
        command: [...context.self, 'start', '--env-file', join(dir, node.envFile)],
        cwd: context.cwd,
        env: context.env,
        logFile: join(dir, `${node.name}.log`),
      }),
    );
    if (options.json)
      context.output.data({
        event: 'started',
        dir,
        nodes: fleet.nodes.map(({ name, api, peerId }) => ({ name, api, peerId })),
      });
    const died = Promise.race(children.map((child) => child.exited));
    const work = new AbortController();
    const signal = AbortSignal.any([stopped.signal, work.signal]);
    try {
      return await Promise.race([
        attend(context, options, dir, fleet, signal),
        // A node that ends after the signal was told to, so its end is not reported.
        died.then((exit) => (signal.aborted ? EXIT.ok : reportDeath(context, options, children, exit))),
      ]);
    } finally {
      work.abort();
      await drain(children);
    }
  } finally {
    release();
  }
}

/**
 * Waits until the roots of the fleet are equal, and then goes on showing it. Resolves with the exit code, and at once
 * when `signal` aborts.
 */
async function attend(
  context: CliContext,
  options: UpOptions,
  dir: string,
  fleet: Fleet,
  signal: AbortSignal,
): Promise<number> {
  const { output } = context;
  // The clients take nothing from our environment, because a DIOTEC360_API_TOKEN in it belongs to another node.
  const plain: CliContext = { ...context, env: {} };
  const clients = await Promise.all(
    fleet.nodes.map((node) =>
      connect(plain, { timeout: options.timeout, url: node.api, envFile: join(dir, node.envFile) }),
    ),
  );
  const board = options.json ? undefined : await createBoard(output);
  await untilReady(options.dir, fleet, clients, signal);
  await loadSample(context, options, fleet, clients, signal);
  const root = await untilEqual(options, fleet, clients, board, signal);
  if (root === undefined) return EXIT.ok;
  board?.freeze();
  const dashboards = fleet.nodes.map(({ name, api }) => ({ name, url: `${api}/dashboard` }));
  if (options.json) output.data({ event: 'converged', nodes: fleet.nodes.length, root, dashboards });
  else output.line(`CONVERGED ${fleet.nodes.length}/${fleet.nodes.length} root ${root}`);
  if (options.once) return EXIT.ok;
  if (!options.json) for (const line of nextSteps(context, options, fleet)) output.line(line);
  while (await pause(LOOK_LATER_MS, signal)) board?.show(rowsOf(fleet, await lookAt(clients)));
  return EXIT.ok;
}

async function untilReady(
  dir: string,
  fleet: Fleet,
  clients: readonly ApiClient[],
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + READY_MS;
  await Promise.all(
    clients.map(async (client, i) => {
      do {
        try {
          (await client.request('/health')).json();
          return;
        } catch (error) {
          if (!(error instanceof LatticeError)) throw error;
          if (performance.now() > deadline) {
            throw new LatticeError(
              'node-not-ready',
              `${fleet.nodes[i]?.name ?? client.url} is not up after ${READY_MS / 1000} s: ${error.message}`,
              { next: `Read its log: ${join(dir, `${fleet.nodes[i]?.name}.log`)}` },
            );
          }
        }
      } while (await pause(100, signal));
    }),
  );
}

/** Loads the sample into a fleet without entries only, because keys that were deleted must not come back. */
async function loadSample(
  context: CliContext,
  options: UpOptions,
  fleet: Fleet,
  clients: readonly ApiClient[],
  signal: AbortSignal,
): Promise<void> {
  const [first] = clients;
  if (first === undefined || signal.aborted) return;
  const held = await lookAt(clients);
  if (held.some((status) => status === undefined || status.entries > 0)) return;
  const sample = readOriginalSnapshot(await readFile(SAMPLE, 'utf8'), nodeHasher());
  const deadline = performance.now() + READY_MS;
  for (;;) {
    try {
      const target = importTarget(first);
      const { taken } = await writeEntries(target, sample.state, { overwrite: false, dryRun: false });
      if (options.json) context.output.data({ event: 'imported', node: fleet.nodes[0]?.name, keys: taken });
      else
        context.output.line(`loaded the sample through ${fleet.nodes[0]?.name ?? first.url}: ${counted(taken, 'key')}`);
      return;
    } catch (error) {
      // A node that has just started refuses writes until it knows its own last commit.
      if (!isTemporary(error)) throw error;
      if (performance.now() > deadline || !(await pause(LOOK_MS, signal))) throw error;
    }
  }
}

/** Waits until all nodes have one root, and resolves with it. Undefined when `signal` aborts first. */
async function untilEqual(
  options: UpOptions,
  fleet: Fleet,
  clients: readonly ApiClient[],
  board: Board | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const deadline = performance.now() + AGREE_MS;
  while (!signal.aborted) {
    const statuses = await lookAt(clients);
    board?.show(rowsOf(fleet, statuses));
    const root = statuses[0]?.root;
    // Equal roots of nodes that are not connected only show that their stores agree.
    const connected = clients.length === 1 || statuses.every((status) => status?.health !== 'ISOLATED');
    const compared = statuses.every((status) => status?.verdict.kind !== 'STARTING');
    if (root !== undefined && connected && compared && statuses.every((status) => status?.root === root)) return root;
    if (options.once && performance.now() > deadline) {
      const roots = statuses
        .map(
          (status, i) =>
            `${fleet.nodes[i]?.name}: ${status === undefined ? 'no answer' : `${status.health} ${status.root}`}`,
        )
        .join(', ');
      throw new LatticeError('not-converged', `the nodes do not agree after ${AGREE_MS / 1000} s (${roots})`, {
        next: `Read the logs of the nodes: ${join(options.dir, '*.log')}`,
      });
    }
    await pause(LOOK_MS, signal);
  }
  return undefined;
}

async function lookAt(clients: readonly ApiClient[]): Promise<(Status | undefined)[]> {
  return await Promise.all(
    clients.map(async (client) => {
      try {
        return await client.getStatus();
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        return undefined;
      }
    }),
  );
}

function rowsOf(fleet: Fleet, statuses: readonly (Status | undefined)[]) {
  return fleet.nodes.map((node, i) => ({ node, status: statuses[i] }));
}

/** Waits for `ms`. Resolves with false when `signal` has aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(clock, ms, signal);
  return !signal.aborted;
}

function reportDeath(context: CliContext, options: UpOptions, children: readonly NodeChild[], exit: Exit): number {
  const child = children.find(({ name }) => name === exit.name);
  const { output } = context;
  if (options.json)
    output.data({ event: 'died', name: exit.name, reason: exit.reason, log: child?.logFile, tail: child?.tail() });
  else for (const line of child?.tail() ?? []) output.remark(`${exit.name} | ${printable(line)}`);
  throw new LatticeError('node-died', `${exit.name} ended: ${exit.reason}`, {
    next: `Its log is ${child?.logFile ?? 'in the fleet directory'}. The other nodes are stopped.`,
  });
}

/** Asks every node to stop, and kills those that do not stop in time. */
async function drain(children: readonly NodeChild[]): Promise<void> {
  const all = Promise.all(children.map((child) => child.exited));
  for (const child of children) child.signal('SIGTERM');
  const late = (): Error => new Error(`a node did not stop within ${DRAIN_MS / 1000} s`);
  await settleWithin(clock, DRAIN_MS, all, late).catch(() => {
    for (const child of children) child.signal('SIGKILL');
  });
  await all;
}

function nextSteps(context: CliContext, options: UpOptions, fleet: Fleet): string[] {
  const { output, programName } = context;
  const [first, second = first, third = second] = fleet.nodes;
  if (first === undefined || second === undefined || third === undefined) return [];
  const inDir = (file: string): string => {
    const path = join(resolve(context.cwd, options.dir), file);
    const near = relative(context.cwd, path);
    return shellWord(near.startsWith('..') ? path : near);
  };
  return [
    output.paint('bold', 'Try next, in another terminal:'),
    `  ${programName} state put greeting '"hello"' --env-file ${inDir(first.envFile)}`,
    `  ${programName} state get greeting --url ${second.api}`,
    `  ${programName} proof get greeting --url ${third.api} --out greeting.proof --force &&`,
    `    ${programName} proof verify greeting.proof --trust ${inDir('fleet.json')} --key greeting`,
    `  ${programName} status --watch --url ${second.api}`,
    `  ${programName} doctor --fleet ${inDir('fleet.json')}`,
    output.paint('bold', `Dashboard, in a browser: ${first.api}/dashboard`),
    `Ctrl-C stops the nodes. Their state stays in ${printable(options.dir)}, logs are in ${inDir('')}/*.log.`,
  ];
}
