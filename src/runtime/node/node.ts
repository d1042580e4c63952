import { hlcMs } from '../../core/clock/index.ts';
import { type Author, type Bytes, bytesToHex, type Hlc, hexToBytes, LatticeError } from '../../core/types/index.ts';
import {
  encodeGossip,
  encodeSync,
  type SignedAttestation,
  type SyncMessage,
  trustHash,
} from '../../core/wire/index.ts';
import { createBootstrap, MIN_ENTRIES } from '../bootstrap/bootstrap.ts';
import { loadBootstrap } from '../bootstrap/record.ts';
import { createSnapshots } from '../bootstrap/snapshots.ts';
import { createDoor } from '../commit/door.ts';
import { createGuard } from '../commit/guard.ts';
import { createIdempotency } from '../commit/idempotency.ts';
import { createOwnState } from '../commit/own-state.ts';
import { type Applied, createWriter } from '../commit/writer.ts';
import { createWrites } from '../commit/writes.ts';
import { createAttestationBook } from '../cuts/attestations.ts';
import { createCutCells } from '../cuts/cut-cells.ts';
import { CUT_PERIOD_MS, CUT_SETTLE_MS, createCuts } from '../cuts/cuts.ts';
import { createIntake } from '../exchange/intake.ts';
import { createResponder } from '../exchange/responder.ts';
import { createSyncService } from '../exchange/sync-service.ts';
import type { Lattice, SyncMode, Transition } from '../facade/facade.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { createPeerTable } from '../peers/peers.ts';
import { createHistory } from '../read/history.ts';
import { createReads } from '../read/reads.ts';
import { createComparison } from '../repair/compare-peer.ts';
import { createRepairs } from '../repair/repairs.ts';
import { createEntryReads } from '../storage/entry-reads.ts';
import { createHolds } from '../storage/holds.ts';
import { saveCells, WORTH_SAVING } from '../storage/saved-cells.ts';
import { JOURNAL_LENGTH, openState } from '../storage/startup.ts';
import { createFeed } from '../streams/feed.ts';
import { byOrigin, createGossipOutbox, pushMessages } from '../streams/forward.ts';
import { ask } from '../transport/link.ts';
import { createLinks } from '../transport/links.ts';
import { createHttpSupervisor } from '../transport/lung-http.ts';
import { createP2pSupervisor } from '../transport/lung-p2p.ts';
import { createPing } from '../transport/ping.ts';
import { createAddedPeers, loadAddedPeers, multiaddrAuthor } from '../upkeep/added-peers.ts';
import { createCheckpointSaver } from '../upkeep/checkpoint-save.ts';
import { createIntegrityCheck } from '../upkeep/integrity.ts';
import { createSupervision } from '../upkeep/supervision.ts';
import { causeCode } from '../watch/causes.ts';
import { measured, measuredSync, measuredWrites } from '../watch/measured.ts';
import { createSeries } from '../watch/series.ts';
import { createStatus } from '../watch/status.ts';

/** Transitions kept for status and dashboards. */
const MAX_TRANSITIONS = 200;

export interface RunningNode {
  readonly lattice: Lattice;
  /** Starts both lungs. Never waits for them. */
  start(): void;
  /** Sets or clears a reason for being read-only, for what only the process can see (disk space). */
  setReadOnly(name: string, reason: string | undefined): void;
  /** Stops the lungs, ends the streams, waits for the last batch. The store stays open: it is the caller's. */
  stop(): Promise<void>;
}

/**
 * A node over its ports: opens and verifies the state, then wires the parts. Rejects when the store does not verify.
 */
