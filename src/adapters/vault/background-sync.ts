import type { DiskFile } from './disk-files.ts';

/**
 * After so many bytes a file is synced beside the writing. The system begins to write by itself only when a tenth of
 * the memory is dirty, and a sync at the end would then wait for all of the content.
 */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;

/** Syncs of a file that is being written, one at a time. */
export interface BackgroundSync {
  wrote(bytes: number): void;
  /** Waits for the sync under way. Rejects with what any of them has failed with: the system tells it once. */
  settle(): Promise<void>;
}

export function createBackgroundSync(handle: Pick<DiskFile, 'datasync'>): BackgroundSync {
  let unsynced = 0;
  let running: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  return {
    wrote(bytes) {
      unsynced += bytes;
      if (unsynced < SYNC_EVERY_BYTES || running !== undefined) return;
      unsynced = 0;
      running = handle
        .datasync()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          running = undefined;
        });
    },
    async settle() {
      await running;
      if (failure !== undefined) throw failure.error;
    },
  };
}
