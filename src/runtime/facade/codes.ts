/**
 * What a node tells about itself beside errors, for programs: a sentence holds times, names and error texts, its code
 * is one of a bounded set, fit for a metric label.
 */
export interface Coded<Code extends string> {
  readonly code: Code;
  /** For people. */
  readonly text: string;
}

/** Why a lung, a mode, or the lung that carries a peer changed. */
export const CAUSE_CODES = [
  // Of the lung that carries a peer.
  'heard', // over P2P, for the first time or after no lung reached it
  'stable', // P2P has covered it for long enough to go back to
  'not-heard', // over P2P since the start
  'silent', // no head came over P2P for longer than the grace
  'behind', // heads come over P2P, the commits that they name do not
  'manual-mode',
  // Of the mode.
  'operator',
  // Of the P2P lung.
  'node-start',
  'started',
  'failed',
  'retry',
  'node-stop',
] as const;
export type CauseCode = (typeof CAUSE_CODES)[number];
export type Cause = Coded<CauseCode>;

/** Why a node refuses writes. */
export const READ_ONLY_CODES = [
  'safe-mode', // violations of the production guard
  'untrusted-self', // its key is not on its own trust list
  'clone', // its key lives twice, or it was restored from an old copy
  'own-history', // peers hold newer commits of its own key
  'clock-jump',
  'clock-skew',
  'clock-ahead', // the state's clock is ahead of the machine's
  'disk', // too little room is left
] as const;
export type ReadOnlyCode = (typeof READ_ONLY_CODES)[number];
export type ReadOnlyReason = Coded<ReadOnlyCode>;

/** What an operator should know or act on while the node works. */
export const WARNING_CODES = [
  'configuration', // a setting that is usable and probably not meant
  'clock-skew',
  'no-trust-list',
  'other-trust-list', // a peer has another one
  'peer-twin', // two nodes run with a peer's key
  'two-roots', // an author attested two roots for one cut
  'refused-items', // all that a peer and this node differ in is refused
  'left-out-source', // a peer served a snapshot that does not verify
  'quarantine', // operations of an attested cut had bad signatures
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];
export type Warning = Coded<WarningCode>;
