import { type Author, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { MAX_HAVE, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Log, Metrics, Random } from '../../ports/index.ts';
import type { Peer } from '../peers/peers.ts';
import { type Book, restAfter } from './book.ts';
import type { Sources } from './sources.ts';
import type { Offer, Wanted } from './wanted.ts';

/** Objects of which it is remembered who sent wrong bytes; beyond it the oldest is forgotten and may be tried again. */
const MAX_LEFT_OUT = 4096;

export interface OffersDeps {
  readonly book: Pick<Book, 'all' | 'get'>;
  readonly sources: Sources;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nameOf: (author: Author) => string;
  readonly onWrong: (hash: string, peer: Author, text: string) => void;
}

/** Which peer has which object, as far as it has told, and which peer is believed no more. */
export interface Offers {
  /** Asks the peer after everything wanted of which that is not known; undefined when there is nothing to ask. */
  askAfter(peer: Peer): Promise<void> | undefined;
  /** Whether the peer may be asked for bytes of the object at present. */
  gives(wanted: Wanted, author: Author): boolean;
  /** Whether bytes of the object may come from the peer, at present or later. */
  mayGive(wanted: Wanted, author: Author): boolean;
  /** Takes note of a request for bytes that failed, or whose answer was wrong: its sender is left out (SPEC U11). */
  failed(wanted: Wanted, peer: Peer, error: unknown): void;
  /** Forgets who was left out for the object. */
  forget(hash: string): void;
}

export function unexpected(answer: SyncMessage, to: string): LatticeError {
  return new LatticeError('unexpected-answer', `the peer answered ${answer.type} to ${to}`);
}

export function createOffers(deps: OffersDeps): Offers {
  const { book, sources, clock, log } = deps;
  const leftOut = new Map<string, Set<Author>>();
  const now = (): number => clock.monotonic();
  const isLeftOut = (hash: string, author: Author): boolean => leftOut.get(hash)?.has(author) === true;

  function offerOf({ offers }: Wanted, author: Author): Offer {
    let offer = offers.get(author);
    if (offer === undefined) offers.set(author, (offer = { has: 'unknown', nextAt: 0, failures: 0 }));
    return offer;
  }

  function set(hash: string, author: Author, has: 'unknown' | 'none' | 'whole'): void {
    const wanted = book.get(hash);
    if (wanted === undefined) return;
    const offer = offerOf(wanted, author);
    offer.has = has;
    if (has === 'none') offer.nextAt = now() + restAfter(++offer.failures, deps.random.fraction());
    else if (has === 'whole') offer.failures = 0;
  }

  async function have(peer: Peer, hashes: readonly string[]): Promise<void> {
    try {
      const asked = hashes.flatMap((hash) => hexToBytes(hash) ?? []);
      const answer = await sources.request(peer, { type: 'have', hashes: asked });
      if (answer.type !== 'held' || answer.holdings.length !== hashes.length) throw unexpected(answer, 'have');
      hashes.forEach((hash, i) => set(hash, peer.author, answer.holdings[i] === 'whole' ? 'whole' : 'none'));
    } catch (error) {
      // A peer that is away or busy is asked nothing for a while. One that answers wrongly would be asked again at
      // once, so that it counts as one that does not have them.
      const isLater = sources.failureOf(error) === 'later';
      for (const hash of hashes) {
        set(hash, peer.author, isLater ? 'unknown' : 'none');
        const wanted = book.get(hash);
        if (!isLater && wanted !== undefined) wanted.reason = `${deps.nameOf(peer.author)}: ${messageOf(error)}`;
      }
      log.debug({ peer: peer.author, error: messageOf(error) }, 'a peer did not tell what it has of the vault');
    }
  }

  /** Several answers of one peer may be under way; the first wrong one is told. */
  function leaveOut({ hash }: Wanted, { author }: Peer, reason: string): void {
    if (isLeftOut(hash, author)) return;
    leftOut.set(hash, (leftOut.get(hash) ?? new Set<Author>()).add(author));
    const [oldest] = leftOut.keys();
    if (leftOut.size > MAX_LEFT_OUT && oldest !== undefined) leftOut.delete(oldest);
    deps.metrics.count('lattice_vault_blocks_total', { outcome: 'wrong' });
    log.warn({ peer: author, hash, reason }, 'left out as a source of this object');
    deps.onWrong(hash, author, reason);
  }

  return {
    askAfter(peer) {
      const hashes: string[] = [];
      for (const wanted of book.all()) {
        if (hashes.length >= MAX_HAVE) break;
        const offer = offerOf(wanted, peer.author);
        const isDue = offer.has === 'unknown' || (offer.has === 'none' && now() >= offer.nextAt);
        if (!isDue || isLeftOut(wanted.hash, peer.author)) continue;
        hashes.push(wanted.hash);
        offer.has = 'asking';
      }
      return hashes.length === 0 ? undefined : have(peer, hashes.sort());
    },
    gives({ hash, offers }, author) {
      const offer = offers.get(author);
      return offer?.has === 'whole' && now() >= offer.nextAt && !isLeftOut(hash, author);
    },
    mayGive: (wanted, author) => offerOf(wanted, author).has !== 'none' && !isLeftOut(wanted.hash, author),
    failed(wanted, peer, error) {
      const reason = messageOf(error);
      const failure = sources.failureOf(error);
      if (failure === 'wrong') leaveOut(wanted, peer, reason);
      else if (failure === 'not-here') set(wanted.hash, peer.author, 'none');
      else {
        const offer = offerOf(wanted, peer.author);
        offer.nextAt = now() + restAfter(++offer.failures, deps.random.fraction());
      }
      wanted.reason = `${deps.nameOf(peer.author)}: ${reason}`;
    },
    forget: (hash) => void leftOut.delete(hash),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
