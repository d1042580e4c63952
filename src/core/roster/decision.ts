import { type Author, type Bytes, equalBytes, type Hasher } from '../types/index.ts';
import type { RosterState } from './change.ts';
import {
  applyChange,
  type Change,
  type ChangeAction,
  changeHash,
  END_GRID_MS,
  endOf,
  endsWriting,
  RETIRE_AFTER_MS,
  RETIRE_SLACK_MS,
} from './change.ts';
import { decidersOf, isWriter, memberOf, type Roster, rosterHash } from './roster.ts';
import {
  type Acceptance,
  type Accepted,
  type Approval,
  type Ballot,
  compareBallots,
  type DecisionId,
  type Promise1b,
  type Signed,
} from './statements.ts';

/**
 * The decision of one epoch: single-decree Paxos (Lamport, "Paxos Made Simple", 2001) among the writers of the present
 * roster. The value is the next roster. This file is the pure part: what an acceptor may vote for, and what a proposer
 * may propose. Whoever calls it has verified every signature, keeps the acceptor's state durable before any vote is
 * sent, and gives every decision its own state.
 */

/** What a ballot proposes: the next roster, the change that makes it of the present one, and who approved that. */
export interface Proposed {
  readonly roster: Roster;
  readonly change: Change;
  readonly approvals: readonly Signed<Approval>[];
}

/** What a node accepted: `attested` is the newest T that its vote named. */
export interface AcceptedHere extends Accepted {
  readonly proposed: Proposed;
  readonly attested: number;
}

/** What an acceptor has promised and accepted in this decision. Durable before it is told. */
export interface VoteState {
  /**
   * Whether this store keeps out of this decision: it neither votes nor attests under the present roster. A store that
   * is new or was restored, under a key that others have heard vote, could contradict what the same key said before;
   * and having voted, it had promised to attest nothing more under the present roster.
   */
  readonly abstains: boolean;
  readonly promised: Ballot | undefined;
  readonly accepted: AcceptedHere | undefined;
}

/** Why a vote is not given, in a code that logs and tests name. */
export type Declined =
  | 'other-decision' // another network, epoch or previous roster
  | 'not-a-writer' // of the voter, or of the proposer
  | 'abstains'
  | 'later-ballot' // a later ballot has been promised
  | 'two-rosters' // the same ballot proposed another roster before
  | 'too-few-promises'
  | 'not-the-accepted' // an earlier acceptance binds the proposer to another roster
  | 'not-approved'
  | 'wrong-roster' // not what the change makes of the present roster
  | 'wrong-end' // the end of who stops writing is not where it has to be, or this node has attested a later cut
  | 'floor-behind'; // the floor has not passed the end of who leaves

export type Vote<S> =
  | { readonly given: true; readonly state: VoteState; readonly statement: S }
  | { readonly given: false; readonly because: Declined; readonly promised?: Ballot };

export interface Voter {
  readonly network: string;
  readonly self: Author;
  readonly hasher: Hasher;
}

export const NO_VOTES: VoteState = { abstains: false, promised: undefined, accepted: undefined };

const decisionAfter = (network: string, { roster, hash }: RosterState): DecisionId => ({
  network,
  epoch: roster.epoch + 1,
  previous: hash,
});

const isOf = (id: DecisionId, asked: DecisionId): boolean =>
  id.network === asked.network && id.epoch === asked.epoch && equalBytes(id.previous, asked.previous);

function mayVote(
  voter: Voter,
  state: RosterState,
  votes: VoteState,
  asked: DecisionId,
  ballot: Ballot,
): Declined | undefined {
  if (!isOf(decisionAfter(voter.network, state), asked)) return 'other-decision';
  if (!isWriter(state.roster, voter.self) || !isWriter(state.roster, ballot.author)) return 'not-a-writer';
  return votes.abstains ? 'abstains' : undefined;
}

/**
 * Whether a node may attest the cut at `at` under its present roster (docs/adr/0021). `attested` is the newest T that it
 * attested, `start` where its roster begins, all Unix ms. Whoever voted for the next roster attests nothing more under
 * this one, so that no cut later than the greatest T of any quorum of votes is certified under it.
 */
