import { commitSigningBytes, createCommit, decodeFragment, decodeGossip, encodeFragment, encodeGossip } from '../../src/core/codec/index.ts';
import { type Author, type Bytes, type Hlc, LatticeError } from '../../src/core/types/index.ts';
import type { Log, Metrics, Random, Signer } from '../../src/ports/index.ts';
import { createNode, type RunningNode, type SyncMode, type WriteOperation } from '../../src/runtime/index.ts';
import { createSimClock, type Life, type WallClock, wallTime } from './clock.ts';
import { createSimSigner, createSimVerifier, hasher, isGenuine } from './crypto.ts';
import { createHttpNetwork, urlOf } from './http.ts';
import { createWires } from './network.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { createP2pNetwork } from './p2p.ts';
import { createRng } from './rng.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createSimDisk, createSimStore, type SimDisk, type SimStore } from './store.ts';
import { createTrace, shortHash, type Trace } from './trace.ts';
import { CALM, type LungName, type Weather } from './weather.ts';

const NETWORK = 'sim';
const OPTIONS = { heartbeatMs: 1_000, graceMs: 3_000, pollMs: 10_000 };
/** A graceful stop waits for the last batch and its lungs, never longer. */
const STOP_MS = 15_000;
/** A node whose store failed has this long to end its process. */
const FATAL_MS = 900;
/** What a write may be refused with: everything else is a failure of the run. */
const EXPECTED_REFUSALS = new Set(['precondition-failed', 'not-found', 'read-only', 'overloaded', 'clock-ahead', 'stopping', 'store-write-failed']);

/** What the harness itself gets wrong on purpose, to see that somebody notices. */
export interface Sabotage {
  /** Batches are acknowledged at once. */
  readonly earlyDurability?: boolean;
  /** Any signature passes. */
  readonly blindVerifier?: boolean;
  /** A crash tears the last batch: half of its rows land. */
  readonly tornBatches?: boolean;
}

/** One machine: its disk and wall clock outlive its processes. */
interface Machine {
  readonly index: number;
  readonly name: string;
  readonly signer: Signer;
  readonly disk: SimDisk;
  readonly wall: WallClock;
  lives: number;
  life: Life | undefined;
  store: SimStore | undefined;
  running: RunningNode | undefined;
  /** The disk was told to fail: only then may the node give up. */
  diskBroken: boolean;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly oracle: Oracle;
  readonly failures: readonly string[];
  /** The last operations, for a report. */
  readonly operations: readonly string[];
  readonly size: number;
  start(index: number): void;
  crash(index: number): void;
  /** Crashes the node while its next batch is on its way to the disk. */
  crashInBatch(index: number): void;
  /** Stops a node in good order; its machine stays down. */
  stop(index: number): void;
  /** The node's disk fails at the next batch: the process ends. */
  breakDisk(index: number): void;
  setWeather(lung: LungName, weather: Weather): void;
  setSkew(index: number, skewMs: number): void;
  setMode(index: number, mode: SyncMode): void;
  syncNow(index: number): void;
  /** A commit in a member's name that the member did not sign, gossiped to one node. */
  forge(to: number, inNameOf: number): void;
  /** A genuine commit of a trusted author whose clock is `aheadMs` ahead, gossiped to one node. */
  fromTheFuture(to: number, aheadMs: number): void;
  /** Simulated time until which clocks observed from the future may hold local writes back. */
  readonly outsiderUntil: number;
  write(index: number, operations: readonly WriteOperation[]): void;
  /** Reads a key, then replaces it on the condition that it is unchanged. */
  replace(index: number, key: string, value: string): void;
  node(index: number): RunningNode | undefined;
  disk(index: number): SimDisk;
  isUp(index: number): boolean;
  /** Local writes that have not been answered, on live nodes. */
  pendingWrites(): number;
  note(operation: string): void;
  fail(what: string): void;
  /** Ends the run's claim on the process. */
  dispose(): void;
}

const silentMetrics: Metrics = { count: () => undefined, gauge: () => undefined };

