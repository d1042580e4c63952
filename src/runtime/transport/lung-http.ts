import type { Author, Bytes } from '../../core/types/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import { createAnnouncedTries, worstOf } from './announced-tries.ts';
import type { HttpHandlers, HttpPeer, HttpUrl, HttpUrlDeps } from './http-peer.ts';
import { createHttpUrl } from './http-url.ts';

/** How often every URL is looked at, at least. It is fine enough for a heartbeat of one second. */
const LOOK_EVERY_MS = 250;
/** Most URLs that members announced and that are not reached which are tried at a time. */
const MAX_ANNOUNCED_TRIES = 8;

/** A URL at which a member says that it answers. */
export interface AnnouncedUrl {
  readonly url: string;
  readonly author: Author;
}

/** What the rest of the node does with what peers say over HTTP. */
export interface HttpPeerHandlers extends Omit<HttpHandlers, 'onIdentity'> {
  /**
   * The author proved to answer at a URL of ours. `url` is the primary one of those at which it does. `configured`: at
   * least one of them is configured, or was added by an operator.
   */
  readonly onIdentity: (author: Author, url: string, configured: boolean) => void;
  /** The author had proven to answer at a URL of ours, and another node does so since, or the URL was removed. */
  readonly onLeft: (author: Author) => void;
}

export interface HttpSupervisor {
  start(handlers: HttpPeerHandlers): void;
  stop(): Promise<void>;
  peers(): readonly HttpPeer[];
  /** The primary URL of a peer: the one over which it is carried. */
  find(author: Author): HttpPeer | undefined;
  /** Adds a URL; does nothing when the URL is there already. */
  add(url: string): void;
  /** Removes a URL: closes its stream and drops what waits for it. */
  remove(url: string): void;
  /**
   * Sets the URLs that members announced, in place of the former ones. Configured ones go first: an announced one
   * carries a peer only where no configured one does.
   */
  announce(urls: readonly AnnouncedUrl[]): void;
  /** Asks a peer at once, or all of them, because its lung or the mode changed or an operator wants it. */
  wake(author?: Author): void;
  /**
   * Takes a knock: a node that names this author has just sent us a request over HTTP. Unreached URLs that may be its
   * own are looked at at once. The node need not have proven anything.
   */
  knocked(author: Author): void;
  /** Sends one sync request to a known URL. Rejects when the URL is not known. */
  request(url: string, message: Bytes, expect: Author | undefined): Promise<Bytes>;
  /**
   * Offers live commits to the peers that HTTP carries and that have no stream from us. `messages` encodes them as push
   * messages and is called only when a peer takes them.
   */
  push(messages: () => readonly Bytes[], except: Author | undefined): void;
  /** How many bytes of live commits wait to be pushed. */
  outboxBytes(): number;
}

/**
 * The client side of the HTTP lung: one small loop for each URL, configured or announced. A peer that answers at several URLs is
 * carried over one of them, its primary one. The others are alternatives, of which one takes over when the primary one
 * fails; until then they are asked now and then, so that it is known whether they work.
 */
