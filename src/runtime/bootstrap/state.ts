import type { BootstrapRecord } from '../../core/rows/index.ts';
import type { SnapshotPlan } from '../../core/snapshot/index.ts';
import type { BootstrapStatus } from '../facade/index.ts';

/**
 * What a bootstrap is doing. `record` is what the store has of it. While there is a record, the node has not verified
 * every signature of its state and vouches for nothing.
 */
export type BootstrapState =
  /** No bootstrap has run since the start. */
  | { readonly phase: 'none' }
  /** Some chunks were fetched and the others are missing, because the node stopped or no peer offers a cut. */
  | { readonly phase: 'interrupted'; readonly record: BootstrapRecord }
  /** A certified cut is being looked for. */
  | { readonly phase: 'looking'; readonly record: BootstrapRecord | undefined; readonly from: Resting }
  /** The chunks of the cut are being fetched and made durable. */
  | {
      readonly phase: 'fetching';
      readonly record: BootstrapRecord;
      readonly plan: SnapshotPlan;
      readonly from: Resting;
    }
  /**
   * Everything of the cut is here or left to repair. What came since is being repaired, and signatures are being
   * checked.
   */
  | { readonly phase: 'catching-up'; readonly record: BootstrapRecord }
  /** Some peer has the same root, and signatures are still being checked. */
  | { readonly phase: 'verifying'; readonly record: BootstrapRecord }
  | { readonly phase: 'done' }
  | { readonly phase: 'failed'; readonly record: BootstrapRecord | undefined; readonly error: string };

/** The states in which no work is under way. */
export type Resting = Extract<BootstrapState, { phase: 'none' | 'interrupted' | 'done' | 'failed' }>;

/** The state that a start finds, by the record that an earlier run left. */
export function initialState(record: BootstrapRecord | undefined): BootstrapState {
  if (record === undefined) return { phase: 'none' };
  return record.cursor.length === 0 ? { phase: 'interrupted', record } : { phase: 'verifying', record };
}

export function recordOf(state: BootstrapState): BootstrapRecord | undefined {
  return 'record' in state ? state.record : undefined;
}

/** Whether a snapshot is being looked for or taken over, during which repairs wait. */
export function isTakingOver({ phase }: BootstrapState): boolean {
  return phase === 'looking' || phase === 'fetching';
}

/** Whether all chunks are here or left to repair, so that only signatures remain to be checked. */
export function isArrived(state: BootstrapState): boolean {
  return (recordOf(state)?.cursor.length ?? 0) > 0;
}

function illegal(state: BootstrapState, to: BootstrapState['phase']): Error {
  return new Error(`a bootstrap cannot go from ${state.phase} to ${to}`);
}

/** The node begins to look for a cut. */
export function look(state: BootstrapState): BootstrapState {
  if (state.phase === 'fetching') return { phase: 'looking', record: state.record, from: state.from };
  if (state.phase === 'none' || state.phase === 'interrupted' || state.phase === 'done' || state.phase === 'failed')
    return { phase: 'looking', record: recordOf(state), from: state };
  throw illegal(state, 'looking');
}

/** A certified cut was found, and its chunks are going to be fetched. */
export function fetch(state: BootstrapState, plan: SnapshotPlan, record: BootstrapRecord): BootstrapState {
  if (state.phase !== 'looking') throw illegal(state, 'fetching');
  return { phase: 'fetching', record, plan, from: state.from };
}

/** No cut was found. The state is that before the look, unless chunks have been fetched. */
export function giveUp(state: BootstrapState): BootstrapState {
  if (state.phase !== 'looking') throw illegal(state, 'none');
  return state.record === undefined ? state.from : { phase: 'interrupted', record: state.record };
}

/** Everything of the cut is here or left to repair. */
export function arrive(state: BootstrapState, record: BootstrapRecord): BootstrapState {
  if (state.phase !== 'fetching' && state.phase !== 'interrupted' && state.phase !== 'failed')
    throw illegal(state, 'catching-up');
  return { phase: 'catching-up', record };
}

/** Some peer has the same root, or an earlier run had come that far. */
export function catchUp(state: BootstrapState): BootstrapState {
  if (state.phase === 'verifying') return state;
  if (state.phase !== 'catching-up' && !(state.phase === 'failed' && isArrived(state)))
    throw illegal(state, 'verifying');
  return { phase: 'verifying', record: recordOf(state) as BootstrapRecord };
}

/** Takes the record of how far the work has come, which the next batch makes durable. */
export function progress(state: BootstrapState, record: BootstrapRecord): BootstrapState {
  if (state.phase !== 'fetching' && state.phase !== 'catching-up' && state.phase !== 'verifying')
    throw new Error(`a bootstrap that is ${state.phase} makes no progress`);
  return { ...state, record };
}

/** Every signature is verified, and the store keeps no record of the bootstrap. */
export function finish(state: BootstrapState): BootstrapState {
  if (state.phase !== 'catching-up' && state.phase !== 'verifying') throw illegal(state, 'done');
  return { phase: 'done' };
}

export function fail(state: BootstrapState, error: string): BootstrapState {
  return { phase: 'failed', record: recordOf(state), error };
}

/** The phase that status shows; undefined when there is nothing to show. */
export function shownPhase(state: BootstrapState): BootstrapStatus['phase'] | undefined {
  switch (state.phase) {
    case 'none':
      return undefined;
    case 'interrupted':
    case 'looking':
      return 'manifest';
    case 'fetching':
      return 'chunks';
    case 'catching-up':
    case 'verifying':
    case 'done':
    case 'failed':
      return state.phase;
  }
}