export function mayAttest(
  self: Author,
  state: RosterState,
  votes: VoteState,
  { at, attested, start }: { readonly at: number; readonly attested: number; readonly start: number },
): boolean {
  return isWriter(state.roster, self) && !votes.abstains && votes.accepted === undefined && at > attested && at > start;
}

/**
 * The next ballot of a proposer, and its own promise of it, which is durable before the ballot is sent: a proposer that
 * restarted would else use one ballot for two rosters. Undefined for a store that abstains.
 */
export function openBallot(self: Author, votes: VoteState): { ballot: Ballot; state: VoteState } | undefined {
  if (votes.abstains) return undefined;
  const ballot = { counter: (votes.promised?.counter ?? 0) + 1, author: self };
  return { ballot, state: { ...votes, promised: ballot } };
}

/** Phase 1b: promises a ballot that is later than every one promised or accepted before. */
export function promise(
  voter: Voter,
  state: RosterState,
  votes: VoteState,
  asked: DecisionId & { readonly ballot: Ballot },
): Vote<Promise1b> {
  const because = mayVote(voter, state, votes, asked, asked.ballot);
  if (because !== undefined) return { given: false, because };
  const { promised, accepted } = votes;
  // The same ballot again is answered again, because the first answer may have been lost.
  if (promised !== undefined && compareBallots(asked.ballot, promised) < 0)
    return { given: false, because: 'later-ballot', promised };
  if (accepted !== undefined && compareBallots(asked.ballot, accepted.ballot) <= 0)
    return { given: false, because: 'later-ballot', promised: accepted.ballot };
  const statement: Promise1b = {
    kind: 'promise',
    ...decisionAfter(voter.network, state),
    author: voter.self,
    ballot: asked.ballot,
    accepted: accepted === undefined ? undefined : { ballot: accepted.ballot, roster: accepted.roster },
  };
  return { given: true, state: { ...votes, promised: asked.ballot }, statement };
}

/** The promises of distinct writers for one ballot of one decision. */
function promisesFor(
  state: RosterState,
  id: DecisionId,
  ballot: Ballot,
  promises: readonly Signed<Promise1b>[],
): readonly Promise1b[] {
  const by = new Map<Author, Promise1b>();
  for (const { statement } of promises)
    if (
      isOf(id, statement) &&
      compareBallots(statement.ballot, ballot) === 0 &&
      isWriter(state.roster, statement.author)
    )
      by.set(statement.author, statement);
  return [...by.values()];
}

/** What the promises bind their proposer to: the roster accepted in the latest ballot that any of them names. */
function boundTo(promises: readonly Promise1b[]): Accepted | undefined {
  let latest: Accepted | undefined;
  for (const { accepted } of promises)
    if (accepted !== undefined && (latest === undefined || compareBallots(accepted.ballot, latest.ballot) > 0))
      latest = accepted;
  return latest;
}

/** Whether writers enough approve the change at `nowMs`. A withdrawal takes the approval of its author back. */
export function isApproved(
  state: RosterState,
  change: Change,
  approvals: readonly Signed<Approval>[],
  nowMs: number,
  hasher: Hasher,
): boolean {
  const hash = changeHash(change, hasher);
  const by = new Set<Author>();
  for (const { statement } of approvals)
    if (
      statement.kind === 'approval' &&
      statement.network === change.network &&
      equalBytes(statement.change, hash) &&
      statement.expires > nowMs &&
      isWriter(state.roster, statement.author)
    )
      by.add(statement.author);
  return by.size >= decidersOf(state.roster);
}

export interface Proposal extends DecisionId {
  readonly ballot: Ballot;
  readonly proposed: Proposed;
  readonly promises: readonly Signed<Promise1b>[];
}

/**
 * Phase 2b: accepts what a ballot proposes. The promises that the proposal carries show that its proposer had to
 * propose this, or was free to. `attested` is this node's newest attested T, `floor` its floor, and
 * `nowMs` its wall clock, all Unix ms.
 */
