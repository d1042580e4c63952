interface Bounds {
  /** Longest wait after the first failure. */
  readonly minMs: number;
  /** Longest wait after any number of failures. */
  readonly maxMs: number;
}

/**
 * Makes a function that answers how long to wait after `failures` failures in a row, ms. The ceiling of the wait is
 * `minMs` after the first failure, and doubles with each further one up to `maxMs`. `full` jitter waits any part of
 * the ceiling, which spreads many callers best. `equal` jitter waits half of it and any part of the other half, for
 * waits that must not come out near zero. `none` waits the whole, where there is nobody to collide with. `failures`
 * is 1 or more; `fraction` is uniform in [0, 1).
 *
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoff(options: Bounds & { readonly jitter: 'none' }): (failures: number) => number;
export function backoff(
  options: Bounds & { readonly jitter: 'full' | 'equal' },
): (failures: number, fraction: number) => number;
export function backoff({
  minMs,
  maxMs,
  jitter,
}: Bounds & { readonly jitter: 'none' | 'full' | 'equal' }): (failures: number, fraction?: number) => number {
  // This part of the ceiling is always waited. The rest is jitter.
  const fixed = { none: 1, equal: 0.5, full: 0 }[jitter];
  return (failures, fraction = 0) => Math.min(maxMs, minMs * 2 ** (failures - 1)) * (fixed + (1 - fixed) * fraction);
}
