export { systemClock } from './clock.ts';
export { createDescriptors, type Descriptors, ENOUGH_DESCRIPTORS } from './descriptors.ts';
export { nodeHasher } from './hasher.ts';
export * from './keys.ts';
export { createLog, type LogDestination, type LogOptions, teeLog } from './log.ts';
export { createLeastLevel, type LeastLevel } from './log-level.ts';
export { createLogRing, type LogRing } from './log-ring.ts';
export { createMachineProbe } from './machine.ts';
export { systemRandom } from './random.ts';
