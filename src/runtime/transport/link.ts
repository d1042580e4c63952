import { type Bytes, LatticeError } from '../../core/types/index.ts';
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
