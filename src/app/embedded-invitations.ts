import type {
  InvitationService,
  InvitationView,
  InvitationWish,
  JoinAnswer,
  JoinQuestion,
} from '../runtime/facade/invitations.ts';
import type { EmbeddedCall } from './embedded-call.ts';
import type { Life } from './life.ts';

/** Invitations with which newcomers ask to join the fleet. They stand for the approval of this node's operator. */
export interface EmbeddedInvitations {
  /**
   * Lists the invitations of this node, in the order in which they were made.
   *
   * @throws nothing of its own
   * @example
   * for (const { name, stage } of lattice.invitations.list()) console.log(name, stage);
   */
  list(): readonly InvitationView[];

  /**
   * Invites whoever shows the secret with this SHA-256 (64 hex digits) within `ttlMs`, a week at most.
   *
   * @throws `invalid-change` when a member has that name, `too-many-invitations` (64), `disk-full`, `store-write-failed`
   * @example
   * const secretHash = '00'.repeat(32);
   * await lattice.invitations.add({ secretHash, name: 'node4', role: 'writer', ttlMs: 3_600_000 });
   */
  add(invitation: InvitationWish, options?: EmbeddedCall): Promise<InvitationView>;

  /**
   * Takes an invitation back, by its id or the first digits of it.
   *
   * @throws `not-found`
   * @example
   * for (const { id, stage } of lattice.invitations.list()) if (stage === 'open') await lattice.invitations.remove(id);
   */
  remove(id: string, options?: EmbeddedCall): Promise<void>;

  /**
   * Asks to join for a key, with the secret of an invitation of this node (64 hex digits each).
   *
   * @throws `invitation-unknown`, `invitation-expired`, `invitation-used`, and as `members.propose` does
   * @example
   * const { role, change } = await lattice.invitations.join({ secret: '00'.repeat(32), author: 'aa'.repeat(32) });
   * console.log(role ?? change?.why);
   */
  join(asked: JoinQuestion, options?: EmbeddedCall): Promise<JoinAnswer>;
}

/** The invitations of a node as the program that embeds it sees them, whose every call ends with the node. */
export function embedInvitations(invitations: InvitationService, life: Life): EmbeddedInvitations {
  return {
    list() {
      life.check();
      return invitations.list();
    },
    add: (invitation, { signal } = {}) => life.run(() => invitations.add(invitation), signal),
    remove: (id, { signal } = {}) => life.run(() => invitations.remove(id), signal),
    join: (asked, { signal } = {}) => life.run(() => invitations.join(asked), signal),
  };
}
