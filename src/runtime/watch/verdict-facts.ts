import type { ErrorCode } from '../../core/types/index.ts';
import type { ReadOnlyCode } from '../facade/codes.ts';
import type { Agreement, MemberView } from '../facade/index.ts';

/** Why keys in which a member and this node differ were not settled. */
export interface RefusedKeys {
  /** A refusal code, or `not-delivered`. */
  readonly reason: string;
  readonly keys: number;
  /** Who refused: this node, or the member. Undefined where that is not known. */
  readonly by?: 'us' | 'member' | undefined;
  /** The label of the author whose commits were refused, and its public key. */
  readonly author?: string | undefined;
  readonly publicKey?: string | undefined;
}

/** What is known of one expected member. Times are Unix ms. */
export interface MemberFacts extends Pick<MemberView, 'label' | 'lung'> {
  readonly author?: string | undefined;
  readonly peerId?: string | undefined;
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  /** Whether a fresh head of it came over any lung within the grace. */
  readonly heard: boolean;
  /** In this run of the node or an earlier one. */
  readonly lastHeardAt?: number | undefined;
  readonly heardInThisRun: boolean;
  /** Whether its newest head names the very root that this node has. */
  readonly sameRoot: boolean;
  readonly agreement: Agreement;
  readonly agreementSince?: number | undefined;
  /** When a head of it last confirmed that both had the same state. */
  readonly agreedAt?: number | undefined;
  /** The newest cut for which it attested the root that this node had. */
  readonly cutAt?: number | undefined;
  /** Whether the two roots have just changed, so that most of what differs is on its way. */
  readonly flowing: boolean;
  readonly differing?: number | undefined;
  /** The repair that runs: how many of the keys that it found are not settled yet. */
  readonly repair?: { readonly remaining: number; readonly since: number } | undefined;
  /** Why the newest repair failed. */
  readonly failed?: { readonly text: string; readonly code?: string | undefined } | undefined;
  readonly refused: readonly RefusedKeys[];
  readonly trustMatches?: boolean | undefined;
  /** Whether the roster has it as a mirror, which never writes and lacks nothing by that. */
  readonly isMirror?: boolean | undefined;
  readonly readOnly?: { readonly codes: readonly string[]; readonly since: number } | undefined;
  readonly serves?: boolean | undefined;
  /** Whether this node knows an address of it. */
  readonly addressed?: boolean | undefined;
  /** Why it is not reached over HTTP, as a sentence and as a code. */
  readonly error?: string | undefined;
  readonly errorCode?: ErrorCode | undefined;
}

/** Everything that the verdict is made of. Times are Unix ms. */
export interface VerdictFacts {
  readonly now: number;
  readonly startedAt: number;
  /** How long a member may be silent, or differ, before that counts; ms. */
  readonly graceMs: number;
  readonly readOnly: readonly { readonly code: ReadOnlyCode; readonly text: string; readonly since: number }[];
  /** Present while this node takes over a snapshot. */
  readonly bootstrap?: { readonly done: number; readonly total: number } | undefined;
  readonly members: readonly MemberFacts[];
  /** The labels of configured peers that have left the fleet, whom nobody expects. */
  readonly left?: readonly string[] | undefined;
  /** Of the roster that the node goes by; absent in epoch 0, where that is the configured trust list. */
  readonly epoch?: number | undefined;
}

/** A member as its facts and its view have it. */
export interface Judged {
  readonly facts: MemberFacts;
  readonly view: MemberView;
  readonly trouble: 'diverged' | 'down' | 'read-only' | 'starting' | 'unsettled' | undefined;
}
