import type { ChangeAction, ChangeView, RosterView } from '../runtime/facade/index.ts';
import type { EmbeddedCall } from './embedded-call.ts';

/** Who belongs to the fleet of an embedded node, and how that changes. Every method ends as those of `EmbeddedLattice` do. */
export interface EmbeddedMembers {
  /**
   * Tells the roster that the node goes by.
   *
   * @throws nothing of its own
   * @example
   * const { epoch, members } = lattice.members.roster();
   * console.log(epoch, members.map(({ name, role }) => `${name} ${role}`));
   */
  roster(): RosterView;

  /**
   * Lists the changes that are not decided, oldest first, and the newest 16 that are.
   *
   * @throws nothing of its own
   * @example
   * for (const { id, stage, text } of lattice.members.changes()) console.log(id, stage, text);
   */
  changes(): readonly ChangeView[];

  /**
   * Asks for a change, with the approval of this node. It is durable here when the promise resolves, and is told to the
   * others; more than half of the writers decide it by approving it.
   *
   * @throws `invalid-change`, `not-a-writer`, `too-many-changes`, `store-write-failed`
   * @example
   * console.log((await lattice.members.propose({ kind: 'settings', certify: 'two-thirds', retentionMs: 86_400_000 })).text);
   */
  propose(action: ChangeAction, options?: EmbeddedCall): Promise<ChangeView>;

  /**
   * Approves a change that this node has heard of, by its id or the first digits of it where they name one.
   *
   * @throws `not-found`, `invalid-change`, `not-a-writer`, `store-write-failed`
   * @example
   * for (const { id, stage } of lattice.members.changes()) if (stage === 'waiting') await lattice.members.approve(id);
   */
  approve(id: string, options?: EmbeddedCall): Promise<ChangeView>;

  /**
   * Takes this node's approval back.
   *
   * @throws `not-found`, `already-decided`, `store-write-failed`
   * @example
   * for (const { id, stage } of lattice.members.changes()) if (stage === 'waiting') await lattice.members.withdraw(id);
   */
  withdraw(id: string, options?: EmbeddedCall): Promise<ChangeView>;

  /**
   * Resolves as soon as the change is decided, void or withdrawn, with what it is then.
   *
   * @throws `not-found`
   * @example
   * const [first] = lattice.members.changes();
   * if (first !== undefined) console.log((await lattice.members.settled(first.id)).stage);
   */
  settled(id: string, options?: EmbeddedCall): Promise<ChangeView>;

  /**
   * The certificates (encoded) that lead from the roster of `fromEpoch` to the present one, at most `limit` of them.
   *
   * @throws nothing of its own
   * @example
   * console.log(lattice.members.chain(0, 16).length);
   */
  chain(fromEpoch: number, limit: number): readonly Uint8Array[];

  /**
   * The authors of epoch 0, hex in increasing order, with whose roster every chain begins.
   *
   * @throws nothing of its own
   * @example
   * console.log(lattice.members.founders());
   */
  founders(): readonly string[];
}
