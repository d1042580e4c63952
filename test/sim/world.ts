import { hlcMs } from '../../src/core/clock/index.ts';
import { type Hlc, LatticeError, MAX_CLOCK_ERROR_MS } from '../../src/core/types/index.ts';
import type { Clock, Random, StoreOperation, VaultStore } from '../../src/ports/index.ts';
import type { VaultSettings } from '../../src/runtime/facade/options.ts';
import { createNode, type WriteOperation } from '../../src/runtime/index.ts';
import { createSimClock, type Life, trueTime, wallTime } from './clock.ts';
import { createSimSigner, createSimVerifier, hasher } from './crypto.ts';
import type { Machine, Sabotage, World } from './face.ts';
import { createGossipChecks } from './gossip-checks.ts';
import { createHttpNetwork, urlOf } from './http.ts';
import { createSimLog, describeError, SILENT_METRICS } from './log.ts';
import { createWires } from './network.ts';
import { createOracle } from './oracle.ts';
import { createP2pNetwork } from './p2p.ts';
import { createRng } from './rng.ts';
import { createScheduler } from './scheduler.ts';
import { createSimDisk, createSimStore, type SimStore } from './store.ts';
import { forgedCommit, futureCommit, NETWORK, oldCommit } from './strangers.ts';
import { createTrace } from './trace.ts';

const OPTIONS = { heartbeatMs: 1_000, graceMs: 3_000, pollMs: 10_000 };
/** A graceful stop waits for the last batch and its lungs, never longer. */
const STOP_MS = 15_000;
/** A node whose store failed has this long to end its process. */
const FATAL_MS = 900;
/** Whether this is what a node answers with once a batch has failed. */
const isStoreFailure = (error: unknown): boolean =>
  error instanceof LatticeError && error.code === 'store-write-failed';
/** What a write may be refused with: everything else is a failure of the run. */
const EXPECTED_REFUSALS = new Set([
  'precondition-failed',
  'version-not-read',
  'not-found',
  'read-only',
  'overloaded',
  'clock-ahead',
  'stopping',
  'store-write-failed',
]);

