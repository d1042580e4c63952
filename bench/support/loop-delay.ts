// Loaded into a node's process before it starts (`--import`): once a second it appends what its event loop waited and its memory to a file beside
// the node's configuration.
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const EVERY_MS = 1_000;
const RESOLUTION_MS = 5;

/** One line of the file. `at`: Unix ms; delays in ms beyond the sampling itself. */
export interface LoopSample {
  readonly at: number;
  readonly p99: number;
  readonly max: number;
  readonly rssMib: number;
}

/** Where the node with this configuration file leaves its samples. */
export function samplesOf(envFile: string): string {
  return envFile.replace(/\.env$/, '.loop');
}

const envFile = process.argv[process.argv.indexOf('--env-file') + 1];
if (process.argv.includes('--env-file') && envFile !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  setInterval(() => {
    const beyond = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const sample: LoopSample = {
      at: Date.now(),
      p99: beyond(delays.percentile(99)),
      max: beyond(delays.max),
      rssMib: process.memoryUsage.rss() / 2 ** 20,
    };
    delays.reset();
    appendFileSync(samplesOf(envFile), `${JSON.stringify(sample)}\n`);
  }, EVERY_MS).unref();
}
