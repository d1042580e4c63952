import type { RowWrite } from '../../core/replica/index.ts';
import {
  type Approval,
  applyChange,
  type Change,
  type ChangeAction,
  changeHash,
  encodeChange,
  endOf,
  endsWriting,
  isApproved,
  isWriter,
  memberOf,
  type Notice,
  type Proposed,
  type RosterState,
  rosterHash,
  type Signed,
} from '../../core/roster/index.ts';
import { changeKey, encodeKeptChange, type KeptChange } from '../../core/rows/index.ts';
import { type Author, type Bytes, bytesToHex, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';

/** How long an approval counts: an operator of another node may be away for some days. */
export const APPROVAL_MS = 7 * 24 * 3_600_000;
/** By how much the clock of who approved may be ahead. */
const CLOCK_SLACK_MS = 3_600_000;
/** Most changes that are not decided: more than operators can follow. */
export const MAX_OPEN = 64;
/** Most changes that one writer alone wants, so that no key fills the room of the others. */
export const MAX_OPEN_OF_ONE = 16;
/** How many decided changes are kept, for people. */
const MAX_DECIDED = 16;

export type ApprovalNotice = Extract<Notice, { kind: 'approval' }>;

/** A change that somebody asked for. */
export interface HeldChange {
  /** Hex of its hash. */
  readonly id: string;
  readonly hash: Bytes;
  readonly change: Change;
  /** Unix ms: when this node first heard of it. */
  readonly heardAt: number;
  /** The epoch of the roster that it asked for, once that was decided; 0 before. */
  readonly epoch: number;
  /** Each author's newest word about it. */
  readonly words: ReadonlyMap<Author, ApprovalNotice>;
}

/** The changes that operators asked for, and who approves each (SPEC RO6). */
export interface Changes {
  get(id: string): HeldChange | undefined;
  /** Oldest first. */
  all(): readonly HeldChange[];
  /** The open change that does the same as this action. */
  like(action: ChangeAction): HeldChange | undefined;
  /**
   * Whether this word is one that this node keeps, before its signature is verified: `known` or `no-room`, else
   * undefined.
   */
  judge(notice: ApprovalNotice, state: RosterState, nowMs: number): 'known' | 'unfit' | 'no-room' | undefined;
  /** Takes in a word whose signature is good, and returns the rows that keep it. */
  take(notice: ApprovalNotice, nowMs: number): readonly RowWrite[];
  /** Notes which changes asked for the roster of an epoch, and lets go of what is too old. Returns the rows. */
  decided(before: RosterState, after: RosterState, nowMs: number): readonly RowWrite[];
  /** The changes that writers enough approve and that fit the roster, oldest first, with what each would make of it. */
  ready(state: RosterState, nowMs: number): readonly { readonly held: HeldChange; readonly proposed: Proposed }[];
  /** Why the change does not fit the roster; undefined where it does. */
  misfit(held: HeldChange, state: RosterState, nowMs: number): string | undefined;
}

/** Whether the change waits until the floor, Unix ms, has passed the end of who leaves (SPEC RO10). */
export function waitsForFloor(action: ChangeAction, roster: RosterState['roster'], floor: number | undefined): boolean {
  if (action.kind !== 'drop') return false;
  const member = memberOf(roster, action.author);
  return member?.role === 'retired' && member.until > (floor ?? 0);
}

/** What the change makes of the roster now. LatticeError `invalid-change`. */
export function madeBy(state: RosterState, action: ChangeAction, nowMs: number) {
  return applyChange(state, action, endsWriting(state, action) ? endOf(action, nowMs) : 0);
}

export function createChanges(deps: { readonly hasher: Hasher; readonly saved: readonly KeptChange[] }): Changes {
  const { hasher } = deps;
  const held = new Map<string, HeldChange>();
  for (const { heardAt, epoch, notices } of deps.saved) {
    const [first] = notices;
    if (first === undefined) continue;
    const hash = changeHash(first.change, hasher);
    const words = new Map(notices.map((notice) => [notice.signed.statement.author, notice]));
    held.set(bytesToHex(hash), { id: bytesToHex(hash), hash, change: first.change, heardAt, epoch, words });
  }
  const all = (): readonly HeldChange[] =>
    [...held.values()].sort((a, b) => a.heardAt - b.heardAt || (a.id < b.id ? -1 : 1));
  const open = (): readonly HeldChange[] => all().filter(({ epoch }) => epoch === 0);

  const rowOf = ({ hash, heardAt, epoch, words }: HeldChange): RowWrite => ({
    type: 'put',
    key: changeKey(hash),
    value: encodeKeptChange({ heardAt, epoch, notices: [...words.values()] }),
  });

  function misfit({ change }: HeldChange, state: RosterState, nowMs: number): string | undefined {
    try {
      madeBy(state, change.action, nowMs);
      return undefined;
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      return error.message;
    }
  }

  /** Lets go of what cannot be decided any more, and of all but the newest that were. */
  function prune(nowMs: number): readonly RowWrite[] {
    const rest = all();
    const expired = rest.filter(
      ({ epoch, words }) => epoch === 0 && [...words.values()].every(({ signed }) => signed.statement.expires <= nowMs),
    );
    const decided = rest.filter(({ epoch }) => epoch > 0).sort((a, b) => b.epoch - a.epoch);
    return [...expired, ...decided.slice(MAX_DECIDED)].map(({ id, hash }) => {
      held.delete(id);
      return { type: 'del', key: changeKey(hash) };
    });
  }

  return {
    get: (id) => held.get(id),
    all,
    like(action) {
      const wanted = bytesOf(action);
      return open().find(({ change }) => equalBytes(bytesOf(change.action), wanted));
    },
    judge({ change, signed: { statement } }, state, nowMs) {
      const hash = changeHash(change, hasher);
      if (!equalBytes(hash, statement.change) || change.network !== statement.network) return 'unfit';
      if (!isWriter(state.roster, statement.author)) return 'unfit';
      if (statement.expires <= nowMs || statement.expires > nowMs + APPROVAL_MS + CLOCK_SLACK_MS) return 'unfit';
      const known = held.get(bytesToHex(hash));
      if (known !== undefined) {
        const word = known.words.get(statement.author)?.signed.statement;
        return known.epoch > 0 || (word !== undefined && !isLater(statement, word)) ? 'known' : undefined;
      }
      const others = open();
      const own = others.filter(({ words }) => words.size === 1 && words.has(statement.author));
      return others.length >= MAX_OPEN || own.length >= MAX_OPEN_OF_ONE ? 'no-room' : undefined;
    },
    take(notice, nowMs) {
      const pruned = prune(nowMs);
      const { change, signed } = notice;
      const id = bytesToHex(signed.statement.change);
      const known = held.get(id) ?? {
        id,
        hash: signed.statement.change,
        change,
        heardAt: nowMs,
        epoch: 0,
        words: new Map<Author, ApprovalNotice>(),
      };
      const now = { ...known, words: new Map([...known.words, [signed.statement.author, notice]]) };
      held.set(id, now);
      return [...pruned, rowOf(now)];
    },
    decided(before, after, nowMs) {
      // Several operators may have asked for the same at a time: all of them asked for this roster.
      const made = open().filter(({ change: { action }, words }) => {
        if ([...words.values()].every(({ signed }) => signed.statement.kind === 'withdrawal')) return false;
        const ended =
          'author' in action ? after.roster.members.find(({ author }) => author === action.author) : undefined;
        try {
          return equalBytes(
            rosterHash(applyChange(before, action, endsWriting(before, action) ? (ended?.until ?? 0) : 0), hasher),
            after.hash,
          );
        } catch {
          return false;
        }
      });
      const rows: RowWrite[] = made.map((one) => {
        const now = { ...one, epoch: after.roster.epoch };
        held.set(one.id, now);
        return rowOf(now);
      });
      return [...rows, ...prune(nowMs)];
    },
    ready(state, nowMs) {
      return open().flatMap((one) => {
        const approvals = approvalsOf(one, state, nowMs);
        if (!isApproved(state, one.change, approvals, nowMs, hasher) || misfit(one, state, nowMs) !== undefined)
          return [];
        return {
          held: one,
          proposed: { roster: madeBy(state, one.change.action, nowMs), change: one.change, approvals },
        };
      });
    },
    misfit,
  };
}

/** The approvals of a change by writers of the roster that count. */
export function approvalsOf(held: HeldChange, state: RosterState, nowMs: number): readonly Signed<Approval>[] {
  return [...held.words.values()]
    .map(({ signed }) => signed)
    .filter(
      ({ statement: { kind, author, expires } }) =>
        kind === 'approval' && expires > nowMs && isWriter(state.roster, author),
    );
}

/** A word that is valid for longer is the later one, and of two alike the one that takes the other back. */
function isLater(one: Approval, other: Approval): boolean {
  if (one.expires !== other.expires) return one.expires > other.expires;
  return one.kind === 'withdrawal' && other.kind === 'approval';
}

const bytesOf = (action: ChangeAction): Bytes => encodeChange({ network: 'x', nonce: new Uint8Array(16), action });
