// Loaded into a node's process before it starts (`--import`): once a second it appends what its event loop waited and
// its memory to a file beside the node's configuration.
import { appendFileSync } from 'node:fs';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

const EVERY_MS = 1_000;
const RESOLUTION_MS = 5;

/** One line of the file. `at`: Unix ms; delays in ms beyond the sampling itself. */
export interface LoopSample {
  readonly at: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly rssMib: number;
  /** JavaScript objects; and bytes that they hold outside of the heap. */
  readonly heapMib: number;
  readonly externalMib: number;
  /**
   * Heap and what it holds outside, just after the last full collection: what is really kept. Absent before the first.
   */
  readonly keptMib?: number;
}

/** Where the node with this configuration file leaves its samples. */
export function samplesOf(envFile: string): string {
  return envFile.replace(/\.env$/, '.loop');
}

const envFile = process.argv[process.argv.indexOf('--env-file') + 1];
if (process.argv.includes('--env-file') && envFile !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let keptMib: number | undefined;
  new PerformanceObserver((list) => {
    if (
      !list
        .getEntries()
        .some(({ detail }) => (detail as { kind?: number } | undefined)?.kind === constants.NODE_PERFORMANCE_GC_MAJOR)
    )
      return;
    const { heapUsed, external } = process.memoryUsage();
    keptMib = (heapUsed + external) / 2 ** 20;
  }).observe({ entryTypes: ['gc'] });
  setInterval(() => {
    const beyond = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const memory = process.memoryUsage();
    const sample: LoopSample = {
      at: Date.now(),
      p50: beyond(delays.percentile(50)),
      p99: beyond(delays.percentile(99)),
      max: beyond(delays.max),
      rssMib: memory.rss / 2 ** 20,
      heapMib: memory.heapUsed / 2 ** 20,
      externalMib: memory.external / 2 ** 20,
      ...(keptMib === undefined ? {} : { keptMib }),
    };
    delays.reset();
    appendFileSync(samplesOf(envFile), `${JSON.stringify(sample)}\n`);
  }, EVERY_MS).unref();
}
