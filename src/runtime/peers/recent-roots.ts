/**
 * Roots that the two sides had within this time count as of the same moment, because heads are compared while commits
 * are on their way.
 */
const ROOT_WINDOW_MS = 3_000;
const MAX_RECENT_ROOTS = 4096;
/** Old roots are taken out after this many new ones, because taking out one at a time is slow (see dropOldest). */
const LOOK_EVERY_ROOTS = 64;

/**
 * The roots that one side had lately, newest last, with their times in monotonic ms. When the other side's root equals
 * any of them, the two sides were equal within the window. At most MAX_RECENT_ROOTS are kept, give or take
 * LOOK_EVERY_ROOTS; beyond that the oldest are dropped.
 */
export class RecentRoots {
  readonly #seen = new Map<string, number>();
  #lookAt = LOOK_EVERY_ROOTS;

  /** Adds a root, in hex. */
  add(root: string, now: number): void {
    this.#seen.delete(root);
    this.#seen.set(root, now);
    if (this.#seen.size < this.#lookAt) return;
    for (const [old, at] of this.#seen) {
      if ((this.#seen.size <= MAX_RECENT_ROOTS && now - at <= ROOT_WINDOW_MS) || old === root) break;
      this.#seen.delete(old);
    }
    this.#lookAt = this.#seen.size + LOOK_EVERY_ROOTS;
  }

  has(root: string, now: number): boolean {
    const at = this.#seen.get(root);
    return at !== undefined && now - at <= ROOT_WINDOW_MS;
  }
}
