import { bytesToHex, type Entry, LatticeError, type Sibling } from '../types/index.ts';
import { isLive, winner } from './register.ts';

/**
 * The version of an entry whose winner is `sibling`, as clients see it, also its ETag: `<commit id>.<operation index>`
 * (SPEC R7).
 */
export function versionOf({ commit, index }: Pick<Sibling, 'commit' | 'index'>): string {
  return `${bytesToHex(commit)}.${index}`;
}

/** Preconditions of one operation, evaluated against the newest local state. */
export interface Conditions {
  /**
   * A version that must be current, or several of which one must be, or '*', which asks only that the key has a value.
   */
  readonly ifMatch?: string | readonly string[];
  /**
   * A version that must not be current, or several of which none may be, or '*', which asks that the key has no value.
   */
  readonly ifNoneMatch?: string | readonly string[];
  /** Whether the key must have a value; else the error is `not-found`. */
  readonly mustExist?: boolean;
}

/** Throws LatticeError `not-found` or `precondition-failed` when `entry` at `nowMs` (Unix ms) does not meet `conditions`. */
export function checkConditions(key: string, entry: Entry | undefined, conditions: Conditions, nowMs: number): void {
  if (conditions.ifMatch === undefined && conditions.ifNoneMatch === undefined && conditions.mustExist !== true) return;
  const live = entry !== undefined && isLive(entry, nowMs) ? winner(entry) : undefined;
  const current = live === undefined ? undefined : versionOf(live);
  if (conditions.mustExist === true && current === undefined) {
    throw new LatticeError('not-found', `no such key: ${JSON.stringify(key)}`);
  }
  const { ifMatch, ifNoneMatch } = conditions;
  const failed =
    (ifMatch !== undefined && !isMatch(ifMatch, current)) ||
    (ifNoneMatch !== undefined && isMatch(ifNoneMatch, current));
  if (failed) {
    throw new LatticeError(
      'precondition-failed',
      current === undefined
        ? `${JSON.stringify(key)} does not exist`
        : `${JSON.stringify(key)} is at version ${current}`,
      {
        next: 'read the key again and repeat the write with its current version',
        details: { key, current: current ?? null },
      },
    );
  }
}

function isMatch(versions: string | readonly string[], current: string | undefined): boolean {
  if (current === undefined) return false;
  return typeof versions === 'string' ? versions === '*' || versions === current : versions.includes(current);
}
