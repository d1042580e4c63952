import { systemClock } from '../adapters/system/clock.ts';
import { createDisks, type Disk, diskSlots } from '../adapters/vault/disk-calls.ts';
import { processEnvironment } from '../config/environment.ts';
import type { Log } from '../ports/index.ts';

/** All vaults of this process share them, because its threads are one for all nodes in it. */
const disks = createDisks(
  systemClock({ onError: () => undefined }),
  diskSlots(processEnvironment()['UV_THREADPOOL_SIZE']),
);
let isWatched = false;

/** A disk that is slow when its process ends is waited for so long; service managers give a node 10 s in all. */
const SETTLE_MS = 5_000;

/** Waits for calls to the disk of any vault that are under way, for a bounded time. To be called once all else is done. */
export async function settleVaultDisk(log: Log): Promise<void> {
  if (!disks.isBusy()) return;
  log.info({}, 'the disk of the vault is waited for');
  await disks.settled(SETTLE_MS);
}

/**
 * A way for one vault to its disk. A call that never comes back keeps a thread, for which Node.js would wait without end
 * when the process ends. Such a process ends itself by SIGKILL; all of its state is durable by that time.
 */
export function openVaultDisk(): Disk {
  if (!isWatched) process.once('exit', leave);
  isWatched = true;
  return disks.open();
}

function leave(): void {
  if (!disks.isStuck()) return;
  process.stderr.write('error: the disk of the vault does not answer, so the process ends itself by SIGKILL\n');
  process.kill(process.pid, 'SIGKILL');
}
