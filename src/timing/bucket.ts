import type { Clock } from '../ports/index.ts';

export interface BucketSize {
  /** What a full bucket holds. It is full at first. */
  readonly burst: number;
  readonly perSecond: number;
}

/** A token bucket: what is taken comes back at a steady rate. */
export interface Bucket {
  /** Takes `amount` and returns true, or takes nothing where there is less. */
  take(amount: number): boolean;
  /** Puts `amount` in, as far as there is room. */
  give(amount: number): void;
  isFull(): boolean;
}

export function createBucket(clock: Clock, { burst, perSecond }: BucketSize): Bucket {
  let tokens = burst;
  let at = clock.monotonic();

  const fill = (): void => {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * perSecond);
    at = now;
  };

  return {
    take(amount) {
      fill();
      if (tokens < amount) return false;
      tokens -= amount;
      return true;
    },
    give(amount) {
      fill();
      tokens = Math.min(burst, tokens + amount);
    },
    isFull() {
      fill();
      return tokens >= burst;
    },
  };
}

/** Buckets of one size by name. Those that are full again are forgotten, so `max` limits those that are in use. */
export interface Buckets {
  get(name: string): Bucket;
}

export function createBuckets(clock: Clock, size: BucketSize, max: number): Buckets {
  const buckets = new Map<string, Bucket>();
  return {
    get(name) {
      const known = buckets.get(name);
      if (known !== undefined) return known;
      if (buckets.size >= max) for (const [other, bucket] of buckets) if (bucket.isFull()) buckets.delete(other);
      // Where all are in use, the one that was made first makes room.
      if (buckets.size >= max) buckets.delete(buckets.keys().next().value ?? '');
      const bucket = createBucket(clock, size);
      buckets.set(name, bucket);
      return bucket;
    },
  };
}
