import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createHttpLung } from '../adapters/http/index.ts';
import { createP2pLung } from '../adapters/p2p/index.ts';
import { claimStore, freeBytes, openLevelStore } from '../adapters/store/index.ts';
import {
  createDescriptors,
  createLeastLevel,
  createLog,
  createLogRing,
  createMachineProbe,
  createSigner,
  createVerifier,
  type Descriptors,
  ENOUGH_DESCRIPTORS,
  type LeastLevel,
  type LogDestination,
  loadOrCreateKey,
  nodeHasher,
  systemClock,
  systemRandom,
  teeLog,
} from '../adapters/system/index.ts';
import { createMetrics } from '../adapters/system/metrics.ts';
import { createApi } from '../api/index.ts';
import type { Config } from '../config/index.ts';
import { type Author, type Bytes, bytesToHex, hexToBytes, LatticeError } from '../core/types/index.ts';
import { isFlaw } from '../core/wire/host.ts';
import { parsePeerMultiaddr } from '../core/wire/multiaddr.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import type { Clock, Log, P2pLung } from '../ports/index.ts';
import { createNode, type Lattice, type RunningNode } from '../runtime/index.ts';
import { every } from '../timing/index.ts';
import { announce } from './announce.ts';
import { lackOfRoom } from './disk-room.ts';
import { storeExitCode } from './store-exit.ts';
import { VERSION } from './version.ts';

/** A fast writer fills some hundred MiB meanwhile, and peers wait for no longer to be equal with a disk that has room. */
const DISK_CHECK_MS = 2_000;
/** How long a node whose store failed goes on before it ends, so that its last lines reach the log. */
const LINGER_MS = 200;

/** What a node is started with. */
export interface StartOptions {
  readonly config: Config;
  /** Where the node logs. Default: standard output, in the form that the configuration says. */
  readonly log?: Log;
  /**
   * Is called when the store has failed. Default: a last line names the cause, and the process ends with exit code 65, 74 or 75.
   */
  readonly onFatal?: (error: unknown) => void;
}

/** A node that runs. */
export interface StartedNode {
  readonly lattice: Lattice;
  /** The base URL of the API. */
  readonly url: string;
  readonly log: Log;
  /**
   * Stops the node: it takes no new requests, makes the last batch durable, and closes the lungs and the store. Further
   * calls wait for the first one.
   */
  stop(): Promise<void>;
}

/**
 * Opens and verifies the store, serves the API, and then starts both lungs. It resolves without waiting for the lungs,
 * so that no network can hold up a start. Rejects with a LatticeError that names the cause and the next step; nothing
 * is left running then.
 */