export async function createNode(options: NodeOptions, given: NodeDeps): Promise<RunningNode> {
  const series = createSeries({ clock: given.clock, metrics: given.metrics, log: given.log, machine: given.machine });
  const deps = measured(given, series.metrics);
  const { store, hasher, signer, clock, random, metrics } = deps;
  const self = signer.author;
  const log = deps.log.child('node');
  const trusted = new Set<Author>(options.trusted.length > 0 ? options.trusted : [self]);
  const ownTrust = trustHash([...trusted], hasher);
  const incarnation = random.bytes(8);
  const startedAt = clock.now();
  let mode: SyncMode = 'auto';

  const opened = await openState({
    store,
    hasher,
    random,
    network: options.network,
    self,
    isTrusted: (a) => trusted.has(a),
    directory: options.directory,
  });
  const { replica } = opened;
  const storeIncarnation = bytesToHex(opened.incarnation);

  const own = createOwnState({
    replica,
    self,
    network: options.network,
    incarnation,
    trustHash: ownTrust,
    clock,
    signer,
  });
  const addedBefore = await loadAddedPeers(store);
  const transitions: Transition[] = [];
  const peers = createPeerTable(clock);
  const guard = createGuard({
    clock,
    log: deps.log.child('guard'),
    incarnation,
    ownSeen: () => replica.seen(self),
    hasPeers:
      options.urls.length + options.bootstrap.length + addedBefore.urls.length + addedBefore.multiaddrs.length > 0,
    clockAheadMs: () => hlcMs(replica.meta.hlc) - clock.now(),
  });
  if (options.violations.length > 0) guard.set('safe-mode', `production guard: ${options.violations.join('; ')}`);
  if (!trusted.has(self)) {
    guard.set(
      'untrusted-self',
      `this node's key ${self} is not on its own trust list: add it to DIOTEC360_TRUSTED_STATE_PUBKEYS on every node`,
    );
  }

  const savedBootstrap = await loadBootstrap(store);
  const entries = createEntryReads({ store, hasher, replica });
  const holds = createHolds({ hasher });
  const writer = createWriter({
    replica,
    store,
    hasher,
    entries,
    signer,
    clock,
    log,
    onStep: holds.stepped,
    onApplied,
    // What is superseded now may have stood at the last cut.
    onUnchanged: (applied) => cuts.applied(applied),
    onFatal: deps.onFatal,
  });
  const integrity = createIntegrityCheck({
    replica,
    store,
    hasher,
    entries,
    writer,
    clock,
    log,
    onFatal: deps.onFatal,
  });
  const checkpoints = createCheckpointSaver({
    replica,
    store,
    writer,
    clock,
    log,
    loaded: opened.checkpoint,
    journalLength: JOURNAL_LENGTH,
    sequence: replica.meta.sequence,
  });
  const door = createDoor({
    hasher,
    network: options.network,
    isTrusted: (a) => trusted.has(a),
    isFull: () => guard.has('disk'),
    verifier: deps.verifier,
    writer,
    clock,
    metrics,
  });
  const periodMs = options.cutPeriodMs ?? CUT_PERIOD_MS;
  const cutLog = deps.log.child('cuts');
  const book = createAttestationBook({
    network: options.network,
    self,
    trusted: [...trusted],
    trustHash: ownTrust,
    periodMs,
    hasher,
    verifier: deps.verifier,
    clock,
    log: cutLog,
  });
  const clockIsGood = (): boolean => !['clock-jump', 'clock-skew', 'clock-ahead'].some((name) => guard.has(name));
  const cuts = createCuts({
    replica,
    writer,
    hasher,
    signer,
    clock,
    log: cutLog,
    network: options.network,
    trustHash: ownTrust,
    book,
    periodMs,
    settleMs: options.cutSettleMs ?? CUT_SETTLE_MS,
    clockIsGood,
    mayAttest: () => trusted.has(self) && !guard.has('clone') && bootstrap.isVerified(),
    spread,
    streamless,
    onCut: (cut) => {
      feed.publishEvent({ type: 'cut', ...cut });
      if (cut.certified) cutCells.keep();
    },
  });
  const cutCells = createCutCells({ writer, cut: cuts.current });
  const reads = createReads({
    replica,
    store,
    hasher,
    writer,
    network: options.network,
    ownHead: own.head,
    cuts,
    book,
    entries,
    holds,
  });
  const feed = createFeed({
    store,
    hasher,
    writer,
    incarnation: storeIncarnation,
    sequence: () => own.durable().sequence,
  });
  const outbox = createGossipOutbox({
    clock,
    publish: (data) => p2p.publish(data),
    onDropped: (operations) => metrics.count('lattice_gossip_dropped_operations_total', {}, operations),
  });
  const snapshots = createSnapshots({
    store,
    holds,
    writer,
    hasher,
    clock,
    log: deps.log.child('snapshots'),
    cut: cuts.current,
    certifies: () => book.certificate() !== undefined,
    isVerified: () => bootstrap.isVerified(),
  });
  const intake = createIntake({
    hasher,
    network: options.network,
    self,
    incarnation,
    verifier: deps.verifier,
    clock,
    door,
    guard,
    peers,
    mode: () => mode,
    isTrusted: (a) => trusted.has(a),
    isMember,
    onAttestation: cuts.onAttestation,
    compare,
  });
  const responder = createResponder({
    replica,
    hasher,
    writer,
    door,
    clock,
    log: deps.log.child('sync'),
    software: options.version,
    isMember,
    ownHead: own.head,
    onAsked: (author) => repairs.asked(author),
    onServing: (author) => repairs.serving(author),
    onHello(author, hello, lung) {
      if (lung === 'http') http.knocked(author);
      return intake.onHello(author, hello, lung);
    },
    onAttest: cuts.onAttest,
    readEntries: reads.entriesByHash,
    snapshots,
    isBootstrapping: () => bootstrap.holding,
  });
  const sync = createSyncService({
    signer,
    verifier: deps.verifier,
    hasher,
    random,
    clock,
    incarnation,
    isAllowed: isMember,
    onStranger: (author) => http.knocked(author),
    handle: (peer, message) => responder.answer(peer, message, 'http'),
    openStream: (peer, request, send, closed) => feed.openPush(peer, new TextDecoder().decode(request), send, closed),
  });
  const p2p = createP2pSupervisor({
    lung: deps.p2p,
    clock,
    random,
    log: deps.log.child('p2p'),
    onState: (from, to, cause) => transition({ from: `p2p ${from}`, to: `p2p ${to}`, cause }),
    handlers: {
      onGossip: intake.onGossip,
      onRequest: (peer, message) => responder.answer(peer, message, 'p2p'),
      onConnected,
      onDisconnected: (author) => {
        const peer = peers.get(author);
        if (peer !== undefined) peer.connected = false;
      },
    },
  });
  const http = createHttpSupervisor({
    lung: deps.http,
    urls: [...options.urls, ...addedBefore.urls.filter((url) => !options.urls.includes(url))],
    self,
    incarnation: bytesToHex(incarnation),
    clock,
    random,
    log: deps.log.child('http'),
    heartbeatMs: options.heartbeatMs,
    pollMs: options.pollMs,
    mode: () => mode,
    isActive: (author) => peers.get(author)?.path.lung === 'http',
    isCovered: (author) => peers.get(author)?.path.lung === 'p2p',
    streamsToUs: (author) => feed.streamsTo(author),
    hello: (author) => responder.hello(author),
    onIdentity: (author, url) => {
      const peer = peers.ensure(author);
      if (peer === undefined) return;
      peer.configured = true;
      peer.url = url;
    },
    onTwin: (url) => guard.sawTwin(url),
    onHello: (author, hello) => intake.onHello(author, hello, 'http'),
    onFrame: intake.onStreamFrame,
    onReset: (author) => repairs.soon(author),
  });
  const linkTo = createLinks({ p2p, http, mode: () => mode });
  const repairs = createRepairs({
    replica,
    hasher,
    writer,
    door,
    clock,
    random,
    log: deps.log.child('repair'),
    metrics,
    self,
    readEntries: reads.entriesBetween,
    p2p,
    linkTo,
    peerIdOf: deps.peerIdOf,
    onEvent: (event) => feed.publishEvent(event),
    root: own.root,
    peers,
    isHeld: () => bootstrap.holding,
  });
  const bootstrap = createBootstrap({
    saved: savedBootstrap,
    replica,
    store,
    writer,
    door,
    hasher,
    verifier: deps.verifier,
    clock,
    log: deps.log.child('bootstrap'),
    network: options.network,
    trusted: [...trusted],
    peers,
    linkTo,
    peerIdOf: deps.peerIdOf,
    cuts,
    isFull: () => guard.has('disk'),
    repairSoon: (author) => repairs.soon(author),
    onEvent: (event) => feed.publishEvent(event),
    minEntries: options.bootstrapMinEntries ?? MIN_ENTRIES,
  });
  const comparison = createComparison({
    replica,
    writer,
    clock,
    random,
    log: deps.log.child('repair'),
    readEntries: reads.entriesBetween,
    peers,
    linkTo,
    peerIdOf: deps.peerIdOf,
  });
  const supervision = createSupervision({
    clock,
    peers,
    guard,
    repairs,
    comparison,
    http,
    heartbeatMs: options.heartbeatMs,
    graceMs: options.graceMs,
    mode: () => mode,
    compare,
    onTransition: transition,
    beat,
  });
  const added = createAddedPeers({
    store,
    writer,
    added: addedBefore,
    configured: { urls: options.urls, multiaddrs: options.p2p.bootstrap },
    self,
    onFatal: deps.onFatal,
    onChange(now, { peer, author, kept }) {
      log.info({ ...peer, kept }, 'added peers changed');
      deps.p2p?.stayWith?.(now.multiaddrs);
      if ('url' in peer && kept) return http.add(peer.url);
      const owner = 'url' in peer ? http.peers().find((p) => p.url === peer.url)?.author : author;
      if ('url' in peer) http.remove(peer.url);
      if (owner === undefined) return;
      if (kept) return known(owner, true);
      const left = peers.get(owner);
      if (left === undefined) return;
      left.url = http.find(owner)?.url;
      left.configured = left.url !== undefined || options.bootstrap.includes(owner) || added.hasAuthor(owner);
    },
  });
  deps.p2p?.stayWith?.(addedBefore.multiaddrs);
  const status = createStatus({
    isAdded: (author, url) =>
      (author !== undefined && added.hasAuthor(author)) || (url !== undefined && added.hasUrl(url)),
    options,
    deps,
    peers,
    guard,
    door,
    p2p,
    http,
    startedAt,
    incarnation,
    trusted: [...trusted],
    trustHash: ownTrust,
    mode: () => mode,
    durable: own.durable,
    transitions,
    feed,
    book,
    cuts,
    integrity: integrity.progress,
    bootstrap,
    queues: () => ({
      writer: writer.queued,
      door: door.verifying(),
      gossip: outbox.waiting(),
      httpOutboxBytes: http.outboxBytes(),
    }),
  });

  for (const author of options.bootstrap) known(author, true);
  for (const address of addedBefore.multiaddrs) {
    const author = multiaddrAuthor(address);
    if (author !== undefined) known(author, true);
  }
  for (const author of trusted) known(author, false);

  function known(author: Author, configured: boolean): void {
    if (author === self) return;
    const peer = peers.ensure(author);
    if (peer !== undefined && configured) peer.configured = true;
  }

  function isMember(author: Author): boolean {
    return trusted.has(author) || peers.get(author)?.configured === true;
  }

  function transition(change: Omit<Transition, 'at'>): void {
    const entry: Transition = { at: clock.now(), ...change };
    transitions.push(entry);
    if (transitions.length > MAX_TRANSITIONS) transitions.shift();
    log.info({ ...change }, 'transition');
    metrics.count('lattice_transitions_total', { from: change.from, to: change.to, cause: causeCode(change) });
    feed.publishTransition(entry);
  }

  function beat(): void {
    const head = own.head();
    if (mode !== 'http') p2p.publish(encodeGossip({ type: 'head', head }));
    feed.publishHead(head);
  }

  /** Sends an attestation on: by gossip unless it came so, and on every push stream but its bringer's. */
  function spread(signed: SignedAttestation, lung: 'p2p' | 'http' | undefined, from: Author | undefined): void {
    const frame = encodeGossip({ type: 'attestation', attestation: signed });
    if (mode !== 'http' && lung !== 'p2p') p2p.publish(frame);
    feed.publishFrame(frame, from);
  }

  /**
   * Peers that HTTP carries without a stream in each direction, as behind a proxy that cuts them or where only one side
   * dials.
   */
  function streamless() {
    return http.peers().flatMap(({ url, author, reachable, streaming }) => {
      if (
        author === undefined ||
        !reachable ||
        (streaming && feed.streamsTo(author)) ||
        peers.get(author)?.path.lung !== 'http'
      )
        return [];
      return [{ author, ask: (message: SyncMessage) => ask((m) => http.request(url, m, author), message) }];
    });
  }

  function onApplied(applied: Applied): void {
    const { step, fragments } = applied;
    own.advance(step.meta);
    cuts.applied(applied);
    checkpoints.applied(step.sequence, step.changes.length);
    const pushed: { fragment: (typeof fragments)[number]; from: Author | undefined }[] = [];
    const gossip: (typeof fragments)[number][] = [];
    for (const commit of step.commits) {
      own.sawOwn(commit.header.hlc);
      guard.madeCommit(commit.header.hlc);
      pushed.push({ fragment: commit, from: undefined });
      gossip.push(commit);
    }
    if (applied.amended) {
      for (const { siblings } of step.entries.values())
        for (const { author, hlc } of siblings) if (author === self) sawOwn(hlc);
    }
    fragments.forEach((fragment, i) => {
      if (!(step.outcomes[i] ?? []).includes('added')) return;
      const origin = door.originOf(fragment);
      if (fragment.header.author === self) sawOwn(fragment.header.hlc);
      // Only what is fresh is passed on: what repair found, others find by their own repair.
      if (origin?.live !== true) return;
      metrics.observe('lattice_replication_seconds', (clock.now() - hlcMs(fragment.header.hlc)) / 1000);
      pushed.push({ fragment, from: origin.peer });
      if (origin.lung === 'http') gossip.push(fragment);
    });
    metrics.count('lattice_applied_batches_total');
    metrics.count('lattice_changed_keys_total', {}, step.changes.length);
    if (mode !== 'http' && p2p.running) outbox.add(gossip);
    feed.publish({ sequence: step.sequence, step, pushed });
    for (const [from, group] of byOrigin(pushed)) http.push(() => pushMessages(group), from);
  }

  function hashOf(hex: string): Bytes {
    const bytes = hexToBytes(hex);
    if (bytes?.length !== 32) throw new LatticeError('malformed', 'a hash has 64 hex digits');
    return bytes;
  }

  /** A commit of our own key came in. */
  function sawOwn(hlc: Hlc): void {
    guard.sawOwnCommit(hlc);
    own.sawOwn(hlc);
  }

  function compare(author: Author): void {
    const peer = peers.get(author);
    if (peer !== undefined) {
      peers.compare(peer, {
        root: own.root(),
        recent: own.recentRoots,
        seenHlc: replica.seen(author),
        trustHash: ownTrust,
      });
      // First contact: the next look would come up to 250 ms later.
      if (peer.repair.urgent) repairs.consider(peer);
    }
  }

  function onConnected(author: Author): void {
    const peer = peers.ensure(author);
    if (peer === undefined) return;
    peer.connected = true;
    if (isMember(author))
      repairs.greet(author, responder.hello(author), (hello) => intake.onHello(author, hello, 'p2p'));
  }

  const lattice: Lattice = {
    status: status.node,
    peers: status.peers,
    root: () => {
      const { entries, live, sequence } = own.durable();
      return { root: own.root(), entries, live, sequence };
    },
    get: reads.get,
    list: reads.list,
    snapshot: () => reads.snapshot(),
    history: createHistory({ store, hasher }),
    conflicts: reads.conflicts,
    prove: reads.prove,
    cuts: book.views,
    certificate: reads.certificate,
    write: measuredWrites(
      createWrites({ guard, writer, idempotency: createIdempotency({ store, hasher, clock }) }),
      metrics,
      clock,
    ),
    addPeer: added.add,
    removePeer: added.remove,
    pingPeer: createPing({
      clock,
      peers,
      p2p,
      http,
      lung: deps.http,
      peerIdOf: deps.peerIdOf,
      hello: (author) => responder.hello(author),
    }),
    setMode(next, cause) {
      const changed = next !== mode;
      if (changed) {
        const before = mode;
        mode = next;
        transition({ from: `mode ${before}`, to: `mode ${next}`, cause });
        supervision.look();
        http.wake();
      }
      const usable = next !== 'http' || http.peers().length > 0;
      return {
        changed,
        mode: next,
        message: usable
          ? `sync mode is ${next}`
          : 'sync mode is http, but no HTTP peers are configured (DIOTEC360_LATTICE_NODES)',
      };
    },
    cutCells: (root) => cutCells.find(root),
    differences: (peerId, options = {}) => comparison.differences(peerId, options),
    async syncNow() {
      http.wake();
      await repairs.all();
    },
    subscribe: (after, send) => feed.openEvents(after, send),
    signText: (text) => bytesToHex(signer.sign(new TextEncoder().encode(text))),
    verifyIntegrity: reads.integrity,
    snapshots: {
      manifest: async (root) => encodeSync(await snapshots.manifest(hashOf(root))),
      chunk: async (root, index, after) =>
        encodeSync(
          await snapshots.chunk({
            root: hashOf(root),
            index,
            after: after === undefined ? new Uint8Array(0) : hashOf(after),
          }),
        ),
    },
    sync: measuredSync(sync, metrics),
    series: series.view,
  };

  return {
    lattice,
    start() {
      p2p.start();
      http.start();
      supervision.start();
      integrity.start();
      cuts.start();
      bootstrap.start();
      series.start(() => status.node().converged);
    },
    setReadOnly: (name, reason) => guard.set(name, reason),
    async stop() {
      supervision.stop();
      integrity.stop();
      checkpoints.stop();
      cuts.stop();
      series.stop();
      outbox.stop();
      door.stop();
      feed.closeAll();
      snapshots.stop();
      await Promise.all([p2p.stop(), http.stop(), bootstrap.stop()]);
      await writer.drain();
      if (replica.tree.size < WORTH_SAVING) return;
      // Without them the next start takes longer, no more.
      await writer
        .read(() => saveCells(store, replica))
        .catch((error: unknown) => log.warn({ error: String(error) }, 'cells not saved'));
    },
  };
}
