import type { VerdictCode } from './codes.ts';

/** In the order in which they win over each other, the worst first; ALONE is no fault. SPEC J1 says when each holds. */
export const VERDICT_KINDS = [
  'READ_ONLY',
  'DIVERGED',
  'ISOLATED',
  'DEGRADED',
  'STARTING',
  'CONVERGED',
  'ALONE',
] as const;
export type VerdictKind = (typeof VERDICT_KINDS)[number];

/**
 * How the state of another member compares with this node's. Only a member that is heard can be equal or differ: what
 * was last heard of a silent one says nothing of what it has at present.
 */
export const MEMBER_AGREEMENTS = ['equal', 'equal-as-of', 'differs', 'not-heard', 'never-heard'] as const;
export type MemberAgreement = (typeof MEMBER_AGREEMENTS)[number];

/** What a node says of itself and its fleet in one word, one sentence and the reasons for them. Times are Unix ms. */
export interface Verdict {
  readonly kind: VerdictKind;
  /** Since when this kind has held. */
  readonly since: number;
  /** A whole sentence for people, which names the other nodes; a mirror adds that it is one. */
  readonly sentence: string;
  /** Everything that keeps the node from CONVERGED, worst first; empty where it is CONVERGED or ALONE. */
  readonly reasons: readonly VerdictReason[];
  /** Every other node that is expected, whether it was heard or not. */
  readonly members: readonly MemberView[];
}

export interface VerdictReason {
  readonly code: VerdictCode;
  /** A whole sentence for people. */
  readonly text: string;
  /** What an operator can do; absent where there is nothing to do. */
  readonly next?: string;
  /** Since when, Unix ms; absent where this is not known. */
  readonly since?: number;
  /** The member of which the reason tells; absent where the node itself is meant, or a URL that nobody answered. */
  readonly author?: string;
  /** What people call that member: `label` of its MemberView. */
  readonly name?: string;
  /** Whether it ends without anybody's help. */
  readonly heals: 'by-itself' | 'operator';
}

/** Another node that is expected: a trusted author or a configured peer. Times are Unix ms. */
export interface MemberView {
  /** Absent, as `peerId` is, for a configured URL at which no node has proven who it is. */
  readonly author?: string;
  readonly peerId?: string;
  readonly name?: string;
  /** What people read in place of an id: the name, made unique where two nodes have the same one (`nodeLabels`). */
  readonly label: string;
  readonly url?: string;
  /** The lung by which the member is heard. */
  readonly lung: 'p2p' | 'http' | 'none';
  readonly agreement: MemberAgreement;
  /** The newest time for which it is known that both had the same state; absent where there is none. */
  readonly asOf?: number;
  readonly lastHeardAt?: number;
  /** Since when `agreement` has held. */
  readonly since?: number;
  /** How many keys differ, where that was counted. */
  readonly differing?: number;
  /** Why the member refuses writes, as it told (READ_ONLY_CODES); absent where it takes them or has told nothing. */
  readonly readOnly?: readonly string[];
  /** Since when it has told so. */
  readonly readOnlySince?: number;
  /** Whether it serves its whole state, as it told; false while it takes a snapshot over. */
  readonly serves?: boolean;
  /** Why it is not heard, where a lung has told. */
  readonly error?: string;
}
