import {
  type ChangeAction,
  changeHash,
  type Roster as DecidedRoster,
  decidersOf,
  type Member,
  memberOf,
  type Notice,
  signStatement,
} from '../../core/roster/index.ts';
import { type Author, bytesToHex, counted, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Random, Signer } from '../../ports/index.ts';
import type { ChangeStage, ChangeView, MembershipService, RosterMemberView, RosterView } from '../facade/members.ts';
import type { Roster } from '../fleet/roster.ts';
import { textOf } from './change-text.ts';
import {
  APPROVAL_MS,
  approvalsOf,
  type HeldChange,
  MAX_OPEN,
  MAX_OPEN_OF_ONE,
  madeBy,
  waitsForFloor,
} from './changes.ts';
import { createFormerKeys } from './former-keys.ts';
import { MAX_EPOCHS, type Membership } from './membership.ts';

/** Fewest digits that name a change: among some dozens of them these are seldom alike. */
const MIN_DIGITS = 4;
/** Decided changes that are shown. */
const SHOWN_DECIDED = 16;

type Named = Pick<RosterMemberView, 'author' | 'name'>;

export interface MembershipServiceDeps {
  readonly network: string;
  readonly self: Author;
  readonly hasher: Hasher;
  readonly signer: Signer;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'bytes'>;
  readonly roster: Roster;
  readonly membership: Membership;
  readonly floor: () => number | undefined;
  /** Why nothing might be decided any more after that change; undefined where that is not to be feared. */
  readonly locks: (next: DecidedRoster, action: ChangeAction) => string | undefined;
  readonly peerIdOf: (author: Author) => string;
  /** What a node calls itself; undefined where that is not known. */
  readonly nameOf: (author: Author) => string | undefined;
  /** What people read in place of an author that has no name. */
  readonly labelOf: (author: Author) => string;
  /** Where a member says that it can be reached. */
  readonly addressesOf: (author: Author) => Pick<RosterMemberView, 'urls' | 'multiaddrs'>;
  readonly warnings: () => RosterView['warnings'];
  /** Calls the listener whenever a change may show otherwise, until the returned function is called. */
  readonly onChange: (listener: () => void) => () => void;
}

/** The order in which people look for members: that of keys is by chance. Members without a name come last. */
function byName(a: Named, b: Named): number {
  if (a.name === b.name) return a.author < b.author ? -1 : 1;
  if (a.name === '' || b.name === '') return a.name === '' ? 1 : -1;
  return a.name < b.name ? -1 : 1;
}

