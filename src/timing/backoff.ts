interface Bounds {
  /** Longest wait after the first failure. */
  readonly minMs: number;
  /** Longest wait after any number of failures. */
  readonly maxMs: number;
}

/**
 * How long to wait after so many failures in a row, ms. The ceiling is `minMs` after the first and doubles with each
 * further one, up to `maxMs`. Of the ceiling, `full` jitter takes any part, which spreads many callers best; `equal`
 * jitter takes the half and any part of the other half, for waits that must not come out near zero; `none` takes the
 * whole, where there is nobody to collide with. `failures`: 1 or more. `fraction`: uniform in [0, 1).
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
  // The least part of the ceiling that is always waited; the rest of it is jitter.
  const fixed = { none: 1, equal: 0.5, full: 0 }[jitter];
  return (failures, fraction = 0) => Math.min(maxMs, minMs * 2 ** (failures - 1)) * (fixed + (1 - fixed) * fraction);
}
