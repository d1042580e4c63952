import type { SyncMode } from '../facade/index.ts';

/** Which lungs the operator lets the node use. A node starts with `auto`. */
export interface Mode {
  readonly now: SyncMode;
  /** Returns true when the mode has changed. */
  set(mode: SyncMode): boolean;
}

export function createMode(): Mode {
  let now: SyncMode = 'auto';
  return {
    get now() {
      return now;
    },
    set(mode) {
      const changed = mode !== now;
      now = mode;
      return changed;
    },
  };
}
