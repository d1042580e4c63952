import { LatticeError } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';

/** How long the vault waits after its store took nothing, and how long what did not fit is not tried again. */
const WAIT_MS = 30_000;

/**
 * Whether the store takes bytes at present. A store that takes nothing has everything wait; one that has no room for an
 * object has those wait that lack as many bytes or more.
 */
export interface Room {
  /** Takes note of a write that failed. False where the error says nothing of the store. */
  failed(hash: string, error: unknown): boolean;
  /** Takes note that so many bytes more had no room. */
  lacked(bytes: number, error: LatticeError): void;
  /** Why so many bytes more have no room; undefined where that is not known. */
  lacks(bytes: number): LatticeError | undefined;
  /** Why nothing can be fetched at present, as a sentence. */
  full(): string | undefined;
}

export function createRoom({ clock, log }: { readonly clock: Clock; readonly log: Log }): Room {
  let full: { readonly until: number; readonly reason: string } | undefined;
  let lack: { readonly until: number; readonly bytes: number; readonly error: LatticeError } | undefined;
  const holds = <T extends { readonly until: number }>(one: T | undefined): T | undefined =>
    one !== undefined && clock.monotonic() < one.until ? one : undefined;

  return {
    failed(hash, error) {
      if (!(error instanceof LatticeError && (error.code === 'disk-full' || error.code === 'vault-store-failed')))
        return false;
      if (holds(full) === undefined)
        log.warn({ hash, code: error.code, reason: error.message }, 'vault waits for its store');
      full = { until: clock.monotonic() + WAIT_MS, reason: error.message };
      return true;
    },
    lacked(bytes, error) {
      log.debug({ bytes, reason: error.message }, 'an object has no room');
      const known = holds(lack);
      if (known === undefined || bytes < known.bytes) lack = { until: clock.monotonic() + WAIT_MS, bytes, error };
    },
    lacks(bytes) {
      const known = holds(lack);
      return known !== undefined && bytes >= known.bytes ? known.error : undefined;
    },
    full: () => holds(full)?.reason,
  };
}
