import type { Clock } from '../../ports/index.ts';
import type { VaultFetch } from '../facade/index.ts';
import type { Book } from './book.ts';
import type { Inventory } from './inventory.ts';
import { isUnderWay } from './wanted.ts';

/** Objects that the status lists, those under way first: enough to see what is wrong, and a small status. */
const MAX_SHOWN = 64;

/** What is fetched, and what waits and why, as the status tells it. */
export function shownFetches(deps: {
  readonly book: Pick<Book, 'all' | 'rests'>;
  readonly inventory: Pick<Inventory, 'named' | 'held' | 'partialBytes'>;
  readonly clock: Clock;
  /** Why nothing is fetched at present. */
  readonly pause: () => string | undefined;
}): readonly VaultFetch[] {
  const { book, inventory, clock } = deps;
  const shown = new Map<string, VaultFetch>();
  const at = (monotonic: number): number => Math.round(clock.now() - clock.monotonic() + monotonic);
  const isFull = (): boolean => shown.size >= MAX_SHOWN;

  function show(hash: string, from: readonly string[], bytesHere: number, reason: string | undefined, until: number) {
    if (shown.has(hash) || isFull()) return;
    const size = inventory.named(hash)?.size ?? 0;
    const waiting = reason === undefined ? {} : { waiting: { reason: sentence(reason), retryAt: at(until) } };
    shown.set(hash, { hash, size, bytesHere, from, ...waiting });
  }

  const pause = deps.pause();
  const all = [...book.all()];
  for (const { hash, transfer, from, reason } of [...all.filter(isUnderWay), ...all]) {
    if (isFull()) break;
    const why = pause ?? (transfer === undefined ? (reason ?? 'it waits for its turn') : reason);
    show(hash, [...from], transfer?.bytesHere ?? inventory.partialBytes(hash), why, clock.monotonic());
  }
  for (const { hash, until, reason } of book.rests()) {
    if (isFull()) break;
    if (inventory.held(hash) === undefined) show(hash, [], inventory.partialBytes(hash), reason, until);
  }
  return [...shown.values()];
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;
