import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Machine } from '../../ports/index.ts';
import { createDescriptors, type Descriptors, type DescriptorUse } from './descriptors.ts';

const RESOLUTION_MS = 10;
/** Time between two readings of the sizes on disk: a store has hundreds of files. */
const DISK_EVERY_MS = 5_000;
/** CPU use is a mean since the previous reading. Within this time the previous figure is repeated. */
const CPU_EVERY_MS = 1_000;

/** What a node uses of its machine. Sizes are bytes, times are ms, and CPU is a percentage of one core. */
export interface Resources {
  readonly disk: {
    readonly path: string;
    readonly freeBytes: number;
    readonly totalBytes: number;
    readonly storeBytes: number;
  };
  readonly memory: {
    readonly rss: number;
    readonly heapUsed: number;
    readonly heapTotal: number;
    readonly external: number;
    readonly arrayBuffers: number;
  };
  /** Absent where the system does not tell. */
  readonly descriptors?: DescriptorUse;
  readonly eventLoop: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly cpu: { readonly percent: number };
  readonly uptimeMs: number;
  readonly node: string;
  readonly platform: string;
}

export interface MachineProbe extends Machine {
  /** Rejects when the file system cannot be asked. */
  resources(): Promise<Resources>;
  close(): void;
}

/** Measures the process and the file system of `directory`. `space` answers a file system's free bytes and size. */
export function createMachineProbe(
  directory: string,
  space: (directory: string) => Promise<{ readonly free: number; readonly total: number }>,
  descriptors: Pick<Descriptors, 'use'> = createDescriptors(),
): MachineProbe {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let loop: Resources['eventLoop'] | undefined;
  let cpu = { at: performance.now(), used: process.cpuUsage(), percent: 0 };
  let memory: Resources['memory'] = { rss: 0, heapUsed: 0, heapTotal: 0, external: 0, arrayBuffers: 0 };
  let disk: { readonly at: number; readonly value: Promise<Resources['disk']> } | undefined;

  // A sample is the time between two ticks of a timer. What exceeds the timer's period was spent waiting.
  const beyond = (nanoseconds: number): number =>
    Math.max(0, Math.round((nanoseconds / 1e6 - RESOLUTION_MS) * 100) / 100);
  const look = (): Resources['eventLoop'] => ({
    p50Ms: beyond(delays.percentile(50)),
    p99Ms: beyond(delays.percentile(99)),
    maxMs: beyond(delays.max),
  });

  function cpuPercent(): number {
    const now = performance.now();
    if (now - cpu.at >= CPU_EVERY_MS) {
      const { user, system } = process.cpuUsage(cpu.used);
      cpu = {
        at: now,
        used: process.cpuUsage(),
        percent: Math.round(((user + system) / 10 / (now - cpu.at)) * 10) / 10,
      };
    }
    return cpu.percent;
  }

  /** Without a file descriptor the system does not tell of the memory, and the newest figures are repeated. */
  function readMemory(): Resources['memory'] {
    try {
      const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
      memory = { rss, heapUsed, heapTotal, external, arrayBuffers };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EMFILE')) throw error;
    }
    return memory;
  }

  async function readDisk(): Promise<Resources['disk']> {
    const [{ free, total }, storeBytes] = await Promise.all([space(directory), sizeOf(directory)]);
    return { path: directory, freeBytes: free, totalBytes: total, storeBytes };
  }

  function currentDisk(): Promise<Resources['disk']> {
    const now = performance.now();
    if (disk === undefined || now - disk.at >= DISK_EVERY_MS) disk = { at: now, value: readDisk() };
    return disk.value;
  }

  return {
    sample() {
      loop = look();
      delays.reset();
      return { loopP99Ms: loop.p99Ms, rss: readMemory().rss };
    },
    async resources() {
      const use = descriptors.use();
      return {
        disk: await currentDisk(),
        memory: readMemory(),
        ...(use === undefined ? {} : { descriptors: use }),
        eventLoop: loop ?? look(),
        cpu: { percent: cpuPercent() },
        uptimeMs: Math.round(process.uptime() * 1000),
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
      };
    },
    close: () => void delays.disable(),
  };
}

/** Bytes of the files in a directory. A file that is removed meanwhile counts as 0. */
async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(directory, name)).catch(() => undefined);
      return found?.isFile() === true ? found.size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
