import { lastHlcAt } from '../../core/clock/index.ts';
import {
  type Acceptance,
  type ChangeAction,
  compareBallots,
  decodeNotice,
  encodeNotice,
  memberOf,
  NO_VOTES,
  type Notice,
  type Roster,
  type Signed,
  signaturesOf,
} from '../../core/roster/index.ts';
import { encodeKnownAuthors, STOPPED } from '../../core/rows/index.ts';
import { type Author, type Bytes, bytesToHex, MAX_AHEAD_MS } from '../../core/types/index.ts';
import { attestationSigningBytes, decodeSignedAttestation } from '../../core/wire/index.ts';
import type { Random, Signer } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { AttestedMark } from '../cuts/attested.ts';
import type { LungName } from '../peers/link.ts';
import type { BallotNotice } from './ballot-book.ts';
import { type Ballots, createBallots, votesRow } from './ballots.ts';
import { type Certificates, type CertificatesDeps, createCertificates } from './certificates.ts';
import { type ApprovalNotice, type Changes, createChanges } from './changes.ts';
import type { Doubt } from './doubt.ts';
import type { Heard } from './heard.ts';
import { allGood, type SavedMembership } from './saved.ts';

/** How often it is looked at whether there is something to decide, or this node's own end has come. */
const LOOK_EVERY_MS = 200;
/** Most notices that wait for the one before. What comes beyond them comes again with the next exchange. */
const MAX_WAITING = 1024;
/** Most epochs of one fleet: one change a day for eleven years, in some megabytes. */
export const MAX_EPOCHS = 4096;

export interface MembershipDeps extends Omit<CertificatesDeps, 'changes'> {
  readonly self: Author;
  readonly signer: Signer;
  readonly random: Random;
  readonly saved: SavedMembership;
  readonly attested: Pick<AttestedMark, 'newest' | 'close' | 'heard'>;
  readonly doubt: Doubt;
  /** Called with every vote whose signature is good. */
  readonly onVote: (signed: Signed<Acceptance>) => void;
  /** Takes evidence that a member tells, whose signatures nobody has verified; false where it is none. */
  readonly onEvidence: (evidence: Extract<Notice, { kind: 'evidence' }>) => Promise<boolean>;
  readonly floor: () => number | undefined;
  /** Why nothing might be decided any more after that change; undefined where that is not to be feared. */
  readonly locks: (next: Roster, action: ChangeAction) => string | undefined;
  /** Whether nothing about this node's own past is in doubt. */
  readonly isSettled: () => boolean;
  /** This node's key has come to its end; `until` is Unix ms. */
  readonly onStopped: (until: number | undefined) => void;
  /** What people read in place of an author. */
  readonly nameOf: (author: Author) => string;
}

/** The one owner of what is decided about the roster, of changes and of this node's votes (SPEC RO). */
export interface Membership {
  readonly changes: Changes;
  /** Takes an encoded notice. LatticeError `malformed` or `unknown-version`. */
  hear(bytes: Bytes, lung: LungName | undefined, from: Author | undefined): Promise<Heard>;
  /** Makes this node's own word about a change durable and tells it. */
  say(notice: ApprovalNotice): Promise<void>;
  /** Everything that members without it should be told, certificates aside. */
  notices(): readonly Notice[];
  /** Why this node takes no part in the present decision. */
  abstains(): string | undefined;
  readonly second: Certificates['second'];
  readonly offered: Certificates['offered'];
  start(): void;
  stop(): void;
}

