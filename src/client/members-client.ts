/// <reference lib="esnext.disposable" preserve="true" />
import type { AuthoredKey } from '../api/contract/entities.ts';
import type {
  Change,
  ChangeRequest,
  Cleaned,
  CleanRequest,
  Displaced,
  Invitation,
  InvitationRequest,
  JoinAnswer,
  JoinRequest,
  Roster,
  RosterChain,
} from '../api/contract/member-entities.ts';
import type { CallOptions } from './request.ts';

/** How long to wait for a change. `timeoutMs` is the longest wait for one answer. */
export interface ChangeOptions extends CallOptions {
  /** Seconds, 0 to 25: the node answers when the change is settled, at the latest after these. Default: 0. */
  readonly wait?: number | undefined;
}

/** Which of an author's values to read. */
export interface ValuesOptions extends CallOptions {
  /** The earliest time of its writes that is of interest, Unix ms. Default: 0. */
  readonly since?: number | undefined;
  /** The most items of the page, up to 1,000. Default: 100. */
  readonly limit?: number | undefined;
  /** The cursor of the page before; without it the first page is read. */
  readonly cursor?: string | undefined;
}

/** What to clean of an author. */
export interface CleanOptions extends CallOptions {
  /** The earliest time of its writes that is of interest, Unix ms. Default: 0. */
  readonly since?: number | undefined;
  /** The most keys of the page, up to 1,000. Default: 256. */
  readonly limit?: number | undefined;
  /** The cursor of the page before; without it the first page is cleaned. */
  readonly cursor?: string | undefined;
  /** These keys alone, at most 256, each with the value that it gets where nobody else wrote it; without a cursor. */
  readonly keys?: CleanRequest['keys'] | undefined;
  /** True: says what would become of the keys, and writes nothing. */
  readonly dryRun?: boolean | undefined;
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
   * Reads one page of the keys that have a value, or a deletion, of one author, each with all of its siblings. The node
   * looks at every key for it, so that a page may have no items while there is a cursor.
   *
   * @throws `invalid-query`, `invalid-cursor`
   * @example
   * const { values, cursor } = await client.members.values('aa'.repeat(32), { since: Date.now() - 86_400_000 });
   * for (const { key, written } of values) console.log(key, written, cursor);
   */
  values(author: string, options?: ValuesOptions): Promise<{ values: AuthoredKey[]; cursor?: string }>;

  /**
   * Replaces one page of what an author wrote by commits of the node: by the value of another author beside it; else by
   * the value that `keys` gives it, where these are named; else by a deletion. What was replaced is not found again, so
   * that a call whose answer was lost may be repeated; its keys are not told a second time.
   *
   * @throws `unauthorized`, `invalid-body`, `invalid-cursor`; what a write is refused with, and then nothing was replaced
   * @example
   * const { items, cursor } = await client.members.clean('aa'.repeat(32), { since: Date.now() - 86_400_000 });
   * for (const { key, does } of items) console.log(key, does, cursor);
   */
  clean(author: string, options?: CleanOptions): Promise<Cleaned>;

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

  /**
   * Lists what the node has taken out of its state because it came after the end of its author, the latest first.
   *
   * @throws `invalid-cursor`
   * @example
   * const { items, cursor } = await client.members.displaced({ limit: 50 });
   * for (const { key, name, value } of items) console.log(key, name, value);
   */
  displaced(
    options?: CallOptions & { readonly limit?: number | undefined; readonly cursor?: string | undefined },
  ): Promise<{ items: Displaced[]; cursor?: string }>;

  /**
   * Lists the invitations of the node, in the order in which they were made.
   *
   * @throws `unauthorized`
   * @example
   * for (const { name, stage } of await client.members.invitations()) console.log(name, stage);
   */
  invitations(options?: CallOptions): Promise<Invitation[]>;

  /**
   * Invites one newcomer, who asks with a secret of 32 random bytes. The node gets only its SHA-256, and it stands for
   * the approval of the node's operator. The same invitation can be made on several nodes.
   *
   * @throws `unauthorized`, `invalid-change` when a member has that name, `too-many-invitations`
   * @example
   * const secretHash = '00'.repeat(32); // the SHA-256 of the secret, in hex
   * const { expires } = await client.members.invite({ secretHash, name: 'node4', ttlMs: 3_600_000 });
   * console.log(expires);
   */
  invite(invitation: InvitationRequest, options?: CallOptions): Promise<Invitation>;

  /**
   * Takes an invitation back, by its id or the first digits of it.
   *
   * @throws `unauthorized`, `not-found`
   * @example
   * await client.members.uninvite('0a1b2c3d');
   */
  uninvite(id: string, options?: CallOptions): Promise<void>;

  /**
   * Asks to join with the secret of an invitation (hex), for a public key. The answer tells what the key is in the
   * roster, or which change makes it a member; the same key may ask again. Needs no token.
   *
   * @throws `invitation-unknown`, `invitation-expired`, `invitation-used` when another key has asked before
   * @example
   * const { role, change } = await client.members.join({ secret: '00'.repeat(32), author: 'aa'.repeat(32) });
   * console.log(role ?? change?.why);
   */
  join(request: JoinRequest, options?: CallOptions): Promise<JoinAnswer>;
}
