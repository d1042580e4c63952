import type { RowWrite } from '../../core/replica/index.ts';
import {
  type Acceptance,
  accept,
  type Ballot,
  type ChangeAction,
  certify,
  choose,
  compareBallots,
  encodeRosterCertificate,
  isWriter,
  openBallot,
  type Promise1b,
  type Proposed,
  promise,
  type Roster,
  type RosterState,
  type Signed,
  type Statement,
  signStatement,
  type VoteState,
} from '../../core/roster/index.ts';
import { encodeVotes, votesKey } from '../../core/rows/index.ts';
import { type Author, type Bytes, type Hasher, MAX_AHEAD_MS } from '../../core/types/index.ts';
import type { Clock, Log, Random, Signer } from '../../ports/index.ts';
import { backoff } from '../../timing/index.ts';
import type { AttestedMark } from '../cuts/attested.ts';
import type { RosterOwner } from '../fleet/roster.ts';
import { type BallotNotice, createBallotBook } from './ballot-book.ts';
import { type Changes, waitsForFloor } from './changes.ts';

/** Before a writer opens the first ballot: the writers begin one after the other, so that one of them is alone. */
const TURN_MS = 300;
/**
 * How long a ballot has before somebody opens a later one. A round takes three messages, each of which may go through
 * somebody else who asks every second.
 */
const wait = backoff({ minMs: 3_000, maxMs: 20_000, jitter: 'equal' });

export interface BallotsDeps {
  readonly network: string;
  readonly self: Author;
  readonly hasher: Hasher;
  readonly signer: Pick<Signer, 'sign'>;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly log: Log;
  readonly roster: RosterOwner;
  readonly changes: Pick<Changes, 'ready'>;
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  /** The newest T that this node may have attested; closed for the roster for whose successor it votes. */
  readonly attested: Pick<AttestedMark, 'newest' | 'close'>;
  /** Called with every vote whose signature is good: two in one ballot are evidence (SPEC EV2). */
  readonly onVote: (signed: Signed<Acceptance>) => void;
  /** The floor, Unix ms; undefined for a node that has none. */
  readonly floor: () => number | undefined;
  /** Why nothing might be decided any more after that change; undefined where that is not to be feared. */
  readonly locks: (next: Roster, action: ChangeAction) => string | undefined;
  /** Whether this node may vote at present. */
  readonly mayVote: () => boolean;
  /** Tells the others what has become durable. */
  readonly tell: (notice: BallotNotice) => void;
  /** Takes a decided roster, encoded. */
  readonly decided: (certificate: Bytes) => Promise<void>;
}

/** This node's part in the decision of the next roster: as proposer, as acceptor, and as who counts (SPEC RO4). */
export interface Ballots {
  /** Whether the notice is of the present decision and tells something, before any signature is verified. */
  isNews(notice: BallotNotice): boolean;
  /** Whether it would be news, but names a time to come, so that it is not counted. */
  isAhead(notice: BallotNotice): boolean;
  /** Whether it is a vote for another roster than its author voted for in the same ballot (SPEC EV2). */
  isTwice(notice: BallotNotice): boolean;
  /** Takes the evidence in a notice whose signatures are good. Of one author it is taken once in each decision. */
  takeTwice(notice: BallotNotice): void;
  /** Takes a notice whose signatures are good, and votes where it asks for a vote. */
  take(notice: BallotNotice): Promise<void>;
  /** Opens a ballot where there is something to decide and nobody else does. */
  look(): Promise<void>;
  /** What is known of the present decision. */
  notices(): readonly BallotNotice[];
  /** Whether somebody has accepted a roster, so that the decision has to be ended before anything else. */
  isOpen(): boolean;
  /** Forgets a decision that has ended. */
  reset(): void;
}

interface Own {
  readonly ballot: Ballot;
  readonly promises: Map<Author, Signed<Promise1b>>;
  proposed: boolean;
}

