import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** A directory whose disk does not answer. */
export interface HungDisk {
  /** Whether every look at it hangs, or only what opens the lock of a vault in it. */
  readonly hangs: 'everything' | 'the lock of a vault';
  /** Lets every call that hangs return; once is enough. */
  release(): void;
}

/**
 * Makes `directory` hang: as a FUSE mount that nobody serves, where this user may mount. Elsewhere a named pipe stands in
 * the place of a file that LevelDB opens to take the vault's lock, which waits for a writer for ever.
 */
export function hangDisk(directory: string): HungDisk {
  mkdirSync(directory, { recursive: true });
  const disk = hungMount(directory) ?? hungLock(directory);
  let isReleased = false;
  return {
    ...disk,
    release() {
      if (!isReleased) disk.release();
      isReleased = true;
    },
  };
}

function hungMount(directory: string): HungDisk | undefined {
  let device: number;
  try {
    device = openSync('/dev/fuse', 'r+');
  } catch {
    return undefined;
  }
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
  const mounted = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'hung', directory], {
    stdio: ['ignore', 'ignore', 'ignore', device],
  });
  if (mounted.status !== 0) {
    closeSync(device);
    return undefined;
  }
  return {
    hangs: 'everything',
    release() {
      spawnSync('umount', ['-l', directory]);
      closeSync(device);
    },
  };
}

function hungLock(directory: string): HungDisk {
  const lock = join(directory, 'lattice', 'lock');
  mkdirSync(lock, { recursive: true });
  const pipe = join(lock, 'CURRENT');
  execFileSync('mkfifo', [pipe]);
  return {
    hangs: 'the lock of a vault',
    release: () => closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)),
  };
}
