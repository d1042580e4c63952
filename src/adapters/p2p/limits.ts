import { MAX_GOSSIP_BYTES } from '../../core/types/index.ts';
import type { BucketSize } from '../../timing/index.ts';
import type { P2pHeartbeat } from './options.ts';

/** On a stream of this protocol, requests and answers alternate. Each is a length (u32, big-endian) and its bytes. */
export const SYNC_PROTOCOL = '/diotec360/lattice/sync/1.0.0';

/** A peer that hangs is noticed within 2 to 4 s: one ping interval and the time that its answer may take. */
export const HEARTBEAT: P2pHeartbeat = {
  pingIntervalMs: 2000,
  pingTimeoutMs: 2000,
  gossipMs: 1000,
  missingStreamMs: 10_000,
};

/** Connections at most. The mesh needs up to 12 and repair needs one; the limit leaves room for a fleet of 50. */
export const MAX_CONNECTIONS = 64;
/** Connections of one peer: two that were dialled at once, and two that replace them before their end is noticed. */
export const MAX_CONNECTIONS_OF_PEER = 4;
/**
 * Guests at a time, in all and from one address (an IPv4 address or an IPv6 /64). They leave most of MAX_CONNECTIONS
 * to members.
 */
export const MAX_GUESTS = 8;
export const MAX_GUESTS_OF_ADDRESS = 4;
/**
 * Inbound connections that have not finished their handshake, from all addresses that no member has come from and from
 * any one address. Some dozens of idle sockets must not keep peers out.
 */
export const MAX_PENDING_CONNECTIONS = 100;
export const MAX_PENDING_OF_ADDRESS = 32;
/**
 * Handshakes from one address. A whole fleet behind one address may come back at once, and what its members take is
 * given back. One costs some 5 ms of a core, so a stranger with ever new keys costs 2 % of it.
 */
export const HANDSHAKES_OF_ADDRESS: BucketSize = { burst: 64, perSecond: 4 };
/** Handshakes from all addresses that no member has come from. */
export const HANDSHAKES_OF_STRANGERS: BucketSize = { burst: 128, perSecond: 16 };
/** Addresses whose handshakes are counted. */
export const MAX_ADDRESSES = 1024;
/** Addresses that are remembered because a member came from them: several for each peer of a large fleet. */
export const MAX_KNOWN_ADDRESSES = 256;
/** Refused connections that are logged where operators look; all others only for debugging. */
export const REFUSALS_TOLD: BucketSize = { burst: 16, perSecond: 0.1 };
/** Sockets of one listener, whoever opened them. Further ones are refused before they cost a handshake. */
export const MAX_SOCKETS = 256;
/** Inbound connections from one host in a second. A whole fleet behind one address may come back at once. */
export const INBOUND_PER_SECOND = 64;
/** The handshake, a stream's negotiation and the first byte of a client must each come within this time. */
export const UPGRADE_TIMEOUT_MS = 3000;
/** Time for one dial over all addresses of a peer, and for one of its addresses. */
export const DIAL_TIMEOUT_MS = 5000;
export const ADDRESS_DIAL_TIMEOUT_MS = 3000;
/** Yamux streams that the other side may hold open: gossip, ping, identify, sync, and some to spare. */
export const MAX_INBOUND_STREAMS = 32;

/**
 * Bytes of one stream that are not acknowledged. Yamux would let them grow to 16 MiB, and anything else on the
 * connection would then wait for half a second or more.
 */
export const MAX_STREAM_WINDOW_BYTES = 512 * 1024;
/** A ping without an answer is given up after this time. Whether the connection is alive is decided earlier. */
export const PING_DEADLINE_MS = 15_000;
/** A longer time between two ticks of the supervision means that our own process was stopped or starved. */
export const STALL_MS = 1000;

/** Bytes of one gossip frame. It is the same on every node, because a longer frame ends gossip on the connection. */
export const MAX_RPC_BYTES = 4 * 1024 * 1024;
/** Messages in one gossip frame, so many that even the largest fit into MAX_RPC_BYTES. */
export const MAX_RPC_MESSAGES = Math.min(32, Math.floor(MAX_RPC_BYTES / MAX_GOSSIP_BYTES));
export const MAX_RPC_SUBSCRIPTIONS = 16;
export const MAX_RPC_CONTROL = 64;
/** Unsent gossip that is kept for a slow peer. Beyond it the stream is reset, and stream-watch.ts has it reconnect. */
export const MAX_OUTBOUND_BUFFER_BYTES = 8 * 1024 * 1024;
/** `publish` waits while even the fastest recipient has more than this unsent, */
export const PUBLISH_HIGH_WATER_BYTES = 1024 * 1024;
/** but for at most this time. After that only MAX_OUTBOUND_BUFFER_BYTES limits what waits. */
export const PUBLISH_WAIT_MS = 250;
/** How long a message id is remembered. A later copy is validated again; that is harmless: applying is idempotent. */
export const SEEN_TTL_MS = 30_000;
/**
 * Message ids that GossipSub keeps at most in each of its memories (seen, published, scored): 16 s of a thousand
 * messages a second. A message takes about 0.5 KB in all three, which makes 8 MiB.
 */
