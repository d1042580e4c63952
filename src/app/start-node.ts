import { claimStore, freeBytes, openLevelStore } from '../adapters/store/index.ts';
import {
  createDescriptors,
  createLeastLevel,
  createLogRing,
  createMachineProbe,
  createSigner,
  createVerifier,
  type Descriptors,
  ENOUGH_DESCRIPTORS,
  loadOrCreateKey,
  nodeHasher,
  systemClock,
  systemRandom,
} from '../adapters/system/index.ts';
import { createMetrics } from '../adapters/system/metrics.ts';
import { packageFile } from '../adapters/system/package-files.ts';
import { createApi, metricsText } from '../api/index.ts';
import type { ApiSettings, Config } from '../config/index.ts';
import { type Author, type Bytes, bytesToHex, hexToBytes, LatticeError } from '../core/types/index.ts';
import { isFlaw } from '../core/wire/host.ts';
import { parsePeerMultiaddr } from '../core/wire/multiaddr.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import type { Clock, Log } from '../ports/index.ts';
import type { NodeOptions } from '../runtime/index.ts';
import { every } from '../timing/index.ts';
import { announce } from './announce.ts';
import { lackOfRoom } from './disk-room.ts';
import { embed } from './embedded.ts';
import { keepWitness } from './kept-witness.ts';
import { type KeyedNode, type KeyedNodeDeps, openKeyedNode } from './keyed-node.ts';
import { createLegacy, type Legacy } from './legacy.ts';
import { createLife, stoppedError } from './life.ts';
import { openLog } from './logger.ts';
import { lookAtVault } from './look-at-vault.ts';
import { createRunningConfig } from './running-config.ts';
import { takeOptions } from './start-options.ts';
import type { ConfigOption, ServingNode, StartedNode, StartOptions, StartSettings } from './started-node.ts';
import { createTurningNode, type TurningNode } from './turning-node.ts';
import { closeVault, openVault, vaultSettings } from './vault.ts';
import { openVaultDisk } from './vault-disk.ts';
import { VERSION } from './version.ts';

/** A fast writer fills some hundred MiB meanwhile, and peers wait for no longer to be equal with a disk that has room. */
const DISK_CHECK_MS = 2_000;
/** The longest interval of a timer, for one that only keeps the process. */
const HOLD_MS = 2 ** 31 - 1;

/**
 * Starts a node inside this program: opens and verifies its store, serves the API where that is asked for, and then
 * starts the lungs. It resolves without waiting for the lungs, so that no network can hold up a start. Without `api` and
 * `p2p` the node opens no port, and reaches its peers by their URLs alone. When it rejects, nothing is left running.
 *
 * @throws `invalid-config` with every problem in `details.problems`; `store-locked` when another node has the directory;
 * `other-author` when it is the store of another key; `other-network`, `unknown-format`; `store-damaged`, `damaged-row`
 * and `root-mismatch` for a store whose bytes are not what was written; `store-open-failed`, `store-full`,
 * `store-read-failed` and `store-write-failed` for what its disk does; `key-unreadable`, `key-unwritable`,
 * `key-permissions`, `key-invalid`; with an API `address-in-use`, `address-unavailable`, `address-forbidden`
 * @example
 * await using node = await startNode({ dataDir: 'state', name: 'one', api: { port: 8000 } });
 * console.log(node.url, node.lattice.root());
 */
