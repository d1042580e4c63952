import { type Author, type Bytes, bytesToHex } from '../../core/types/index.ts';
import type { Clock, Random } from '../../ports/index.ts';

/** How many nonces that nobody has used are remembered. Anybody gets one for the asking, so the oldest is dropped. */
const MAX_WAITING = 1024;
/**
 * How many nonces one author may have in use: a peer needs one, and one more for each restart or second URL within
 * their lifetime.
 */
const MAX_PER_AUTHOR = 8;
/** After this time a recorded request is worthless. An honest client asks for a new nonce by itself. */
const LIFETIME_MS = 10 * 60_000;
/** By how many places requests that are sent at the same time may arrive out of order. */
const WINDOW = 256;

/** A request nonce and its state. Until its first valid request it belongs to no author. */
export interface RequestNonce {
  readonly nonce: string;
  readonly expiresAt: number;
  owner: Author | undefined;
  highest: number;
  /** The counters that were used within (highest − WINDOW, highest]. */
  readonly used: Set<number>;
}

/**
 * The request nonces of the HTTP lung's server side (SPEC X5). They make a signed request count once, without wall
 * clocks.
 */
export interface RequestNonces {
  /** Issues a new nonce of 16 bytes. */
  issue(): Bytes;
  /**
   * The nonce with its state, if it was issued, has not expired and `author` may use it; it is not another author's.
   */
  find(nonce: Bytes, author: Author): RequestNonce | undefined;
  /** Whether `counter` has not been used and is within the window. */
  isFresh(session: RequestNonce, counter: number): boolean;
  /**
   * Uses `counter` and binds the nonce to `author`. To be called when the signature is known to be good. Returns false
   * when another request was faster.
   */
  use(session: RequestNonce, author: Author, counter: number): boolean;
}

/**
 * Nonces in use are kept apart from those that were only asked for, so that a flood of anonymous askers cannot displace
 * the nonces of trusted peers.
 */
export function createRequestNonces(deps: { readonly clock: Clock; readonly random: Random }): RequestNonces {
  const { clock, random } = deps;
  // Both maps are in the order of issue, hence of expiry.
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
