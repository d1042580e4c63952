import type { SyncMode } from '../facade/index.ts';

/** Which lungs the operator lets the node use. */
export interface Mode {
  readonly now: SyncMode;
  /** True when that changed it. */
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
