import { utf8Length } from '../../core/cbor/text.ts';
import type { RowWrite } from '../../core/replica/index.ts';
import { MAX_NAME_BYTES } from '../../core/roster/index.ts';
import {
  decodeInvitations,
  encodeInvitations,
  type GivenApproval,
  INVITATIONS,
  type InvitationRow,
} from '../../core/rows/index.ts';
import { type Author, bytesToHex, type Hasher, hexToBytes, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Store } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { InvitationService, InvitationStage, InvitationView } from '../facade/invitations.ts';
import type { ChangeAction, ChangeView, MembershipService, Role } from '../facade/members.ts';
import { twoReads } from '../storage/two-reads.ts';

/** Invitations that a node keeps. A fleet is some dozens of nodes; more can only be a script out of control. */
const MAX_INVITATIONS = 64;
/** The longest time for which somebody may ask: a week, as approvals count. */
export const MAX_INVITATION_MS = 7 * 86_400_000;
/** How long one that is over stays, so that whoever comes late is told so. */
const KEPT_MS = 7 * 86_400_000;
/** How often it is looked at whether a newcomer has caught up. */
const LOOK_EVERY_MS = 1000;
const SECRET_BYTES = 32;
/** What a newcomer can become. */
const ROLES: readonly InvitationRow['role'][] = ['writer', 'mirror'];
function isMemberName(name: unknown): boolean {
  const bytes = typeof name === 'string' ? utf8Length(name) : -1;
  return bytes >= 0 && bytes <= MAX_NAME_BYTES;
}

export interface InvitationDeps {
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly log: Log;
  readonly saved: readonly InvitationRow[];
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  readonly members: MembershipService;
  /** Whether that member has told a root that is equal to this node's, while this node knows a certified cut. */
  readonly hasCaughtUp: (author: Author) => boolean;
}

/** The invitations that an earlier run stored. Rejects with LatticeError `damaged-row`. */
export async function loadInvitations(store: Store): Promise<readonly InvitationRow[]> {
  const [row] = await twoReads(store, INVITATIONS);
  return row === undefined ? [] : decodeInvitations(row);
}

/**
 * The invitations of this node. The invitation stands for the approval of this node's operator, of the addition and,
 * where the newcomer is to be a writer, of its promotion once it has caught up (SPEC JN).
 */
