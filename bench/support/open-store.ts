// The program of a process that opens a store as a node does, or only reads the rows of its entries, and tells how long
// that took.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openLevelStore } from '../../src/adapters/store/index.ts';
import { nodeHasher, systemRandom } from '../../src/adapters/system/index.ts';
import { bucketRange } from '../../src/core/rows/index.ts';
import type { Author } from '../../src/core/types/index.ts';
import { openState } from '../../src/runtime/storage/startup.ts';
import { cpuSeconds } from './figures.ts';

export interface Opened {
  readonly ms: number;
  readonly cpuMs: number;
  /** The longest time for which the event loop was blocked. */
  readonly blockedMs: number;
  readonly rssMib: number;
  readonly entries: number;
  /** Bytes of the rows. Counted only when nothing but rows is read. */
  readonly bytes: number;
}

const [directory = '', network = '', self = '', mode] = process.argv.slice(2);
const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
const cpu = cpuSeconds();
const from = performance.now();
const store = await openLevelStore(directory);
let bytes = 0;
let entries = 0;
if (mode === 'rows') {
  for await (const rows of store.iterate(bucketRange('entry'))) {
    for (const [key, value] of rows) bytes += key.length + value.length;
    entries += rows.length;
  }
} else {
  const { replica } = await openState({
    store,
    hasher: nodeHasher(),
    random: systemRandom(),
    network,
    self: self as Author,
    isKnown: () => true,
    directory,
  });
  entries = replica.tree.size;
}
const opened: Opened = {
  ms: performance.now() - from,
  cpuMs: (cpuSeconds() - cpu) * 1000,
  blockedMs: delays.max / 1e6,
  rssMib: process.memoryUsage.rss() / 2 ** 20,
  entries,
  bytes,
};
process.send?.(opened);
await store.close();
process.disconnect?.();
