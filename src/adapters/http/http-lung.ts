import { Agent } from 'undici';
import {
  type Author,
  type Bytes,
  bytesToHex,
  equalBytes,
  type Hasher,
  inSeconds,
  LatticeError,
  MAX_SYNC_BYTES,
} from '../../core/types/index.ts';
import {
  decodeIdentity,
  decodeResponse,
  encodeRequest,
  identitySigningBytes,
  MAX_ENVELOPE_BYTES,
  MAX_IDENTITY_BYTES,
  requestSigningBytes,
  responseSigningBytes,
} from '../../core/wire/index.ts';
import type {
  FrameHandler,
  HttpIdentity,
  HttpLung,
  Log,
  Random,
  RequestOptions,
  Signer,
  Timer,
  Verifier,
} from '../../ports/index.ts';
import { type Timers, withDeadline } from '../../timing/index.ts';
import { chunksOf, readBody, send } from './exchange.ts';
import { createFrameReader } from './frames.ts';

export interface HttpLungDeps {
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly hasher: Hasher;
  readonly random: Random;
  readonly clock: Timers;
  readonly log: Log;
}

/** As many as a peer serves to one author at a time; more would only wait there. */
const CONNECTIONS_PER_PEER = 4;
/** URLs whose last identity answer is remembered: many more than a fleet lists. */
const MAX_SESSIONS = 1024;
/** A peer that takes longer to accept a connection counts as down. Callers' deadlines may be shorter. */
const CONNECT_TIMEOUT_MS = 5000;
/** Ends an answer that no caller's deadline has ended. */
const ANSWER_TIMEOUT_MS = 60_000;

/** What a URL told us last: who answers there, and the request nonce that our requests are bound to (SPEC X5). */
interface Session extends HttpIdentity {
  readonly nonce: Bytes;
  counter: number;
}

const isStale = (cause: unknown): boolean =>
  cause instanceof LatticeError && cause.code === 'http-status' && cause.details.status === 401;

/**
 * The client side of the HTTP lung. LatticeErrors: `peer-unreachable`, `timeout`, `aborted`, `not-a-lattice-node`,
 * `identity-mismatch`, `bad-signature`, `malformed`, `oversize`, `http-status` (details: status, peerCode). `close`
 * cuts every connection.
 */
