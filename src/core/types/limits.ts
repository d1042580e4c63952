/**
 * Bounds of the protocol and of a node that several parts share, each with its reason. Values marked (wire) are part of
 * SPEC.md (L1) and never change.
 */

/** (wire) Longest key in bytes of UTF-8: long enough for paths, short enough that keys never dominate a commit. */
export const MAX_KEY_BYTES = 1024;
/**
 * (wire) Longest value in bytes of canonical CBOR. Larger content belongs in the vault, and the value then names it by
 * its hash.
 */
export const MAX_VALUE_BYTES = 16 * 1024;
/**
 * (wire) Most operations in one commit: with so many, a path of at most 8 hashes proves that a single one belongs to
 * it.
 */
export const MAX_OPERATIONS = 256;
/**
 * (wire) Most bytes that the operations of one commit have together: as much as two gossip messages of the usual size.
 */
export const MAX_COMMIT_BYTES = 64 * 1024;
/**
 * (wire) Deepest nesting of arrays and objects in a value, so that recursive walks never come near the end of the
 * stack.
 */
export const MAX_DEPTH = 32;
/** (wire) Most dots in one context: one for each author of the longest trust list. */
export const MAX_CONTEXT_DOTS = 256;
/**
 * (wire) Most siblings of one key: each of them has another author, and the context of a write that has seen them all
 * must be able to name these. Trust lists that change over the years can have more authors than that between them.
 */
export const MAX_SIBLINGS = MAX_CONTEXT_DOTS;
/** Most authors on a trust list, because a context must be able to name them all. */
export const MAX_TRUSTED = MAX_CONTEXT_DOTS;
/**
 * Most authors that a node remembers as having been on its trust list: every list of the longest kind, replaced whole
 * sixteen times. In the store they take 128 KiB.
 */
export const MAX_KNOWN_AUTHORS = 16 * MAX_TRUSTED;
/** (wire) Longest network name in bytes of UTF-8. It is short because it stands in every header. */
export const MAX_NETWORK_BYTES = 128;
/** (wire) The format version that every header begins with, and the protocol version of a hello. */
export const PROTOCOL_VERSION = 1;
/**
 * (wire) The format version of headers whose puts may have an end. A node that does not speak it calls such a commit
 * one of an unknown version, while an end in a header of the version before would be malformed, and its relay punished.
 * So nodes write it only once every member reads it.
 */
export const EXPIRY_VERSION = 2;
/**
 * (wire) The newest version that a hello tells: its sender reads headers of EXPIRY_VERSION, and collects what is dead.
 * A node collects only once every member does, because what it took out would else come back without end.
 */
export const SPOKEN_VERSION = 3;
/** (wire) The latest end that a put may have, Unix ms: as far as the milliseconds of an HLC go, in the year 10889. */
export const MAX_EXPIRY = 2 ** 48 - 1;
/** The latest end that a node writes, Unix ms: the last moment that RFC 3339 can name, at the end of the year 9999. */
export const MAX_WRITTEN_EXPIRY = 253_402_300_799_999;
/** The longest span after which a put may be asked to end, in seconds: a hundred years of 365 days. */
export const MAX_TTL_SECONDS = 100 * 365 * 86_400;
/**
 * (wire) Most bytes of one fragment (header, signature, operations, proof hashes): the largest commit and its framing
 * fit.
 */
export const MAX_FRAGMENT_BYTES = 80 * 1024;
/**
 * (wire) Most bytes of one gossip message: a fragment of the largest size and its framing fit. It is equal on every
 * node, because nodes punish the relay of a message that is too large.
 */
export const MAX_GOSSIP_BYTES = 96 * 1024;
/**
 * (wire) Most bytes of what members tell each other about the next roster at once: a roster of 256 members with the
 * approvals and promises of most of them fits. What is larger than a gossip message goes by requests alone.
 */
export const MAX_NOTICE_BYTES = 192 * 1024;
/** Bytes that a gossip message aims at: enough to amortise its framing, and few enough to keep the mesh responsive. */
export const GOSSIP_TARGET_BYTES = 32 * 1024;
/** (wire) Longest URL, in bytes of UTF-8, in an identity answer: about what proxies and servers usually take. */
export const MAX_URL_BYTES = 2048;
/**
 * (wire) Most bytes of one sync message, a request or an answer, on either lung: what a peer can make a node keep for
 * it.
 */
export const MAX_SYNC_BYTES = 1024 * 1024;
/**
 * (wire) Most key hashes in one want, and most fragments in one push: a page of keys that a session settles at a time.
 */
export const MAX_WANTS = 1024;
/**
 * (wire) Most prefixes in one request for digests. Each has 16 children, and what an answer usually says of one child
 * takes at most 832 bytes, so the answer stays under MAX_SYNC_BYTES.
 */
export const MAX_QUERIES = 64;
/**
 * Most leaves that are looked at under the first 8 bytes of a key hash. It takes 2^32 work to find two keys that share
 * these bytes, and far more to find several.
 */
export const MAX_UNDER_PREFIX = 16;
/** A subtree of at most this many leaves is answered as the list of its leaves, and the descent ends there. */
export const LEAF_LIST_LIMIT = 16;
/** Differing keys that one session settles before it ends as `partial`. The next session goes on from there. */
export const MAX_SESSION_KEYS = 65_536;
/**
 * Requests that one session sends before it ends as `partial`. A full page takes two, a want and a push; the others are
 * for answers that have only a part of a page, and for the descent.
 */
export const MAX_SESSION_REQUESTS = 2048;

/**
 * How many ms a node's clock may be away from the middle of the clocks of its fleet before it refuses its own writes.
 * Clocks that anything keeps right are within a second of each other.
 */
export const MAX_CLOCK_ERROR_MS = 10_000;
/**
 * How many ms an HLC may be ahead of a node's clock: that of a commit from elsewhere before it is deferred, that of a
 * local write before it is refused, and the time of a cut that others attest. It is one bound for all, so whatever a
 * node takes in leaves its own writes possible. Two nodes of which either is just within MAX_CLOCK_ERROR_MS are this far
 * apart, so neither defers what the other writes.
 */
export const MAX_AHEAD_MS = 2 * MAX_CLOCK_ERROR_MS;
/** Deferred fragments that are kept in memory. Beyond it the oldest is dropped, and a repair fetches it again. */
export const MAX_DEFERRED = 1024;
/** Refused differences that are remembered for each peer, with their reasons. */
export const MAX_REFUSED_PER_PEER = 4096;
