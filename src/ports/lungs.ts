import type { Author, Bytes } from '../core/types/index.ts';

/**
 * Verdict on a gossip message. `accept`: the lung forwards it. `ignore`: the lung does not forward it, and the relay
 * is not blamed. `reject`: the message is malformed or forged, and the relay is punished.
 */
export type Verdict = 'accept' | 'ignore' | 'reject';

/**
 * What a peer is to this node. `member`: it may sync. `guest`: it is no member and may connect, because P2P is open.
 * `barred`: it may not connect.
 */
export type Standing = 'member' | 'guest' | 'barred';

/** How a lung calls the runtime. Peers are named by their author key, which converts to a peer id and back. */
export interface P2pHandlers {
  /**
   * Must answer fast: it resolves after the signature check and before the message is durable. `from` is the relay. It
   * is undefined when the relay's peer id holds no Ed25519 key.
   */
  onGossip(data: Bytes, from: Author | undefined): Promise<Verdict>;
  /**
   * Asked of every peer that connects, once it has proven who it is, and again and again while it stays connected.
   * `peer` is undefined when its peer id holds no Ed25519 key.
   */
  standingOf(peer: Author | undefined): Standing;
  /** Handles one sync request over a stream. The lung sends the answer back, and closes the stream on a rejection. */
  onRequest(peer: Author | undefined, message: Bytes): Promise<Bytes>;
  onConnected(peer: Author): void;
  onDisconnected(peer: Author): void;
  /** The lung failed after it had started (a listener closed, a bug inside). The runtime stops and restarts it. */
  onFailure(cause: Error): void;
}

export interface P2pConnection {
  readonly peer: Author | undefined;
  readonly peerId: string;
  readonly address: string;
  readonly direction: 'inbound' | 'outbound';
  /** Round-trip time of the last ping, ms. Undefined before the first ping is answered. */
  readonly rttMs: number | undefined;
}

/** It runs over libp2p in production and over a simulated network in test/sim. It may be started and stopped often. */
export interface P2pLung {
  /** Resolves when the lung listens and has begun to dial. It has no deadline of its own: `signal` ends the start. */
  start(handlers: P2pHandlers, signal: AbortSignal): Promise<void>;
  /** Never rejects. It may be called when the lung is not started. */
  stop(): Promise<void>;
  /**
   * Gossips `data` and resolves with the number of peers that it was handed to. Throws RangeError when the message is
   * over MAX_GOSSIP_BYTES.
   */
  publish(data: Bytes): Promise<number>;
  /** Sends one sync request to a connected peer. Request and answer have at most MAX_SYNC_BYTES each. */
  request(peer: Author, message: Bytes, options: RequestOptions): Promise<Bytes>;
  connections(): readonly P2pConnection[];
  /**
   * Sets the addresses to stay connected with, in place of those that the lung was made with and of an earlier list.
   * Each ends in /p2p/<peer id>. `announced` are those that members announced: they are dialled seldom where nobody
   * answers, and after the others. A lung without this method knows only those it was made with.
   */
  stayWith?(addresses: readonly string[], announced?: readonly string[]): void;
  /** The number of peers that subscribe to our topic and are connected to us. */
  topicPeers(): number;
  /** The multiaddrs that we listen on, each with /p2p/<own id> at its end. */
  listenAddresses(): readonly string[];
}

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Who answers at a URL. The answer is signed over our nonce, the URL, the peer's key, its incarnation and the request
 * nonce that it hands out (SPEC X5).
 */
export interface HttpIdentity {
  readonly author: Author;
  /** 16 hex digits. */
  readonly incarnation: string;
}

/** Receives the frames of a push stream in order. The next frame is not read before the returned promise resolves. */
export type FrameHandler = (frame: Bytes) => Promise<void>;

/** The client side of the HTTP lung. Every call is bounded in time and bytes. Redirects are not followed. */
export interface HttpLung {
  /**
   * Asks `url` who it is. Rejects when it is unreachable, when it is not a Lattice node, and when its signature does
   * not match.
   */
  identify(url: string, options: RequestOptions): Promise<HttpIdentity>;
  /**
   * Sends one sync request, signed with our key over a request nonce of the peer. The answer's signature is always
   * checked. With `expect`, the call also rejects when another author answers.
   */
  request(url: string, message: Bytes, options: RequestOptions & { readonly expect?: Author }): Promise<Bytes>;
  /**
   * Opens the push stream. `cursor` is what the stream's last cursor frame said. Without a cursor, the stream begins
   * with what is live when it opens. Resolves when the server ends it; rejects on errors and on silence longer than
   * `idleMs`.
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
