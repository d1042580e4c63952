/// <reference lib="esnext.disposable" preserve="true" />
import type { Change, ChangeRequest, Roster, RosterChain } from '../api/contract/member-entities.ts';
import type { CallOptions } from './request.ts';

/** How long to wait for a change. `timeoutMs` is the longest wait for one answer. */
export interface ChangeOptions extends CallOptions {
  /** Seconds, 0 to 25: the node answers when the change is settled, at the latest after these. Default: 0. */
  readonly wait?: number | undefined;
}

/** Who belongs to the fleet of a node, and how that changes while it runs. */
export interface MembersClient {
  /**
   * Tells who belongs to the fleet: the roster that the node goes by, with names and addresses. Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { epoch, members } = await client.members.roster();
   * for (const { name, role } of members) console.log(epoch, name, role);
   */
  roster(options?: CallOptions): Promise<Roster>;

  /**
   * Lists the changes that are not decided, oldest first, and the newest 16 that are.
   *
   * @throws nothing of its own
   * @example
   * for (const { id, stage, text } of await client.members.changes()) console.log(id, stage, text);
   */
  changes(options?: CallOptions): Promise<Change[]>;

  /**
   * Tells how it stands with one change, whose id may be cut short to its first digits.
   *
   * @throws `not-found`
   * @example
   * const { stage, why } = await client.members.change('0a1b2c3d', { wait: 20 });
   * console.log(stage, why);
   */
  change(id: string, options?: ChangeOptions): Promise<Change>;

  /**
   * Asks for a change, with the approval of the node. It takes effect once a majority of the writers has approved it,
   * each by its own operator. A change like one that waits already is that one, approved.
   *
   * @throws `unauthorized`, `invalid-body`, `invalid-change` when it does not fit the roster, `not-a-writer`,
   * `too-many-changes`
   * @example
   * const change = await client.members.propose({ kind: 'add', author: '00'.repeat(32), name: 'node4', role: 'mirror' });
   * console.log(change.id, change.missing.length);
   */
  propose(change: ChangeRequest, options?: CallOptions): Promise<Change>;

  /**
   * Approves a change that the node has heard of, for seven days.
   *
   * @throws `unauthorized`, `not-found`, `invalid-change`, `not-a-writer`
   * @example
   * const { stage, approvals, needed } = await client.members.approve('0a1b2c3d');
   * console.log(stage, approvals.length, 'of', needed);
   */
  approve(id: string, options?: CallOptions): Promise<Change>;

  /**
   * Takes the approval of the node back.
   *
   * @throws `unauthorized`, `not-found`, `already-decided`
   * @example
   * await client.members.withdraw('0a1b2c3d');
   */
  withdraw(id: string, options?: CallOptions): Promise<Change>;

  /**
   * Gets the certificates that lead from the roster of epoch `from` to later ones, at most 16 of them.
   *
   * @throws `invalid-query`
   * @example
   * const { epoch, items } = await client.members.chain(0);
   * console.log(epoch, items.length);
   */
  chain(from: number, options?: CallOptions): Promise<RosterChain>;
}
