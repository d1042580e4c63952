import type { Author, Bytes } from '../../core/types/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';

/** Periods of the lung's own beats, in ms. Each has a default in limits.ts. */
export interface P2pHeartbeat {
  /** Between two pings on a connection. */
  readonly pingIntervalMs: number;
  /** How long an answer may take: a connection without any sign of life for the interval and this is closed. */
  readonly pingTimeoutMs: number;
  /** GossipSub's mesh maintenance. */
  readonly gossipMs: number;
  /** A connection whose gossip streams have been missing for this long is closed, so that a redial heals it. */
  readonly missingStreamMs: number;
}

export interface P2pLungOptions {
  /** The node's 32-byte Ed25519 seed: its peer id is computed from it. */
  readonly seed: Bytes;
  /** Multiaddrs over TCP, with /ws for WebSocket. Empty: dial only. */
  readonly listen: readonly string[];
  /** Multiaddrs that end in /p2p/<peer id>. Our own is skipped; several addresses of one peer are one target. */
  readonly bootstrap: readonly string[];
  /** Peers will be named later that are reached over WebSocket. */
  readonly webSocket?: boolean;
  /** The GossipSub topic, the same on every node. */
  readonly topic: string;
  /** Finds peers on the local network by multicast. */
  readonly mdns: boolean;
  /** When given, only these peers and the bootstrap peers may connect. */
  readonly allowPeers?: readonly Author[];
  readonly heartbeat?: Partial<P2pHeartbeat>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}
