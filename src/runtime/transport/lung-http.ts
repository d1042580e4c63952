import { type Author, type Bytes, LatticeError } from '../../core/types/index.ts';
import { decodeGossip, type GossipMessage, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, HttpLung, Log, Random } from '../../ports/index.ts';
import { backoff, every, type Repetition } from '../../timing/index.ts';
import type { SyncMode } from '../facade/facade.ts';
import { ask } from './link.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** A hello is one small exchange; a peer that needs longer is not carrying anything within seconds. */
const HELLO_TIMEOUT_MS = 4_000;
/** Heads come every heartbeat: a stream silent for this many of them is dead. */
const IDLE_HEARTBEATS = 5;
const BACKOFF_MIN_MS = 1_000;
/** While a peer is reached by no lung at all it is tried at least this often. */
const BACKOFF_MAX_URGENT_MS = 5_000;
const BACKOFF_MAX_MS = 60_000;
const urgentWait = backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_URGENT_MS, jitter: 'full' });
const coveredWait = backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS, jitter: 'full' });
/** How often every URL is looked at: well within a heartbeat, and coarse enough to cost nothing. */
const LOOK_EVERY_MS = 250;
/** A URL that is not reached is looked at out of turn at most this often, whoever speaks to us. */
const KNOCK_EVERY_MS = 5_000;
/** Bytes of live commits waiting for one peer; beyond it they are dropped and repair finds them. */
const MAX_OUTBOX_BYTES = 4 * 1024 * 1024;

/** One configured URL and what is known of who answers there. */
export interface HttpPeer {
  readonly url: string;
  author: Author | undefined;
  /** The URL is our own: configurations may name every node of the fleet alike. */
  self: boolean;
  reachable: boolean;
  streaming: boolean;
  error: string | undefined;
  /** Unix ms. */
  lastHeardAt: number | undefined;
}

export interface HttpSupervisorDeps {
  readonly lung: HttpLung;
  readonly urls: readonly string[];
  readonly self: Author;
  /** Of this start of the node: 16 hex digits. */
  readonly incarnation: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly heartbeatMs: number;
  readonly pollMs: number;
  readonly mode: () => SyncMode;
  /** HTTP carries this peer now. */
  readonly isActive: (author: Author) => boolean;
  /** The peer is reached by P2P. */
  readonly isCovered: (author: Author) => boolean;
  /** The peer has a push stream open from us: it needs no pushes and sends its own hellos. */
  readonly streamsToUs: (author: Author) => boolean;
  readonly hello: (author: Author) => SyncMessage;
  readonly onIdentity: (author: Author, url: string) => void;
  /** Another living node proved our own key at this URL. */
  readonly onTwin: (url: string) => void;
  readonly onHello: (author: Author, hello: Extract<SyncMessage, { type: 'hello' }>) => Promise<void>;
  readonly onFrame: (author: Author, message: GossipMessage) => Promise<void>;
  readonly onReset: (author: Author) => void;
}

export interface HttpSupervisor {
  start(): void;
  stop(): Promise<void>;
  peers(): readonly HttpPeer[];
  find(author: Author): HttpPeer | undefined;
  /** One more URL to look after; nothing when it is known. */
  add(url: string): void;
  /** Lets go of a URL: its stream is closed, what waits for it is dropped. */
  remove(url: string): void;
  /** Looks at a peer at once: its lung or the mode changed, or an operator asks. */
  wake(author?: Author): void;
  /**
   * A node that names this key has just spoken to us over HTTP: URLs that may be its and are not reached are looked at
   * at once. Nothing of it need be proven.
   */
  knocked(author: Author): void;
  request(url: string, message: Bytes, expect: Author | undefined): Promise<Bytes>;
  /**
   * Offers live commits (encoded push messages, made when somebody needs them) to the peers that HTTP carries and that
   * have no stream from us.
   */
  push(messages: () => readonly Bytes[], except: Author | undefined): void;
  /** Bytes of live commits waiting to be pushed. */
  outboxBytes(): number;
}

interface State {
  readonly peer: HttpPeer;
  busy: boolean;
  /** No longer looked after: what is under way ends without effect. */
  removed: boolean;
  nextAt: number;
  knockedAt: number;
  failures: number;
  cursor: string | undefined;
  stream: AbortController | undefined;
  outbox: Bytes[];
  outboxBytes: number;
  pushing: boolean;
}

