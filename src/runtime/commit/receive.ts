import type { OperationOutcome } from '../../core/replica/index.ts';
import type { Bytes, Fragment } from '../../core/types/index.ts';
import type { PushVerdict } from '../../core/wire/index.ts';
import type { Door } from './door.ts';
import type { Origin } from './origin.ts';

/** A fragment that came in a sync message, and the door's verdict on each of its operations. */
export interface Received {
  /** Absent when the bytes could not be decoded. */
  readonly fragment: Fragment | undefined;
  readonly verdicts: readonly PushVerdict[];
}

/** What a peer is told of an operation of its own push. */
export function outcomeToVerdict(outcome: OperationOutcome): PushVerdict {
  if (outcome === 'added') return 'held';
  if (outcome === 'uncounted') return 'untrusted-author';
  return outcome === 'old-news' ? 'superseded' : outcome;
}

/**
 * Takes fragments through the door all at once, so that they share signature checks and durable batches. None is
 * applied before all are admitted: otherwise the first would go to the disk alone, and the others would wait for it.
 */
export async function receive(door: Door, fragments: readonly Bytes[], origin: Origin): Promise<Received[]> {
  const admissions = await Promise.all(fragments.map((bytes) => door.admit(bytes)));
  return Promise.all(
    admissions.map(async (admission): Promise<Received> => {
      if (!admission.ok) {
        const { fragment, reason } = admission;
        return { fragment, verdicts: fragment === undefined ? [reason] : fragment.operations.map(() => reason) };
      }
      const { fragment } = admission;
      const outcomes = await door.apply(fragment, origin);
      if (outcomes === 'overloaded')
        return { fragment, verdicts: fragment.operations.map(() => 'overloaded' as const) };
      return { fragment, verdicts: outcomes.map(outcomeToVerdict) };
    }),
  );
}
