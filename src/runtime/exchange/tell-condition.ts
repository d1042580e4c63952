import type { Author } from '../../core/types/index.ts';
import { type About, type SyncMessage, sameAbout } from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Members } from '../fleet/members.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { ask, peerCodeOf } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';
import type { Intake } from './intake.ts';

/**
 * How often a change of the own condition is looked for, and how often one peer is told at most. A reason that comes and
 * goes within this time is not told, and peers show one that stays within the 5 s of SPEC S16.
 */
const LOOK_EVERY_MS = 1_000;

export interface TellConditionDeps {
  readonly clock: Clock;
  readonly log: Pick<Log, 'debug' | 'error'>;
  readonly about: () => About;
  readonly peers: Pick<PeerTable, 'all'>;
  readonly members: Pick<Members, 'has'>;
  readonly linkTo: LinkTo;
  readonly hello: (author: Author) => SyncMessage;
  readonly intake: Pick<Intake, 'onHello'>;
}

/**
 * Sends a hello to every member that a lung reaches whenever the own condition has changed, until it has arrived there.
 * A member that no lung reaches gets it with the hello that opens its next connection.
 */
export function createTellCondition(deps: TellConditionDeps): { start(): void; stop(): void } {
  /** What each peer still has to be told; a peer that is missing here knows. */
  let pending = new Set<Peer>();
  const underWay = new Set<Peer>();
  let told = deps.about();
  let looks: Repetition | undefined;

  async function tell(peer: Peer): Promise<void> {
    const path = deps.linkTo(peer);
    if (path === undefined) return;
    const sent = told;
    underWay.add(peer);
    try {
      const reply = await ask(path.link, deps.hello(peer.author));
      if (sent === told) pending.delete(peer);
      if (reply.type === 'hello') await deps.intake.onHello(peer.author, reply, path.lung);
    } catch (error) {
      // Who answers with an error takes no hello of ours at all; only one that is busy takes it later.
      const code = peerCodeOf(error);
      if (code !== undefined && code !== 'overloaded') pending.delete(peer);
      deps.log.debug({ peer: peer.author, error: String(error) }, 'a change of condition was not told');
    } finally {
      underWay.delete(peer);
    }
  }

  function look(): void {
    const about = deps.about();
    if (!sameAbout(about, told)) {
      told = about;
      pending = new Set([...deps.peers.all()].filter(({ author }) => deps.members.has(author)));
    }
    for (const peer of pending) if (!underWay.has(peer)) void tell(peer);
  }

  return {
    start() {
      looks ??= every(deps.clock, LOOK_EVERY_MS, look, {
        onError: (err) => deps.log.error({ err }, 'the own condition could not be told'),
      });
    },
    stop: () => looks?.stop(),
  };
}
