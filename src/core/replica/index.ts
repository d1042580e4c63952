export type { Correction } from './amend.ts';
export { keptRows } from './kept-rows.ts';
export { createReplica, type Replica, type ReplicaOptions } from './replica.ts';
export {
  type AppliedFragment,
  type ChangedEntry,
  type EntryView,
  type FoundContradiction,
  type OperationOutcome,
  type RowWrite,
  type Step,
  shownAfter,
  type WriteIntent,
  type WriteOutcome,
} from './step.ts';
export { STATE_META } from './step-rows.ts';
