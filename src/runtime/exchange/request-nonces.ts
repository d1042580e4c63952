import { type Author, type Bytes, concatBytes, equalBytes, type Hasher } from '../../core/types/index.ts';
import type { Clock, Random } from '../../ports/index.ts';

/**
 * How many nonces of one author are remembered: a peer needs one, and one more for each restart or second URL within
 * their lifetime.
 */
const MAX_PER_AUTHOR = 8;
/** After this time a recorded request is worthless. An honest client asks for a new nonce by itself. */
const LIFETIME_MS = 10 * 60_000;
/** By how many places requests that are sent at the same time may arrive out of order. */
const WINDOW = 256;
/** The block size of SHA-256 in bytes. */
const BLOCK = 64;

/** What one author has used of one nonce. */
export interface NonceUse {
  readonly issued: Issued;
  highest: number;
  /** The counters that were used within (highest − WINDOW, highest]. */
  readonly used: Set<number>;
}

/** When a nonce was issued. Nonces of one incarnation are ordered by it. */
interface Issued {
  readonly seconds: number;
  readonly number: number;
}

/**
 * The request nonces of the HTTP lung's server side (SPEC X5). They make a signed request count once, without wall
 * clocks.
 */
export interface RequestNonces {
  /** Issues a new nonce of 16 bytes. Nothing is kept of it. */
  issue(): Bytes;
  /**
   * What `author` has used of the nonce, which may be nothing. Undefined when the nonce is not of this incarnation, has
   * expired, or is older than those that are remembered of the author.
   */
  find(nonce: Bytes, author: Author): NonceUse | undefined;
  /** Whether a request of the author under the nonce was found genuine before. */
  isProven(use: NonceUse): boolean;
  /** Whether `counter` has not been used and is within the window. */
  isFresh(use: NonceUse, counter: number): boolean;
  /**
   * Uses `counter`. To be called when the signature of the author is known to be good. Returns false when another
   * request was faster.
   */
  use(use: NonceUse, author: Author, counter: number): boolean;
}

/** HMAC-SHA256 (RFC 2104) of a short key. */
function hmac(key: Bytes, message: Bytes, hasher: Hasher): Bytes {
  const padded = (byte: number): Bytes => Uint8Array.from({ length: BLOCK }, (_, i) => (key[i] ?? 0) ^ byte);
  return hasher.hash(concatBytes(padded(0x5c), hasher.hash(concatBytes(padded(0x36), message))));
}

const isBefore = (a: Issued, b: Issued): boolean =>
  a.seconds === b.seconds ? a.number < b.number : a.seconds < b.seconds;
const isSame = (a: Issued, b: Issued): boolean => a.seconds === b.seconds && a.number === b.number;

/**
 * A nonce says when it was issued and carries the beginning of an HMAC of that by a key of this incarnation, so that
 * those who only ask for nonces take no memory and displace nobody. What is remembered is what authors have used in
 * genuine requests.
 */
export function createRequestNonces(deps: {
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
}): RequestNonces {
  const { clock, hasher } = deps;
  const key = deps.random.bytes(32);
  let issuedNumber = 0;
  /** For each author, which the caller has found to be a member: what it has used, the oldest nonce first. */
  const usedBy = new Map<Author, { uses: NonceUse[]; forgotten: Issued | undefined }>();

  const seconds = (): number => Math.floor(clock.monotonic() / 1000);

  function nonceOf(issued: Issued): Bytes {
    const nonce = new Uint8Array(16);
    const view = new DataView(nonce.buffer);
    view.setUint32(0, issued.seconds);
    view.setUint32(4, issued.number);
    nonce.set(hmac(key, nonce.subarray(0, 8), hasher).subarray(0, 8), 8);
    return nonce;
  }

  const isLive = (issued: Issued): boolean => (seconds() - issued.seconds) * 1000 < LIFETIME_MS;
  const isFresh = (use: NonceUse, counter: number): boolean =>
    counter > use.highest - WINDOW && counter > 0 && !use.used.has(counter);

  return {
    issue() {
      issuedNumber = (issuedNumber + 1) % 2 ** 32;
      return nonceOf({ seconds: seconds(), number: issuedNumber });
    },
    find(nonce, author) {
      const view = new DataView(nonce.buffer, nonce.byteOffset, nonce.byteLength);
      const issued = { seconds: view.getUint32(0), number: view.getUint32(4) };
      if (!isLive(issued) || !equalBytes(nonceOf(issued), nonce)) return undefined;
      const known = usedBy.get(author);
      const use = known?.uses.find((u) => isSame(u.issued, issued));
      if (use !== undefined) return use;
      // Counters that were used with it may have been forgotten.
      if (known?.forgotten !== undefined && !isBefore(known.forgotten, issued)) return undefined;
      return { issued, highest: 0, used: new Set() };
    },
    isProven: ({ highest }) => highest > 0,
    isFresh,
    use(use, author, counter) {
      const known = usedBy.get(author) ?? { uses: [], forgotten: undefined };
      usedBy.set(author, known);
      const held = known.uses.find((u) => isSame(u.issued, use.issued));
      const mine = held ?? use;
      if (!isFresh(mine, counter)) return false;
      if (held === undefined) {
        const live = [...known.uses.filter((u) => isLive(u.issued)), use];
        live.sort((a, b) => (isBefore(a.issued, b.issued) ? -1 : 1));
        if (live.length > MAX_PER_AUTHOR) known.forgotten = live.shift()?.issued;
        known.uses = live;
      }
      mine.used.add(counter);
      if (counter > mine.highest) {
        mine.highest = counter;
        for (const old of mine.used) if (old <= counter - WINDOW) mine.used.delete(old);
      }
      return true;
    },
  };
}
