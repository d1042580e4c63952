import { type Bytes, type ErrorCode, isErrorCode, LatticeError } from '../../core/types/index.ts';
import { type About, decodeSync, encodeSync, type Hello, type SyncMessage } from '../../core/wire/index.ts';

/**
 * Sends one encoded sync request to a peer over some lung and resolves to the answer. Rejects on failure or timeout.
 */
export type Link = (message: Bytes) => Promise<Bytes>;

/** Sends one message and decodes the answer, which may be an error answer. */
export async function exchange(link: Link, message: SyncMessage): Promise<SyncMessage> {
  return decodeSync(await link(encodeSync(message)));
}

/**
 * Sends one message and decodes the answer. An error answer rejects with LatticeError `peer-error`, whose
 * `details.peerCode` is the peer's code. A node of an earlier version takes hellos in their shorter forms only
 * (SPEC S2), and gets that once it has refused the longer one.
 */
export async function ask(link: Link, message: SyncMessage): Promise<SyncMessage> {
  const reply = await exchange(link, message);
  if (reply.type === 'error' && reply.code === 'malformed' && message.type === 'hello' && message.about !== undefined)
    return ask(link, shorterHello(message, message.about));
  if (reply.type === 'error')
    throw new LatticeError('peer-error', `the peer answered ${reply.code}: ${reply.message}`, {
      details: { peerCode: reply.code },
    });
  return reply;
}

/** The form of a hello that was sent before there was this one. */
function shorterHello(hello: Hello, { reads, ...about }: About): Hello {
  if (reads !== undefined) return { ...hello, about };
  const { about: _, ...shortest } = hello;
  return shortest;
}

/**
 * The code with which a peer answered, over whichever lung (`details.peerCode`). Undefined when the peer did not answer
 * with an error, or when this version does not know the code.
 */
export function peerCodeOf(error: unknown): ErrorCode | undefined {
  const code = error instanceof LatticeError ? error.details['peerCode'] : undefined;
  return isErrorCode(code) ? code : undefined;
}

/**
 * The code for a failure with a peer: the one that the peer answered with, or else our own. Undefined for an error that
 * has none.
 */
export function errorCodeOf(error: unknown): ErrorCode | undefined {
  return peerCodeOf(error) ?? (error instanceof LatticeError ? error.code : undefined);
}