export function createInvitations(
  deps: InvitationDeps,
): InvitationService & { readonly start: () => void; readonly stop: () => void } {
  const { clock, hasher, log, members } = deps;
  let rows = deps.saved;
  let looks: Repetition | undefined;
  /** Changes of the rows run one at a time, because each builds on the one before. */
  let turn: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }
  async function keep(next: readonly InvitationRow[]): Promise<void> {
    await deps.keep(() => [{ type: 'put', key: INVITATIONS, value: encodeInvitations(next) }]);
    rows = next;
  }
  const replaced = (old: InvitationRow, next: InvitationRow): readonly InvitationRow[] =>
    rows.map((row) => (row === old ? next : row));
  const roleOf = (author: string): Role | undefined =>
    members.roster().members.find((member) => member.author === author)?.role;

  function stageOf({ usedBy, role, expires }: InvitationRow): InvitationStage {
    if (usedBy === undefined) return clock.now() > expires ? 'expired' : 'open';
    const has = roleOf(usedBy);
    return has === role || has === 'writer' || has === 'retired' ? 'done' : 'used';
  }
  function viewOf(row: InvitationRow): InvitationView {
    const { secretHash, name, role, expires, usedBy } = row;
    return {
      id: bytesToHex(secretHash),
      name,
      role,
      expires,
      stage: stageOf(row),
      ...(usedBy === undefined ? {} : { author: usedBy }),
    };
  }
  /** Those that still tell somebody something. */
  const worthKeeping = (): readonly InvitationRow[] =>
    rows.filter((row) => stageOf(row) === 'used' || clock.now() <= row.expires + KEPT_MS);

  const openChange = (action: Pick<ChangeAction, 'kind'> & { readonly author: string }): ChangeView | undefined =>
    members
      .changes()
      .find(
        ({ stage, action: asked }) =>
          (stage === 'waiting' || stage === 'deciding') &&
          asked.kind === action.kind &&
          'author' in asked &&
          asked.author === action.author,
      );

  /** Approves the change that somebody asked for already, or asks for it; once, whatever becomes of it. */
  async function approved(
    row: InvitationRow,
    action: ChangeAction & { readonly kind: GivenApproval; readonly author: Author },
  ): Promise<ChangeView> {
    const { kind, author } = action;
    const open = openChange(action);
    if (row.given.includes(kind)) return open ?? takenBack(kind, author);
    const change = open === undefined ? await members.propose(action) : await members.approve(open.id);
    await keep(replaced(row, { ...row, given: [...row.given, kind] }));
    return change;
  }

  /** The change that this node had approved and that is open no more. */
  function takenBack(kind: GivenApproval, author: Author): ChangeView {
    const last = members.changes().findLast(({ action }) => action.kind === kind && action.author === author);
    if (last !== undefined) return last;
    throw new LatticeError('invalid-change', 'the approval that this invitation stood for was taken back or ran out', {
      next: 'ask whoever invited you for a new invitation',
    });
  }

  const found = (secret: string): InvitationRow => {
    const bytes = hexToBytes(secret);
    const hash = bytes?.length === SECRET_BYTES ? bytesToHex(hasher.hash(bytes)) : '';
    const row = rows.find(({ secretHash }) => bytesToHex(secretHash) === hash);
    if (row !== undefined) return row;
    throw new LatticeError('invitation-unknown', 'this node has no such invitation', {
      next: 'ask whoever invited you: it may have been taken back, or made on another node; lattice invite ls lists them',
    });
  };

  /** Binds the invitation to the first key that asks with it. */
  async function bind(row: InvitationRow, author: Author): Promise<InvitationRow> {
    if (row.usedBy === author) return row;
    if (row.usedBy !== undefined)
      throw new LatticeError('invitation-used', 'another key has asked with this invitation already', {
        next: 'ask for a new one; if it was not you who used this one, tell whoever invited you at once',
      });
    if (clock.now() > row.expires)
      throw new LatticeError('invitation-expired', 'this invitation is too old to ask with', {
        next: 'ask for a new one: lattice invite --name NAME',
      });
    const bound = { ...row, usedBy: author, host: openChange({ kind: 'add', author }) === undefined };
    await keep(replaced(row, bound));
    log.info({ author, name: row.name }, 'somebody asks to join with an invitation');
    return bound;
  }

  /** Gives this node's approval of the promotion of everybody who has caught up. */
  async function look(): Promise<void> {
    for (const row of rows) {
      const { usedBy: author, role, host } = row;
      if (author === undefined || role !== 'writer' || roleOf(author) !== 'mirror') continue;
      const open = openChange({ kind: 'promote', author });
      // One node asks, so that no two changes are about the same.
      if (row.given.includes('promote') || (open === undefined && (!host || !deps.hasCaughtUp(author)))) continue;
      await approved(row, { kind: 'promote', author });
      log.info({ author, name: row.name }, 'a newcomer has caught up and is to become a writer');
    }
  }

  return {
    start() {
      looks ??= every(clock, LOOK_EVERY_MS, () => inTurn(look), {
        onError: (error) => log.warn({ error: String(error) }, 'a newcomer could not be promoted'),
      });
    },
    stop: () => looks?.stop(),
    list: () => rows.map(viewOf),
    add: ({ secretHash, name, role, ttlMs }) =>
      inTurn(async () => {
        const known = rows.find((row) => bytesToHex(row.secretHash) === secretHash);
        if (known !== undefined) return viewOf(known);
        const hash = hexToBytes(secretHash);
        if (hash?.length !== SECRET_BYTES || !(Number.isSafeInteger(ttlMs) && ttlMs > 0 && ttlMs <= MAX_INVITATION_MS))
          throw new LatticeError('invalid-change', 'an invitation has the SHA-256 of a secret and a week at most', {
            next: 'make it with lattice invite',
          });
        if (!ROLES.includes(role) || !isMemberName(name))
          throw new LatticeError(
            'invalid-change',
            `an invitation is for a ${ROLES.join(' or a ')}, whose name has at most ${MAX_NAME_BYTES} bytes`,
            { next: 'make it with lattice invite' },
          );
        const taken = members.roster().members.some((member) => member.name === name && member.role !== 'retired');
        if (name !== '' && taken)
          throw new LatticeError('invalid-change', `a member is called ${JSON.stringify(name)} already`, {
            next: 'choose another name',
          });
        const kept = worthKeeping();
        if (kept.length >= MAX_INVITATIONS)
          throw new LatticeError('too-many-invitations', `${MAX_INVITATIONS} invitations are there already`, {
            next: 'take some back: lattice invite ls, lattice invite rm ID',
          });
        const row: InvitationRow = {
          secretHash: hash,
          name,
          role,
          expires: clock.now() + ttlMs,
          usedBy: undefined,
          host: false,
          given: [],
        };
        await keep([...kept, row]);
        return viewOf(row);
      }),
    remove: (id) =>
      inTurn(async () => {
        const matching = rows.filter((row) => bytesToHex(row.secretHash).startsWith(id));
        const [row] = matching;
        if (row === undefined || matching.length > 1)
          throw new LatticeError('not-found', 'there is no such invitation', { next: 'see lattice invite ls' });
        await keep(rows.filter((one) => one !== row));
      }),
    join: ({ secret, author: given }) =>
      inTurn(async () => {
        const author = given as Author;
        const bound = await bind(found(secret), author);
        const role = roleOf(author);
        if (role === 'writer' || role === 'mirror') return { role };
        return { change: await approved(bound, { kind: 'add', author, name: bound.name, role: 'mirror' }) };
      }),
  };
}
