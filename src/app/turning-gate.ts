import { LatticeError } from '../core/types/index.ts';
import type { Timers } from '../timing/index.ts';

/**
 * How long a call waits for a node that takes another key. A node with a million entries takes some seconds for it, and
 * the API answers no request later than after 30 s.
 */
const MAX_WAIT_MS = 20_000;

/** Where calls wait while the node takes another key. */
export interface TurningGate {
  readonly isOpen: boolean;
  /** Resolves when the gate is open. Rejects with LatticeError `key-turning` when that takes too long. */
  pass(): Promise<void>;
  close(): void;
  open(): void;
}

const SOON = 'the node answers under its new key within seconds';

/** Of a call that the node has not begun with. */
const notBegun = (): LatticeError =>
  new LatticeError('key-turning', 'the node takes another key, and has not begun with this call', {
    next: `try again: ${SOON}`,
  });

/** Of a call that was under way. */
export const turningError = (cause?: unknown): LatticeError =>
  new LatticeError('key-turning', 'the node took another key while this call was under way', {
    next: `read what became of it, or repeat it: ${SOON}`,
    ...(cause === undefined ? {} : { cause }),
  });

export function createTurningGate(clock: Timers): TurningGate {
  const waiting = new Set<() => void>();
  let isOpen = true;
  return {
    get isOpen() {
      return isOpen;
    },
    pass() {
      if (isOpen) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const late = clock.after(MAX_WAIT_MS, () => {
          waiting.delete(go);
          reject(notBegun());
        });
        function go(): void {
          late.cancel();
          resolve();
        }
        waiting.add(go);
      });
    },
    close() {
      isOpen = false;
    },
    open() {
      isOpen = true;
      for (const go of waiting) go();
      waiting.clear();
    },
  };
}
