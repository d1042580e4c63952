import { hlcMs } from '../core/clock/index.ts';
import { encodeGossip, trustHash } from '../core/codec/index.ts';
import { type Author, bytesToHex } from '../core/types/index.ts';
import { createDoor } from './door.ts';
import type { Lattice, SyncMode, Transition } from './facade.ts';
import { createFeed } from './feed.ts';
import { byOrigin, createGossipOutbox, pushMessages } from './forward.ts';
import { createGuard } from './guard.ts';
import { createIntake } from './intake.ts';
import { createHttpSupervisor } from './lung-http.ts';
import { createP2pSupervisor } from './lung-p2p.ts';
import type { NodeDeps, NodeOptions } from './options.ts';
import { createOwnState } from './own-state.ts';
import { createPeerTable } from './peers.ts';
import { createReads } from './reads.ts';
import { createRepairs } from './repairs.ts';
import { createResponder } from './responder.ts';
import { openState } from './startup.ts';
import { createStatus } from './status.ts';
import { createSupervision } from './supervision.ts';
import { createSyncService } from './sync-service.ts';
import { type Applied, createWriter } from './writer.ts';
import { createWrites } from './writes.ts';

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

/** A node over its ports: opens and verifies the state, then wires the parts. Rejects when the store does not verify. */
export async function createNode(options: NodeOptions, deps: NodeDeps): Promise<RunningNode> {
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

  const own = createOwnState({ replica, self, network: options.network, incarnation, trustHash: ownTrust, clock, signer });
  const transitions: Transition[] = [];
  const peers = createPeerTable(clock);
  const guard = createGuard({
    clock,
    log: deps.log.child('guard'),
    incarnation,
    ownSeen: () => replica.seen(self),
    hasPeers: options.urls.length > 0 || options.bootstrap.length > 0,
    clockAheadMs: () => hlcMs(replica.meta.hlc) - clock.now(),
  });
  if (options.violations.length > 0) guard.set('safe-mode', `production guard: ${options.violations.join('; ')}`);
  if (!trusted.has(self)) {
    guard.set(
      'untrusted-self',
      `this node's key ${self} is not on its own trust list: add it to DIOTEC360_TRUSTED_STATE_PUBKEYS on every node`,
    );
  }

  const writer = createWriter({ replica, store, hasher, signer, clock, log, onApplied, onFatal: deps.onFatal });
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
  const reads = createReads({ replica, store, hasher, writer, network: options.network, ownHead: own.head });
  const feed = createFeed({ store, hasher, writer, incarnation: storeIncarnation, sequence: () => own.durable().sequence });
  const outbox = createGossipOutbox({
    clock,
    publish: (data) => p2p.publish(data),
    onDropped: (operations) => metrics.count('lattice_gossip_dropped_operations_total', {}, operations),
  });
  const intake = createIntake({
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
    onHello: (author, hello, lung) => intake.onHello(author, hello, lung),
    readEntries: reads.entriesByHash,
  });
  const sync = createSyncService({
    signer,
    verifier: deps.verifier,
    hasher,
    random,
    clock,
    incarnation,
    isAllowed: isMember,
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
    urls: options.urls,
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
    readEntries: reads.entriesByHash,
    p2p,
    http,
    mode: () => mode,
    root: own.root,
    peers,
  });
  const supervision = createSupervision({
    clock,
    peers,
    guard,
    repairs,
    http,
    heartbeatMs: options.heartbeatMs,
    graceMs: options.graceMs,
    mode: () => mode,
    compare,
    onTransition: transition,
    beat,
  });
  const status = createStatus({
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
  });

  for (const author of options.bootstrap) known(author, true);
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
    metrics.count('lattice_transitions_total', { from: change.from, to: change.to });
    feed.publishTransition(entry);
  }

  function beat(): void {
    const head = own.head();
    if (mode !== 'http') p2p.publish(encodeGossip({ type: 'head', head }));
    feed.publishHead(head);
  }

  function onApplied({ step, fragments }: Applied): void {
    own.advance(step.meta);
    const pushed: { fragment: (typeof fragments)[number]; from: Author | undefined }[] = [];
    const gossip: (typeof fragments)[number][] = [];
    for (const commit of step.commits) {
      own.sawOwn(commit.header.hlc);
      guard.madeCommit(commit.header.hlc);
      pushed.push({ fragment: commit, from: undefined });
      gossip.push(commit);
    }
    fragments.forEach((fragment, i) => {
      if (!(step.outcomes[i] ?? []).includes('added')) return;
      const origin = door.originOf(fragment);
      if (fragment.header.author === self) {
        guard.sawOwnCommit(fragment.header.hlc);
        own.sawOwn(fragment.header.hlc);
      }
      // Only what is fresh is passed on: what repair found, others find by their own repair.
      if (origin?.live !== true) return;
      pushed.push({ fragment, from: origin.peer });
      if (origin.lung === 'http') gossip.push(fragment);
    });
    metrics.count('lattice_applied_batches_total');
    metrics.count('lattice_changed_keys_total', {}, step.changes.length);
    if (mode !== 'http') outbox.add(gossip);
    feed.publish({ sequence: step.sequence, step, pushed });
    for (const [from, group] of byOrigin(pushed)) http.push(() => pushMessages(group), from);
  }

  function compare(author: Author): void {
    const peer = peers.get(author);
    if (peer !== undefined) {
      peers.compare(peer, { root: own.root(), recent: own.recentRoots, seenHlc: replica.seen(author), trustHash: ownTrust });
    }
  }

  function onConnected(author: Author): void {
    const peer = peers.ensure(author);
    if (peer === undefined) return;
    peer.connected = true;
    if (isMember(author)) repairs.greet(author, responder.hello(author), (hello) => intake.onHello(author, hello, 'p2p'));
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
    conflicts: reads.conflicts,
    prove: (key) => reads.prove(key),
    write: createWrites({ guard, writer }),
    setMode(next, cause) {
      const changed = next !== mode;
      if (changed) {
        const before = mode;
        mode = next;
        transition({ from: `mode ${before}`, to: `mode ${next}`, cause });
        supervision.look();
        http.wake();
      }
      const usable = next !== 'http' || options.urls.length > 0;
      return {
        changed,
        mode: next,
        message: usable ? `sync mode is ${next}` : 'sync mode is http, but no HTTP peers are configured (DIOTEC360_LATTICE_NODES)',
      };
    },
    async syncNow() {
      http.wake();
      await repairs.all();
    },
    subscribe: (after, send) => feed.openEvents(after, send),
    signText: (text) => bytesToHex(signer.sign(new TextEncoder().encode(text))),
    verifyIntegrity: reads.integrity,
    sync,
  };

  return {
    lattice,
    start() {
      p2p.start();
      http.start();
      supervision.start();
    },
    setReadOnly: (name, reason) => guard.set(name, reason),
    async stop() {
      supervision.stop();
      outbox.stop();
      door.stop();
      feed.closeAll();
      await Promise.all([p2p.stop(), http.stop()]);
      await writer.drain();
    },
  };
}
