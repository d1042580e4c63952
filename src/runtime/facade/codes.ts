/**
 * Something that a node tells about itself and that is no error. `text` is a sentence with times, names and error
 * texts; `code` is one of a bounded set, so programs can compare it and metrics can use it as a label.
 */
export interface Coded<Code extends string> {
  readonly code: Code;
  /** A sentence for people. */
  readonly text: string;
}

/** Why a lung, a mode, or the lung that carries a peer changed. */
export const CAUSE_CODES = [
  // Causes for which another lung carries a peer:
  'heard', // the peer was heard over P2P, for the first time or after no lung had reached it
  'stable', // P2P has covered the peer for long enough that it carries the peer again
  'not-heard', // nothing of the peer has come over P2P since the start
  'silent', // no head of the peer came over P2P for longer than the grace
  'behind', // heads of the peer come over P2P, but the commits that they name do not
  'manual-mode',
  'no-member', // the peer has left the fleet, and nothing carries it any more
  // Of a change of the mode:
  'operator',
  // Of a change of the P2P lung:
  'node-start',
  'started',
  'failed',
  'settings', // flaws in the P2P settings keep the lung from starting
  'retry',
  'node-stop',
] as const;
export type CauseCode = (typeof CAUSE_CODES)[number];
export type Cause = Coded<CauseCode>;

/** Why a node refuses writes. */
export const READ_ONLY_CODES = [
  'safe-mode', // the configuration breaks rules for production, or asks for it
  'untrusted-self', // the node's own key is not on its trust list, or no member of the roster
  'mirror', // the roster has the node's key as a mirror, which serves and never writes
  'retired', // the roster has the node's key as a retired one
  'clone', // a twin runs with the node's key, or the node was restored from an old copy
  'own-history', // peers have newer commits of the node's own key than the node itself
  'clock-jump',
  'clock-skew',
  'clock-ahead', // the clock of the state is ahead of the clock of the machine
  'lost-batches', // the store lost its newest batches, and they are not back yet
  'disk', // the disk has too little room left
] as const;
export type ReadOnlyCode = (typeof READ_ONLY_CODES)[number];
export type ReadOnlyReason = Coded<ReadOnlyCode>;

/** What an operator should know or act on while the node works. */
export const WARNING_CODES = [
  'configuration', // a setting that is usable but probably not meant
  'clock-skew',
  'peer-clock', // the clock of a peer is away from the others
  'clock-unchecked', // writes opened after a start without another clock to compare with
  'no-trust-list',
  'other-trust-list', // a peer has another trust list than this node
  'other-configuration', // the configured list names others than the decided roster
  'behind', // a member goes by an earlier roster
  'lacks-roster', // a member goes by a later roster
  'abstains', // the store lacks votes that others have heard, or may lack what its key has signed
  'after-end', // commits that a retired author made after its end are here and are being taken out
  'displaced', // what authors had written after their ends was taken out of the state in the last seven days
  'hidden-full', // replaced operations could not be kept for want of room
  'forced', // the present lineage was begun by force, and those who were left out have not been dropped
  'other-lineage', // a member has begun another lineage by force, which this node does not follow
  'two-rosters', // two rosters were decided for one epoch
  'same-name', // two nodes have one name
  'peer-twin', // two nodes run with a peer's key
  'two-roots', // an author attested two roots for one cut
  'two-votes', // an author voted for two rosters in one ballot
  'contradicting-commits', // two commits of one author contradict each other
  'floor-held', // no cut was complete for an hour
  'set-aside', // operations were taken out of the state and neither written anew nor forgotten
  'cut-mismatch', // the tree of the cuts did not agree with the state and was made anew
  'own-history-claim', // a peer claimed commits of this node's key that nobody delivered
  'refused-items', // everything in which a peer and this node differ has been refused
  'left-out-source', // a peer served a snapshot that does not verify
  'lost-batches', // the store had lost its newest batches when the node started
  'no-witness', // nothing tells whether the store lost its newest batches
  'legacy-files', // files of the original's lie where the node was told to work, and are not taken in
  'quarantine', // operations of an attested cut had bad signatures
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];
export type Warning = Coded<WarningCode>;

/** Why the verdict of a node is none of CONVERGED and ALONE: its own reasons to refuse writes, and these. */
export const VERDICT_CODES = [
  ...READ_ONLY_CODES,
  'refused', // what a member and this node differ in has been refused by one of them
  'differs', // a member and this node differ, and nothing repairs that at present
  'repairing', // a member and this node differ, and a repair is under way or comes next
  'not-heard', // a member was heard once, and not within the grace
  'never-heard', // a member was never heard
  'member-read-only', // a member tells that it refuses writes
  'member-starting', // a member tells that it takes over a snapshot
  'bootstrap', // this node takes over a snapshot
  'not-compared', // this node has just started, and a member was not heard yet
] as const;
export type VerdictCode = (typeof VERDICT_CODES)[number];
