/**
 * Every bound of the protocol and of a node, with its reason. Values marked (wire) are part of SPEC.md and never
 * change.
 */

/** (wire) Longest key in bytes of UTF-8: long enough for paths, short enough that keys never dominate a commit. */
export const MAX_KEY_BYTES = 1024;
/** (wire) Longest value in bytes of canonical CBOR. Larger content belongs in the vault, referenced by hash. */
export const MAX_VALUE_BYTES = 16 * 1024;
/** (wire) Operations in one commit: a path of at most 8 hashes lets any operation stand alone. */
export const MAX_OPERATIONS = 256;
/** (wire) Sum of a commit's operation bytes: two gossip messages of the usual size. */
export const MAX_COMMIT_BYTES = 64 * 1024;
/** (wire) Deepest nesting of arrays and objects in a value: keeps recursive walks off the stack's limit. */
export const MAX_DEPTH = 32;
/** (wire) Dots in one context. One per trusted author is enough; this also bounds siblings per key. */
export const MAX_CONTEXT_DOTS = 256;
/** Authors on a trust list: a context must be able to name them all. */
export const MAX_TRUSTED = MAX_CONTEXT_DOTS;
/** (wire) Longest network name in bytes of UTF-8. It stands in every header. */
export const MAX_NETWORK_BYTES = 128;
/** (wire) Protocol version in every header. */
export const PROTOCOL_VERSION = 1;
/** (wire) One fragment (header, signature, some operations, proof hashes): a whole commit and its framing fit. */
export const MAX_FRAGMENT_BYTES = 80 * 1024;
/** (wire) One gossip message: one fragment of the largest size and its framing fit; equal on every node. */
export const MAX_GOSSIP_BYTES = 96 * 1024;
/** Size a gossip message aims at: large enough to amortise the frame, small enough to keep the mesh responsive. */
export const GOSSIP_TARGET_BYTES = 32 * 1024;
/** (wire) Longest URL in bytes of UTF-8 that a node proves itself at: what proxies and servers usually take. */
export const MAX_URL_BYTES = 2048;
/** (wire) One sync request or response on either lung. */
export const MAX_SYNC_BYTES = 1024 * 1024;
/** Keys in one want: RELIABILITY's page of 1,024 ids. */
export const MAX_WANTS = 1024;
/**
 * (wire) Prefixes in one digest request: 64 × 16 children × the largest answer to one (832 bytes) stays under
 * MAX_SYNC_BYTES.
 */
export const MAX_QUERIES = 64;
/**
 * Leaves looked at under 8 bytes of key hash: two keys share them only by 2^32 work, and more of them at far greater
 * expense.
 */
export const MAX_UNDER_PREFIX = 16;
/** A subtree of at most this many leaves is answered as a list of leaves rather than descended further. */
export const LEAF_LIST_LIMIT = 16;
/** Differing keys that one session settles before it ends as "partial" and a new one goes on. */
export const MAX_SESSION_KEYS = 65_536;
/**
 * Requests one session may send before it ends as "partial": two per full page of wants and pushes, and the descent.
 */
export const MAX_SESSION_REQUESTS = 2048;

/** A received commit may be this far ahead of local time before it is deferred. */
export const MAX_FUTURE_MS = 60_000;
/** A local write whose HLC would be further ahead than this is refused: one bad clock must not spread. */
export const MAX_LOCAL_AHEAD_MS = 20_000;
/** Deferred fragments kept in memory; beyond it the oldest is dropped and will be asked for again by repair. */
export const MAX_DEFERRED = 1024;
/** Refused items remembered per peer, with their reason. */
export const MAX_REFUSED_PER_PEER = 4096;
