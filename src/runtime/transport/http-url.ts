import { type Author, type Bytes, LatticeError } from '../../core/types/index.ts';
import { decodeGossip } from '../../core/wire/index.ts';
import { backoff } from '../../timing/index.ts';
import { type Tries, UNTRIED } from './announced-tries.ts';
import type { HttpHandlers, HttpPeer, HttpUrl, HttpUrlDeps } from './http-peer.ts';
import { createHttpRhythm } from './http-rhythm.ts';
import { ask, errorCodeOf } from './link.ts';
import { createPushOutbox } from './push-outbox.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** The deadline of a hello, which is one small exchange: a slower peer could not carry anything within seconds. */
const HELLO_TIMEOUT_MS = 4_000;
const BACKOFF_MIN_MS = 1_000;
/** A peer that no lung reaches is tried at least this often. */
const BACKOFF_MAX_URGENT_MS = 5_000;
const BACKOFF_MAX_MS = 60_000;
const urgentWait = backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_URGENT_MS, jitter: 'full' });
const coveredWait = backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS, jitter: 'full' });
/**
 * The wait before a URL is tried again that a member announced. It may be that of somebody else, who must not be flooded
 * by a whole fleet for the word of one member.
 */
const announcedWait = backoff({ minMs: 5_000, maxMs: 600_000, jitter: 'equal' });
/** Knocks make the node try an unreached URL out of turn at most this often, whoever knocks. */
const KNOCK_EVERY_MS = 5_000;
/** The same for a URL that a member announced, and that nothing else can hurry either. */
const HURRY_ANNOUNCED_MS = 60_000;

