/**
 * The one registry of all codes that a `LatticeError` can have, grouped by where they arise. The HTTP status of each
 * code stands in src/api/http/statuses.ts, its exit code in src/cli/exit-codes.ts, and what people can do about it in
 * docs/failures.md; tests check that all of them agree. A code is never given another meaning, because programs of
 * other versions know it.
 */
export const ERROR_CODES = [
  // Bytes and values that break a rule of the protocol, whoever made them.
  'malformed',
  'unknown-version',
  'bad-signature',
  'duplicate-key',
  'empty-commit',
  'commit-too-large',
  'value-too-large',
  'invalid-author',
  'invalid-commit',
  'invalid-context',
  'invalid-header',
  'invalid-json',
  'invalid-key',
  'invalid-value',

  // Reads and writes of a node.
  'not-found',
  'precondition-failed',
  'idempotency-mismatch',
  'invalid-cursor',
  'invalid-limit',
  'invalid-peer',
  'peer-configured',
  'too-many-peers',
  'invalid-record',
  'record-differs',
  'audit-full',
  'read-only',
  'disk-full',
  'clock-ahead',
  'overloaded',
  'deadline',
  'stopping',
  'moved-on',
  'cursor-lost',
  'stale',
  'not-certified',
  'changed-since-cut',
  'reserved-key',

  // The vault of a node.
  'object-too-large',
  'hash-mismatch',
  'object-not-found',
  'object-missing',
  'object-damaged',
  'invalid-hash',
  'invalid-range',
  'vault-store-failed',

  // Requests over HTTP.
  'no-route',
  'method-not-allowed',
  'invalid-request',
  'invalid-path',
  'invalid-query',
  'invalid-body',
  'invalid-operation',
  'body-too-large',
  'headers-too-large',
  'unsupported-media-type',
  'range-not-satisfiable',
  'upgrade-required',
  'unauthorized',
  'too-many-failures',
  'rate-limited',
  'misdirected-request',
  'origin-refused',
  'vault-too-large',
  'no-descriptors',
  'internal',

  // Between nodes: what a node refuses its peers, and what peers do to it.
  'sync-unauthorized',
  'sync-forbidden',
  'not-a-member',
  'bootstrapping',
  'gone',
  'no-snapshot',
  'snapshot-soon',
  'unverified',
  'peer-error',
  'peer-unreachable',
  'not-a-lattice-node',
  'http-status',
  'identity-mismatch',
  'twin',
  'oversize',
  'unexpected-answer',
  'timeout',
  'aborted',
  'session-limit',
  'session-deadline',
  'no-progress',
  'not-delivered',
  'chunk-too-large',
  'untrusted-author',
  'future',

  // The P2P lung.
  'p2p-not-running',
  'p2p-start-failed',
  'p2p-failed',
  'listener-closed',
  'invalid-address',
  'address-in-use',
  'address-unavailable',
  'address-forbidden',

  // Configuration, keys and the store.
  'invalid-config',
  'reload-impossible',
  'invalid-fleet',
  'key-permissions',
  'key-unreadable',
  'key-unwritable',
  'key-invalid',
  'other-network',
  'other-author',
  'unknown-format',
  'store-locked',
  'store-full',
  'store-open-failed',
  'store-read-failed',
  'store-write-failed',
  'store-closed',
  'store-damaged',
  'damaged-row',
  'root-mismatch',

  // Documents that are checked offline.
  'proof-malformed',
  'proof-invalid',
  'trust-needed',
  'snapshot-malformed',
  'snapshot-old-format',
  'snapshot-root-mismatch',
  'snapshot-values-refused',

  // The command line.
  'usage',
  'unreachable',
  'answer-too-large',
  'not-supported',
  'no-token',
  'no-key',
  'no-context',
  'no-conflict',
  'no-ports',
  'contexts-malformed',
  'fleet-malformed',
  'file-unreadable',
  'file-unwritable',
  'file-too-large',
  'exists',
  'import-contended',
  'mode-not-changed',
  'already-running',
  'node-not-ready',
  'node-died',
  'not-converged',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

const KNOWN: ReadonlySet<unknown> = new Set(ERROR_CODES);

/**
 * Whether a text is one of our codes. A code that another node sends may be none of them, because the version of that
 * node may have codes that this one does not know; such a code stays plain text.
 */
export function isErrorCode(text: unknown): text is ErrorCode {
  return KNOWN.has(text);
}