export function createWorld(options: {
  readonly seed: string;
  readonly nodes: number;
  readonly sabotage?: Sabotage;
  readonly verbose?: (line: string) => void;
}): World {
  const { nodes, sabotage = {} } = options;
  const rng = createRng(options.seed);
  const trace = createTrace(options.verbose);
  const failures: string[] = [];
  const operations: string[] = [];
  const scheduler = createScheduler(rng.fork('ties'), trace, (error) => fail(`thrown: ${describe(error)}`));
  const oracle = createOracle(fail);
  const wires = createWires(scheduler, rng.fork('wires'));
  const forged = new Set<string>();
  /** Every commit that was gossiped by its author, by author and HLC. */
  const published = new Map<string, string>();
  let pending = new Map<Life, number>();

  const machines = Array.from({ length: nodes }, (_, index): Machine => {
    const r = rng.fork(`machine ${index}`);
    return {
      index,
      name: `n${index}`,
      signer: createSimSigner(`${options.seed}/n${index}`),
      disk: createSimDisk(),
      wall: { skewMs: 0, drift: r.between(-1e-4, 1e-4) },
      lives: 0,
      life: undefined,
      store: undefined,
      running: undefined,
      diskBroken: false,
    };
  });
  // Trusted like the nodes, but no node: its clock runs ahead.
  const outsider = createSimSigner(`${options.seed}/outsider`);
  const authors = [...machines.map((m) => m.signer.author), outsider.author];
  let outsiderUntil = 0;
  const p2p = createP2pNetwork(wires, nodes, onVerdict, onPublish);
  const http = createHttpNetwork(wires, nodes);
  p2p.start();

  const onUnhandled = (error: unknown): void => fail(`unhandled rejection: ${describe(error)}`);
  process.on('unhandledRejection', onUnhandled);

  function fail(what: string): void {
    if (failures.length < 20) failures.push(`${scheduler.now().toFixed(0)} ms: ${what}`);
  }

  function note(operation: string): void {
    operations.push(`${scheduler.now().toFixed(0)} ms ${operation}`);
    trace.add(scheduler.now(), 'op', 'note', operation);
    if (operations.length > 80) operations.shift();
  }

  function onVerdict(verdict: string, at: number, data: Bytes): void {
    const isForged = forged.has(shortHash(data));
    if (verdict === 'reject' && !isForged) fail(`n${at} rejected an honest gossip message`);
    if (verdict === 'accept' && isForged && sabotage.blindVerifier !== true) fail(`n${at} accepted a forged gossip message`);
  }

  function onPublish(by: Author, data: Bytes): void {
    const message = decodeGossip(data, { stream: false });
    if (message.type !== 'commits') return;
    for (const bytes of message.fragments) {
      const { header, id } = decodeFragment(bytes, hasher);
      if (header.author !== by) continue;
      const name = `${by}:${header.hlc}`;
      const known = published.get(name);
      if (known !== undefined && known !== id) fail(`${by.slice(0, 8)} signed two commits with one HLC`);
      published.set(name, id);
    }
  }

  function machine(index: number): Machine {
    return machines[index] as Machine;
  }

  function createLog(life: Life): Log {
    const line =
      (level: string) =>
      (fields: object, message: string): void => {
        if (options.verbose !== undefined) options.verbose(`        ${life.name} ${level} ${message} ${JSON.stringify(fields)}`);
      };
    const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child: () => log };
    return log;
  }

  async function boot(m: Machine, life: Life, store: SimStore): Promise<void> {
    const r = rng.fork(`${m.name} life ${m.lives}`);
    const random: Random = { bytes: (length) => r.bytes(length), fraction: () => r.next() };
    const verifier = createSimVerifier(scheduler, r.fork('verifier'), life);
    const node = await createNode(
      {
        ...OPTIONS,
        name: m.name,
        role: 'sim',
        version: '0.0.0',
        network: NETWORK,
        trusted: authors,
        bootstrap: machines.map((x) => x.signer.author),
        urls: machines.map((x) => urlOf(x.index)),
        directory: m.name,
        violations: [],
        warnings: [],
        p2p: { topic: NETWORK, bootstrap: [] },
      },
      {
        store,
        hasher,
        signer: m.signer,
        verifier: sabotage.blindVerifier === true ? { verify: () => Promise.resolve(true) } : verifier,
        clock: createSimClock(scheduler, m.wall, life),
        random,
        log: createLog(life),
        metrics: silentMetrics,
        p2p: p2p.lung(m.index, m.signer.author, life),
        http: http.lung(m.index, { life, signer: m.signer, verifier, random }),
        peerIdOf: (author) => author,
        onFatal: (error) => {
          if (!m.diskBroken) fail(`${m.name} gave up its store without a reason: ${describe(error)}`);
          note(`${m.name} ends: its disk failed`);
          scheduler.after(FATAL_MS, m.name, 'exit', () => {
            if (life.alive) world.crash(m.index);
          });
        },
      },
    );
    if (!life.alive) return;
    m.running = node;
    http.serve(m.index, node.lattice.sync, life);
    node.start();
  }

  function begin(life: Life): () => void {
    pending.set(life, (pending.get(life) ?? 0) + 1);
    return () => void pending.set(life, (pending.get(life) ?? 1) - 1);
  }

  async function write(m: Machine, batch: readonly WriteOperation[]): Promise<void> {
    const { life, running } = m;
    if (life === undefined || running === undefined) return;
    const end = begin(life);
    try {
      const result = await running.lattice.write(batch);
      if (!life.alive) return;
      const hlc = BigInt(`0x${result.hlc}`) as Hlc;
      trace.add(scheduler.now(), m.name, 'acknowledged', result.commit);
      for (const { key, version } of result.results) oracle.acknowledged({ node: m.index, key, version, hlc }, m.signer.author, m.disk);
    } catch (error) {
      if (!(error instanceof LatticeError) || !EXPECTED_REFUSALS.has(error.code)) fail(`${m.name} refused a write: ${describe(error)}`);
      else trace.add(scheduler.now(), m.name, 'refused', error.code);
    } finally {
      end();
    }
  }

  const world: World = {
    scheduler,
    trace,
    oracle,
    failures,
    operations,
    size: nodes,
    start(index) {
      const m = machine(index);
      if (m.life?.alive === true) return;
      const life: Life = { alive: true, name: m.name };
      m.life = life;
      m.lives++;
      m.diskBroken = false;
      m.store = createSimStore({
        scheduler,
        rng: rng.fork(`${m.name} store ${m.lives}`),
        life,
        disk: m.disk,
        earlyDurability: sabotage.earlyDurability === true,
        tornBatches: sabotage.tornBatches === true,
        onDurable: (rows) => oracle.durable(index, wallTime(m.wall, scheduler.now()), rows),
      });
      note(`${m.name} starts`);
      boot(m, life, m.store).catch((error: unknown) => fail(`${m.name} did not start: ${describe(error)}`));
    },
    crash(index) {
      const m = machine(index);
      if (m.life?.alive !== true) return;
      note(`${m.name} crashes`);
      m.life.alive = false;
      m.store?.crash();
      m.running = undefined;
      http.leave(index);
    },
    crashInBatch(index) {
      const { store, life } = machine(index);
      store?.onNextBatch(() => {
        if (life?.alive === true) world.crash(index);
      });
    },
    stop(index) {
      const m = machine(index);
      const { life, running } = m;
      if (life?.alive !== true || running === undefined) return;
      note(`${m.name} stops`);
      m.running = undefined;
      http.leave(index);
      const deadline = scheduler.after(STOP_MS, m.name, 'stop-deadline', () => {
        if (life.alive) fail(`${m.name} does not stop`);
      });
      running.stop().then(
        () => {
          deadline.cancel();
          if (!life.alive) return;
          life.alive = false;
          m.store?.crash();
          note(`${m.name} stopped`);
        },
        (error: unknown) => fail(`${m.name} did not stop: ${describe(error)}`),
      );
    },
    breakDisk(index) {
      const m = machine(index);
      if (m.life?.alive !== true) return;
      note(`${m.name} disk breaks at the next batch`);
      m.diskBroken = true;
      m.store?.breakNextBatch();
    },
    setWeather(lung, weather) {
      const cut = [...weather.cut].join(' ');
      note(`${lung} loss ${weather.loss.toFixed(2)} duplicate ${weather.duplicate.toFixed(2)} delay ${weather.maxDelayMs} cut [${cut}]`);
      wires.setWeather(lung, weather);
    },
    setSkew(index, skewMs) {
      note(`n${index} clock skew ${skewMs.toFixed(0)} ms`);
      machine(index).wall.skewMs = skewMs;
    },
    setMode(index, mode) {
      const { running, name } = machine(index);
      if (running === undefined) return;
      note(`${name} mode ${mode}`);
      running.lattice.setMode(mode, 'operator');
    },
    syncNow(index) {
      const { running, name } = machine(index);
      if (running === undefined) return;
      note(`${name} sync now`);
      running.lattice.syncNow().catch((error: unknown) => fail(`${name} sync now: ${describe(error)}`));
    },
    forge(to, inNameOf) {
      const author = machine(inNameOf).signer.author;
      const hlc = (BigInt(wallTime(machine(to).wall, scheduler.now())) << 16n) as Hlc;
      const commit = createCommit(
        { network: NETWORK, author, hlc, operations: [{ kind: 'put', key: 'forged', value: 'forged', context: [] }] },
        hasher,
        () => new Uint8Array(64).fill(7),
      );
      if (isGenuine(author, commitSigningBytes(commit.headerBytes), commit.signature)) throw new Error('a forgery must not be genuine');
      const data = encodeGossip({ type: 'commits', fragments: [encodeFragment(commit)] });
      forged.add(shortHash(data));
      note(`forged commit to n${to} in the name of n${inNameOf}`);
      p2p.inject(to, data);
    },
    fromTheFuture(to, aheadMs) {
      const now = wallTime(machine(to).wall, scheduler.now()) + Math.round(aheadMs);
      const hlc = (BigInt(now) << 16n) as Hlc;
      const key = `future/${now}`;
      const commit = createCommit(
        { network: NETWORK, author: outsider.author, hlc, operations: [{ kind: 'put', key, value: 1, context: [] }] },
        hasher,
        outsider.sign,
      );
      outsiderUntil = Math.max(outsiderUntil, scheduler.now() + aheadMs + 15_000);
      note(`to n${to} from ${aheadMs.toFixed(0)} ms ahead: ${key}`);
      p2p.inject(to, encodeGossip({ type: 'commits', fragments: [encodeFragment(commit)] }));
    },
    get outsiderUntil() {
      return outsiderUntil;
    },
    write(index, batch) {
      const m = machine(index);
      if (m.running === undefined) return;
      note(`${m.name} ${batch.map((o) => `${o.op} ${o.key}${o.ifNoneMatch === undefined ? '' : ' if absent'}`).join(', ')}`);
      void write(m, batch);
    },
    replace(index, key, value) {
      const m = machine(index);
      const { life, running } = m;
      if (running === undefined || life === undefined) return;
      note(`${m.name} replace ${key}`);
      const end = begin(life);
      running.lattice
        .get(key)
        .then(async (entry) => {
          if (!life.alive || m.running !== running) return;
          await write(m, [{ op: 'put', key, value, ...(entry === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: entry.version }) }]);
        })
        .catch((error: unknown) => fail(`${m.name} get ${key}: ${describe(error)}`))
        .finally(end);
    },
    node: (index) => machine(index).running,
    disk: (index) => machine(index).disk,
    isUp: (index) => machine(index).running !== undefined,
    pendingWrites() {
      pending = new Map(Array.from(pending).filter(([life]) => life.alive));
      return Array.from(pending.values()).reduce((sum, n) => sum + n, 0);
    },
    note,
    fail,
    dispose() {
      process.off('unhandledRejection', onUnhandled);
      for (const m of machines) if (m.life !== undefined) m.life.alive = false;
    },
  };
  return world;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 6).join(' | ') : String(error);
}

/** A fleet's calm state: no loss, no cut, small delays. */
export function calm(world: World): void {
  world.setWeather('p2p', CALM);
  world.setWeather('http', CALM);
}
