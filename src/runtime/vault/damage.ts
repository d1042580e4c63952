import type { Clock } from '../../ports/index.ts';
import type { VaultStatus } from '../facade/index.ts';

/** Damaged objects that the status tells of. */
const MAX_TOLD = 64;

/**
 * Which objects were found damaged and have not been found whole since. What is here and marked is told to others as
 * partly there (SPEC U6), so that a mark which stays on good bytes hides them. They are at most as many as the objects.
 */
export interface Damage {
  has(hash: string): boolean;
  /** Marks an object, and answers whether it was not marked before. */
  note(hash: string, text: string): boolean;
  forget(hash: string): void;
  /** What the status tells, the newest first. */
  told(): VaultStatus['damaged'];
}

export function createDamage(clock: Pick<Clock, 'now'>): Damage {
  const marks = new Map<string, { readonly at: number; readonly text: string }>();
  return {
    has: (hash) => marks.has(hash),
    note(hash, text) {
      const isNew = !marks.delete(hash);
      marks.set(hash, { at: clock.now(), text });
      return isNew;
    },
    forget: (hash) => void marks.delete(hash),
    told: () =>
      [...marks]
        .slice(-MAX_TOLD)
        .reverse()
        .map(([hash, mark]) => ({ hash, ...mark })),
  };
}
