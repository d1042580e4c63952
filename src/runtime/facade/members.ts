import type { ChangeAction, Role } from '../../core/roster/index.ts';

export type { ChangeAction, Role };

/** One member of the roster that this node goes by (SPEC RO). */
export interface RosterMemberView {
  /** Hex of the public key. */
  readonly author: string;
  readonly peerId: string;
  /** What the roster calls it; where the roster has no name, what the member calls itself; '' when neither is known. */
  readonly name: string;
  readonly role: Role;
  /** Unix ms, of a retired member: its commits up to here count. */
  readonly until?: number;
  /** Of a retired member: how its key ended. Absent where that is not known. */
  readonly how?: EndingKind;
  /** Of a retired member whose key has turned: the key under which its node goes on. */
  readonly to?: string;
  readonly self: boolean;
  /** Where it says that it can be reached: announced by itself and signed, the newest wins. Empty when it said nothing. */
  readonly urls: readonly string[];
  readonly multiaddrs: readonly string[];
}

/**
 * How a member stopped: in peace (`retired`), because its key turned (`rotated`), because its key was in the wrong hands
 * (`removed`), or because a forced roster left it out (`forced`).
 */
export type EndingKind = 'retired' | 'rotated' | 'removed' | 'forced';

/** A key that stood in an earlier roster and stands in this one no more. It never returns. */
export interface GoneView extends Pick<RosterMemberView, 'author' | 'peerId' | 'name' | 'how' | 'to'> {
  /** Unix ms: its commits up to here count. Absent for a mirror, which made none. */
  readonly until?: number;
  /** The epoch of the roster in which it stopped. */
  readonly epoch: number;
}

/** The roster that this node goes by. */
export interface RosterView {
  readonly epoch: number;
  /** Hex, 32 bytes: `rosterHash`. In epoch 0 that is the hash of the configured trust list. */
  readonly hash: string;
  readonly certify: 'majority' | 'two-thirds';
  readonly retentionMs: number;
  /** In increasing order of their authors. */
  readonly members: readonly RosterMemberView[];
  /** Who has left, the last first, 256 at most. Absent where nobody has. */
  readonly gone?: readonly GoneView[];
  /** Unix ms: this roster certifies later cuts only. 0 in epoch 0. */
  readonly start: number;
  /** Why this node takes no part in the present decision; absent when it does. */
  readonly abstains?: string;
  /** What an operator should know: a configured list that differs, members who are epochs behind, a second certificate. */
  readonly warnings: readonly { readonly code: string; readonly text: string }[];
}

export type ChangeStage =
  | 'waiting' // approvals are missing
  | 'deciding' // approved; ballots run as soon as writers enough can be reached
  | 'decided' // the roster that it makes is in force
  | 'void' // it does not fit the present roster any more, or its approvals have expired
  | 'withdrawn';

/** A change that somebody asked for. */
export interface ChangeView {
  /** Hex of `changeHash`: approvals name it. */
  readonly id: string;
  readonly action: ChangeAction;
  readonly stage: ChangeStage;
  /** One sentence that says what the change does, with names. */
  readonly text: string;
  /** One sentence: what it waits for, why it is void, or in which epoch it was decided. */
  readonly why: string;
  /** Approvals that count, by writers of the present roster. Times in Unix ms. */
  readonly approvals: readonly { readonly author: string; readonly name: string; readonly expires: number }[];
  /** How many approvals decide. */
  readonly needed: number;
  /** Writers whose approval is missing. */
  readonly missing: readonly { readonly author: string; readonly name: string }[];
  /** The epoch whose roster it made, once it is decided. */
  readonly epoch?: number;
  /** When this node first heard of it, Unix ms. Nodes of an earlier version do not tell. */
  readonly since?: number;
}

/** Who belongs to the fleet, and how that changes while it runs (SPEC RO). Everything it shows is durable. */
export interface MembershipService {
  roster(): RosterView;
  /** Changes that are not decided, oldest first, and the newest 16 that are. */
  changes(): readonly ChangeView[];
  /**
   * Asks for a change, with the approval of this node. It is durable here when the promise resolves, and is told to the
   * others. A change like one that waits already is that one, approved. Rejects with LatticeError `invalid-change`,
   * `not-a-writer` or `too-many-changes`.
   */
  propose(action: ChangeAction): Promise<ChangeView>;
  /**
   * Approves a change that this node has heard of: its full id, or the first digits where they name one. Rejects with
   * LatticeError `not-found`, `invalid-change` or `not-a-writer`.
   */
  approve(id: string): Promise<ChangeView>;
  /** Takes this node's approval back. Rejects with LatticeError `not-found` or `already-decided`. */
  withdraw(id: string): Promise<ChangeView>;
  /** Resolves as soon as the change is decided, void or withdrawn, or when `signal` aborts; then with what it is. */
  settled(id: string, signal: AbortSignal): Promise<ChangeView>;
  /**
   * The certificates (encoded) that lead from the roster of `fromEpoch` to the present one, at most `limit` of them, in
   * order. Empty in epoch 0.
   */
  chain(fromEpoch: number, limit: number): readonly Uint8Array[];
  /** Hex, in increasing order: the authors of epoch 0, with whose roster every chain begins. */
  founders(): readonly string[];
}