/** The face of membership for API, command line and programs (SPEC RO6). */
export function createMembershipService(deps: MembershipServiceDeps): MembershipService {
  const { roster, membership, self, clock, hasher, network } = deps;
  const { changes } = membership;
  const state = () => roster.present.state;

  const nameOf = (author: Author): string => {
    const told = memberOf(state().roster, author)?.name ?? '';
    return told === '' ? (deps.nameOf(author) ?? '') : told;
  };
  const label = (author: Author): string => nameOf(author) || deps.labelOf(author);

  const formerKeys = createFormerKeys({ ...deps, changes });

  function memberView({ author, role, until }: Member): RosterMemberView {
    const { how, to } = (role === 'retired' ? formerKeys.of(author) : undefined) ?? {};
    return {
      author,
      peerId: deps.peerIdOf(author),
      name: nameOf(author),
      role,
      ...(role === 'retired' ? { until } : {}),
      ...(how === undefined ? {} : { how }),
      ...(to === undefined ? {} : { to }),
      self: author === self,
      ...deps.addressesOf(author),
    };
  }

  /** Whether the roster that it makes is in force. It is known a moment before that, while it is made durable. */
  const isDecided = ({ epoch }: HeldChange): boolean => epoch > 0 && epoch <= state().roster.epoch;

  function stageOf(held: HeldChange): { readonly stage: ChangeStage; readonly why: string } {
    if (isDecided(held)) return { stage: 'decided', why: `it made the roster of epoch ${held.epoch}` };
    const now = clock.now();
    const approvals = approvalsOf(held, state(), now);
    const words = [...held.words.values()].map(({ signed }) => signed.statement);
    if (words.every(({ kind }) => kind === 'withdrawal'))
      return { stage: 'withdrawn', why: 'everybody who approved it took that back' };
    const misfit = changes.misfit(held, state(), now);
    if (misfit !== undefined) return { stage: 'void', why: misfit };
    if (words.every(({ expires }) => expires <= now)) return { stage: 'void', why: 'its approvals have expired' };
    const needed = decidersOf(state().roster);
    if (approvals.length < needed)
      return { stage: 'waiting', why: `${approvals.length} of ${needed} approvals are here` };
    if (waitsForFloor(held.change.action, state().roster, deps.floor()))
      return { stage: 'deciding', why: 'it waits until the floor has passed the end of who leaves' };
    const lock = lockOf(held.change.action);
    if (lock !== undefined) return { stage: 'deciding', why: `it is approved and waits at this node: ${lock}` };
    return {
      stage: 'deciding',
      why: `it is approved, and ${counted(needed, 'writer')} ${needed === 1 ? 'has' : 'have'} to vote for it`,
    };
  }

  const lockOf = (action: ChangeAction): string | undefined => deps.locks(madeBy(state(), action, clock.now()), action);

  function view(held: HeldChange): ChangeView {
    const approvals = approvalsOf(held, state(), clock.now());
    const by = new Set(approvals.map(({ statement }) => statement.author));
    return {
      id: held.id,
      action: held.change.action,
      ...stageOf(held),
      text: textOf(held.change.action, label),
      approvals: approvals
        .map(({ statement: { author, expires } }) => ({ author, name: nameOf(author), expires }))
        .sort(byName),
      since: held.heardAt,
      needed: decidersOf(state().roster),
      missing: isDecided(held)
        ? []
        : roster.writers
            .filter((author) => !by.has(author))
            .map((author) => ({ author, name: nameOf(author) }))
            .sort(byName),
      ...(isDecided(held) ? { epoch: held.epoch } : {}),
    };
  }

  function find(id: string): HeldChange {
    const exact = changes.get(id);
    if (exact !== undefined) return exact;
    const alike = id.length < MIN_DIGITS ? [] : changes.all().filter((one) => one.id.startsWith(id));
    const [only] = alike;
    if (only !== undefined && alike.length === 1) return only;
    throw new LatticeError(
      'not-found',
      alike.length === 0 ? `no change has the id ${id}` : `${counted(alike.length, 'change')} begin with ${id}`,
      { next: 'see the changes with `lattice members changes`, and give more digits' },
    );
  }

  function checkWriter(): void {
    const because = membership.abstains();
    if (membership.second() !== undefined)
      throw new LatticeError('invalid-change', `no roster is decided: ${because ?? ''}`, {
        next: 'compare the rosters of all nodes, and begin anew with the members of one side',
      });
    if (roster.isWriter(self)) return;
    throw new LatticeError('not-a-writer', `this node is no writer of the roster of epoch ${state().roster.epoch}`, {
      next: 'ask a node that is a writer',
    });
  }

  /** Throws LatticeError `invalid-change` for a name by which people know another member, whoever gave it that one. */
  function checkName(action: ChangeAction): void {
    if ((action.kind !== 'add' && action.kind !== 'name') || action.name === '') return;
    const other = state().roster.members.find(
      ({ author, role }) => author !== action.author && role !== 'retired' && nameOf(author) === action.name,
    );
    if (other === undefined) return;
    throw new LatticeError(
      'invalid-change',
      `the member ${other.author.slice(0, 8)}… has the name ${JSON.stringify(action.name)}`,
      { next: 'choose another name' },
    );
  }

  /** Throws LatticeError `invalid-change` where the action does not fit at present. */
  function checkAction(action: ChangeAction): void {
    if (waitsForFloor(action, state().roster, deps.floor()))
      throw new LatticeError('invalid-change', 'a key leaves the roster once the floor has passed its end', {
        next: 'see with `lattice floor` where the floor stands and who holds it, and try again then',
      });
    madeBy(state(), action, clock.now());
    checkName(action);
    if (state().roster.epoch >= MAX_EPOCHS)
      throw new LatticeError('invalid-change', `a fleet has at most ${MAX_EPOCHS} rosters`, {
        next: 'begin a new fleet with the present members',
      });
  }

  async function say(held: Pick<HeldChange, 'hash' | 'change'>, kind: 'approval' | 'withdrawal', expires: number) {
    const notice: Extract<Notice, { kind: 'approval' }> = {
      kind: 'approval',
      change: held.change,
      signed: signStatement({ kind, network, author: self, change: held.hash, expires }, (message) =>
        deps.signer.sign(message),
      ),
    };
    await membership.say(notice);
    return view(find(bytesToHex(held.hash)));
  }

  async function approve(held: HeldChange): Promise<ChangeView> {
    if (held.epoch > 0) return view(held);
    const word = held.words.get(self)?.signed.statement;
    if (word?.kind === 'approval' && word.expires > clock.now()) return view(held);
    const expires = Math.max(Math.floor(clock.now()) + APPROVAL_MS, (word?.expires ?? 0) + 1);
    return say(held, 'approval', expires);
  }

  return {
    roster(): RosterView {
      const { present } = roster;
      const { epoch, certify, retentionMs, members } = present.state.roster;
      const abstains = membership.abstains();
      const gone = formerKeys.gone();
      return {
        epoch,
        hash: bytesToHex(present.state.hash),
        certify,
        retentionMs,
        members: members.map(memberView).sort(byName),
        ...(gone.length === 0 ? {} : { gone }),
        start: present.start,
        ...(abstains === undefined ? {} : { abstains }),
        warnings: deps.warnings(),
      };
    },
    changes() {
      const all = changes.all().map(view);
      const decided = all.filter(({ stage }) => stage === 'decided').slice(-SHOWN_DECIDED);
      return all.filter((one) => one.stage !== 'decided' || decided.includes(one));
    },
    async propose(action) {
      checkWriter();
      checkAction(action);
      const lock = lockOf(action);
      if (lock !== undefined)
        throw new LatticeError('invalid-change', lock, {
          next: 'start what is not heard, a newcomer as a mirror; retire first who never comes back; or ask a node that hears them',
        });
      const like = changes.like(action);
      if (like !== undefined) return approve(like);
      const open = changes.all().filter(({ epoch }) => epoch === 0);
      const own = open.filter(({ words }) => words.size === 1 && words.has(self));
      if (open.length >= MAX_OPEN || own.length >= MAX_OPEN_OF_ONE)
        throw new LatticeError(
          'too-many-changes',
          `${counted(open.length, 'change')} wait, ${own.length} of them for others`,
          {
            next: 'withdraw some, or approve them on the other nodes',
          },
        );
      const change = { network, nonce: deps.random.bytes(16), action };
      return say({ change, hash: changeHash(change, hasher) }, 'approval', Math.floor(clock.now()) + APPROVAL_MS);
    },
    async approve(id) {
      checkWriter();
      const held = find(id);
      if (held.epoch === 0) checkAction(held.change.action);
      return approve(held);
    },
    async withdraw(id) {
      const held = find(id);
      if (held.epoch > 0)
        throw new LatticeError('already-decided', `the change made the roster of epoch ${held.epoch}`, {
          next: 'ask for the opposite change',
        });
      const word = held.words.get(self)?.signed.statement;
      if (word === undefined)
        throw new LatticeError('not-found', 'this node has not approved the change', {
          next: 'nothing has to be done',
        });
      return word.kind === 'withdrawal' ? view(held) : say(held, 'withdrawal', word.expires);
    },
    settled(id, signal) {
      const isSettled = ({ stage }: ChangeView): boolean => stage !== 'waiting' && stage !== 'deciding';
      let shown: ChangeView;
      try {
        shown = view(find(id));
      } catch (error) {
        return Promise.reject(error);
      }
      return new Promise((resolve) => {
        const look = (): void => {
          // A change of which nothing more is kept shows as it last did.
          const held = changes.get(shown.id);
          if (held !== undefined) shown = view(held);
          if (!isSettled(shown) && held !== undefined && !signal.aborted) return;
          end();
          signal.removeEventListener('abort', look);
          resolve(shown);
        };
        const end = deps.onChange(look);
        signal.addEventListener('abort', look);
        look();
      });
    },
    chain: (fromEpoch, limit) =>
      roster
        .from(fromEpoch + 1)
        .slice(0, limit)
        .flatMap(({ certificate }) => certificate ?? []),
    founders: () => roster.from(0)[0]?.state.roster.members.map(({ author }) => author) ?? [],
  };
}