export function createBallots(deps: BallotsDeps): Ballots {
  const { self, hasher, roster, clock, log, network } = deps;
  const voter = { network, self, hasher };
  const book = createBallotBook({ network, hasher, roster });
  const { promises, acceptances, proposals, isOpen } = book;
  let own: Own | undefined;
  let failures = 0;
  /** Monotonic: when this node may open a ballot; undefined while there is nothing to decide. */
  let openAt: number | undefined;

  const state = () => roster.present.state;
  const decision = () => ({ network, epoch: state().roster.epoch + 1, previous: state().hash });
  const sign = <S extends Statement>(statement: S): Signed<S> =>
    signStatement(statement, (message) => deps.signer.sign(message));

  /** Has votes durable, and in force from the moment at which they are handed to the disk. */
  async function cast<S>(
    vote: () => { given: true; state: VoteState; statement: S } | { given: false },
  ): Promise<S | undefined> {
    let given: S | undefined;
    let of: RosterState | undefined;
    await deps.keep(() => {
      given = undefined;
      of = state();
      const cast = vote();
      if (!cast.given) return [];
      given = cast.statement;
      roster.vote(cast.state);
      return [votesRow(of.hash, cast.state)];
    });
    // Another roster, or another configured list, has ended that decision. Its votes stay with it.
    return of === state() ? given : undefined;
  }

  /** Somebody else's ballot is under way: it has its time before this node opens a later one. */
  function yieldTo(): void {
    openAt = clock.monotonic() + wait(failures + 1, deps.random.fraction());
  }

  async function onPromise(notice: Extract<BallotNotice, { kind: 'promise' }>): Promise<void> {
    const { statement } = notice.signed;
    promises.set(statement.author, notice);
    const { ballot } = statement;
    if (own !== undefined && compareBallots(ballot, own.ballot) > 0) own = undefined;
    if (ballot.author !== self) {
      yieldTo();
      if (statement.author === ballot.author) await answer(ballot);
      return;
    }
    if (own === undefined || compareBallots(ballot, own.ballot) !== 0) return;
    own.promises.set(statement.author, notice.signed);
    await proposeIfAble(own);
  }

  async function answer(ballot: Ballot): Promise<void> {
    if (!deps.mayVote()) return;
    const asked = { ...decision(), ballot };
    const statement = await cast(() => promise(voter, state(), roster.votes, asked));
    if (statement === undefined) return;
    const proposed = statement.accepted === undefined ? undefined : roster.votes.accepted?.proposed;
    await tellPromise(sign(statement), proposed);
  }

  async function tellPromise(signed: Signed<Promise1b>, proposed: Proposed | undefined): Promise<void> {
    const notice = { kind: 'promise' as const, signed, proposed };
    promises.set(self, notice);
    deps.tell(notice);
  }

  async function proposeIfAble(mine: Own): Promise<void> {
    if (mine.proposed || !deps.mayVote()) return;
    const statements = [...mine.promises.values()].map(({ statement }) => statement);
    const proposed = choose(state(), statements, book.known, wanted);
    if (proposed === undefined) return;
    mine.proposed = true;
    const quorum = [...mine.promises.values()];
    const proposal = { ...decision(), ballot: mine.ballot, proposed, promises: quorum };
    // What a proposer accepts itself shows the others that it proposed this roster, and no other in this ballot.
    const statement = await vote(proposal);
    if (statement === undefined) return;
    const signed = sign(statement);
    const notice = { kind: 'proposal' as const, signed, proposed, promises: quorum };
    proposals.set(self, notice);
    acceptances.set(self, signed);
    deps.tell(notice);
    await count();
  }

  const wanted = (): Proposed | undefined =>
    deps.changes
      .ready(state(), clock.now())
      .map(({ proposed }) => proposed)
      .find((one) => isPossible(one) && deps.locks(one.roster, one.change.action) === undefined);

  /** A member that left is kept until the floor has passed its end. */
  function isPossible({ change }: Proposed): boolean {
    return !waitsForFloor(change.action, state().roster, deps.floor());
  }

  async function vote(proposal: Parameters<typeof accept>[3]): Promise<Acceptance | undefined> {
    return cast(() => {
      const given = accept(voter, state(), roster.votes, proposal, {
        attested: deps.attested.newest,
        floor: deps.floor() ?? 0,
        nowMs: clock.now(),
      });
      // From here on nothing is attested under the present roster (SPEC RO5).
      if (given.given) deps.attested.close(state().hash);
      else log.info({ because: given.because, peer: proposal.ballot.author }, 'no vote for a roster');
      return given;
    });
  }

  async function onProposal(notice: Extract<BallotNotice, { kind: 'proposal' }>): Promise<void> {
    const { signed, proposed } = notice;
    const { ballot, author } = signed.statement;
    proposals.set(author, notice);
    noteAcceptance(signed);
    yieldTo();
    if (author !== self && deps.mayVote() && isPossible(proposed)) {
      const statement = await vote({ ...decision(), ballot, proposed, promises: notice.promises });
      if (statement !== undefined) {
        const mine = sign(statement);
        noteAcceptance(mine);
        deps.tell({ kind: 'acceptance', signed: mine });
      }
    }
    await count();
  }

  /** One vote for a time to come would end all cuts and writes until then (SPEC Z6). */
  const namesFuture = ({ attested }: Acceptance): boolean => attested > clock.now() + MAX_AHEAD_MS;
  /** What is neither counted nor kept would be news for ever, and go around for ever. A proposal is kept. */
  const isLeftAlone = ({ kind, signed: { statement } }: BallotNotice): boolean =>
    kind === 'acceptance' && statement.kind === 'acceptance' && namesFuture(statement);

  function noteAcceptance(signed: Signed<Acceptance>): void {
    deps.onVote(signed);
    if (namesFuture(signed.statement)) return;
    const before = acceptances.get(signed.statement.author);
    if (before === undefined || compareBallots(before.statement.ballot, signed.statement.ballot) < 0)
      acceptances.set(signed.statement.author, signed);
  }

  /** Makes the certificate where acceptances enough of one ballot are here. */
  async function count(): Promise<void> {
    const decided = book.decided();
    if (decided === undefined) return;
    await deps.decided(encodeRosterCertificate(certify(decided.proposed.roster, decided.votes)));
  }

  /** Whether there is something that a ballot would decide. */
  function isDue(): boolean {
    return isOpen() || wanted() !== undefined;
  }

  async function open(): Promise<void> {
    let ballot: Ballot | undefined;
    let of: RosterState | undefined;
    await deps.keep(() => {
      ballot = undefined;
      of = state();
      if (!isWriter(state().roster, self)) return [];
      const opened = openBallot(self, roster.votes);
      if (opened === undefined) return [];
      ballot = opened.ballot;
      roster.vote(opened.state);
      return [votesRow(state().hash, opened.state)];
    });
    if (ballot === undefined || of !== state()) return;
    own = { ballot, promises: new Map(), proposed: false };
    const given = promise(voter, state(), roster.votes, { ...decision(), ballot });
    if (!given.given) return;
    const signed = sign(given.statement);
    own.promises.set(self, signed);
    log.debug({ epoch: decision().epoch, ballot: ballot.counter }, 'ballot opened');
    await tellPromise(signed, roster.votes.accepted?.proposed);
    await proposeIfAble(own);
  }

  return {
    isNews: (notice) => book.isNews(notice) && !isLeftAlone(notice),
    isAhead: (notice) => book.isNews(notice) && isLeftAlone(notice),
    isTwice: book.isTwice,
    takeTwice({ signed: { statement, signature } }) {
      if (statement.kind !== 'acceptance') return;
      book.noteTwice(statement.author);
      deps.onVote({ statement, signature });
    },
    async take(notice) {
      if (notice.kind === 'promise') return onPromise(notice);
      if (notice.kind === 'proposal') return onProposal(notice);
      noteAcceptance(notice.signed);
      return count();
    },
    async look() {
      if (!deps.mayVote() || !isWriter(state().roster, self) || !isDue()) {
        openAt = undefined;
        failures = 0;
        return;
      }
      const now = clock.monotonic();
      if (openAt === undefined) {
        const turn = Math.max(0, roster.writers.indexOf(self));
        openAt = now + TURN_MS * (turn + deps.random.fraction()) - TURN_MS / 2;
      }
      if (now < openAt) return;
      failures++;
      openAt = now + wait(failures, deps.random.fraction());
      await open();
    },
    notices: book.notices,
    isOpen,
    reset() {
      book.clear();
      own = undefined;
      failures = 0;
      openAt = undefined;
      recall();
    },
  };

  /** What this node told in the decision before a restart, so that the others get it again. */
  function recall(): void {
    const { promised, accepted } = roster.votes;
    if (accepted !== undefined)
      acceptances.set(
        self,
        sign({
          kind: 'acceptance',
          ...decision(),
          author: self,
          ballot: accepted.ballot,
          roster: accepted.roster,
          attested: accepted.attested,
        }),
      );
    if (promised === undefined) return;
    if (accepted !== undefined && compareBallots(promised, accepted.ballot) <= 0) return;
    const signed = sign<Promise1b>({
      kind: 'promise',
      ...decision(),
      author: self,
      ballot: promised,
      accepted: accepted === undefined ? undefined : { ballot: accepted.ballot, roster: accepted.roster },
    });
    promises.set(self, { kind: 'promise', signed, proposed: accepted?.proposed });
  }
}

export const votesRow = (previous: Bytes, votes: VoteState): RowWrite => ({
  type: 'put',
  key: votesKey(previous),
  value: encodeVotes(votes),
});
