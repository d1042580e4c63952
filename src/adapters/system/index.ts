export { systemClock } from './clock.ts';
export { nodeHasher } from './hasher.ts';
export * from './keys.ts';
export { createLog, type LogDestination, type LogOptions } from './log.ts';
export { type MetricsSnapshot, memoryMetrics, type Series } from './metrics.ts';
export { systemRandom } from './random.ts';
