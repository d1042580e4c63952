import { type Author, type Bytes, LatticeError } from '../../core/types/index.ts';
import { decodeCertificate, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { backoff, every, type Repetition } from '../../timing/index.ts';
import type { Members } from '../fleet/members.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { isHeard } from '../peers/view.ts';
import { ask, peerCodeOf } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';
import type { CompleteCuts } from './complete.ts';

const LOOK_EVERY_MS = 500;
/**
 * How often a member is asked. Whoever hears all attestations makes the certificate itself, so this is for those who
 * missed one: at a start, after a time away, and where gossip was lost.
 */
const ASK_EVERY_MS = 30_000;
/** How often a member is asked while the newest complete cut is older than it is in a healthy fleet. */
const LAGGING_MS = 10_000;
/** Later than this a cut is complete in no healthy fleet: one period, the settling, and the way to everybody. */
const FRESH_PERIODS = 3;
/** How long a member is left alone that does not know this message: it is of an earlier version. */
const UNKNOWING_MS = 60_000;

const retry = backoff({ minMs: 1_000, maxMs: 30_000, jitter: 'equal' });

/** How members tell each other the newest complete cut, over whatever lung carries them (SPEC FL3). */
export interface CompleteExchange {
  /** Answers a member with a complete cut that is later than what it tells, and takes in what it tells. */
  onComplete(peer: Author, certificate: Bytes): Promise<SyncMessage>;
  start(): void;
  stop(): void;
}

/** When a member is asked next, monotonic ms. */
interface Partner {
  dueAt: number;
  failures: number;
  busy: boolean;
}

export function createCompleteExchange(deps: {
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly log: Log;
  readonly complete: Pick<CompleteCuts, 'newest' | 'hear'>;
  readonly peers: Pick<PeerTable, 'all'>;
  readonly members: Pick<Members, 'has'>;
  readonly linkTo: LinkTo;
  readonly periodMs: number;
  readonly heartbeatMs: number;
  readonly graceMs: number;
}): CompleteExchange {
  const { clock, complete, members } = deps;
  const partners = new Map<Author, Partner>();
  let looks: Repetition | undefined;

  const certificate = (): Bytes => complete.newest()?.certificate ?? new Uint8Array(0);
  const isLagging = (): boolean => clock.now() - (complete.newest()?.at ?? 0) > FRESH_PERIODS * deps.periodMs;

  function partnerOf(author: Author): Partner {
    let partner = partners.get(author);
    if (partner === undefined) {
      partner = { dueAt: 0, failures: 0, busy: false };
      partners.set(author, partner);
    }
    return partner;
  }

  async function trade(peer: Peer, partner: Partner): Promise<void> {
    const path = deps.linkTo(peer);
    if (path === undefined) return;
    partner.busy = true;
    const next = (ms: number): void => void (partner.dueAt = clock.monotonic() + ms);
    try {
      const reply = await ask(path.link, { type: 'complete', certificate: certificate() });
      if (reply.type !== 'completed')
        throw new LatticeError('unexpected-answer', `expected completed, the peer answered ${reply.type}`);
      await complete.hear(reply.certificate);
      partner.failures = 0;
      next(isLagging() ? LAGGING_MS : ASK_EVERY_MS);
    } catch (error) {
      partner.failures++;
      next(peerCodeOf(error) === 'unknown-version' ? UNKNOWING_MS : retry(partner.failures, deps.random.fraction()));
      deps.log.debug({ peer: peer.author, error: String(error) }, 'no exchange about complete cuts');
    } finally {
      partner.busy = false;
    }
  }

  function look(): void {
    const now = clock.monotonic();
    const lagging = isLagging();
    for (const peer of deps.peers.all()) {
      if (!members.has(peer.author)) continue;
      const partner = partnerOf(peer.author);
      // Who was asked while all was well is asked sooner once it is not.
      if (lagging && partner.failures === 0) partner.dueAt = Math.min(partner.dueAt, now + LAGGING_MS);
      if (partner.busy || partner.dueAt > now || !isHeard(peer.view, now, deps)) continue;
      void trade(peer, partner);
    }
    for (const author of partners.keys()) if (!members.has(author)) partners.delete(author);
  }

  return {
    async onComplete(_peer, told) {
      await complete.hear(told);
      const ours = complete.newest();
      const isLater = ours !== undefined && (told.length === 0 || ours.at > decodeCertificate(told).at);
      return { type: 'completed', certificate: isLater ? ours.certificate : new Uint8Array(0) };
    },
    start() {
      looks = every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => deps.log.error({ err }, 'looking for complete cuts failed'),
      });
    },
    stop: () => looks?.stop(),
  };
}
