export type { Correction } from './amend.ts';
export { createReplica } from './create-replica.ts';
export type { HiddenOperation } from './hidden.ts';
export type { Floors } from './late.ts';
export { type Recounted, returningTo } from './recount.ts';
export type { Counted, Replica, ReplicaOptions } from './replica.ts';
export {
  type AppliedFragment,
  type ChangedEntry,
  type EntryView,
  type FoundContradiction,
  type FoundEntry,
  type OperationOutcome,
  type PassedEnd,
  type RowWrite,
  type Step,
  type Told,
  toldOf,
  type WriteIntent,
  type WriteOutcome,
} from './step.ts';
export { STATE_META } from './step-rows.ts';
