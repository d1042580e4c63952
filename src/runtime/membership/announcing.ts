import { type Author, type Bytes, bytesToHex, LatticeError } from '../../core/types/index.ts';
import { type AddressNews, encodeGossip, MAX_ANNOUNCEMENTS, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { backoff, every, type Repetition } from '../../timing/index.ts';
import type { SyncMode } from '../facade/index.ts';
import type { Members } from '../fleet/members.ts';
import type { LungName } from '../peers/link.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { isHeard } from '../peers/view.ts';
import type { Streams } from '../streams/streams.ts';
import { ask, peerCodeOf } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';
import type { P2pSupervisor } from '../transport/lung-p2p.ts';
import type { Announcements } from './announcements.ts';

const LOOK_EVERY_MS = 500;
/** How often a member is asked at least. Gossip and push streams bring what is new at once; this finds what they lose. */
const REST_MS = 30_000;
/** How soon a member is asked after something has become news, so that one round brings what comes together. */
const SOON_MS = 500;
/** How long a member is left alone that does not know these messages: it is of an earlier version. */
const UNKNOWING_MS = 60_000;
/** Most bytes of announcements in one message, with room for the rest of it. */
const MAX_BYTES = 768 * 1024;
/** Most members that are asked at a time. */
const MAX_ASKED = 4;

const retry = backoff({ minMs: 1_000, maxMs: 30_000, jitter: 'equal' });

export interface AnnouncingDeps {
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly log: Log;
  readonly peers: Pick<PeerTable, 'all'>;
  readonly members: Pick<Members, 'has'>;
  readonly linkTo: LinkTo;
  readonly p2p: Pick<P2pSupervisor, 'publish'>;
  readonly streams: Pick<Streams, 'publishTo'>;
  readonly mode: () => SyncMode;
  readonly announcements: () => Pick<Announcements, 'all' | 'hear'>;
  readonly heartbeatMs: number;
  readonly graceMs: number;
}

/** How announcements come to every member, over whatever reaches it, and through any other one (SPEC AD3). */
export interface Announcing {
  /** Sends on what is news, by gossip and push streams, and has those asked soon that they do not reach. */
  spread(bytes: Bytes, lung: LungName | undefined, from: Author | undefined): void;
  /** Answers a member's news with our own. */
  onNews(peer: Author, news: AddressNews, lung: LungName): Promise<SyncMessage>;
  start(): void;
  stop(): void;
}

/** What is remembered of the exchanges with one member. */
interface Partner {
  /** Whether it knows these messages, so that they may be put on its push stream. */
  speaks: boolean;
  /** Monotonic: when it is asked next. */
  dueAt: number;
  failures: number;
  busy: boolean;
}

export function createAnnouncing(deps: AnnouncingDeps): Announcing {
  const { clock } = deps;
  const partners = new Map<Author, Partner>();
  let looks: Repetition | undefined;

  function partnerOf(author: Author): Partner {
    let partner = partners.get(author);
    if (partner === undefined) {
      partner = { speaks: false, dueAt: 0, failures: 0, busy: false };
      partners.set(author, partner);
    }
    return partner;
  }

  /** Our side, with what the other lacks by what it told that it has. Without that, nothing is sent. */
  function newsFor(type: AddressNews['type'], theirs: readonly Bytes[] | undefined): AddressNews {
    const all = deps.announcements().all().slice(0, MAX_ANNOUNCEMENTS);
    const announcements: Bytes[] = [];
    if (theirs !== undefined) {
      const has = new Set(theirs.map(bytesToHex));
      let room = MAX_BYTES;
      for (const { id, bytes } of all) {
        if (has.has(bytesToHex(id)) || bytes.length > room) continue;
        room -= bytes.length;
        announcements.push(bytes);
      }
    }
    return { type, has: all.map(({ id }) => id), announcements };
  }

  async function takeAll(author: Author, { announcements }: AddressNews, lung: LungName): Promise<void> {
    for (const bytes of announcements) {
      try {
        if ((await deps.announcements().hear(bytes, lung, author)) === 'forged')
          throw new LatticeError('bad-signature', 'an announcement has a bad signature');
      } catch (error) {
        // What a later version tells is left alone.
        if (!(error instanceof LatticeError) || error.code !== 'unknown-version') throw error;
      }
    }
  }

  /** Asks a member what it has, and then tells it what it lacks: two requests at most, whatever it answers. */
  async function trade(peer: Peer, partner: Partner): Promise<void> {
    const path = deps.linkTo(peer);
    if (path === undefined) return;
    partner.busy = true;
    partner.dueAt = clock.monotonic() + REST_MS;
    const tell = async (news: AddressNews): Promise<AddressNews> => {
      const reply = await ask(path.link, news);
      if (reply.type !== 'addresses-back')
        throw new LatticeError('unexpected-answer', `expected addresses-back, the peer answered ${reply.type}`);
      await takeAll(peer.author, reply, path.lung);
      return reply;
    };
    try {
      const first = await tell(newsFor('addresses', undefined));
      partner.speaks = true;
      const ours = newsFor('addresses', first.has);
      if (ours.announcements.length > 0) await tell(ours);
      partner.failures = 0;
    } catch (error) {
      partner.failures++;
      const isUnknowing = peerCodeOf(error) === 'unknown-version';
      if (isUnknowing) partner.speaks = false;
      partner.dueAt =
        clock.monotonic() + (isUnknowing ? UNKNOWING_MS : retry(partner.failures, deps.random.fraction()));
      deps.log.debug({ peer: peer.author, error: String(error) }, 'no exchange of addresses');
    } finally {
      partner.busy = false;
    }
  }

  function look(): void {
    const now = clock.monotonic();
    let asked = [...partners.values()].filter(({ busy }) => busy).length;
    for (const peer of deps.peers.all()) {
      if (!deps.members.has(peer.author)) continue;
      const partner = partnerOf(peer.author);
      if (asked >= MAX_ASKED) break;
      if (partner.busy || partner.dueAt > now || !isHeard(peer.view, now, deps)) continue;
      asked++;
      void trade(peer, partner);
    }
    for (const author of partners.keys()) if (!deps.members.has(author)) partners.delete(author);
  }

  return {
    spread(bytes, lung, from) {
      const frame = encodeGossip({ type: 'announcement', announcement: bytes });
      if (deps.mode() !== 'http' && lung !== 'p2p') deps.p2p.publish(frame);
      for (const [author, partner] of partners) {
        if (author === from || !partner.speaks) continue;
        deps.streams.publishTo(frame, author);
        partner.dueAt = Math.min(partner.dueAt, clock.monotonic() + SOON_MS);
      }
    },
    async onNews(peer, news, lung) {
      const partner = partnerOf(peer);
      partner.speaks = true;
      await takeAll(peer, news, lung);
      return newsFor('addresses-back', news.has);
    },
    start() {
      looks = every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => deps.log.error({ err }, 'looking for addresses of members failed'),
      });
    },
    stop: () => looks?.stop(),
  };
}