export function accept(
  voter: Voter,
  state: RosterState,
  votes: VoteState,
  proposal: Proposal,
  own: { readonly attested: number; readonly floor: number; readonly nowMs: number },
): Vote<Acceptance> {
  const { ballot, proposed } = proposal;
  const because = mayVote(voter, state, votes, proposal, ballot);
  if (because !== undefined) return { given: false, because };
  const { promised, accepted } = votes;
  if (promised !== undefined && compareBallots(ballot, promised) < 0)
    return { given: false, because: 'later-ballot', promised };
  const roster = rosterHash(proposed.roster, voter.hasher);
  // The same vote is given again as it was, because the first answer may have been lost.
  const again = accepted !== undefined && compareBallots(accepted.ballot, ballot) === 0 ? accepted : undefined;
  if (again !== undefined && !equalBytes(again.roster, roster)) return { given: false, because: 'two-rosters' };
  const flaw = again === undefined ? flawOf(voter, state, proposal, own) : undefined;
  if (flaw !== undefined) return { given: false, because: flaw };
  const attested = again?.attested ?? own.attested;
  const statement: Acceptance = {
    kind: 'acceptance',
    ...decisionAfter(voter.network, state),
    author: voter.self,
    ballot,
    roster,
    attested,
  };
  return {
    given: true,
    state: { ...votes, promised: ballot, accepted: { ballot, roster, proposed, attested } },
    statement,
  };
}

function flawOf(
  voter: Voter,
  state: RosterState,
  proposal: Proposal,
  own: { readonly attested: number; readonly floor: number; readonly nowMs: number },
): Declined | undefined {
  const { ballot, proposed } = proposal;
  const { floor, nowMs } = own;
  const { hasher, network } = voter;
  const promises = promisesFor(state, proposal, ballot, proposal.promises);
  if (promises.length < decidersOf(state.roster)) return 'too-few-promises';
  const bound = boundTo(promises);
  if (bound !== undefined && !equalBytes(bound.roster, rosterHash(proposed.roster, hasher))) return 'not-the-accepted';
  // A promise may claim an acceptance that never was, so what it binds to is looked at as anything else. Only time has
  // gone by since it was accepted first: its approvals may have run out, and its end may be near.
  const since = bound === undefined ? nowMs : 0;
  if (proposed.change.network !== network || !isApproved(state, proposed.change, proposed.approvals, since, hasher))
    return 'not-approved';
  const { action } = proposed.change;
  if (action.kind === 'drop' && (memberOf(state.roster, action.author)?.until ?? 0) > floor) return 'floor-behind';
  const until = namedEnd(state, proposed);
  // No end is earlier than the floor, whose state nothing filters (SPEC RO10).
  if (until !== undefined && (until < floor || !isRightEnd(until, action, bound !== undefined, own)))
    return 'wrong-end';
  try {
    const made = applyChange(state, action, until ?? 0);
    return equalBytes(rosterHash(made, hasher), rosterHash(proposed.roster, hasher)) ? undefined : 'wrong-roster';
  } catch {
    return 'wrong-roster';
  }
}

/** The end that the proposed roster names for whoever stops writing by the change. */
function namedEnd(state: RosterState, { roster, change: { action } }: Proposed): number | undefined {
  if (!endsWriting(state, action) || !('author' in action)) return undefined;
  return memberOf(roster, action.author)?.until ?? 0;
}

/**
 * Whether a node votes for this end. What it had attested would be contradicted by an end before that. Where the
 * proposer was bound, whoever voted first has looked, and attests nothing more; then no later cut becomes complete
 * under the present roster, whatever this node attested.
 */
function isRightEnd(
  until: number,
  action: ChangeAction,
  isBound: boolean,
  { attested, nowMs }: { readonly attested: number; readonly nowMs: number },
): boolean {
  if (isBound) return until <= nowMs + RETIRE_AFTER_MS + RETIRE_SLACK_MS + END_GRID_MS;
  return until % END_GRID_MS === 0 && until >= attested && Math.abs(until - endOf(action, nowMs)) <= RETIRE_SLACK_MS;
}

/** What a proposer proposes once it holds promises enough: what they bind it to, or else what it wants. */
export function choose(
  state: RosterState,
  promises: readonly Promise1b[],
  known: (roster: Bytes) => Proposed | undefined,
  wanted: () => Proposed | undefined,
): Proposed | undefined {
  if (promises.length < decidersOf(state.roster)) return undefined;
  const bound = boundTo(promises);
  return bound === undefined ? wanted() : known(bound.roster);
}
