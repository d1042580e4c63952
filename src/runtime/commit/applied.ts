import type { AppliedFragment, Step } from '../../core/replica/index.ts';
import type { Entry } from '../../core/types/index.ts';
import type { Origin } from './origin.ts';

/** A fragment that a step applied, where it came from, and what became of each of its operations. */
export interface TakenFragment extends AppliedFragment {
  readonly origin: Origin;
}

/** A step that has become durable, or that changed nothing. */
export interface Applied {
  readonly step: Step;
  readonly taken: readonly TakenFragment[];
  /** Whether the step changed entries by an amendment. */
  readonly amended: boolean;
}

/** The entries that a step changed and that are in the state after it, by key. */
export function entriesAfter({ changed }: Step): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { key, after } of changed) if (after !== undefined) entries.set(key, after);
  return entries;
}
