import { type Author, type Bytes, bytesToHex } from '../../core/types/index.ts';
import type { Clock, Random } from '../../ports/index.ts';

/** Nonces handed out and not yet used: whoever asks gets one, so the oldest gives way. */
const MAX_WAITING = 1024;
/** Sessions of one author: a peer needs one, and one more for each restart or second URL within their lifetime. */
const MAX_PER_AUTHOR = 8;
/** A recorded request is worthless after this; an honest client asks again unnoticed. */
const LIFETIME_MS = 10 * 60_000;
/** Requests that run side by side may arrive out of order by this many. */
const WINDOW = 256;

/** A session nonce's state. Until its first valid request it belongs to nobody. */
export interface RequestNonce {
  readonly nonce: string;
  readonly expiresAt: number;
  owner: Author | undefined;
  highest: number;
  /** Counters used within (highest − WINDOW, highest]. */
  readonly used: Set<number>;
}

/** Session nonces of the HTTP lung's server side: what makes a signed request count once, without wall clocks. */
export interface RequestNonces {
  /** A new nonce of 16 bytes. */
  issue(): Bytes;
  /** The session that `author` may use under this nonce: issued, not expired, and nobody else's. */
  find(nonce: Bytes, author: Author): RequestNonce | undefined;
  /** Whether `counter` was not used yet and lies within the window. */
  isFresh(session: RequestNonce, counter: number): boolean;
  /**
   * Uses `counter` and binds the session to `author`: call once the signature is known to be good. False when somebody
   * was faster.
   */
  use(session: RequestNonce, author: Author, counter: number): boolean;
}

/**
 * Sessions in use stand apart from nonces merely asked for, so that a flood of anonymous askers cannot push out
 * the sessions of trusted peers.
 */
export function createRequestNonces(deps: { readonly clock: Clock; readonly random: Random }): RequestNonces {
  const { clock, random } = deps;
  // Both in order of issue, hence of expiry.
  const waiting = new Map<string, RequestNonce>();
  const owned = new Map<Author, RequestNonce[]>();

  const isFresh = (session: RequestNonce, counter: number): boolean =>
    counter > session.highest - WINDOW && counter > 0 && !session.used.has(counter);

  return {
    issue() {
      for (const [nonce, session] of waiting) {
        if (session.expiresAt > clock.monotonic() && waiting.size < MAX_WAITING) break;
        waiting.delete(nonce);
      }
      const bytes = random.bytes(16);
      const nonce = bytesToHex(bytes);
      waiting.set(nonce, {
        nonce,
        expiresAt: clock.monotonic() + LIFETIME_MS,
        owner: undefined,
        highest: 0,
        used: new Set(),
      });
      return bytes;
    },
    find(nonceBytes, author) {
      const nonce = bytesToHex(nonceBytes);
      const session = owned.get(author)?.find((s) => s.nonce === nonce) ?? waiting.get(nonce);
      return session !== undefined && session.expiresAt > clock.monotonic() ? session : undefined;
    },
    isFresh,
    use(session, author, counter) {
      if ((session.owner !== undefined && session.owner !== author) || !isFresh(session, counter)) return false;
      if (session.owner === undefined) {
        session.owner = author;
        waiting.delete(session.nonce);
        const live = (owned.get(author) ?? []).filter((s) => s.expiresAt > clock.monotonic());
        owned.set(author, [...live, session].slice(-MAX_PER_AUTHOR));
      }
      session.used.add(counter);
      if (counter > session.highest) {
        session.highest = counter;
        for (const old of session.used) if (old <= counter - WINDOW) session.used.delete(old);
      }
      return true;
    },
  };
}
