import { type ErrorCode, isErrorCode } from '../core/types/index.ts';

/** Errors that show that something between two nodes answers in a peer's place, or changes what is sent to it. */
const OF_SOMETHING_BETWEEN: ReadonlySet<ErrorCode> = new Set([
  'http-status',
  'not-a-lattice-node',
  'sync-unauthorized',
]);

/**
 * What to do so that a peer can be reached over HTTP, for the error code of the last attempt. `addedAs`: the addresses
 * by which an operator added it at run time.
 */
export function nextStepOfUnreached(code: string | undefined, addedAs: readonly string[] = []): string {
  if (isErrorCode(code) && OF_SOMETHING_BETWEEN.has(code))
    return 'Another program or a proxy answers there, or another version: let /api/v1/sync pass unchanged, and update both nodes.';
  if (code === 'other-lineage')
    return 'That fleet went on without this node: stop it, move its state aside, and invite it under a new key.';
  return code === 'sync-forbidden'
    ? "Add this node's key to DIOTEC360_TRUSTED_STATE_PUBKEYS of that one."
    : addedAs.length > 0
      ? `Start that node, or remove the peer: ${addedAs.map((address) => `lattice peers rm ${address}`).join(', ')}.`
      : 'Start that node, or correct the URL in DIOTEC360_LATTICE_NODES.';
}
