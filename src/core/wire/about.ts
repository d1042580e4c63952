import type { CborItem } from '../cbor/cbor.ts';
import { clip, type WireReader } from './fields.ts';

/** (wire) Most bytes of a node's name in a hello: longer than the 63 characters that a fleet's plan allows. */
export const MAX_NAME_BYTES = 64;
/** (wire) Most reasons that a hello has, and most bytes of each: there are fewer, and later versions may have more. */
const MAX_REASONS = 16;
const MAX_REASON_CODE_BYTES = 32;

/** What keeps a node from its work (SPEC S16). */
export interface Condition {
  /** Whether it serves its whole state; false while it takes a snapshot over. */
  readonly serves: boolean;
  /** The codes of the reasons for which it refuses writes, sorted; empty when it takes them. */
  readonly readOnly: readonly string[];
}

/** What a hello tells of its sender beside its state. */
export interface About {
  /** What its operator calls it; '' when it has no name. */
  readonly name: string;
  readonly condition: Condition;
  /** The newest format version of headers that it reads. Nodes of an earlier version do not tell, and read version 1. */
  readonly reads?: number;
}

/** The last elements of a hello: two, or three with `reads`. A name that is too long is cut to its bound. */
export function aboutFields({ name, condition: { serves, readOnly }, reads }: About): CborItem[] {
  const fields = [clip(name, MAX_NAME_BYTES), [serves, readOnly.slice(0, MAX_REASONS)]];
  return reads === undefined ? fields : [...fields, reads];
}

/** Reads these elements. `tellsReads`: there are three. */
export function readAbout(reader: WireReader, tellsReads: boolean): About {
  const name = reader.text('name', 0, MAX_NAME_BYTES);
  reader.array('condition', 2, 2);
  const serves = reader.boolean();
  const count = reader.array('reasons', 0, MAX_REASONS);
  const readOnly = Array.from({ length: count }, () => reader.text('reason', 1, MAX_REASON_CODE_BYTES));
  const about = { name, condition: { serves, readOnly } };
  return tellsReads ? { ...about, reads: reader.uint('header version', 1) } : about;
}

export function sameAbout(a: About, b: About): boolean {
  return (
    a.name === b.name &&
    a.condition.serves === b.condition.serves &&
    a.condition.readOnly.join() === b.condition.readOnly.join()
  );
}
