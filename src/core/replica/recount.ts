import type { Entry, Hlc, Sibling } from '../types/index.ts';
import type { Draft } from './draft.ts';
import type { HiddenOperation, HiddenOperations } from './hidden.ts';

/** What a recount of keys came to (SPEC RO12). */
export interface Recounted {
  /** What was taken out, because it came after the end of its author. */
  readonly displaced: readonly Sibling[];
  /** What it had superseded, and is a sibling again. */
  readonly returned: readonly Sibling[];
  /** The keys that were left as they are, because `read` lacks an operation that returns. */
  readonly left: readonly string[];
}

const isHidden = (one: Sibling | HiddenOperation): one is HiddenOperation => !('operationBytes' in one);

/** The hidden operations that return to a key when it is counted anew, by the siblings that `counts` leaves. */
export const returningTo = (
  { key, siblings }: Entry,
  hidden: Pick<HiddenOperations, 'recounted'>,
  counts: (sibling: Sibling) => boolean = () => true,
): readonly HiddenOperation[] => hidden.recounted(key, siblings.filter(counts)).filter(isHidden);

/**
 * Counts the keys anew that have siblings which count no more. `read` gives hidden operations with their values, and
 * `last` is the greatest HLC that was observed.
 */
export function recountEntries(
  keys: readonly string[],
  draft: Draft,
  {
    hidden,
    counts,
    read,
    last,
  }: {
    readonly hidden: HiddenOperations;
    readonly counts: (sibling: Sibling) => boolean;
    readonly read: (one: HiddenOperation) => Sibling | undefined;
    readonly last: Hlc;
  },
): Recounted {
  const displaced: Sibling[] = [];
  const returned: Sibling[] = [];
  const left: string[] = [];
  for (const key of keys) {
    const entry = draft.read(key);
    if (entry === undefined || entry.siblings.every(counts)) continue;
    const returning = returningTo(entry, hidden, counts);
    const values = new Map(returning.map((one) => [one, read(one)]));
    const siblings = hidden
      .recounted(key, entry.siblings.filter(counts))
      .map((one) => (isHidden(one) ? values.get(one) : one))
      .filter((one) => one !== undefined);
    if ([...values.values()].includes(undefined)) {
      left.push(key);
      continue;
    }
    displaced.push(...entry.siblings.filter((one) => !counts(one)));
    for (const value of values.values()) if (value !== undefined) returned.push(value);
    hidden.returned(key, returning, last);
    draft.write(key, entry, siblings.length === 0 ? undefined : { key, siblings });
  }
  return { displaced, returned, left };
}
