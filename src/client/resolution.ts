import type { Conflict, Operation } from '../api/contract/entities.ts';
import type { JsonValue } from '../core/types/index.ts';

/** What is kept: a deletion, or a value with the end that it has, Unix ms. */
interface Kept {
  readonly deleted: boolean;
  readonly value?: JsonValue | undefined;
  readonly expires?: number | undefined;
}

/**
 * The condition under which readers are shown what they were when the conflict was read: a write that nobody has looked
 * at is not replaced. A winner that is a deletion, or has ended, is no version that a write could name.
 */
export function asShown({ siblings: [winner] }: Conflict): Pick<Operation, 'ifMatch' | 'ifNoneMatch'> {
  if (winner === undefined) return {};
  return winner.deleted ? { ifNoneMatch: '*' } : { ifMatch: winner.version };
}

/** The operation that writes what is kept in place of all siblings of a conflict. */
export function resolution(conflict: Conflict, { deleted, value, expires }: Kept): Operation {
  const { key } = conflict;
  if (deleted || value === undefined) return { op: 'delete', key, ...asShown(conflict) };
  return { op: 'put', key, value, ...(expires === undefined ? {} : { expires }), ...asShown(conflict) };
}