export function createHttpLung(deps: HttpLungDeps): HttpLung & { close(): Promise<void> } {
  const { signer, verifier, hasher, random, clock, log } = deps;
  const common = {
    pipelining: 1,
    headersTimeout: ANSWER_TIMEOUT_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    maxHeaderSize: 16 * 1024,
  };
  const requests = new Agent({ ...common, connections: CONNECTIONS_PER_PEER, bodyTimeout: ANSWER_TIMEOUT_MS });
  // A push stream occupies its connection for as long as it lasts. The idle timer of `stream` ends a silent one.
  const streams = new Agent({ ...common, connections: CONNECTIONS_PER_PEER, bodyTimeout: 0 });
  const sessions = new Map<string, Session>();

  function inTime<T>({ timeoutMs, signal }: RequestOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = (): LatticeError => new LatticeError('timeout', `no answer within ${inSeconds(timeoutMs)}`);
    return withDeadline(clock, timeoutMs, work, late, signal);
  }

  function remember(url: string, session: Session): void {
    sessions.delete(url);
    for (const oldest of sessions.keys()) {
      if (sessions.size < MAX_SESSIONS) break;
      sessions.delete(oldest);
    }
    sessions.set(url, session);
  }

  async function openSession(url: string, signal: AbortSignal): Promise<Session> {
    const askerNonce = random.bytes(16);
    const asked = `${url}/api/v1/sync/identity?nonce=${bytesToHex(askerNonce)}&url=${encodeURIComponent(url)}`;
    const response = await send(requests, asked, { method: 'GET', signal }, 'application/cbor');
    const bytes = await readBody(url, response.body, MAX_IDENTITY_BYTES);
    const answer = decodeIdentity(bytes);
    if (!equalBytes(answer.askerNonce, askerNonce) || answer.url !== url) {
      throw new LatticeError('identity-mismatch', `${url} answered with an identity made for another question`);
    }
    if (!(await verifier.verify(answer.author, identitySigningBytes(answer), answer.signature))) {
      throw new LatticeError('bad-signature', `${url} claims a key that it cannot sign with`);
    }
    const session: Session = {
      author: answer.author,
      incarnation: bytesToHex(answer.incarnation),
      nonce: answer.sessionNonce,
      counter: 0,
    };
    remember(url, session);
    log.debug({ url, author: session.author, incarnation: session.incarnation }, 'peer identified');
    return session;
  }

  /** The request nonce and identity for `url`: those remembered, or new ones where `fresh` or `expect` asks for it. */
  async function sessionFor(
    url: string,
    expect: Author | undefined,
    signal: AbortSignal,
    fresh: boolean,
  ): Promise<Session> {
    const known = fresh ? undefined : sessions.get(url);
    if (known !== undefined && (expect === undefined || known.author === expect)) return known;
    const session = await openSession(url, signal);
    if (expect !== undefined && session.author !== expect) {
      throw new LatticeError('identity-mismatch', `${url} is ${session.author}, not ${expect}`, {
        details: { author: session.author, expected: expect },
      });
    }
    return session;
  }

  /** Makes a signed envelope of `message`, and the bytes that its signature covers. */
  function enclose(session: Session, message: Bytes): { envelope: Bytes; signing: Bytes } {
    const counter = ++session.counter;
    const signing = requestSigningBytes(
      { server: session.author, sessionNonce: session.nonce, counter, message },
      hasher,
    );
    const signature = signer.sign(signing);
    return {
      envelope: encodeRequest({ sessionNonce: session.nonce, counter, author: signer.author, signature, message }),
      signing,
    };
  }

  /** Runs `attempt`, and once more with a new request nonce when the peer answers that it doesn't know ours (401). */
  async function inSession<T>(
    url: string,
    expect: Author | undefined,
    signal: AbortSignal,
    attempt: (session: Session) => Promise<T>,
  ): Promise<T> {
    try {
      return await attempt(await sessionFor(url, expect, signal, false));
    } catch (cause) {
      if (!isStale(cause)) throw cause;
      return attempt(await sessionFor(url, expect, signal, true));
    }
  }

  async function exchange(url: string, session: Session, message: Bytes, signal: AbortSignal): Promise<Bytes> {
    const { envelope, signing } = enclose(session, message);
    const headers = { 'content-type': 'application/cbor' };
    const response = await send(
      requests,
      `${url}/api/v1/sync`,
      { method: 'POST', headers, body: envelope, signal },
      'application/cbor',
    );
    const bytes = await readBody(url, response.body, MAX_ENVELOPE_BYTES, response.headers['content-length']);
    const answer = decodeResponse(bytes);
    if (answer.author !== session.author) {
      throw new LatticeError('identity-mismatch', `${url} answered as ${answer.author}, not ${session.author}`);
    }
    if (
      !(await verifier.verify(answer.author, responseSigningBytes(signing, answer.message, hasher), answer.signature))
    ) {
      throw new LatticeError('bad-signature', `the answer of ${url} does not carry its signature`);
    }
    return answer.message;
  }

  /** Reads frames until the server ends the stream. Each is handled before the next one is read. */
  async function readFrames(
    url: string,
    body: AsyncIterable<unknown>,
    idle: IdleTimer,
    onFrame: FrameHandler,
  ): Promise<void> {
    const reader = createFrameReader();
    for await (const chunk of chunksOf(url, body)) {
      for (const frame of reader.feed(chunk)) {
        // The time that our own handler takes does not count as the peer's silence.
        idle.stop();
        await onFrame(frame);
      }
      idle.start();
    }
    if (!reader.isAtBoundary())
      throw new LatticeError('peer-unreachable', `the push stream of ${url} was cut within a frame`);
  }

  return {
    identify: (url, options) =>
      inTime(options, async (signal) => {
        const { author, incarnation } = await openSession(url, signal);
        return { author, incarnation };
      }),

    async request(url, message, options) {
      if (message.length > MAX_SYNC_BYTES) throw new RangeError(`a sync message has at most ${MAX_SYNC_BYTES} bytes`);
      return inTime(options, (signal) =>
        inSession(url, options.expect, signal, (session) => exchange(url, session, message, signal)),
      );
    },

    async stream(url, { cursor, expect, idleMs, signal }, onFrame) {
      const controller = new AbortController();
      const idle = createIdleTimer(clock, idleMs, () =>
        controller.abort(new LatticeError('timeout', `the push stream of ${url} was silent for ${inSeconds(idleMs)}`)),
      );
      const giveUp = (): void =>
        controller.abort(new LatticeError('aborted', 'the push stream was given up', { cause: signal.reason }));
      if (signal.aborted) giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      idle.start();
      try {
        controller.signal.throwIfAborted();
        const response = await inSession(url, expect, controller.signal, (session) => {
          const { envelope } = enclose(session, new TextEncoder().encode(cursor ?? ''));
          const headers = { authorization: `Lattice ${Buffer.from(envelope).toString('base64url')}` };
          return send(
            streams,
            `${url}/api/v1/sync/stream`,
            { method: 'GET', headers, signal: controller.signal },
            'application/octet-stream',
          );
        });
        idle.start();
        await readFrames(url, response.body, idle, onFrame);
      } catch (cause) {
        throw controller.signal.aborted ? controller.signal.reason : cause;
      } finally {
        idle.stop();
        signal.removeEventListener('abort', giveUp);
      }
    },

    async close() {
      const cause = new LatticeError('aborted', 'the HTTP lung was closed');
      await Promise.all([requests.destroy(cause), streams.destroy(cause)]);
    },
  };
}

interface IdleTimer {
  /** Starts the whole time again. */
  start(): void;
  stop(): void;
}

function createIdleTimer(clock: Timers, ms: number, onIdle: () => void): IdleTimer {
  let timer: Timer | undefined;
  const stop = (): void => timer?.cancel();
  return {
    start() {
      stop();
      timer = clock.after(ms, onIdle);
    },
    stop,
  };
}