export function createMembership(deps: MembershipDeps): Membership {
  const { network, self, hasher, roster, clock, log, verifier } = deps;
  const changes = createChanges({ hasher, saved: deps.saved.changes });
  const { doubt } = deps;
  let stopped = deps.saved.stopped.includes(self);
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let looks: Repetition | undefined;

  const certificates = createCertificates({ ...deps, changes });
  const ballots: Ballots = createBallots({
    ...deps,
    changes,
    mayVote: () => abstains() === undefined && deps.isSettled(),
    tell: (notice) => deps.spread(notice, encodeNotice(notice), undefined, undefined),
    async decided(certificate) {
      await certificates.take(certificate, undefined, undefined);
    },
  });
  ballots.reset();
  // What was said of the decision after another roster is of no use, whether that was decided or replaced.
  roster.onChange(() => ballots.reset());

  /** Runs one job after the other, so that votes are given in one order. */
  function inTurn<T>(job: () => Promise<T>): Promise<T> {
    waiting++;
    const result = turn.then(job).finally(() => waiting--);
    turn = result.catch(() => undefined);
    return result;
  }

  function abstains(): string | undefined {
    if (certificates.second() !== undefined)
      return 'two rosters were decided for one epoch, so nothing more is decided';
    if (roster.votes.abstains) return 'this store lost votes that others have heard; it votes again in the next epoch';
    return doubt.text();
  }

  async function take(
    notice: Notice,
    bytes: Bytes,
    lung: LungName | undefined,
    from: Author | undefined,
  ): Promise<Heard> {
    if (notice.kind === 'certificate') return certificates.take(notice.certificate, lung, from);
    if (notice.kind === 'attested') return takeAttested(notice.attestation);
    if (notice.kind === 'evidence') return (await deps.onEvidence(notice)) ? 'known' : 'forged';
    if (notice.kind === 'approval') {
      const { statement } = notice.signed;
      if (statement.network !== network) return 'known';
      if (changes.judge(notice, roster.present.state, clock.now()) !== undefined) return 'known';
      if (!(await allGood(verifier, signaturesOf(notice)))) return 'forged';
      await takeWord(notice);
    } else {
      if (!ballots.isNews(notice)) {
        // Also a vote that is not counted shows what this key signed.
        const isLost = notice.signed.statement.author === self && ballots.isAhead(notice);
        if (isLost && !roster.votes.abstains && (await isGood(notice))) await noticeLostVotes(notice);
        if (ballots.isTwice(notice) && (await isGood(notice))) ballots.takeTwice(notice);
        return 'known';
      }
      if (!(await isGood(notice))) return 'forged';
      await noticeLostVotes(notice);
      await ballots.take(notice);
    }
    deps.spread(notice, bytes, lung, from);
    deps.onChange();
    return 'news';
  }

  /** The author's own signature comes first, so that a forgery costs one check. */
  async function isGood(notice: BallotNotice): Promise<boolean> {
    const [first, ...rest] = signaturesOf(notice);
    return first !== undefined && (await allGood(verifier, [first])) && allGood(verifier, rest);
  }

  async function takeWord(notice: ApprovalNotice): Promise<void> {
    const { statement } = notice.signed;
    const id = bytesToHex(statement.change);
    const isNew = changes.get(id) === undefined;
    await deps.keep(() => changes.take(notice, clock.now()));
    const type = statement.kind === 'withdrawal' ? 'change-withdrawn' : isNew ? 'change-proposed' : 'change-approved';
    const { action } = notice.change;
    log.info({ author: statement.author, change: id, action: action.kind, word: type }, 'roster change');
    const { author } = statement;
    deps.onEvent({ type, change: id, author, name: deps.nameOf(author), action: action.kind });
  }

  /** What this node's own key attested, and this store knows nothing of, was attested by a store that is lost. */
  async function takeAttested(bytes: Bytes): Promise<Heard> {
    const { attestation, payloadBytes, signature } = decodeSignedAttestation(bytes);
    const { author, at } = attestation;
    if (author !== self || attestation.network !== network || at <= deps.attested.newest) return 'known';
    if (!(await verifier.verify(author, attestationSigningBytes(payloadBytes), signature))) return 'forged';
    if (at <= deps.attested.newest) return 'known';
    doubt.sawLost('an attestation');
    if (at <= clock.now() + MAX_AHEAD_MS) deps.attested.heard(at);
    return 'known';
  }

  /** A vote of this node's own key that it knows nothing of was given by a store that is lost. */
  async function noticeLostVotes({ kind, signed: { statement } }: BallotNotice): Promise<void> {
    const { abstains, promised, accepted } = roster.votes;
    if (statement.author !== self || abstains) return;
    const mine = kind === 'promise' ? promised : accepted?.ballot;
    if (mine !== undefined && compareBallots(mine, statement.ballot) >= 0) return;
    doubt.sawLost('a vote');
    await deps.keep(() => {
      const votes = { ...NO_VOTES, abstains: true };
      roster.vote(votes);
      return [votesRow(roster.hash, votes)];
    });
    log.warn(
      { epoch: statement.epoch, ballot: statement.ballot.counter },
      'others have votes of this key that this store knows nothing of: it abstains until the next epoch',
    );
  }

  /** A retired key stops for good at its end, or as soon as its node starts again (SPEC RO8). */
  async function stopAtEnd(isStart: boolean): Promise<void> {
    const member = memberOf(roster.present.state.roster, self);
    if (member?.role !== 'retired') return;
    const { until } = member;
    if (stopped || (!isStart && clock.now() < until)) return;
    stopped = true;
    await deps.keep(() => {
      deps.replica.observeTime(lastHlcAt(until));
      return [{ type: 'put', key: STOPPED, value: encodeKnownAuthors([...deps.saved.stopped, self]) }];
    });
    log.warn({ until }, 'the key of this node is retired and has stopped');
    deps.onStopped(until);
  }

  async function look(): Promise<void> {
    await inTurn(async () => {
      await doubt.look();
      await stopAtEnd(false);
      await ballots.look();
    });
  }

  return {
    changes,
    async hear(bytes, lung, from) {
      const notice = decodeNotice(bytes);
      return waiting >= MAX_WAITING ? 'unread' : inTurn(() => take(notice, bytes, lung, from));
    },
    say: (notice) =>
      inTurn(async () => {
        await takeWord(notice);
        deps.spread(notice, encodeNotice(notice), undefined, undefined);
        deps.onChange();
      }),
    notices: () => [
      ...ballots.notices(),
      ...changes
        .all()
        .filter(({ epoch }) => epoch === 0)
        .flatMap(({ words }) => [...words.values()])
        // What others do not take any more would look as if they had not been told.
        .filter(({ signed: { statement } }) => roster.isWriter(statement.author) && statement.expires > clock.now()),
    ],
    abstains,
    offered: certificates.offered,
    second: certificates.second,
    start() {
      const onError = (err: unknown): void => log.error({ err }, 'looking after the roster failed');
      if (stopped) deps.onStopped(memberOf(roster.present.state.roster, self)?.until);
      else void inTurn(() => stopAtEnd(true)).catch(onError);
      looks = every(clock, LOOK_EVERY_MS, look, { firstMs: 0, onError });
    },
    stop: () => looks?.stop(),
  };
}
