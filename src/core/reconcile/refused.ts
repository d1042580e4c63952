import { type Author, type Bytes, bytesToHex, MAX_REFUSED_PER_PEER, type Refusal } from '../types/index.ts';
import type { KeyDifference } from './descend.ts';

/** The first wait before a refused difference is tried again, and the longest: a refusal seldom heals by itself. */
const RETRY_MIN_MS = 5_000;
const RETRY_MAX_MS = 600_000;

/** Why a difference was not settled: a refusal of either side, or the peer listed the key and sent nothing of it. */
export type Unsettled = Refusal | 'not-delivered';

/** A difference that was not settled: why, by which side, and whose commit it was where that is known. */
export interface Unsettlement {
  readonly reason: Unsettled;
  readonly by?: 'us' | 'peer';
  readonly author?: Author;
}

interface Refused extends Unsettlement {
  readonly attempts: number;
  readonly retryAt: number;
}

/**
 * Differences with one peer that would not be settled by trying again, because we refuse something from the peer or it
 * refuses something from us (SPEC S12). They are named by key hash and both leaf digests, so that any change on either
 * side makes the difference a new one. Their number is bounded; the oldest goes first and is merely found again.
 */
export class RefusedDifferences {
  readonly #refused = new Map<string, Refused>();

  get size(): number {
    return this.#refused.size;
  }

  reasons(): Record<string, number> {
    const out: Record<string, number> = {};
    for (const { reason } of this.#refused.values()) out[reason] = (out[reason] ?? 0) + 1;
    return out;
  }

  /** The same by reason, side and author. */
  groups(): (Unsettlement & { readonly keys: number })[] {
    const out = new Map<string, Unsettlement & { readonly keys: number }>();
    for (const { reason, by, author } of this.#refused.values()) {
      const name = `${reason} ${by ?? ''} ${author ?? ''}`;
      const group = { reason, ...(by === undefined ? {} : { by }), ...(author === undefined ? {} : { author }) };
      out.set(name, { ...group, keys: (out.get(name)?.keys ?? 0) + 1 });
    }
    return [...out.values()];
  }

  /** Whether the difference is known and it is too early to try it again. `now` is in ms. */
  waits(keyHash: Bytes, theirs: Bytes | undefined, mine: Bytes | undefined, now: number): boolean {
    if (this.#refused.size === 0) return false;
    const known = this.#refused.get(keyOf(keyHash, theirs, mine));
    return known !== undefined && now < known.retryAt;
  }

  /** When the first of them may be tried again, in ms; Infinity when there is none. */
  nextRetryAt(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { retryAt } of this.#refused.values()) first = Math.min(first, retryAt);
    return first;
  }

  add(keyHash: Bytes, theirs: Bytes | undefined, mine: Bytes | undefined, why: Unsettlement, now: number): void {
    const key = keyOf(keyHash, theirs, mine);
    const attempts = (this.#refused.get(key)?.attempts ?? 0) + 1;
    this.#refused.delete(key);
    if (this.#refused.size >= MAX_REFUSED_PER_PEER) {
      const oldest = this.#refused.keys().next().value;
      if (oldest !== undefined) this.#refused.delete(oldest);
    }
    this.#refused.set(key, {
      ...why,
      attempts,
      retryAt: now + Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(attempts - 1, 10)),
    });
  }

  /** Forgets everything that is not in `stillDifferent`, the differences that a complete comparison found. */
  retain(stillDifferent: readonly KeyDifference[]): void {
    if (this.#refused.size === 0) return;
    const kept = new Set(stillDifferent.map(({ keyHash, theirs, mine }) => keyOf(keyHash, theirs, mine)));
    for (const key of this.#refused.keys()) if (!kept.has(key)) this.#refused.delete(key);
  }

  /** Forgets what was refused for these reasons, or everything without them: it may be accepted the next time. */
  forget(reasons?: ReadonlySet<Unsettled>): void {
    if (reasons === undefined) this.#refused.clear();
    else for (const [key, { reason }] of this.#refused) if (reasons.has(reason)) this.#refused.delete(key);
  }
}

/**
 * The name of a difference. It is the same whether the descent or coded symbols found it, because both tell at least 8
 * bytes of key hash and leaves.
 */
function keyOf(keyHash: Bytes, theirs: Bytes | undefined, mine: Bytes | undefined): string {
  return `${prefixOf(keyHash)}:${theirs === undefined ? '' : prefixOf(theirs)}:${mine === undefined ? '' : prefixOf(mine)}`;
}

function prefixOf(hash: Bytes): string {
  return bytesToHex(hash.subarray(0, 8));
}
