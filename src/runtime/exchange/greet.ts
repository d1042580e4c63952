import type { Author } from '../../core/types/index.ts';
import type { SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { Members } from '../fleet/members.ts';
import { setConnected } from '../peers/link.ts';
import type { PeerTable } from '../peers/peers.ts';
import { ask } from '../transport/link.ts';
import type { P2pNodeHandlers, P2pSupervisor } from '../transport/lung-p2p.ts';
import type { Intake } from './intake.ts';

const GREET_TIMEOUT_MS = 10_000;
const GREET_RETRY_MS = 1_000;

export interface GreetDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: PeerTable;
  readonly members: Pick<Members, 'has'>;
  readonly p2p: Pick<P2pSupervisor, 'request'>;
  readonly hello: (author: Author) => SyncMessage;
  readonly intake: Pick<Intake, 'onHello'>;
}

/**
 * Notes which peers P2P connects, and exchanges hellos with those that are members. A hello that fails is sent once
 * more.
 */
export function createGreeting(deps: GreetDeps): Pick<P2pNodeHandlers, 'onConnected' | 'onDisconnected'> {
  const { clock, peers } = deps;

  async function greet(author: Author): Promise<void> {
    const reply = await ask((m) => deps.p2p.request(author, m, GREET_TIMEOUT_MS), deps.hello(author));
    if (reply.type === 'hello') await deps.intake.onHello(author, reply, 'p2p');
  }

  return {
    onConnected(author) {
      const peer = peers.ensure(author);
      if (peer === undefined) return;
      setConnected(peer.link, true);
      if (!deps.members.has(author)) return;
      greet(author).catch((error: unknown) => {
        deps.log.debug({ peer: author, error: String(error) }, 'greeting failed');
        if (peer.link.connected) clock.after(GREET_RETRY_MS, () => void greet(author).catch(() => undefined));
      });
    },
    onDisconnected(author) {
      const peer = peers.get(author);
      if (peer !== undefined) setConnected(peer.link, false);
    },
  };
}
