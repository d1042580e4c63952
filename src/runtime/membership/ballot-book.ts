import {
  type Acceptance,
  compareBallots,
  decidersOf,
  isTwoVotes,
  isWriter,
  type Notice,
  type Promise1b,
  type Proposed,
  rosterHash,
  type Signed,
} from '../../core/roster/index.ts';
import { type Author, type Bytes, equalBytes, type Hasher } from '../../core/types/index.ts';
import type { Roster } from '../fleet/roster.ts';

export type BallotNotice = Extract<Notice, { kind: 'promise' | 'proposal' | 'acceptance' }>;

/** How far a ballot may be beyond those known here: more than all writers open in a year, and far from the last number. */
const MAX_BALLOTS_AHEAD = 2 ** 32;

/** What is known of the present decision: the newest word of each writer. */
export interface BallotBook {
  readonly promises: Map<Author, Extract<BallotNotice, { kind: 'promise' }>>;
  readonly acceptances: Map<Author, Signed<Acceptance>>;
  readonly proposals: Map<Author, Extract<BallotNotice, { kind: 'proposal' }>>;
  /** The roster with this hash that somebody proposed or accepted. */
  known(hash: Bytes): Proposed | undefined;
  /** A roster for which votes enough of one ballot are here, with these votes. */
  decided(): { readonly proposed: Proposed; readonly votes: readonly Signed<Acceptance>[] } | undefined;
  /** Whether the notice is of the present decision and tells something, before any signature is verified. */
  isNews(notice: BallotNotice): boolean;
  /** Whether it is a vote for another roster than its author voted for in the same ballot (SPEC EV2). */
  isTwice(notice: BallotNotice): boolean;
  /** Notes that the author voted twice. No further vote of it that is no news costs a signature check. */
  noteTwice(author: Author): void;
  /** Whether somebody has accepted a roster, so that the decision has to be ended before anything else. */
  isOpen(): boolean;
  notices(): readonly BallotNotice[];
  clear(): void;
}

export function createBallotBook(deps: {
  readonly network: string;
  readonly hasher: Hasher;
  readonly roster: Pick<Roster, 'present' | 'votes'>;
}): BallotBook {
  const { network, hasher, roster } = deps;
  const promises: BallotBook['promises'] = new Map();
  const acceptances: BallotBook['acceptances'] = new Map();
  const proposals: BallotBook['proposals'] = new Map();
  const doubled = new Set<Author>();
  const state = () => roster.present.state;

  const isOfDecision = ({ network: of, epoch, previous }: Promise1b | Acceptance): boolean =>
    of === network && epoch === state().roster.epoch + 1 && equalBytes(previous, state().hash);

  function known(hash: Bytes): Proposed | undefined {
    const all = [
      roster.votes.accepted?.proposed,
      ...[...proposals.values()].map(({ proposed }) => proposed),
      ...[...promises.values()].map(({ proposed }) => proposed),
    ];
    return all.find((one) => one !== undefined && equalBytes(rosterHash(one.roster, hasher), hash));
  }

  return {
    promises,
    acceptances,
    proposals,
    known,
    decided() {
      for (const { statement } of acceptances.values()) {
        const votes = [...acceptances.values()].filter(
          (one) =>
            compareBallots(one.statement.ballot, statement.ballot) === 0 &&
            equalBytes(one.statement.roster, statement.roster),
        );
        if (votes.length < decidersOf(state().roster)) continue;
        const proposed = known(statement.roster);
        if (proposed !== undefined) return { proposed, votes };
      }
      return undefined;
    },
    isNews(notice) {
      const { statement } = notice.signed;
      if (!isOfDecision(statement)) return false;
      if (!isWriter(state().roster, statement.author) || !isWriter(state().roster, statement.ballot.author))
        return false;
      // Nobody could open a later ballot any more.
      if (statement.ballot.counter > (roster.votes.promised?.counter ?? 0) + MAX_BALLOTS_AHEAD) return false;
      const later = (before: Promise1b | Acceptance | undefined): boolean =>
        before === undefined || compareBallots(before.ballot, statement.ballot) < 0;
      switch (notice.kind) {
        case 'promise':
          return later(promises.get(statement.author)?.signed.statement);
        case 'acceptance':
          return later(acceptances.get(statement.author)?.statement);
        case 'proposal':
          return (
            statement.author === statement.ballot.author &&
            equalBytes(notice.signed.statement.roster, rosterHash(notice.proposed.roster, hasher)) &&
            later(proposals.get(statement.author)?.signed.statement)
          );
      }
    },
    isTwice({ signed: { statement } }) {
      const before = acceptances.get(statement.author);
      return (
        statement.kind === 'acceptance' &&
        before !== undefined &&
        !doubled.has(statement.author) &&
        isTwoVotes(before.statement, statement)
      );
    },
    noteTwice: (author) => void doubled.add(author),
    isOpen: () =>
      roster.votes.accepted !== undefined ||
      acceptances.size > 0 ||
      [...promises.values()].some(({ signed }) => signed.statement.accepted !== undefined),
    notices() {
      const held: BallotNotice[] = [...promises.values(), ...proposals.values()];
      for (const signed of acceptances.values()) {
        const proposal = proposals.get(signed.statement.author);
        const isThere =
          proposal !== undefined && compareBallots(proposal.signed.statement.ballot, signed.statement.ballot) === 0;
        if (!isThere) held.push({ kind: 'acceptance', signed });
      }
      return held;
    },
    clear() {
      for (const book of [promises, acceptances, proposals, doubled]) book.clear();
    },
  };
}
