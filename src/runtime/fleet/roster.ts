import type { RosterState, VoteState } from '../../core/roster/index.ts';
import type { Author, Bytes } from '../../core/types/index.ts';

/** One epoch that this node knows: of the chain from the configured list to the present roster. */
export interface KnownRoster {
  readonly state: RosterState;
  /** Unix ms: it certifies cuts after this time. 0 in epoch 0. */
  readonly start: number;
  /** Unix ms: it certifies cuts up to this time. Undefined for the present roster. */
  readonly end: number | undefined;
  /** The certificate that decided it, encoded. Undefined in epoch 0. */
  readonly certificate: Bytes | undefined;
}

/**
 * The roster that the node goes by, read by all parts (SPEC RO). It changes while the node runs, so whoever needs it
 * asks each time. In epoch 0 it is the configured trust list.
 */
export interface Roster {
  readonly present: KnownRoster;
  /** This node's own votes in the decision of the next roster: durable. */
  readonly votes: VoteState;
  /** The hash of the present roster, 32 bytes: heads and attestations carry it. */
  readonly hash: Bytes;
  /** All members in order: writers, mirrors and retired ones. */
  readonly authors: readonly Author[];
  /** Those who vote and attest, in order. */
  readonly writers: readonly Author[];
  /** Whether the author is a member of the present roster. */
  has(author: Author): boolean;
  isWriter(author: Author): boolean;
  /** Whether a commit of `author` with an HLC of the millisecond `ms` counts. */
  counts(author: Author, ms: number): boolean;
  /** The roster of the chain that has this hash. */
  withHash(hash: Bytes): KnownRoster | undefined;
  /** The rosters from `epoch` on, in order. */
  from(epoch: number): readonly KnownRoster[];
  /** Called after another roster has taken effect, until the returned function is called. */
  onChange(listener: (present: KnownRoster) => void): () => void;
}
