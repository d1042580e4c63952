// A module that is loaded into a node's process before the node starts (`--import`). Once a second it appends the
// delays of the event loop and the memory of the process to a file beside the node's configuration.
import { appendFileSync } from 'node:fs';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

const EVERY_MS = 1_000;
const RESOLUTION_MS = 5;

/** One line of the file. `at` is Unix ms. `p50`, `p99` and `max` are delays of the event loop, ms. */
export interface LoopSample {
  readonly at: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly rssMib: number;
  /** Memory of JavaScript objects, and of what they keep outside of the heap. */
  readonly heapMib: number;
  readonly externalMib: number;
  /**
   * Both together just after the last full collection, which is what the program really keeps. Absent before the first
   * one.
   */
  readonly keptMib?: number;
}

/** The file of samples of the node with this configuration file. */
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
