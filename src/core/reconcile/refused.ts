import { type Bytes, bytesToHex, MAX_REFUSED_PER_PEER, type Refusal } from '../types/index.ts';
import type { KeyDifference } from './descend.ts';

/** First wait before a refused difference is tried again, and the greatest: a refusal seldom heals by itself. */
const RETRY_MIN_MS = 5_000;
const RETRY_MAX_MS = 600_000;

interface Refused {
  readonly reason: Refusal;
  readonly attempts: number;
  readonly retryAt: number;
}

/**
 * Differences with one peer that trying again would not settle: what we refuse from it, or it from us. Keyed by key
 * hash and both leaf digests, so that any change on either side makes the difference new. Bounded: the oldest goes
 * first and is merely found again.
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

  /** True while the difference is known and not due for another try. */
  waits(keyHash: Bytes, theirs: Bytes | undefined, mine: Bytes | undefined, now: number): boolean {
    if (this.#refused.size === 0) return false;
    const known = this.#refused.get(keyOf(keyHash, theirs, mine));
    return known !== undefined && now < known.retryAt;
  }

  add(keyHash: Bytes, theirs: Bytes | undefined, mine: Bytes | undefined, reason: Refusal, now: number): void {
    const key = keyOf(keyHash, theirs, mine);
    const attempts = (this.#refused.get(key)?.attempts ?? 0) + 1;
    this.#refused.delete(key);
    if (this.#refused.size >= MAX_REFUSED_PER_PEER) {
      const oldest = this.#refused.keys().next().value;
      if (oldest !== undefined) this.#refused.delete(oldest);
    }
    this.#refused.set(key, {
      reason,
      attempts,
      retryAt: now + Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(attempts - 1, 10)),
    });
  }

  /** Forgets everything not in `stillDifferent`, the differences of a complete comparison. */
  retain(stillDifferent: readonly KeyDifference[]): void {
    if (this.#refused.size === 0) return;
    const kept = new Set(stillDifferent.map(({ keyHash, theirs, mine }) => keyOf(keyHash, theirs, mine)));
    for (const key of this.#refused.keys()) if (!kept.has(key)) this.#refused.delete(key);
  }

  /** The peer or we changed the trust list or the software: every refusal is open again. */
  clear(): void {
    this.#refused.clear();
  }
}

/**
 * Name of a difference, the same whether descent or coded symbols found it: they tell of key and leaves at least 8
 * bytes.
 */
function keyOf(keyHash: Bytes, theirs: Bytes | undefined, mine: Bytes | undefined): string {
  return `${prefixOf(keyHash)}:${theirs === undefined ? '' : prefixOf(theirs)}:${mine === undefined ? '' : prefixOf(mine)}`;
}

function prefixOf(hash: Bytes): string {
  return bytesToHex(hash.subarray(0, 8));
}
