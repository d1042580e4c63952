/** Roots of either side within this time count as the same moment: heads are compared while commits are in flight. */
const ROOT_WINDOW_MS = 3_000;
const MAX_RECENT_ROOTS = 4096;
/** Roots after which old ones are taken out. Not with every root: see dropOldest. */
const LOOK_EVERY_ROOTS = 64;

/**
 * Roots that one side had lately, newest last, with their times in monotonic ms. Equality with any of them means that
 * both sides were equal within the window. At most MAX_RECENT_ROOTS: the oldest give way.
 */
export class RecentRoots {
  readonly #seen = new Map<string, number>();
  #lookAt = LOOK_EVERY_ROOTS;

  /** `root`: hex. */
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
