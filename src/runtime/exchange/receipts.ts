import { hexToHlc, hlcMs } from '../../core/clock/index.ts';
import { type Author, type Bytes, counted, type Hasher, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { type AwaitedCommit, keyHash } from '../../core/wire/index.ts';
import type { Clock, Metrics, Timer } from '../../ports/index.ts';
import type { AttestationBook } from '../cuts/attestation-book.ts';
import type { CompleteCuts } from '../cuts/complete.ts';
import {
  CUTS_MS,
  MAX_RECEIPT_MS,
  REPLICAS_MS,
  type ReceiptPlace,
  type ReceiptService,
  type ReceiptView,
  type ReceiptWish,
  type WrittenCommit,
} from '../facade/receipts.ts';
import type { Roster } from '../fleet/roster.ts';
import { increasing, type Replicas } from './replicas.ts';

/** Writes that wait at a time. Each keeps a request open and some kilobytes. */
const MAX_WAITS = 1024;

export interface ReceiptsDeps {
  readonly self: Author;
  readonly hasher: Hasher;
  readonly roster: Pick<Roster, 'writers' | 'isWriter' | 'onChange'>;
  readonly replicas: Pick<Replicas, 'follow' | 'stop'>;
  readonly book: Pick<AttestationBook, 'certifiedAt' | 'onAdded'>;
  readonly complete: Pick<CompleteCuts, 'newest' | 'onNewer'>;
  readonly labelOf: (author: Author) => string;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'count'>;
}

/** Writes that wait for more than this node's disk (SPEC RC). `stop` ends all with what has come, and later ones too. */
export function createReceipts(deps: ReceiptsDeps): ReceiptService & { stop(): void } {
  const { self, roster, clock } = deps;
  /** Of writes that wait, or are being written and wait then. */
  const places = new Set<ReceiptPlace & { look(): void }>();
  /** What ends the listening to what writes wait for; empty while none waits. */
  let listening: readonly (() => void)[] = [];
  let stopped = false;

  const others = (): readonly Author[] => roster.writers.filter((author) => author !== self);
  const nodeOf = (author: Author) => ({ author, label: deps.labelOf(author) });

  function toAwaited({ commit, hlc, keys }: WrittenCommit): AwaitedCommit {
    return {
      commit: hexToBytes(commit) as Bytes,
      author: self,
      hlc: hexToHlc(hlc),
      keyHashes: increasing(keys.map((key) => keyHash(key, deps.hasher))),
    };
  }

  /**
   * The newest complete cut that holds what this node wrote up to it. Where this node attested the cut, it made no commit
   * that belongs to it afterwards (SPEC Z10); of another one it cannot say what is in it.
   */
  function completeAt(): number | undefined {
    const newest = deps.complete.newest();
    return newest?.signers.has(self) === true ? newest.at : undefined;
  }

  function lookAll(): void {
    for (const place of places) place.look();
  }

  /**
   * Looks at what waits as soon as there may be another cut for it. Many attestations come at once after a time away, and
   * of these only those count that make another cut certified.
   */
  function listen(): void {
    if (listening.length > 0) return;
    let certifiedAt = deps.book.certifiedAt();
    const onAdded = (): void => {
      const now = deps.book.certifiedAt();
      if (now === certifiedAt) return;
      certifiedAt = now;
      lookAll();
    };
    listening = [deps.book.onAdded(onAdded), deps.complete.onNewer(lookAll), roster.onChange(lookAll)];
  }

  function check({ replicas, timeoutMs }: ReceiptWish): void {
    const isIn = (n: number, max: number): boolean => Number.isInteger(n) && n >= 1 && n <= max;
    if (timeoutMs !== undefined && !isIn(timeoutMs, MAX_RECEIPT_MS))
      throw new LatticeError('invalid-receipt', `a write waits for 1 to ${MAX_RECEIPT_MS} ms`, {
        next: 'give such a time, or none',
      });
    if (replicas !== undefined && !isIn(replicas, Number.MAX_SAFE_INTEGER))
      throw new LatticeError('invalid-receipt', 'replicas is a number of other writers, at least 1', {
        next: 'give such a number, or leave it out',
      });
    const there = others().length;
    if (replicas !== undefined && replicas > there)
      throw new LatticeError(
        'too-many-replicas',
        `${counted(replicas, 'other writer')} cannot hold it: the roster has ${there}`,
        { next: `ask for at most ${there}, or add a writer first`, details: { replicas, others: there } },
      );
    if (places.size >= MAX_WAITS)
      throw new LatticeError('overloaded', `${MAX_WAITS} writes wait for receipts already`, {
        details: { retryAfterMs: 1000 },
      });
  }

  function reserve(wish: ReceiptWish): ReceiptPlace {
    check(wish);
    const { replicas: wanted, certified = false, complete = false } = wish;
    const timeoutMs = wish.timeoutMs ?? (certified || complete ? CUTS_MS : REPLICAS_MS);
    let isOver = stopped;
    let look = (): void => undefined;
    const place = { look: () => look(), wait, end };
    if (!isOver) places.add(place);

    function end(): void {
      isOver = true;
      look();
      places.delete(place);
      if (places.size > 0) return;
      for (const stop of listening) stop();
      listening = [];
    }

    function wait(written: WrittenCommit, signal?: AbortSignal): Promise<ReceiptView> {
      const ms = hlcMs(hexToHlc(written.hlc));
      const began = clock.monotonic();
      const signed = new Set<Author>();

      const cutOf = (at: number | undefined) => (at !== undefined && at >= ms ? { at } : {});
      function view(): ReceiptView {
        const there = others();
        const have = there.filter((author) => signed.has(author));
        const cuts = {
          ...(certified ? { certified: cutOf(deps.book.certifiedAt()) } : {}),
          ...(complete ? { complete: cutOf(completeAt()) } : {}),
        };
        const isMissing = Object.values(cuts).some(({ at }) => at === undefined);
        return {
          met: !isMissing && (wanted === undefined || have.length >= wanted),
          waitedMs: Math.round(clock.monotonic() - began),
          ...(wanted === undefined
            ? {}
            : {
                replicas: {
                  wanted,
                  signed: have.map(nodeOf),
                  missing: there.filter((author) => !signed.has(author)).map(nodeOf),
                },
              }),
          ...cuts,
        };
      }

      return new Promise<ReceiptView>((resolve, reject) => {
        let followed: { end(): void } | undefined;
        let late: Timer | undefined;
        let isSettled = false;
        let isLate = false;
        const settle = (): void => {
          isSettled = true;
          look = () => undefined;
          late?.cancel();
          followed?.end();
          signal?.removeEventListener('abort', abort);
          end();
        };
        const abort = (): void => {
          settle();
          reject(signal?.reason as unknown);
        };
        look = () => {
          const seen = view();
          if (!seen.met && !isOver && !isLate) return;
          settle();
          deps.metrics.count('lattice_receipts_total', { outcome: seen.met ? 'met' : 'late' });
          resolve(seen);
        };
        if (signal?.aborted) return abort();
        signal?.addEventListener('abort', abort);
        if (!isOver) {
          listen();
          late = clock.after(timeoutMs, () => {
            isLate = true;
            look();
          });
        }
        if (!isOver && wanted !== undefined)
          followed = deps.replicas.follow(toAwaited(written), (author) => {
            signed.add(author);
            look();
          });
        look();
        // What had come already may have ended it while it was being followed.
        if (isSettled) followed?.end();
      });
    }

    return place;
  }

  return {
    reserve,
    stop() {
      stopped = true;
      for (const place of places) place.end();
      deps.replicas.stop();
    },
  };
}