export function startNode(options: ConfigOption): Promise<ServingNode>;
export function startNode(options: StartSettings & { readonly api: ApiSettings }): Promise<ServingNode>;
export function startNode(options: StartOptions): Promise<StartedNode>;
export async function startNode(options: StartOptions): Promise<StartedNode> {
  const { config, logger, readConfig, hint } = takeOptions(options, process.cwd());
  const ring = createLogRing(bytesToHex(systemRandom().bytes(4)));
  const level = createLeastLevel(config.logLevel);
  const logs = openLog(config, logger, ring, level, hint);
  const { root } = logs;
  const log = root.child('lattice');
  const clock = systemClock({
    // What runs by itself must not end a node that still works. A store that fails ends it by another way (SPEC N9).
    onError: (err) => log.error({ err }, 'a timer failed'),
  });
  log.info({ version: VERSION }, `LATTICE v${VERSION} - HYBRID SYNC PROTOCOL`);
  const descriptors = createDescriptors();
  const warnings = [...config.warnings, ...shortOf(descriptors)];
  for (const warning of warnings) log.warn({ warning }, 'configuration');
  for (const violation of config.violations) log.error({ violation }, 'safe mode: this node refuses writes');

  const seed = loadSeed(config, log);
  const { author } = createSigner(seed);
  const hasher = nodeHasher();
  const verifier = createVerifier();
  const random = systemRandom();
  const metrics = createMetrics();
  log.info(
    {
      name: config.name,
      role: config.role,
      environment: config.environment,
      network: config.network,
      peerId: authorToPeerId(author),
      publicKey: author,
    },
    'environment loaded',
  );

  const store = keepWitness(await openLevelStore(config.stateDir));
  await claimStore(config.stateDir, author).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const machine = createMachineProbe(config.stateDir, freeBytes, descriptors);
  const mayAccept = (): boolean => {
    const room = descriptors.hasRoom();
    if (!room) metrics.count('lattice_connections_refused_total', { lung: 'p2p' });
    return room;
  };
  // The timers of a node keep no process, and a node may have no port. Without this, a program that only waits for its
  // node would end in the middle.
  const holding = setInterval(() => undefined, HOLD_MS);
  const closers: (() => Promise<void>)[] = [
    async () => clearInterval(holding),
    () => store.close(),
    async () => machine.close(),
  ];
  const disk = openVaultDisk();
  const life = createLife();
  let started = false;
  let stopped: Promise<void> | undefined;
  function stop(): Promise<void> {
    life.refuse(stoppedError());
    disk.hurry();
    stopped ??= closeAll(closers)
      .then(() => log.info({}, 'LATTICE STOPPED'))
      .finally(() => life.end(stoppedError()));
    return stopped;
  }
  /** Nothing waits for a node that has failed, so what its closing meets is only logged. */
  function stopUnseen(): void {
    stop().catch((err: unknown) => log.error({ err }, 'the failed node was not closed well'));
  }
  try {
    let legacy: Legacy | undefined;
    let p2pSettings = config.p2p;
    const vault = config.vault.enabled
      ? openVault(config, { clock, random, log: log.child('vault'), disk })
      : undefined;
    if (vault !== undefined) closers.push(() => closeVault(vault, log));
    const deps: Omit<KeyedNodeDeps, 'vault'> = {
      store,
      hasher,
      verifier,
      clock,
      random,
      log: root,
      metrics,
      machine,
      p2p: () => p2pSettings,
      mayAccept,
      onFatal: (error) => fail(error, 'the store failed: nothing more is acknowledged, the node stops'),
    };
    function fail(error: LatticeError, message: string): void {
      log.error({ error: error.message }, message);
      life.end(error);
      if (started) stopUnseen();
    }
    /** Opens the node of a key, by the configuration as it is at the moment. */
    const open = (of: Bytes, by: Config): Promise<KeyedNode> =>
      openKeyedNode(
        of,
        optionsOf(by, () => legacy?.notices() ?? [], descriptors),
        {
          ...deps,
          ...(vault === undefined
            ? {}
            : { vault: { store: vault, kind: by.vault.store.kind, settings: vaultSettings(by) } }),
        },
      );
    const node = createTurningNode(await open(seed, config), {
      directory: config.stateDir,
      open: (of) => open(of, running.now),
      onFailed: (error) => fail(error, 'the node could not go on under another key, and stops'),
      clock,
      log,
    });
    closers.push(() => node.stop());
    const { root: stateRoot, entries } = node.lattice.root();
    log.info({ root: stateRoot, entries, directory: config.stateDir }, 'state store ready');
    const looks = lookAtVault(config.vaultDir, disk);
    const bundles = await looks.bundles(clock);
    if (bundles === undefined) log.warn({ directory: config.vaultDir }, 'the disk of the vault does not answer');
    else log.info({ bundles, directory: config.vaultDir }, 'vault ready');
    log.info({}, 'persistence ready');
    legacy = createLegacy({
      config,
      vaultNames: looks.names,
      lattice: node.lattice,
      hasher,
      verifier,
      clock,
      log: root.child('import'),
    });

    const running = createRunningConfig({
      initial: config,
      again: readConfig,
      node,
      async apply(next) {
        p2pSettings = next.p2p;
        const untrusted = await node.reconfigure({
          ...fleetOf(next),
          warnings: [...next.warnings, ...shortOf(descriptors)],
          p2p: { bootstrap: next.p2p.bootstrap, flaws: next.p2p.flaws },
          vault: vaultSettings(next),
        });
        logs.follow(next);
        return untrusted;
      },
      log,
    });
    let url: string | undefined;
    if (config.api.enabled) {
      const api = await createApi({
        lattice: node.lattice,
        config: running.forApi,
        reload: running.reload,
        clock,
        log: root.child('api'),
        metrics,
        verifier,
        logs: ring,
        logLevel: level,
        hasRoom: descriptors.hasRoom,
        resources: () => machine.resources(),
        vaultDisk: disk.run,
        dashboard: packageFile('dist/dashboard/'),
        ...(config.metrics ? { metricsPage: metrics } : {}),
      });
      closers.push(() => api.close());
      ({ url } = await api.listen());
    }
    const stopWatching = watchDisk(node, config.stateDir, clock, log);
    closers.push(async () => stopWatching());

    if (!config.p2p.enabled) log.info({}, 'P2P disabled');
    else if (config.p2p.flaws.length === 0)
      log.info(
        { listen: config.p2p.listen, bootstrap: config.p2p.bootstrap.length, topic: config.p2p.topic },
        'P2P starting',
      );
    node.start();
    const stopAnnouncing = announce({ lattice: node.lattice, config, url, clock, log });
    closers.push(async () => stopAnnouncing());
    const taking = legacy;
    closers.push(() => taking.stop());
    taking.start();

    started = true;
    // What failed in the meantime has ended the node already.
    if (life.ended.aborted) stopUnseen();
    return {
      lattice: embed(node.lattice, life),
      resources: () => life.run(machine.resources),
      metrics: () => life.run(() => metricsText({ lattice: node.lattice, metrics, resources: machine.resources, log })),
      url,
      log,
      ended: life.ended,
      reload: () => life.run(running.reload),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    disk.hurry();
    await closeAll(closers).catch((err: unknown) =>
      log.error({ err }, 'a node that did not start was not closed well'),
    );
    throw error;
  }
}

/** What a node is told at its start, and again where it goes on under another key. */
const optionsOf = (
  config: Config,
  notices: NonNullable<NodeOptions['notices']>,
  descriptors: Descriptors,
): NodeOptions => ({
  name: config.name,
  role: config.role,
  names: new Map(config.names as readonly (readonly [Author, string])[]),
  version: VERSION,
  network: config.network,
  ...fleetOf(config),
  heartbeatMs: config.heartbeatIntervalMs,
  graceMs: config.peerlessTimeoutMs,
  pollMs: config.http.pollIntervalMs,
  directory: config.stateDir,
  warnings: [...config.warnings, ...shortOf(descriptors)],
  notices,
  p2p: config.p2p,
});

/** What a node is told of its fleet, at its start and at each reload. */
function fleetOf({ trusted, p2p, http, announce, violations }: Config) {
  const bootstrap = p2p.bootstrap.flatMap((address) => {
    const parsed = parsePeerMultiaddr(address);
    return isFlaw(parsed) ? [] : parsed.author;
  });
  return { trusted: trusted as readonly Author[], bootstrap, urls: http.nodes, announce, violations };
}

function loadSeed(config: Config, log: Log): Bytes {
  if (config.key.source === 'environment') {
    const seed = hexToBytes(config.key.seedHex);
    if (seed === undefined) throw new LatticeError('key-invalid', 'the configured private key is not 64 hex digits');
    return seed;
  }
  const { seed, created } = loadOrCreateKey(config.key.path);
  if (created) log.info({ path: config.key.path }, 'node key created');
  return seed;
}

/** A warning where the process may have too few file descriptors for all the connections of a node. */
function shortOf(descriptors: Descriptors): string[] {
  const { limit } = descriptors.use() ?? {};
  if (limit === undefined || limit >= ENOUGH_DESCRIPTORS) return [];
  return [
    `The process may have only ${limit} file descriptors, and refuses connections when few are left: allow ${ENOUGH_DESCRIPTORS} (ulimit -n, LimitNOFILE).`,
  ];
}

/**
 * Closes what was opened last first: the API takes no more requests before the node drains, and the store closes last.
 * What does not close well keeps nothing else open; its error is thrown once all have been closed.
 */
async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers.toReversed()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

function watchDisk(node: Pick<TurningNode, 'setReadOnly'>, directory: string, clock: Clock, log: Log): () => void {
  const look = async (): Promise<void> => node.setReadOnly('disk', await lackOfRoom(directory));
  const looks = every(clock, DISK_CHECK_MS, look, {
    firstMs: 0,
    onError: (error) => log.warn({ error: String(error), directory }, 'free disk space is unknown'),
  });
  return () => looks.stop();
}
