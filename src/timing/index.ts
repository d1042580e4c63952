export { backoff } from './backoff.ts';
export { type Bucket, type BucketSize, type Buckets, createBucket, createBuckets } from './bucket.ts';
export { raceAbort, settleWithin, withDeadline } from './deadline.ts';
export { type EveryOptions, every, type Repetition } from './every.ts';
export { sleep } from './sleep.ts';
export { type Stream, streamOf } from './stream.ts';
export type { MonotonicTimers, Timers } from './timers.ts';