export async function startNode({ config, log: given, onFatal }: StartOptions): Promise<StartedNode> {
  const ring = createLogRing(bytesToHex(systemRandom().bytes(4)));
  const level = createLeastLevel(config.logLevel);
  const root = openLog(config, given, ring, level);
  const log = root.child('lattice');
  const clock = systemClock({
    // What runs by itself must not end a node that still works. A store that fails ends it by another way (SPEC N9).
    onError: (err) => log.error({ err }, 'a timer failed'),
  });
  log.info({ version: VERSION }, `LATTICE v${VERSION} HYBRID SYNC PROTOCOL`);
  const descriptors = createDescriptors();
  const warnings = [...config.warnings, ...shortOf(descriptors)];
  for (const warning of warnings) log.warn({ warning }, 'configuration');
  for (const violation of config.violations) log.error({ violation }, 'production guard: safe mode, read-only');

  const seed = loadSeed(config, log);
  const signer = createSigner(seed);
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
      peerId: authorToPeerId(signer.author),
      publicKey: signer.author,
    },
    'environment loaded',
  );

  const store = await openLevelStore(config.stateDir);
  await claimStore(config.stateDir, signer.author).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const machine = createMachineProbe(config.stateDir, freeBytes, descriptors);
  const mayAccept = (): boolean => {
    const room = descriptors.hasRoom();
    if (!room) metrics.count('lattice_connections_refused_total', { lung: 'p2p' });
    return room;
  };
  const closers: (() => Promise<void>)[] = [() => store.close(), async () => machine.close()];
  try {
    const p2p = config.p2p.enabled ? openP2p(config, seed, root, clock, mayAccept) : undefined;
    const http = createHttpLung({ signer, verifier, hasher, random, clock, log: root.child('http') });
    closers.push(() => http.close());
    const node = await createNode(
      {
        name: config.name,
        role: config.role,
        names: new Map(config.names as readonly (readonly [Author, string])[]),
        version: VERSION,
        network: config.network,
        trusted: config.trusted as readonly Author[],
        bootstrap: config.p2p.bootstrap.flatMap((address) => {
          const parsed = parsePeerMultiaddr(address);
          return isFlaw(parsed) ? [] : parsed.author;
        }),
        urls: config.http.nodes,
        heartbeatMs: config.heartbeatIntervalMs,
        graceMs: config.peerlessTimeoutMs,
        pollMs: config.http.pollIntervalMs,
        directory: config.stateDir,
        violations: config.violations,
        warnings,
        p2p: { topic: config.p2p.topic, bootstrap: config.p2p.bootstrap, open: config.p2p.open },
      },
      {
        store,
        hasher,
        signer,
        verifier,
        clock,
        random,
        log: root,
        metrics,
        machine,
        ...(p2p === undefined ? {} : { p2p }),
        http,
        peerIdOf: authorToPeerId,
        onFatal: onFatal ?? ((error) => exitOnStoreFailure(clock, log, error)),
      },
    );
    closers.push(() => node.stop());
    const { root: stateRoot, entries } = node.lattice.root();
    log.info({ root: stateRoot, entries, directory: config.stateDir }, 'state store ready');
    log.info({ bundles: await countBundles(config.vaultDir), directory: config.vaultDir }, 'vault ready');
    log.info({}, 'persistence ready');

    const api = await createApi({
      lattice: node.lattice,
      config,
      clock,
      log: root.child('api'),
      metrics,
      logs: ring,
      logLevel: level,
      hasRoom: descriptors.hasRoom,
      resources: () => machine.resources(),
      ...(config.metrics ? { metricsPage: metrics } : {}),
    });
    closers.push(() => api.close());
    const { url } = await api.listen();
    const stopWatching = watchDisk(node, config.stateDir, clock, log);
    closers.push(async () => stopWatching());

    if (p2p === undefined) log.info({}, 'P2P disabled');
    else
      log.info(
        { listen: config.p2p.listen, bootstrap: config.p2p.bootstrap.length, topic: config.p2p.topic },
        'P2P starting',
      );
    node.start();
    const stopAnnouncing = announce({ lattice: node.lattice, config, url, clock, log });
    closers.push(async () => stopAnnouncing());

    let stopped: Promise<void> | undefined;
    return {
      lattice: node.lattice,
      url,
      log,
      stop() {
        stopped ??= closeAll(closers).then(() => log.info({}, 'LATTICE STOPPED'));
        return stopped;
      },
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/**
 * The log, which also writes into the ring. Secrets of the configuration are struck out of the lines of the ring and of
 * standard output. A log that was given gets its lines as they are.
 */
function openLog(config: Config, given: Log | undefined, ring: LogDestination, level: LeastLevel): Log {
  const secrets = [config.api.token, config.key.source === 'environment' ? config.key.seedHex : undefined].filter(
    (s) => s !== undefined,
  );
  const { logFormat: format } = config;
  if (given === undefined) return createLog({ level, format, ring, secrets });
  return teeLog(given, createLog({ level, format: 'json', destination: ring, secrets }));
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

function openP2p(config: Config, seed: Bytes, log: Log, clock: Clock, mayAccept: () => boolean): P2pLung {
  const { listen, bootstrap, topic, mdns } = config.p2p;
  const random = systemRandom();
  return createP2pLung({ seed, listen, bootstrap, topic, mdns, log: log.child('p2p'), clock, random, mayAccept });
}

/**
 * Closes what was opened last first: the API takes no more requests before the node drains, and the store closes last.
 */
async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (const close of closers.toReversed()) await close();
}

function watchDisk(node: RunningNode, directory: string, clock: Clock, log: Log): () => void {
  const look = async (): Promise<void> => node.setReadOnly('disk', await lackOfRoom(directory));
  const looks = every(clock, DISK_CHECK_MS, look, {
    firstMs: 0,
    onError: (error) => log.warn({ error: String(error), directory }, 'free disk space is unknown'),
  });
  return () => looks.stop();
}

/** The number of bundles of the original's vault in the vault directory; 0 when it cannot be read. */
async function countBundles(directory: string): Promise<number> {
  try {
    return (await readdir(join(directory, 'bundles'))).filter((name) => name.endsWith('.ae_bundle')).length;
  } catch {
    return 0;
  }
}

function exitOnStoreFailure(clock: Clock, log: Log, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  log.error({ error: message }, 'the store failed: nothing more is acknowledged, the node stops');
  const code = storeExitCode(error);
  process.exitCode = code;
  clock.after(LINGER_MS, () => process.exit(code));
}
