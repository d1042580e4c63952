import type { InvitationView, JoinAnswer } from '../runtime/facade/index.ts';
import type { EmbeddedCall } from './embedded-call.ts';

/**
 * Invitations to join the fleet of an embedded node. Whoever shows the secret of one may ask once, and the invitation is
 * the approval of this node's operator. Every method ends as those of `EmbeddedLattice` do.
 */
export interface EmbeddedInvitations {
  /**
   * Lists the invitations in the order in which they were made.
   *
   * @throws nothing of its own
   * @example
   * for (const { name, role, stage } of lattice.invitations.list()) console.log(name, role, stage);
   */
  list(): readonly InvitationView[];

  /**
   * Makes an invitation for whoever shows the secret with this SHA-256 (hex) within `ttlMs`.
   *
   * @throws `too-many-invitations`, `invalid-change`, `store-write-failed`
   * @example
   * import { createHash, randomBytes } from 'node:crypto';
   * const secret = randomBytes(32);
   * const secretHash = createHash('sha256').update(secret).digest('hex');
   * await lattice.invitations.add({ secretHash, name: 'node4', role: 'writer', ttlMs: 3_600_000 });
   */
  add(
    invitation: {
      readonly secretHash: string;
      readonly name: string;
      readonly role: 'writer' | 'mirror';
      readonly ttlMs: number;
    },
    options?: EmbeddedCall,
  ): Promise<InvitationView>;

  /**
   * Takes an invitation back, by its id or the first digits of it where they name one.
   *
   * @throws `not-found`, `store-write-failed`
   * @example
   * for (const { id, stage } of lattice.invitations.list()) if (stage === 'open') await lattice.invitations.remove(id);
   */
  remove(id: string, options?: EmbeddedCall): Promise<void>;

  /**
   * Asks to join for the key `author` (hex), with the secret (hex, 32 bytes) of an invitation of this node. The same key
   * may ask again.
   *
   * @throws `invitation-unknown`, `invitation-expired`, `invitation-used`, `invalid-change`, `not-a-writer`
   * @example
   * const { role, change } = await lattice.invitations.join({ secret: '00'.repeat(32), author: '11'.repeat(32) });
   * console.log(role, change?.text);
   */
  join(asked: { readonly secret: string; readonly author: string }, options?: EmbeddedCall): Promise<JoinAnswer>;
}
