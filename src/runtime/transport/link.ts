import { type Bytes, type ErrorCode, isErrorCode, LatticeError } from '../../core/types/index.ts';
import { decodeSync, encodeSync, type SyncMessage } from '../../core/wire/index.ts';

/** One sync request to the peer over some lung; rejects when it fails or times out. */
export type Link = (message: Bytes) => Promise<Bytes>;

/** Sends one message and decodes the answer, an error answer too. */
export async function exchange(link: Link, message: SyncMessage): Promise<SyncMessage> {
  return decodeSync(await link(encodeSync(message)));
}

/** Sends one message and decodes the answer; an error answer rejects with the peer's code. */
export async function ask(link: Link, message: SyncMessage): Promise<SyncMessage> {
  const reply = await exchange(link, message);
  if (reply.type === 'error')
    throw new LatticeError('peer-error', `the peer answered ${reply.code}: ${reply.message}`, {
      details: { peerCode: reply.code },
    });
  return reply;
}

/**
 * The code that a peer answered with, by whichever lung (`details.peerCode`). Undefined where it answered nothing, and
 * for a code that this version does not know.
 */
export function peerCodeOf(error: unknown): ErrorCode | undefined {
  const code = error instanceof LatticeError ? error.details['peerCode'] : undefined;
  return isErrorCode(code) ? code : undefined;
}

/** Why something with a peer failed: what it answered with, or our own code. Undefined for an error without one. */
export function errorCodeOf(error: unknown): ErrorCode | undefined {
  return peerCodeOf(error) ?? (error instanceof LatticeError ? error.code : undefined);
}
