import type { ChangeView } from './members.ts';

export type InvitationStage =
  | 'open' // nobody has asked with it
  | 'used' // somebody has, and is not yet what it was invited to be
  | 'done' // the newcomer is what it was invited to be
  | 'expired';

/** An invitation of this node. Its secret is known to whoever has the line alone. */
export interface InvitationView {
  /** Hex: SHA-256 of the secret. */
  readonly id: string;
  /** What the newcomer is to be called. */
  readonly name: string;
  /** What it becomes in the end. It joins as a mirror in any case. */
  readonly role: 'writer' | 'mirror';
  /** Unix ms. */
  readonly expires: number;
  readonly stage: InvitationStage;
  /** Hex of the key that asked with it. */
  readonly author?: string;
}

/** What somebody who asked to join is told. */
export interface JoinAnswer {
  /** What the asker is in the roster that this node goes by; absent while it is no member. */
  readonly role?: 'writer' | 'mirror';
  /** The change that makes it a member, while that is not decided. */
  readonly change?: ChangeView;
}

/** Whom to invite, and for how long. */
export interface InvitationWish {
  /** The SHA-256 of the secret that the newcomer shows, 64 hex digits. */
  readonly secretHash: string;
  /** What the newcomer is called. */
  readonly name: string;
  readonly role: 'writer' | 'mirror';
  /** How long it can be used, ms; a week at most. */
  readonly ttlMs: number;
}

/** A newcomer asks to join. */
export interface JoinQuestion {
  /** The secret of the invitation, 64 hex digits. */
  readonly secret: string;
  /** The public key of the newcomer, 64 hex digits. */
  readonly author: string;
}

/**
 * Invitations to join the fleet (SPEC JN1). Whoever holds the secret of one may ask once; the invitation stands for the
 * approval of this node's operator. Everything that is shown is durable.
 */
export interface InvitationService {
  /** In the order in which they were made. */
  list(): readonly InvitationView[];
  /**
   * Makes one for whoever shows the secret with this SHA-256 (hex) within `ttlMs`. One with this hash that is open
   * already is that one. Rejects with LatticeError `too-many-invitations` or `invalid-change`.
   */
  add(invitation: InvitationWish): Promise<InvitationView>;
  /** Takes one back, by its id or its first digits. Rejects with LatticeError `not-found`. */
  remove(id: string): Promise<void>;
  /**
   * Asks to join, with the secret (hex, 32 bytes), for the key `author` (hex). The same key may ask again. Rejects with
   * LatticeError `invitation-unknown`, `invitation-expired` or `invitation-used`, and as `MembershipService.propose` does.
   */
  join(asked: JoinQuestion): Promise<JoinAnswer>;
}