export function createWorld(options: {
  readonly seed: string;
  readonly nodes: number;
  readonly sabotage?: Sabotage;
  /** How far an acknowledged write may be ahead of the true time; undefined: as far as it likes. */
  readonly maxAckAheadMs?: number;
  /** The nodes on the configured trust list; undefined: all, and an outsider whose clock may run ahead. */
  readonly founders?: readonly number[];
  /** Nodes that configure no peer: they are only dialled. */
  readonly dialled?: readonly number[];
  /** The vault of each machine; undefined: nodes without one. */
  readonly vault?: {
    open(index: number, clock: Clock, life: Life): Promise<VaultStore>;
    settings(index: number): VaultSettings;
  };
  /** The grid of collection floors, ms; undefined: the nodes' own, on which nothing is collected within a run. */
  readonly collectionGridMs?: number;
  /** Told of each batch that is on a node's disk. */
  readonly onDurable?: (node: number, operations: readonly StoreOperation[]) => void;
  readonly verbose?: (line: string) => void;
}): World {
  const { nodes, sabotage = {} } = options;
  const rng = createRng(options.seed);
  const trace = createTrace(options.verbose);
  const failures: string[] = [];
  const operations: string[] = [];
  const scheduler = createScheduler(rng.fork('ties'), trace, (error) => fail(`thrown: ${describeError(error)}`));
  const oracle = createOracle(fail, (node) => machine(node).signer.author);
  const wires = createWires(scheduler, rng.fork('wires'));
  const gossip = createGossipChecks(fail, sabotage.blindVerifier !== true, () => trueTime(scheduler.now()));
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
      restored: 0,
      life: undefined,
      store: undefined,
      running: undefined,
      diskBroken: false,
    };
  });
  // Trusted like the nodes, but no node: its clock runs ahead.
  const outsider = createSimSigner(`${options.seed}/outsider`);
  const authors =
    options.founders === undefined
      ? [...machines.map((m) => m.signer.author), outsider.author]
      : options.founders.map((index) => machine(index).signer.author);
  let outsiderUntil = 0;
  const p2p = createP2pNetwork(wires, nodes, gossip.onVerdict, gossip.onPublish);
  const http = createHttpNetwork(wires, nodes);
  p2p.start();

  const onUnhandled = (error: unknown): void => fail(`unhandled rejection: ${describeError(error)}`);
  process.on('unhandledRejection', onUnhandled);

  function fail(what: string): void {
    if (failures.length < 20) failures.push(`${scheduler.now().toFixed(0)} ms: ${what}`);
  }

  function note(operation: string): void {
    operations.push(`${scheduler.now().toFixed(0)} ms ${operation}`);
    trace.add(scheduler.now(), 'op', 'note', operation);
    if (operations.length > 80) operations.shift();
  }

  function machine(index: number): Machine {
    return machines[index] as Machine;
  }

  /** The latest time that the node may take the present for: that of its own clock, or of a fleet that is right. */
  function latestTime({ wall }: Machine): number {
    return Math.max(wallTime(wall, scheduler.now()), trueTime(scheduler.now()) + MAX_CLOCK_ERROR_MS);
  }

  async function boot(m: Machine, life: Life, store: SimStore): Promise<void> {
    const r = rng.fork(`${m.name} life ${m.lives}`);
    const random: Random = { bytes: (length) => r.bytes(length), fraction: () => r.next() };
    const verifier = createSimVerifier(scheduler, r.fork('verifier'), life);
    const named = options.dialled?.includes(m.index) === true ? [] : machines;
    const clock = createSimClock(scheduler, m.wall, life);
    const bytes = options.vault === undefined ? undefined : await options.vault.open(m.index, clock, life);
    const node = await createNode(
      {
        ...OPTIONS,
        ...(options.collectionGridMs === undefined ? {} : { collectionGridMs: options.collectionGridMs }),
        name: m.name,
        role: 'sim',
        version: '0.0.0',
        network: NETWORK,
        trusted: authors,
        bootstrap: named.map((x) => x.signer.author),
        urls: named.map((x) => urlOf(x.index)),
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
        clock,
        random,
        log: createSimLog(life, options.verbose),
        metrics: SILENT_METRICS,
        ...(options.vault === undefined || bytes === undefined
          ? {}
          : { vault: { store: bytes, kind: 'memory' as const, settings: options.vault.settings(m.index) } }),
        p2p: p2p.lung(m.index, m.signer.author, life),
        http: http.lung(m.index, { life, signer: m.signer, verifier, random }),
        peerIdOf: (author) => author,
        onFatal: (error) => {
          if (!m.diskBroken) fail(`${m.name} gave up its store without a reason: ${describeError(error)}`);
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
      const aheadMs = hlcMs(hlc) - trueTime(scheduler.now());
      if (aheadMs > (options.maxAckAheadMs ?? Number.POSITIVE_INFINITY))
        fail(`${m.name} acknowledged a write ${aheadMs} ms ahead of the time`);
      for (const { key, version } of result.results)
        oracle.acknowledged({ node: m.index, key, version, hlc }, m.signer.author, m.disk);
    } catch (error) {
      if (!(error instanceof LatticeError) || !EXPECTED_REFUSALS.has(error.code))
        fail(`${m.name} refused a write: ${describeError(error)}`);
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
        onDurable(rows) {
          oracle.durable(index, latestTime(m), rows);
          options.onDurable?.(index, rows);
        },
      });
      note(`${m.name} starts`);
      boot(m, life, m.store).catch((error: unknown) => fail(`${m.name} did not start: ${describeError(error)}`));
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
        (error: unknown) => fail(`${m.name} did not stop: ${describeError(error)}`),
      );
    },
    breakDisk(index) {
      const m = machine(index);
      if (m.life?.alive !== true) return;
      note(`${m.name} disk breaks at the next batch`);
      m.diskBroken = true;
      m.store?.breakNextBatch();
    },
    spare: (index) => machine(index).store?.spareNextBatch(),
    setWeather(lung, weather) {
      const cut = [...weather.cut].join(' ');
      note(
        `${lung} loss ${weather.loss.toFixed(2)} duplicate ${weather.duplicate.toFixed(2)} delay ${weather.maxDelayMs} cut [${cut}]`,
      );
      wires.setWeather(lung, weather);
    },
    setSkew(index, skewMs) {
      note(`n${index} clock skew ${skewMs.toFixed(0)} ms`);
      machine(index).wall.skewMs = skewMs;
    },
    drift(index, ms) {
      machine(index).wall.skewMs += ms;
    },
    setMode(index, mode) {
      const { running, name } = machine(index);
      if (running === undefined) return;
      note(`${name} mode ${mode}`);
      running.lattice.setMode(mode, 'operator');
    },
    restore(index, backup) {
      const m = machine(index);
      if (m.life?.alive === true) throw new Error('a running node keeps its disk');
      note(`${m.name} has its disk of a while ago`);
      const present = m.disk.rows({ gte: new Uint8Array(0), lt: new Uint8Array(64).fill(255) });
      m.disk.apply(present.map(([key]) => ({ type: 'del', key })));
      m.disk.apply(backup.map(([key, value]) => ({ type: 'put', key, value })));
      oracle.restored(index);
      m.restored++;
    },
    restored: (index) => machine(index).restored,
    authorOf: (index) => machine(index).signer.author,
    rekey(index, signer) {
      const m = machine(index);
      if (m.life?.alive === true) throw new Error('a running node keeps its key');
      note(`${m.name} gets another key`);
      m.signer = signer;
    },
    syncNow(index) {
      const { running, name } = machine(index);
      if (running === undefined) return;
      note(`${name} sync now`);
      running.lattice.syncNow().catch((error: unknown) => fail(`${name} sync now: ${describeError(error)}`));
    },
    forge(to, inNameOf) {
      const data = forgedCommit(machine(inNameOf).signer.author, wallTime(machine(to).wall, scheduler.now()));
      gossip.expectForged(data);
      note(`forged commit to n${to} in the name of n${inNameOf}`);
      p2p.inject(to, data);
    },
    fromTheFuture(to, aheadMs) {
      const at = trueTime(scheduler.now()) + Math.round(aheadMs);
      outsiderUntil = Math.max(outsiderUntil, scheduler.now() + aheadMs + 15_000);
      note(`to n${to} a commit from ${aheadMs.toFixed(0)} ms ahead`);
      p2p.inject(to, futureCommit(outsider, at));
    },
    haunt(to, of, operation, wallMs) {
      note(`to n${to} of n${of} from ${wallMs - trueTime(0)} ms: ${operation.kind} ${operation.key}`);
      const { data, id } = oldCommit(machine(of).signer, wallMs, operation);
      p2p.inject(to, data);
      return id;
    },
    get outsiderUntil() {
      return outsiderUntil;
    },
    write(index, batch) {
      const m = machine(index);
      if (m.running === undefined) return;
      note(
        `${m.name} ${batch.map((o) => `${o.op} ${o.key}${o.ifNoneMatch === undefined ? '' : ' if absent'}`).join(', ')}`,
      );
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
          await write(m, [
            {
              op: 'put',
              key,
              value,
              ...(entry === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: entry.version }),
            },
          ]);
        })
        .catch((error: unknown) => {
          // A node whose disk has failed answers nothing more until its process has ended.
          const isGone = !life.alive || (m.diskBroken && isStoreFailure(error));
          if (!isGone) fail(`${m.name} get ${key}: ${describeError(error)}`);
        })
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
