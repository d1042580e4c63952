import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from '../adapters/vault/disk-calls.ts';
import type { Clock } from '../ports/index.ts';
import { settleWithin } from '../timing/index.ts';

/** How long the start of a node waits for a look into the vault directory. The state is read already by then. */
const LOOK_MS = 2_000;

/** What a start looks at in the vault directory, by the way of the vault to its disk. */
export function lookAtVault(directory: string, disk: Disk) {
  return {
    /** The names in it. Rejects where it cannot be read. */
    names: (): Promise<string[]> => disk.run(() => readdir(directory)),
    /**
     * The number of bundles of the original's that lie in it; 0 when it cannot be read. Undefined where the disk takes
     * longer than a start can wait.
     */
    async bundles(clock: Clock): Promise<number | undefined> {
      const found = disk
        .run(() => readdir(join(directory, 'bundles')))
        .then(
          (names) => names.filter((name) => name.endsWith('.ae_bundle')).length,
          () => 0,
        );
      return await settleWithin(clock, LOOK_MS, found, () => new Error('late')).catch(() => undefined);
    },
  };
}
