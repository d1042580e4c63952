import type { Author, Bytes } from '../core/types/index.ts';

/**
 * Verdict on a gossip message. accept: forward it. ignore: the relay is honest, don't forward. reject: malformed or
 * forged, the relay is punished.
 */
export type Verdict = 'accept' | 'ignore' | 'reject';

/** What the runtime answers to a lung. Peers are named by their author key: a peer id is computed from it and back. */
export interface P2pHandlers {
  /**
   * Must answer fast: the signature check is waited for, durability is not. `from` is the relay, undefined when its id
   * holds no Ed25519 key.
   */
  onGossip(data: Bytes, from: Author | undefined): Promise<Verdict>;
  /** One sync request over a stream; the answer is sent back. A rejection closes the stream. */
  onRequest(peer: Author | undefined, message: Bytes): Promise<Bytes>;
  onConnected(peer: Author): void;
  onDisconnected(peer: Author): void;
  /** The lung fell over after it had started (listener closed, a bug inside): the runtime stops and restarts it. */
  onFailure(cause: Error): void;
}

export interface P2pConnection {
  readonly peer: Author | undefined;
  readonly peerId: string;
  readonly address: string;
  readonly direction: 'inbound' | 'outbound';
  /** ms, last ping; undefined before the first. */
  readonly rttMs: number | undefined;
}

/** Over libp2p in production, over a simulated network in test/sim. Started and stopped many times. */
export interface P2pLung {
  /**
   * Resolves when it listens and dials; the caller cuts it off (abort) and never waits longer than its own deadline.
   */
  start(handlers: P2pHandlers, signal: AbortSignal): Promise<void>;
  /** Never rejects; safe when not started. */
  stop(): Promise<void>;
  /**
   * Gossips `data`; resolves with the number of peers it was handed to. Messages over MAX_GOSSIP_BYTES are a programmer
   * error.
   */
  publish(data: Bytes): Promise<number>;
  /** One sync request to a connected peer: at most MAX_SYNC_BYTES either way. */
  request(peer: Author, message: Bytes, options: RequestOptions): Promise<Bytes>;
  connections(): readonly P2pConnection[];
  /**
   * Further addresses to stay connected with, in place of those told before; each ends in /p2p/<peer id>. Absent: the
   * lung knows only those it was made with.
   */
  stayWith?(addresses: readonly string[]): void;
  /** Peers whose gossip reaches us directly (mesh or topic subscribers). */
  topicPeers(): number;
  /** Multiaddrs with /p2p/<own id> that we listen on now. */
  listenAddresses(): readonly string[];
}

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Who answers at a URL, proven by a signature over {our nonce, the URL, its key, its incarnation}. */
export interface HttpIdentity {
  readonly author: Author;
  /** 16 hex digits. */
  readonly incarnation: string;
}

/** Frames of a push stream, in order. Returned promise: backpressure, the next frame is not read before it resolves. */
export type FrameHandler = (frame: Bytes) => Promise<void>;

/** The client side of the HTTP lung. Every call is bounded in time and bytes; no redirects are followed. */
export interface HttpLung {
  /** Asks `url` who it is. Rejects when unreachable, not a Lattice node, or the signature does not match. */
  identify(url: string, options: RequestOptions): Promise<HttpIdentity>;
  /**
   * One sync request, signed with our key and a nonce of theirs; the answer's signature is checked against `expect`
   * when given.
   */
  request(url: string, message: Bytes, options: RequestOptions & { readonly expect?: Author }): Promise<Bytes>;
  /**
   * Opens the push stream. `cursor` is what the stream's last cursor frame said, or undefined for "from now".
   * Resolves when the server ends it, rejects on errors and on silence longer than `idleMs`.
   */
  stream(
    url: string,
    options: {
      readonly cursor: string | undefined;
      readonly expect?: Author;
      readonly idleMs: number;
      readonly signal: AbortSignal;
    },
    onFrame: FrameHandler,
  ): Promise<void>;
}