export const MAX_REMEMBERED_MESSAGES = 16_384;

/**
 * A peer may send this many times what was news to this node. Once would do where every peer of a mesh sends the same;
 * the rest is framing, and what two nodes packed in different ways.
 */
export const NEWS_FACTOR = 2;
/**
 * Gossip of a member that is no news. The burst is what comes before the first copy has been judged, or while a repair
 * brings the same; the rate leaves room for commits that only this node refuses.
 */
export const GOSSIP_OF_MEMBER: BucketSize = { burst: 16 * 1024 * 1024, perSecond: 1024 * 1024 };
/** What a frame counts beside its bytes, so that empty ones count too. */
export const FRAME_BYTES = 128;
/** How often it is looked whether a peer that sent too much may be read again. */
export const FLOW_CHECK_MS = 50;
/** All bytes of the guests of one address, whatever the protocol: a few gossip messages at once, then pings and heads. */
export const BYTES_OF_GUESTS: BucketSize = { burst: 384 * 1024, perSecond: 32 * 1024 };
/** Streams that a peer opens. A member opens one for each ping, and a few for requests that run at one time. */
export const STREAMS_OF_MEMBER: BucketSize = { burst: 256, perSecond: 64 };
export const STREAMS_OF_GUEST: BucketSize = { burst: 32, perSecond: 4 };
/**
 * GossipSub's score of a guest. Below zero it is in nobody's mesh, where it could take the places of members: it hears
 * what a node publishes itself, and what it sends is judged like everything else.
 */
export const GUEST_SCORE = -1;

/** Messages under validation, in all and from one peer. Further ones are ignored, and repair fetches their commits. */
export const MAX_VALIDATING = 1024;
export const MAX_VALIDATING_PER_PEER = 128;
/** A validation that has not ended after this time ends with the verdict `ignore`. */
export const VALIDATION_TIMEOUT_MS = 10_000;

/** P4 of GossipSub's score is weight × (invalid messages)², so the third within seconds falls below GRAYLIST. */
export const INVALID_WEIGHT = -10;
export const INVALID_DECAY = 0.97;
export const GRAYLIST = -80;
/** Broken IWANT promises and early grafts that cost no score, because they happen to honest peers under load. */
export const BEHAVIOUR_TOLERANCE = 6;
/** A graylisted peer with at least so many invalid messages (decayed) is hostile. */
export const HOSTILE_INVALID = 2;
/** How long the score of a peer that left is kept. By then P4 has decayed to nothing. */
export const RETAIN_SCORE_MS = 600_000;

/** A peer with so many rejected messages within the window is evicted at once. */
export const REJECTED_LIMIT = 8;
export const REJECTED_WINDOW_MS = 10_000;
/**
 * Length of the first ban. Each further one is twice as long, up to MAX_BAN_MS. A peer's bans are forgotten MAX_BAN_MS
 * after the last one has ended.
 */
export const BAN_MS = 30 * 60_000;
export const MAX_BAN_MS = 24 * 3_600_000;
/** Length of the first ban of a member that cost too much, which may be a mistake of its version. */
export const MEMBER_BAN_MS = 60_000;
/** Banned peers that are remembered. Beyond it, the peer whose ban ends first is forgotten. */
export const MAX_BANS = 1024;

/** Pause between two ticks of the supervision. */
export const TICK_MS = 250;
/** Bounds of the wait before a configured peer is dialled again: backoff with full jitter. */
export const REDIAL_MIN_MS = 250;
export const REDIAL_MAX_MS = 5000;
/**
 * The same for addresses that a member announced, which may be those of somebody else; how long the addresses that are
 * configured for it go first; and how many are dialled at a time.
 */
export const ANNOUNCED_REDIAL_MIN_MS = 5000;
export const ANNOUNCED_REDIAL_MAX_MS = 600_000;
export const ANNOUNCED_FIRST_MS = 2000;
export const MAX_ANNOUNCED_DIALS = 8;
/** A connection that lasts this long resets the backoff. A shorter one counts as a failed dial. */
export const STABLE_MS = 10_000;
/** Dials at one time to peers that mDNS has found. */
export const MAX_DISCOVERY_DIALS = 8;

/** Requests served at one time, for one peer and in all, and the time for one, reading and sending included. */
export const SYNC_PER_PEER = 4;
export const SYNC_TOTAL = 32;
export const SYNC_SERVE_MS = 10_000;
/** The serving side resets a stream that has had no request for this long. */
export const SYNC_IDLE_MS = 15_000;
/** The asking side does not use a stream that has been idle for this long, well before the other side resets it. */
export const SYNC_KEEP_MS = 5_000;
/** Requests to one peer that may wait for a free place. Further ones fail at once. */
export const SYNC_WAITING = 64;

/** Sync streams on one connection in one direction: those that are served and those that are still closing. */
export const MAX_SYNC_STREAMS = 8;

/** libp2p gives its connections 0.5 s to close. After this time the sockets that are still open are destroyed. */
export const STOP_GRACE_MS = 700;
/**
 * Stopping never takes longer, even when libp2p hangs. The whole node has 2 s after a signal, and the store is closed
 * after the lung.
 */
export const STOP_MS = 1200;
