import { type ErrorCode, isErrorCode } from '../core/types/index.ts';
import type { ReadOnlyCode } from '../runtime/facade/codes.ts';

/** What to do so that a node takes writes again, for each reason why it refuses them. */
const BY_READ_ONLY_CODE: Readonly<Record<ReadOnlyCode, string>> = {
  'safe-mode': 'Correct the settings that it names, then restart the node.',
  'untrusted-self':
    'Add the key to the trust list of every node, then have each read it: lattice config reload --env-file FILE.',
  clone: 'Stop the other node, or give this one a new key; then restart it.',
  'own-history': 'Wait until they are fetched; when it stays, make the peers that hold them reachable.',
  'clock-jump': "Set the clock right; writes go on by themselves once it has been compared with the peers'.",
  'clock-skew': 'Set the clock right (NTP); writes go on by themselves.',
  'clock-ahead': 'Set the clocks of all nodes right (NTP); writes go on by themselves.',
  'lost-batches':
    'Keep the peers reachable that have them; to go on without them, remove the file "witness" as the reason says.',
  disk: 'Free some space; writes go on by themselves.',
};

export function nextStepOfReadOnly(code: ReadOnlyCode): string {
  const known: Readonly<Record<string, string | undefined>> = BY_READ_ONLY_CODE;
  // A node of a later version may have reasons that this table does not list.
  return known[code] ?? 'Remove the cause that it names.';
}

/** Errors that show that something between two nodes answers in a peer's place, or changes what is sent to it. */
const OF_SOMETHING_BETWEEN: ReadonlySet<ErrorCode> = new Set([
  'http-status',
  'not-a-lattice-node',
  'sync-unauthorized',
]);

/** What to do so that a peer can be reached over HTTP, for the error code of the last attempt. */
export function nextStepOfUnreached(code: string | undefined): string {
  if (isErrorCode(code) && OF_SOMETHING_BETWEEN.has(code))
    return 'Another program or a proxy answers there, or another version: let /api/v1/sync pass unchanged, and update both nodes.';
  return code === 'sync-forbidden'
    ? "Add this node's key to DIOTEC360_TRUSTED_STATE_PUBKEYS of that one."
    : 'Start that node, or correct the URL in DIOTEC360_LATTICE_NODES.';
}