/** An announced URL goes on from `former`, the tries in vain at other URLs of its announcer. */
export function createHttpUrl(deps: HttpUrlDeps, url: string, announcer?: Author, former: Tries = UNTRIED): HttpUrl {
  const { clock, log } = deps;
  const peer: { -readonly [K in keyof HttpPeer]: HttpPeer[K] } = {
    url,
    author: undefined,
    self: false,
    announced: announcer !== undefined,
    reachable: false,
    streaming: false,
    error: undefined,
    errorCode: undefined,
    lastHeardAt: undefined,
  };
  let busy = false;
  /** The reason for which work on the URL has ended. What is still under way then has no effect. */
  let ended: Error | undefined;
  let { nextAt, hurriedAt: knockedAt, failures } = former;
  let cursor: string | undefined;
  let stream: AbortController | undefined;
  const outbox = createPushOutbox();
  let pushing = false;
  /**
   * One for each request. A single signal for all would gather a listener for every request that the node ever sends.
   */
  const inFlight = new Set<AbortController>();
  const running = new Set<Promise<unknown>>();

  const isActive = (): boolean =>
    deps.mode() !== 'p2p' && (peer.author === undefined || (deps.isPrimary(peer.author) && deps.isActive(peer.author)));
  const isPrimary = (): boolean => peer.author !== undefined && deps.isPrimary(peer.author);
  const rhythm = createHttpRhythm(deps);

  function track(work: Promise<unknown>): void {
    running.add(work);
    void work.finally(() => running.delete(work));
  }

  function heard(): void {
    rhythm.heard();
    peer.lastHeardAt = clock.now();
  }

  function silent(): void {
    peer.reachable = false;
    peer.error = `nothing has come over HTTP for ${rhythm.silenceMs / 1000} s`;
    peer.errorCode = 'timeout';
    nextAt = 0;
    log.warn({ url, error: peer.error }, 'HTTP peer not reachable');
  }

  async function poll(handlers: HttpHandlers): Promise<void> {
    busy = true;
    try {
      const author = peer.author ?? (await identify(handlers));
      if (author === undefined) return;
      const reply = await ask((m) => request(m, author, HELLO_TIMEOUT_MS), deps.hello(author));
      if (reply.type !== 'hello')
        throw new LatticeError('malformed', `expected a hello, the peer answered ${reply.type}`);
      heard();
      rhythm.answered();
      if (!peer.reachable) log.info({ url, peer: author }, 'HTTP peer reachable');
      // This comes before the handler, because a repair that the hello causes goes over this URL.
      peer.reachable = true;
      peer.error = undefined;
      peer.errorCode = undefined;
      await handlers.onHello(author, reply);
      failures = 0;
      // While HTTP carries the peer, our head must reach it with every heartbeat; a stream from us to it does that as
      // well.
      const eager = isActive() && !deps.streamsToUs(author);
      const watched = isPrimary() && !isActive();
      nextAt = clock.monotonic() + rhythm.wait(eager ? 'heartbeat' : watched ? 'watch' : 'poll');
      if (isActive()) openStream(author, handlers);
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
    }
  }

  /** Asks who answers at the URL. Undefined when it is this node itself, or when work on the URL has ended. */
  async function identify(handlers: HttpHandlers): Promise<Author | undefined> {
    const identity = await abortable((signal) => deps.lung.identify(url, { timeoutMs: HELLO_TIMEOUT_MS, signal }));
    if (identity.author === deps.self) {
      if (identity.incarnation !== deps.incarnation) {
        handlers.onTwin(url);
        // The twin may not know our URL; our head tells it that it has a twin.
        await ask((m) => request(m, deps.self, HELLO_TIMEOUT_MS), deps.hello(deps.self));
        throw new LatticeError('twin', `${url} runs with this node's own key`);
      }
      if (announcer !== undefined) throw new LatticeError('identity-mismatch', `this node itself answers at ${url}`);
      peer.self = true;
      handlers.onIdentity(deps.self, url);
      log.info({ url }, 'a configured URL is this node itself');
      return undefined;
    }
    if (ended !== undefined) return undefined;
    if (announcer !== undefined && identity.author !== announcer)
      throw new LatticeError('identity-mismatch', `another node answers at ${url} than the one that announced it`);
    peer.author = identity.author;
    handlers.onIdentity(identity.author, url);
    return identity.author;
  }

  function failed(error: unknown): void {
    if (ended !== undefined) return;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof LatticeError ? error.code : undefined;
    if (peer.reachable || (peer.error === undefined && announcer === undefined))
      log.warn({ url, error: message }, 'HTTP peer not reachable');
    else if (peer.error === undefined)
      log.info({ url, peer: announcer, error: message }, 'a member does not answer at a URL that it announced');
    // Another node may answer there from here on, so the next poll asks again who it is.
    if (code === 'identity-mismatch' || code === 'bad-signature') peer.author = undefined;
    peer.reachable = false;
    peer.error = message;
    peer.errorCode = errorCodeOf(error);
    const urgent = peer.author === undefined || (deps.isPrimary(peer.author) && !deps.isCovered(peer.author));
    nextAt = dueAfter(++failures, urgent ? urgentWait : coveredWait);
    closeStream();
  }

  function dueAfter(failed: number, configuredWait: typeof urgentWait): number {
    const wait = announcer !== undefined ? announcedWait : configuredWait;
    return clock.monotonic() + BACKOFF_MIN_MS / 2 + wait(failed, deps.random.fraction());
  }

  function openStream(author: Author, handlers: HttpHandlers): void {
    if (stream !== undefined || ended !== undefined) return;
    const controller = new AbortController();
    stream = controller;
    const frames = async (frame: Bytes): Promise<void> => {
      const message = decodeGossip(frame, { stream: true });
      if (!peer.streaming) log.info({ url, peer: author }, 'HTTP push stream open');
      peer.streaming = true;
      heard();
      if (message.type === 'cursor') cursor = message.cursor;
      else if (message.type === 'reset') {
        cursor = undefined;
        handlers.onReset(author);
      } else await handlers.onFrame(author, message);
    };
    track(
      deps.lung
        // Heads come with every heartbeat.
        .stream(url, { cursor, expect: author, idleMs: rhythm.silenceMs, signal: controller.signal }, frames)
        .catch((error: unknown) => {
          if (controller.signal.aborted) return;
          log.debug({ url, error: String(error) }, 'HTTP push stream broke');
          // A forged message is no accident of the network, so the peer is left alone as after a failure.
          if (error instanceof LatticeError && error.code === 'malformed') failed(error);
          if (error instanceof LatticeError && error.code === 'timeout' && stream === controller) silent();
        })
        .finally(() => {
          // Another stream may be open meanwhile, whose state this one must not change.
          if (stream !== controller) return;
          peer.streaming = false;
          stream = undefined;
          // The next poll finds out whether the peer is gone, and otherwise opens the next stream.
          nextAt = Math.min(nextAt, clock.monotonic() + BACKOFF_MIN_MS * (0.4 + 0.2 * deps.random.fraction()));
        }),
    );
  }

  function closeStream(): void {
    stream?.abort(new Error('no longer needed'));
    stream = undefined;
    peer.streaming = false;
  }

  function request(message: Bytes, expect: Author | undefined, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Bytes> {
    return abortable((signal) =>
      deps.lung.request(url, message, { timeoutMs, signal, ...(expect === undefined ? {} : { expect }) }),
    );
  }

  async function abortable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    if (ended !== undefined) controller.abort(ended);
    inFlight.add(controller);
    try {
      return await work(controller.signal);
    } finally {
      inFlight.delete(controller);
    }
  }

  async function flush(author: Author): Promise<void> {
    pushing = true;
    try {
      for (let message = nextPush(); message !== undefined; message = nextPush()) {
        await request(message, author);
        heard();
      }
    } catch (error) {
      outbox.clear();
      failed(error);
    } finally {
      pushing = false;
    }
  }

  /** Whether the URL may be asked out of turn. Nobody can have an announced one that is not reached asked at will. */
  function mayHurry(): boolean {
    if (announcer === undefined || peer.reachable) return true;
    const now = clock.monotonic();
    if (now - knockedAt < HURRY_ANNOUNCED_MS) return false;
    knockedAt = now;
    return true;
  }

  /** The next live commits to push. Undefined when none is left or work on the URL has ended. */
  const nextPush = (): Bytes | undefined => (ended === undefined ? outbox.next() : undefined);

  return {
    peer,
    announcer,
    get busy() {
      return busy;
    },
    tries() {
      if (peer.reachable) return { ...UNTRIED, hurriedAt: knockedAt };
      const made = busy ? failures + 1 : failures;
      return { failures: made, nextAt: busy ? dueAfter(made, urgentWait) : nextAt, hurriedAt: knockedAt };
    },
    look(handlers) {
      if (peer.self || ended !== undefined) return;
      if (deps.mode() === 'p2p') {
        closeStream();
        peer.reachable = false;
        peer.error = 'manual mode p2p';
        peer.errorCode = undefined;
        return;
      }
      if (!isActive()) closeStream();
      rhythm.look();
      const { author, reachable, streaming } = peer;
      if (reachable && !streaming && author !== undefined && isPrimary() && rhythm.isSilent(author)) silent();
      if (busy || clock.monotonic() < nextAt) return;
      // Only a peer that is well and that HTTP does not carry can be left to ask us.
      const until = reachable && author !== undefined && !isActive() ? rhythm.askedUntil(author) : undefined;
      if (until === undefined) track(poll(handlers));
      else nextAt = until;
    },
    rest() {
      if (!peer.reachable) return;
      closeStream();
      peer.reachable = false;
      // It is the first to be asked once the other one fails.
      nextAt = 0;
    },
    wake() {
      if (mayHurry()) nextAt = 0;
    },
    get cursor() {
      return cursor;
    },
    takeOver(from) {
      cursor = from ?? cursor;
      rhythm.reset();
      nextAt = 0;
    },
    knocked(author) {
      const owner = peer.author ?? announcer;
      if (busy || peer.self || peer.reachable || (owner !== undefined && owner !== author)) return false;
      const now = clock.monotonic();
      if (announcer === undefined ? now - knockedAt < KNOCK_EVERY_MS : !mayHurry()) return false;
      knockedAt = now;
      nextAt = 0;
      return true;
    },
    push(messages, except) {
      const { author, reachable } = peer;
      if (ended !== undefined || author === undefined || author === except) return;
      if (!reachable || !isActive() || deps.streamsToUs(author)) return;
      outbox.add(messages());
      if (!pushing) track(flush(author));
    },
    get outboxBytes() {
      return outbox.bytes;
    },
    async stop(reason) {
      ended = reason;
      outbox.clear();
      for (const controller of inFlight) controller.abort(reason);
      closeStream();
      await Promise.allSettled(running);
    },
    request,
  };
}