/** The client side of the HTTP lung: one small loop per configured URL. */
export function createHttpSupervisor(deps: HttpSupervisorDeps): HttpSupervisor {
  const { clock, log } = deps;
  const stop = new AbortController();
  /** One for each request: a single signal would gather a listener for every request of the node's life. */
  const inFlight = new Set<AbortController>();
  const stateOf = (url: string): State => ({
    peer: {
      url,
      author: undefined,
      self: false,
      reachable: false,
      streaming: false,
      error: undefined,
      lastHeardAt: undefined,
    },
    busy: false,
    removed: false,
    nextAt: 0,
    knockedAt: -Infinity,
    failures: 0,
    cursor: undefined,
    stream: undefined,
    outbox: [],
    outboxBytes: 0,
    pushing: false,
  });
  let states: readonly State[] = deps.urls.map(stateOf);
  const running = new Set<Promise<unknown>>();
  let looks: Repetition | undefined;

  const active = (peer: HttpPeer): boolean =>
    deps.mode() !== 'p2p' && (peer.author === undefined || deps.isActive(peer.author));
  const jitter = (ms: number): number => ms * (0.8 + 0.4 * deps.random.fraction());

  function track(work: Promise<unknown>): void {
    running.add(work);
    void work.finally(() => running.delete(work));
  }

  function look(state: State): void {
    const { peer } = state;
    if (peer.self) return;
    if (deps.mode() === 'p2p') {
      closeStream(state);
      peer.reachable = false;
      peer.error = 'manual mode p2p';
      return;
    }
    if (!active(peer)) closeStream(state);
    if (!state.busy && clock.monotonic() >= state.nextAt) track(poll(state));
  }

  async function poll(state: State): Promise<void> {
    const { peer } = state;
    state.busy = true;
    try {
      if (peer.author === undefined) {
        const identity = await abortable((signal) =>
          deps.lung.identify(peer.url, { timeoutMs: HELLO_TIMEOUT_MS, signal }),
        );
        if (identity.author === deps.self) {
          if (identity.incarnation !== deps.incarnation) {
            deps.onTwin(peer.url);
            // It may not know our URL: our head tells it that it has a twin.
            await ask((m) => request(peer.url, m, deps.self, HELLO_TIMEOUT_MS), deps.hello(deps.self));
            throw new LatticeError('twin', `${peer.url} runs with this node's own key`);
          }
          peer.self = true;
          log.info({ url: peer.url }, 'a configured URL is this node itself');
          return;
        }
        if (state.removed) return;
        peer.author = identity.author;
        deps.onIdentity(identity.author, peer.url);
      }
      const { author } = peer;
      const reply = await ask((m) => request(peer.url, m, author, HELLO_TIMEOUT_MS), deps.hello(author));
      if (reply.type !== 'hello')
        throw new LatticeError('malformed', `expected a hello, the peer answered ${reply.type}`);
      heard(peer);
      if (!peer.reachable) log.info({ url: peer.url, peer: author }, 'HTTP peer reachable');
      // Before the hello is taken in: a repair that it gives rise to goes over this URL.
      peer.reachable = true;
      peer.error = undefined;
      await deps.onHello(author, reply);
      state.failures = 0;
      // Where HTTP carries the peer our head must reach it every heartbeat; a stream of ours to it does that too.
      const eager = active(peer) && !deps.streamsToUs(author);
      state.nextAt = clock.monotonic() + (eager ? deps.heartbeatMs : jitter(deps.pollMs));
      if (active(peer)) openStream(state, author);
    } catch (error) {
      failed(state, error);
    } finally {
      state.busy = false;
    }
  }

  function failed(state: State, error: unknown): void {
    const { peer } = state;
    if (stop.signal.aborted || state.removed) return;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof LatticeError ? error.code : undefined;
    if (peer.reachable || peer.error === undefined)
      log.warn({ url: peer.url, error: message }, 'HTTP peer not reachable');
    // Another node may answer there now: ask again who it is.
    if (code === 'identity-mismatch' || code === 'bad-signature') peer.author = undefined;
    peer.reachable = false;
    peer.error = message;
    const urgent = peer.author === undefined || !deps.isCovered(peer.author);
    const waitMs = (urgent ? urgentWait : coveredWait)(++state.failures, deps.random.fraction());
    state.nextAt = clock.monotonic() + BACKOFF_MIN_MS / 2 + waitMs;
    closeStream(state);
  }

  function heard(peer: HttpPeer): void {
    peer.lastHeardAt = clock.now();
  }

  function openStream(state: State, author: Author): void {
    if (state.stream !== undefined || state.removed || stop.signal.aborted) return;
    const controller = new AbortController();
    state.stream = controller;
    const { peer } = state;
    const frames = async (frame: Bytes): Promise<void> => {
      const message = decodeGossip(frame, { stream: true });
      if (!peer.streaming) log.info({ url: peer.url, peer: author }, 'HTTP push stream open');
      peer.streaming = true;
      heard(peer);
      if (message.type === 'cursor') state.cursor = message.cursor;
      else if (message.type === 'reset') {
        state.cursor = undefined;
        deps.onReset(author);
      } else await deps.onFrame(author, message);
    };
    const options = {
      cursor: state.cursor,
      expect: author,
      idleMs: Math.max(3_000, deps.heartbeatMs * IDLE_HEARTBEATS),
      signal: controller.signal,
    };
    track(
      deps.lung
        .stream(peer.url, options, frames)
        .catch((error: unknown) => {
          if (controller.signal.aborted) return;
          log.debug({ url: peer.url, error: String(error) }, 'HTTP push stream broke');
          // What a peer forged is no accident of the network: it is kept at the distance of a failure.
          if (error instanceof LatticeError && error.code === 'malformed') failed(state, error);
        })
        .finally(() => {
          // Another stream may be open by now: this one has nothing to say about it.
          if (state.stream !== controller) return;
          peer.streaming = false;
          state.stream = undefined;
          // The poll that follows tells whether the peer is gone, and opens the next stream when it is not.
          state.nextAt = Math.min(state.nextAt, clock.monotonic() + jitter(BACKOFF_MIN_MS / 2));
        }),
    );
  }

  function closeStream(state: State): void {
    state.stream?.abort(new Error('no longer needed'));
    state.stream = undefined;
    state.peer.streaming = false;
  }

  function request(
    url: string,
    message: Bytes,
    expect: Author | undefined,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<Bytes> {
    return abortable((signal) =>
      deps.lung.request(url, message, { timeoutMs, signal, ...(expect === undefined ? {} : { expect }) }),
    );
  }

  async function abortable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    if (stop.signal.aborted) controller.abort(stop.signal.reason);
    inFlight.add(controller);
    try {
      return await work(controller.signal);
    } finally {
      inFlight.delete(controller);
    }
  }

  async function flush(state: State, author: Author): Promise<void> {
    state.pushing = true;
    try {
      while (state.outbox.length > 0 && !stop.signal.aborted) {
        const message = state.outbox.shift() as Bytes;
        state.outboxBytes -= message.length;
        await request(state.peer.url, message, author);
        heard(state.peer);
      }
    } catch (error) {
      state.outbox = [];
      state.outboxBytes = 0;
      failed(state, error);
    } finally {
      state.pushing = false;
    }
  }

  return {
    start() {
      const lookAtAll = (): void => {
        for (const state of states) look(state);
      };
      looks = every(clock, Math.min(LOOK_EVERY_MS, deps.heartbeatMs), lookAtAll, {
        firstMs: 0,
        onError: (err) => log.error({ err }, 'looking at the HTTP peers failed'),
      });
    },
    async stop() {
      stop.abort(new Error('the node is stopping'));
      looks?.stop();
      for (const controller of inFlight) controller.abort(stop.signal.reason);
      for (const state of states) closeStream(state);
      await Promise.allSettled(running);
    },
    peers: () => states.map((s) => s.peer),
    outboxBytes: () => states.reduce((sum, s) => sum + s.outboxBytes, 0),
    add(url) {
      if (states.some((s) => s.peer.url === url)) return;
      const state = stateOf(url);
      states = [...states, state];
      if (looks !== undefined) look(state);
    },
    remove(url) {
      const state = states.find((s) => s.peer.url === url);
      if (state === undefined) return;
      states = states.filter((s) => s !== state);
      state.removed = true;
      state.outbox = [];
      state.outboxBytes = 0;
      closeStream(state);
    },
    find: (author) => states.find((s) => s.peer.author === author)?.peer,
    wake(author) {
      for (const state of states) {
        if (author !== undefined && state.peer.author !== author) continue;
        state.nextAt = 0;
        look(state);
      }
    },
    knocked(author) {
      const now = clock.monotonic();
      for (const state of states) {
        const { peer } = state;
        if (state.busy || peer.self || peer.reachable || (peer.author !== undefined && peer.author !== author))
          continue;
        if (now - state.knockedAt < KNOCK_EVERY_MS) continue;
        state.knockedAt = now;
        state.nextAt = 0;
        look(state);
      }
    },
    request: (url, message, expect) => request(url, message, expect),
    push(messages, except) {
      let encoded: readonly Bytes[] | undefined;
      for (const state of states) {
        const { author, reachable } = state.peer;
        if (author === undefined || author === except || !reachable || !active(state.peer) || deps.streamsToUs(author))
          continue;
        encoded ??= messages();
        for (const message of encoded) {
          if (state.outboxBytes + message.length > MAX_OUTBOX_BYTES) break;
          state.outbox.push(message);
          state.outboxBytes += message.length;
        }
        if (!state.pushing) track(flush(state, author));
      }
    },
  };
}
