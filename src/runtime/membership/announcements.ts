import type { RowWrite } from '../../core/replica/index.ts';
import { announcementKey } from '../../core/rows/index.ts';
import type { Author, Bytes, Hasher } from '../../core/types/index.ts';
import {
  ANNOUNCEMENT_ID_BYTES,
  type Announcement,
  announcementBytes,
  decodeAnnouncement,
  MAX_ANNOUNCEMENTS,
  type SignedAnnouncement,
  signAnnouncement,
} from '../../core/wire/index.ts';
import type { Clock, Log, Signer, Timer, Verifier } from '../../ports/index.ts';
import { type BucketSize, createBuckets } from '../../timing/index.ts';
import type { Roster } from '../fleet/roster.ts';
import type { LungName } from '../peers/link.ts';
import type { Heard } from './heard.ts';

/**
 * How many announcements of one member count: some in a row, for a node that is being set up, and then one a minute.
 * Every new one is written to disk, sent on by all and may name another address to dial.
 */
const NEWS_OF_ONE: BucketSize = { burst: 4, perSecond: 1 / 60 };
/** How often this node announces itself anew because others have a later announcement of its key. */
const OWN_NEWS: BucketSize = { burst: 2, perSecond: 1 / 60 };
/** When it looks again whether it has to, where it may not at once: there is a token again by then. */
const AGAIN_MS = 60_000;

/** What this node announces, but for network, author and sequence. */
export type OwnAddresses = Pick<Announcement, 'name' | 'urls' | 'multiaddrs'>;

export interface AnnouncementsDeps {
  readonly network: string;
  readonly self: Author;
  /** What it is to announce at present. */
  readonly own: () => OwnAddresses;
  readonly hasher: Hasher;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Log;
  readonly roster: Pick<Roster, 'has' | 'onChange'>;
  readonly saved: readonly SignedAnnouncement[];
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  /** Tells members what is news, except its bringer. */
  readonly spread: (bytes: Bytes, lung: LungName | undefined, from: Author | undefined) => void;
  /** Called whenever what is known of a member has changed. */
  readonly onChange: (announcement: Announcement) => void;
}

/** An announcement as members name it to each other. */
export interface HeldAnnouncement extends SignedAnnouncement {
  /** The first ANNOUNCEMENT_ID_BYTES of its hash. */
  readonly id: Bytes;
}

/** Where members say that they can be reached: of each member the newest announcement, which is durable (SPEC AD2). */
export interface Announcements {
  of(author: Author): Announcement | undefined;
  all(): readonly HeldAnnouncement[];
  /** Takes an encoded announcement. LatticeError `malformed` or `unknown-version`. */
  hear(bytes: Bytes, lung: LungName | undefined, from: Author | undefined): Promise<Heard>;
  /** Announces this node where what it says of itself has changed since an earlier run. */
  start(): void;
  /** To be called when what this node says of itself may be another. */
  ownChanged(): void;
  stop(): void;
}

export function createAnnouncements(deps: AnnouncementsDeps): Announcements {
  const { self, roster, clock, log } = deps;
  const known = new Map<Author, HeldAnnouncement>();
  const news = createBuckets(clock, NEWS_OF_ONE, MAX_ANNOUNCEMENTS);
  const ownNews = createBuckets(clock, OWN_NEWS, 1);
  let unfollow: (() => void) | undefined;
  let again: Timer | undefined;

  function hold(signed: SignedAnnouncement): void {
    const id = deps.hasher.hash(signed.bytes).slice(0, ANNOUNCEMENT_ID_BYTES);
    known.set(signed.announcement.author, { ...signed, id });
  }
  for (const signed of deps.saved) if (roster.has(signed.announcement.author)) hold(signed);

  const isNews = ({ network, author, sequence }: Announcement): boolean =>
    network === deps.network &&
    (author === self || roster.has(author)) &&
    sequence > (known.get(author)?.announcement.sequence ?? 0);

  async function take(signed: SignedAnnouncement): Promise<void> {
    const { announcement, bytes } = signed;
    hold(signed);
    await deps.keep(() => [{ type: 'put', key: announcementKey(announcement.author), value: bytes }]);
    deps.onChange(announcement);
  }

  async function announce(): Promise<void> {
    const before = known.get(self)?.announcement.sequence ?? 0;
    // The clock keeps an announcement by a store that is new later than those by the one that was lost.
    const sequence = Math.max(before + 1, Math.floor(clock.now()));
    const own = deps.own();
    const announcement = { network: deps.network, author: self, sequence, ...own };
    const signed = signAnnouncement(announcement, (message) => deps.signer.sign(message));
    log.info({ ...own, sequence }, 'this node announces where it can be reached');
    await take(signed);
    deps.spread(signed.bytes, undefined, undefined);
  }

  function announceIfOther(): void {
    const own = deps.own();
    const told = known.get(self)?.announcement ?? { name: '', urls: [], multiaddrs: [] };
    const isSame =
      told.name === own.name &&
      told.urls.join() === own.urls.join() &&
      told.multiaddrs.join() === own.multiaddrs.join();
    if (isSame || !roster.has(self) || again !== undefined) return;
    if (!ownNews.get(self).take(1)) {
      again = clock.after(AGAIN_MS, () => {
        again = undefined;
        announceIfOther();
      });
      return;
    }
    // A store that fails ends the process by itself.
    announce().catch((err: unknown) => log.error({ err }, 'this node could not announce where it can be reached'));
  }

  async function forgetGone(): Promise<void> {
    const gone = [...known.keys()].filter((author) => author !== self && !roster.has(author));
    if (gone.length === 0) return;
    for (const author of gone) known.delete(author);
    await deps.keep(() => gone.map((author) => ({ type: 'del', key: announcementKey(author) })));
  }

  return {
    of: (author) => known.get(author)?.announcement,
    all: () => [...known.values()],
    async hear(bytes, lung, from) {
      // What is kept must not be a view of a whole message.
      const signed = decodeAnnouncement(bytes.slice());
      const { announcement, signature } = signed;
      // A replay costs no signature check.
      if (!isNews(announcement)) return 'known';
      if (!(await deps.verifier.verify(announcement.author, announcementBytes(announcement), signature)))
        return 'forged';
      if (!isNews(announcement)) return 'known';
      if (announcement.author !== self && !news.get(announcement.author).take(1)) return 'known';
      await take(signed);
      const { author, urls, multiaddrs } = announcement;
      log.info({ author, urls, multiaddrs }, 'a member tells where it can be reached');
      deps.spread(bytes, lung, from);
      // An earlier store of this key, or an earlier configuration, said something else.
      if (author === self) announceIfOther();
      return 'news';
    },
    start() {
      const onError = (err: unknown): void => log.error({ err }, 'announcements of former members were not removed');
      unfollow = roster.onChange(() => {
        forgetGone().catch(onError);
        announceIfOther();
      });
      announceIfOther();
    },
    ownChanged: announceIfOther,
    stop() {
      unfollow?.();
      again?.cancel();
    },
  };
}
