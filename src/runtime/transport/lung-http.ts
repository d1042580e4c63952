import type { Author, Bytes } from '../../core/types/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import { createHttpUrl, type HttpHandlers, type HttpPeer, type HttpUrl, type HttpUrlDeps } from './http-url.ts';

/** How often every URL is looked at, at the least: fine enough for a heartbeat of a second. */
const LOOK_EVERY_MS = 250;

export interface HttpSupervisor {
  start(handlers: HttpHandlers): void;
  stop(): Promise<void>;
  peers(): readonly HttpPeer[];
  find(author: Author): HttpPeer | undefined;
  /** One more URL to look after; nothing when it is known. */
  add(url: string): void;
  /** Lets go of a URL: its stream is closed, what waits for it is dropped. */
  remove(url: string): void;
  /** Looks at a peer at once: its lung or the mode changed, or an operator asks. */
  wake(author?: Author): void;
  /**
   * A node that names this key has just spoken to us over HTTP: URLs that may be its and are not reached are looked at
   * at once. Nothing of it need be proven.
   */
  knocked(author: Author): void;
  /** One sync request to a known URL. Rejects when the URL is not looked after any more. */
  request(url: string, message: Bytes, expect: Author | undefined): Promise<Bytes>;
  /**
   * Offers live commits (encoded push messages, made when somebody needs them) to the peers that HTTP carries and that
   * have no stream from us.
   */
  push(messages: () => readonly Bytes[], except: Author | undefined): void;
  /** Bytes of live commits waiting to be pushed. */
  outboxBytes(): number;
}

/** The client side of the HTTP lung: one small loop for each configured URL. */
export function createHttpSupervisor(deps: HttpUrlDeps & { readonly urls: readonly string[] }): HttpSupervisor {
  let urls: readonly HttpUrl[] = deps.urls.map((url) => createHttpUrl(deps, url));
  /** What is under way with URLs that were removed ends before the node does. */
  const endings = new Set<Promise<void>>();
  let handlers: HttpHandlers | undefined;
  let looks: Repetition | undefined;
  let stopped = false;

  function look(url: HttpUrl): void {
    if (handlers !== undefined && !stopped) url.look(handlers);
  }

  const lookAtAll = (): void => urls.forEach(look);

  return {
    start(given) {
      handlers = given;
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
    find: (author) => urls.find(({ peer }) => peer.author === author)?.peer,
    add(text) {
      if (urls.some(({ peer }) => peer.url === text)) return;
      const url = createHttpUrl(deps, text);
      urls = [...urls, url];
      look(url);
    },
    remove(text) {
      const url = urls.find(({ peer }) => peer.url === text);
      if (url === undefined) return;
      urls = urls.filter((one) => one !== url);
      const ending = url.stop(new Error('no longer a peer'));
      endings.add(ending);
      void ending.finally(() => endings.delete(ending));
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