export function createHttpSupervisor(
  deps: Omit<HttpUrlDeps, 'isPrimary'> & { readonly urls: readonly string[] },
): HttpSupervisor {
  const formerTries = createAnnouncedTries(deps.clock);
  function makeUrl(text: string, announcer?: Author): HttpUrl {
    const isPrimary = (author: Author): boolean => primaryOf(author)?.peer.url === text;
    if (announcer === undefined) return createHttpUrl({ ...deps, isPrimary }, text);
    const others = urls.filter((url) => url.announcer === announcer).map((url) => url.tries());
    const tries = worstOf([formerTries.of(announcer), ...others]);
    return createHttpUrl({ ...deps, isPrimary }, text, announcer, tries);
  }
  const primaries = new Map<Author, HttpUrl>();
  let urls: readonly HttpUrl[] = [];
  /** The endings of removed URLs, which the node awaits before it has stopped. */
  const endings = new Set<Promise<void>>();
  /** Whoever last proved to answer at each URL. It outlives failures, in which anybody may be in between. */
  const proven = new Map<string, Author>();
  let handlers: HttpHandlers | undefined;
  let tell: HttpPeerHandlers | undefined;
  let looks: Repetition | undefined;
  let stopped = false;
  /** What members announced last, configured or not: it counts again where its URL is configured no more. */
  let announced: readonly AnnouncedUrl[] = [];
  urls = deps.urls.map((text) => makeUrl(text));

  /**
   * The URL over which a peer is carried. It stays the same for as long as it works, or as no other one does; only an
   * announced one gives way to a configured one that works.
   */
  function primaryOf(author: Author): HttpUrl | undefined {
    const own = urls.filter(({ peer }) => peer.author === author);
    const former = primaries.get(author);
    const working = own.find(({ peer }) => peer.reachable);
    const gives = former?.peer.announced === true && working?.peer.announced === false;
    const stays =
      former !== undefined && own.includes(former) && !gives && (former.peer.reachable || working === undefined);
    const primary = stays ? former : (working ?? own[0]);
    if (primary === former) return primary;
    if (primary === undefined) {
      primaries.delete(author);
      return undefined;
    }
    // Who answers at a URL may change again and again, and no more authors are remembered than there are URLs.
    if (primaries.size >= urls.length)
      for (const [other, { peer }] of primaries) if (peer.author !== other) primaries.delete(other);
    // This comes before others are told, because they may ask again.
    primaries.set(author, primary);
    if (former !== undefined) {
      deps.log.info({ peer: author, from: former.peer.url, to: primary.peer.url }, 'HTTP peer has another primary URL');
      primary.takeOver(former.cursor);
    }
    tell?.onIdentity(author, primary.peer.url, isConfigured(author));
    return primary;
  }

  const isConfigured = (author: Author): boolean => urls.some(({ peer }) => peer.author === author && !peer.announced);

  function proves(url: string, author: Author | undefined): void {
    const former = proven.get(url);
    if (author === undefined) proven.delete(url);
    else proven.set(url, author);
    if (former !== undefined && former !== author && former !== deps.self) tell?.onLeft(former);
  }

  function look(url: HttpUrl): void {
    if (handlers !== undefined && !stopped && isDue(url)) url.look(handlers);
  }

  /** An announced URL is asked only while its member is reached at no other one, and few at a time. */
  function isDue(url: HttpUrl): boolean {
    const { announcer, peer } = url;
    if (announcer === undefined || url.busy) return true;
    if (urls.some((other) => other !== url && other.peer.author === announcer && other.peer.reachable)) {
      if (peer.reachable && primaryOf(announcer) === url) return true;
      url.rest();
      return false;
    }
    if (peer.reachable) return true;
    const tried = urls.filter((other) => other.peer.announced && !other.peer.reachable && other.busy);
    return tried.length < MAX_ANNOUNCED_TRIES;
  }

  const lookAtAll = (): void => urls.forEach(look);

  function end(url: HttpUrl): void {
    if (url.announcer !== undefined) formerTries.remember(url.announcer, url.tries());
    urls = urls.filter((one) => one !== url);
    if (!urls.some(({ peer }) => peer.url === url.peer.url)) proves(url.peer.url, undefined);
    const ending = url.stop(new Error('no longer a peer'));
    endings.add(ending);
    void ending.finally(() => endings.delete(ending));
  }

  /** Makes the announced URLs those that members announced and that are not configured. */
  function applyAnnounced(): void {
    const wanted = announced.filter(({ url }) => !urls.some(({ peer }) => peer.url === url && !peer.announced));
    const isSame = (one: HttpUrl, { url, author }: AnnouncedUrl): boolean =>
      one.peer.url === url && one.announcer === author;
    const gone = urls.filter((one) => one.peer.announced && !wanted.some((other) => isSame(one, other)));
    const added = wanted
      .filter((one) => !urls.some((other) => isSame(other, one)))
      .map(({ url, author }) => makeUrl(url, author));
    urls = [...urls, ...added];
    gone.forEach(end);
    added.forEach(look);
  }

  return {
    start(given) {
      tell = given;
      handlers = {
        ...given,
        onIdentity(author, url) {
          if (author !== deps.self) given.onIdentity(author, primaryOf(author)?.peer.url ?? url, isConfigured(author));
          proves(url, author);
        },
      };
      looks = every(deps.clock, Math.min(LOOK_EVERY_MS, deps.heartbeatMs), lookAtAll, {
        firstMs: 0,
        onError: (err) => deps.log.error({ err }, 'looking at the HTTP peers failed'),
      });
    },
    async stop() {
      stopped = true;
      looks?.stop();
      const reason = new Error('the node is stopping');
      await Promise.all([...urls.map((url) => url.stop(reason)), ...endings]);
    },
    peers: () => urls.map(({ peer }) => peer),
    find: (author) => primaryOf(author)?.peer,
    add(text) {
      const known = urls.find(({ peer }) => peer.url === text && !peer.announced);
      if (known !== undefined) return;
      const url = makeUrl(text);
      const same = urls.filter(({ peer }) => peer.announced && peer.url === text);
      // The configured ones stand before all that were announced.
      urls = [...urls.filter(({ peer }) => !peer.announced), url, ...urls.filter(({ peer }) => peer.announced)];
      same.forEach(end);
      look(url);
    },
    remove(text) {
      const url = urls.find(({ peer }) => peer.url === text && !peer.announced);
      if (url === undefined) return;
      end(url);
      applyAnnounced();
    },
    announce(next) {
      announced = next;
      applyAnnounced();
    },
    wake(author) {
      for (const url of urls) {
        if (author !== undefined && url.peer.author !== author) continue;
        url.wake();
        look(url);
      }
    },
    knocked(author) {
      for (const url of urls) if (url.knocked(author)) look(url);
    },
    request(text, message, expect) {
      const url = urls.find(({ peer }) => peer.url === text);
      return url === undefined
        ? Promise.reject(new Error(`${text} is not a peer's URL any more`))
        : url.request(message, expect);
    },
    push(messages, except) {
      let encoded: readonly Bytes[] | undefined;
      for (const url of urls) url.push(() => (encoded ??= messages()), except);
    },
    outboxBytes: () => urls.reduce((sum, url) => sum + url.outboxBytes, 0),
  };
}
