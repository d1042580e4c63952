import { systemClock } from '../adapters/system/clock.ts';
import { createDisks, type Disk, diskSlots } from '../adapters/vault/disk-calls.ts';
import { processEnvironment } from '../config/environment.ts';

/** All vaults of this process share them, because its threads are one for all nodes in it. */
const disks = createDisks(
  systemClock({ onError: () => undefined }),
  diskSlots(processEnvironment()['UV_THREADPOOL_SIZE']),
);
let isWatched = false;

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
