import type { Bytes } from '../../core/types/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';

/** Periods of what the lung does by itself, in ms. Each has a default in limits.ts. */
export interface P2pHeartbeat {
  /** Time between two pings on a connection. */
  readonly pingIntervalMs: number;
  /** Time for an answer. A connection is closed after this and one interval without any sign of life. */
  readonly pingTimeoutMs: number;
  /** Period of GossipSub's mesh maintenance. */
  readonly gossipMs: number;
  /** A connection whose gossip streams have been missing for this long is closed, so that a redial heals it. */
  readonly missingStreamMs: number;
}

export interface P2pLungOptions {
  /** The node's 32-byte Ed25519 seed, from which its peer id is computed. */
  readonly seed: Bytes;
  /** Its 32-byte public key. The library would derive it in JavaScript, which takes a twentieth of a node's start. */
  readonly publicKey: Bytes;
  /** Multiaddrs over TCP, with /ws for WebSocket. With an empty list the lung only dials. */
  readonly listen: readonly string[];
  /** Multiaddrs that end in /p2p/<peer id>. Our own are skipped, and several addresses of one peer count as one. */
  readonly bootstrap: readonly string[];
  /** The GossipSub topic, the same on every node. */
  readonly topic: string;
  /** Whether to find peers on the local network by multicast DNS. */
  readonly mdns: boolean;
  /** Whether one more inbound connection may be taken in, as far as the process goes. Default: always. */
  readonly mayAccept?: () => boolean;
  readonly heartbeat?: Partial<P2pHeartbeat>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}
