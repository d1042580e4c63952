import { MAX_GOSSIP_BYTES } from '../../core/types/index.ts';
import type { P2pHeartbeat } from './options.ts';

/** Requests and answers in turns: each is a u32 big-endian length and that many bytes. */
export const SYNC_PROTOCOL = '/diotec360/lattice/sync/1.0.0';

/** A hung peer is noticed within 2 to 4 s: one ping interval and the time its answer may take. */
export const HEARTBEAT: P2pHeartbeat = {
  pingIntervalMs: 2000,
  pingTimeoutMs: 2000,
  gossipMs: 1000,
  missingStreamMs: 10_000,
};

/** Connections kept at most: the mesh needs 12, repair any one; the rest is room for a whole fleet of 50. */
export const MAX_CONNECTIONS = 64;
/** Inbound connections that have not finished their handshake. 40 idle sockets must not lock honest dials out. */
export const MAX_PENDING_CONNECTIONS = 100;
/** Sockets per listener, whoever they are: everything above is refused before it costs a handshake. */
export const MAX_SOCKETS = 256;
/** Inbound connections per second and host. A whole fleet behind one address may come back at once. */
export const INBOUND_PER_SECOND = 64;
/** Handshake, stream negotiation and the first byte of a WebSocket client must come within this time. */
export const UPGRADE_TIMEOUT_MS = 3000;
/** One dial over all addresses of a peer, and one address of it. */
export const DIAL_TIMEOUT_MS = 5000;
export const ADDRESS_DIAL_TIMEOUT_MS = 3000;
/** Yamux streams the other side may hold open: gossip, ping, identify, sync and slack. */
export const MAX_INBOUND_STREAMS = 32;

/**
 * Unacknowledged bytes of one stream. Yamux would let them grow to 16 MiB: half a second and more before anything else
 * gets through.
 */
export const MAX_STREAM_WINDOW_BYTES = 512 * 1024;
/** A ping that has not been answered by then is given up; whether the connection lives is decided earlier. */
export const PING_DEADLINE_MS = 15_000;
/** Between two looks of the supervisor; more means that our own process was stopped or starved. */
export const STALL_MS = 1000;

/** One gossip frame; equal on every node, because a longer one ends the link's gossip. */
export const MAX_RPC_BYTES = 4 * 1024 * 1024;
/** Messages in one gossip frame: 32 of the largest size stay below MAX_RPC_BYTES. */
export const MAX_RPC_MESSAGES = Math.min(32, Math.floor(MAX_RPC_BYTES / MAX_GOSSIP_BYTES));
export const MAX_RPC_SUBSCRIPTIONS = 16;
export const MAX_RPC_CONTROL = 64;
/** Unsent gossip kept for a slow peer; beyond it its stream is reset and the missing-stream watch heals the link. */
export const MAX_OUTBOUND_BUFFER_BYTES = 8 * 1024 * 1024;
/** `publish` waits while even the fastest recipient has this much unsent… */
export const PUBLISH_HIGH_WATER_BYTES = 1024 * 1024;
/** …but never longer than this: then the buffers above decide. */
export const PUBLISH_WAIT_MS = 250;
/** How long a message id is remembered. Later copies are checked again, which is harmless: applying is idempotent. */
export const SEEN_TTL_MS = 30_000;
/**
 * Message ids of each kind that GossipSub remembers at most (seen, published, scored): 16 s of a thousand a second,
 * about 0.5 KB for all three, 8 MiB.
 */
export const MAX_REMEMBERED_MESSAGES = 16_384;

/** Messages under validation, in all and from one peer. Beyond that they are ignored: repair fetches what mattered. */
export const MAX_VALIDATING = 1024;
export const MAX_VALIDATING_PER_PEER = 128;
/** A validation that has not ended after this time gives its place back as "ignore". */
export const VALIDATION_TIMEOUT_MS = 10_000;

/** P4 of GossipSub's score: weight × (invalid messages)², so the third within seconds is over the graylist line. */
export const INVALID_WEIGHT = -10;
export const INVALID_DECAY = 0.97;
export const GRAYLIST = -80;
/** Broken IWANT promises and early grafts happen to honest peers under load: this many are free. */
export const BEHAVIOUR_TOLERANCE = 6;
/** Invalid messages (decayed) from which a graylisted peer counts as hostile. */
export const HOSTILE_INVALID = 2;
/** Score counters of a peer that left. By then P4 has decayed to nothing. */
export const RETAIN_SCORE_MS = 600_000;

/** Rejected messages of one peer within the window that get it evicted at once. */
export const REJECTED_LIMIT = 8;
export const REJECTED_WINDOW_MS = 10_000;
/**
 * First ban; each further one doubles up to the longest. The count is forgotten one longest ban after the last expired.
 */
export const BAN_MS = 30 * 60_000;
export const MAX_BAN_MS = 24 * 3_600_000;
/** Banned peers remembered. Beyond it the one whose ban ends first is forgotten. */
export const MAX_BANS = 1024;

/** Supervision looks at the state this often. */
export const TICK_MS = 250;
/** Redial of a configured peer: backoff with full jitter, at least this often while it is missing. */
export const REDIAL_MIN_MS = 250;
export const REDIAL_MAX_MS = 5000;
/** A connection that lasted this long ends the backoff; a shorter one (refused, flapping) counts as a failed dial. */
export const STABLE_MS = 10_000;
/** Dials of peers found by mDNS that run at once. */
export const MAX_DISCOVERY_DIALS = 8;

/** Requests served at once for one peer and in all, and how long one may take with reading and sending. */
export const SYNC_PER_PEER = 2;
export const SYNC_TOTAL = 32;
export const SYNC_SERVE_MS = 10_000;
/** A stream without a request for this long is reset by who serves it. */
export const SYNC_IDLE_MS = 15_000;
/** Who asks takes no stream again that has been idle for this long: well before the other side gives it up. */
export const SYNC_KEEP_MS = 5_000;
/** Requests to one peer that wait for a free place, beyond which they fail at once. */
export const SYNC_WAITING = 64;

/** Sync streams on one connection in one direction: those being served and those still closing. */
export const MAX_SYNC_STREAMS = 8;

/** libp2p gives its connections 0.5 s to close; then the sockets that never became connections are destroyed. */
export const STOP_GRACE_MS = 700;
/**
 * Stopping never takes longer, even if libp2p hangs: a signal leaves the whole node 2 s, and the store is still to be
 * closed.
 */
export const STOP_MS = 1200;
