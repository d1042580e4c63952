import { systemClock } from '../../../src/adapters/system/clock.ts';
import { nodeHasher } from '../../../src/adapters/system/hasher.ts';
import { createDisks } from '../../../src/adapters/vault/disk-calls.ts';
import { openFilesVault } from '../../../src/adapters/vault/files.ts';
import { LatticeError } from '../../../src/core/types/index.ts';
import { BLOCK_BYTES, blockLeaf } from '../../../src/core/vault/index.ts';
import { tell } from '../tell.ts';

// A process of its own for the tests of files: `child.ts <open|fill|work> <directory>`. One JSON line per event.
const [task, directory = ''] = process.argv.slice(2);
const content = (blocks: number): Uint8Array =>
  new Uint8Array(blocks * BLOCK_BYTES).map((_, i) => (i >>> 16) + (i & 0xff));

// A file that is too long is told by a signal first, which would end the process before the error is seen.
process.on('SIGXFSZ', () => undefined);
const hasher = nodeHasher();
const disk = createDisks(systemClock(), 2).open();
try {
  const store = await openFilesVault({ directory, disk, hasher, clock: Date, room: async () => undefined });
  tell({ event: 'opened' });
  if (task === 'open') setInterval(() => undefined, 1000);
  if (task === 'fill') {
    const upload = await store.begin();
    for (let i = 0; i < 64; i++) await upload.write(content(1));
    await upload.commit('ab'.repeat(32), new Uint8Array(64 * 32));
  }
  if (task === 'work') {
    // Writes until somebody kills the process: blocks of one content, and an upload that never ends.
    const upload = await store.begin();
    const bytes = content(256);
    const partial = await store.resume('cd'.repeat(32), bytes.length);
    for (let i = 0; i < 256; i++) {
      const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
      await partial.write(i, block, blockLeaf(block, hasher));
      tell({ event: 'written', index: i });
      await upload.write(block);
    }
    setInterval(() => undefined, 1000);
  }
} catch (error) {
  tell(
    error instanceof LatticeError
      ? { event: 'failed', code: error.code, message: error.message, next: error.next }
      : { event: 'threw', message: String(error) },
  );
  process.exit(0);
}
