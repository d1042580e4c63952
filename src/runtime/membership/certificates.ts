import { lastHlcAt } from '../../core/clock/index.ts';
import type { Replica, RowWrite } from '../../core/replica/index.ts';
import {
  checkForcedRoster,
  checkRosterCertificate,
  type Decided,
  decodeRosterCertificate,
  encodeNotice,
  isForcedAfter,
  NO_VOTES,
  type Notice,
  type RosterState,
  rosterHash,
} from '../../core/roster/index.ts';
import {
  encodeKnownAuthors,
  FIRST_ROSTER,
  rosterCertificateKey,
  SECOND_CERTIFICATE,
  votesKey,
} from '../../core/rows/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  equalBytes,
  type Hasher,
  LatticeError,
  MAX_AHEAD_MS,
} from '../../core/types/index.ts';
import type { Clock, Log, Verifier } from '../../ports/index.ts';
import type { LatticeEvent } from '../facade/index.ts';
import type { RosterOwner } from '../fleet/roster.ts';
import type { LungName } from '../peers/link.ts';
import type { Changes } from './changes.ts';
import type { Heard } from './heard.ts';
import { allGood, type SavedMembership } from './saved.ts';

/** What is decided: certificates that come are checked, kept and taken over. Its owner runs one call at a time. */
export interface Certificates {
  /** Takes a certificate of a roster, encoded. LatticeError `malformed` or `unknown-version`. */
  take(bytes: Bytes, lung: LungName | undefined, from: Author | undefined): Promise<Heard>;
  /** The epoch for which a second certificate is known. */
  second(): number | undefined;
  /** The roster that a member has forced, and that this node was not told to take. */
  offered(): { readonly epoch: number; readonly by: Author } | undefined;
}

export interface CertificatesDeps {
  readonly network: string;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Log;
  readonly roster: RosterOwner;
  readonly saved: Pick<SavedMembership, 'second' | 'forced'>;
  readonly replica: Pick<Replica, 'observeTime'>;
  readonly changes: Changes;
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  /** Has the authors of the next roster known, durably, before it takes effect. */
  readonly know: (authors: readonly Author[]) => Promise<void>;
  /** Tells members what is news, except its bringer. */
  readonly spread: (notice: Notice, bytes: Bytes, lung: LungName | undefined, from: Author | undefined) => void;
  readonly onEvent: (event: LatticeEvent) => void;
  /** Called whenever a change may show otherwise than before. */
  readonly onChange: () => void;
}

export function createCertificates(deps: CertificatesDeps): Certificates {
  const { network, hasher, roster, clock, log, verifier, changes } = deps;
  let second = deps.saved.second;
  let offered: { readonly epoch: number; readonly by: Author } | undefined;

  async function take(bytes: Bytes, lung: LungName | undefined, from: Author | undefined): Promise<Heard> {
    const { roster: next } = decodeRosterCertificate(bytes);
    const { epoch } = roster.present.state.roster;
    // What skips an epoch is of use once the chain to it is here, which the next exchange with its bringer fetches.
    if (next.epoch > epoch + 1) return 'known';
    const known = roster.from(next.epoch)[0];
    if (known !== undefined && equalBytes(known.state.hash, rosterHash(next, hasher))) return 'known';
    if (second !== undefined) return 'known';
    const before = roster.from(next.epoch - 1)[0];
    if (before === undefined) return 'known';
    const about = { network, hasher };
    if (known !== undefined && isForcedHere(known.state.hash)) {
      log.warn({ epoch: next.epoch }, 'a roster of the lineage that was left by force is refused');
      return 'known';
    }
    let decided: Decided;
    try {
      const isForced = known === undefined && isForcedAfter(bytes, before.state, about);
      if (isForced && !isForcedHere(rosterHash(next, hasher))) return refuseForced(bytes, before.state);
      decided = (isForced ? checkForcedRoster : checkRosterCertificate)(bytes, before.state, about);
    } catch (error) {
      if (!(error instanceof LatticeError) || error.code !== 'not-certified') throw error;
      log.warn({ ...(from === undefined ? {} : { peer: from }), reason: error.message }, 'a roster is refused');
      return 'known';
    }
    if (!(await allGood(verifier, decided.signatures))) return 'forged';
    // A vote for a time to come would keep everybody from writing until then. Another quorum decides without it.
    if (known === undefined && decided.start > clock.now() + MAX_AHEAD_MS) {
      log.warn({ start: decided.start }, 'a roster is refused, because it begins in the future');
      return 'known';
    }
    if (known !== undefined && next.epoch < epoch) {
      // Keys that have left may sign anything about the past.
      log.warn({ epoch: next.epoch }, 'somebody shows a second roster of an epoch that is over, which changes nothing');
      return 'known';
    }
    if (known !== undefined) await alarm(bytes, next.epoch);
    else if (!(await apply(decided, bytes))) return 'known';
    const notice: Notice = { kind: 'certificate', certificate: bytes };
    deps.spread(notice, encodeNotice(notice), lung, from);
    deps.onChange();
    return 'news';
  }

  const isForcedHere = (hash: Bytes): boolean => deps.saved.forced.has(bytesToHex(hash));

  /** A member begins another lineage, which this node does not follow unless its operator says so (SPEC RO15). */
  async function refuseForced(bytes: Bytes, state: RosterState): Promise<Heard> {
    const { certificate, signatures } = checkForcedRoster(bytes, state, { network, hasher });
    if (!(await allGood(verifier, signatures))) return 'forged';
    const { roster: next, ballot } = certificate;
    if (offered === undefined || offered.epoch !== next.epoch) {
      const by = ballot.author;
      log.error(
        { epoch: next.epoch, peer: by },
        'a member has begun another lineage by force, which this node does not follow',
      );
      offered = { epoch: next.epoch, by };
      deps.onChange();
    }
    return 'known';
  }

  async function alarm(bytes: Bytes, epoch: number): Promise<void> {
    second = bytes;
    await deps.keep(() => [{ type: 'put', key: SECOND_CERTIFICATE, value: bytes }]);
    log.error({ epoch }, 'two rosters were decided for one epoch: no roster is decided any more');
  }

  /** False where the roster before has been replaced meanwhile, which a reload does in epoch 0 (SPEC N18). */
  async function apply({ state, start }: Decided, bytes: Bytes): Promise<boolean> {
    const before = roster.present.state;
    await deps.know(state.roster.members.map(({ author }) => author));
    let isCurrent = true;
    await deps.keep(() => {
      isCurrent = roster.present.state === before;
      if (!isCurrent) return [];
      // These rows make a chain of the present list. A reload while they are written would have the running node go by
      // another one than a restart finds.
      roster.fix();
      // Whatever this node writes from here on is later than what the roster before may have certified (SPEC RO5).
      deps.replica.observeTime(lastHlcAt(start));
      return [
        ...(before.roster.epoch === 0
          ? [
              {
                type: 'put' as const,
                key: FIRST_ROSTER,
                value: encodeKnownAuthors(before.roster.members.map(({ author }) => author)),
              },
            ]
          : []),
        { type: 'put', key: rosterCertificateKey(state.roster.epoch), value: bytes },
        { type: 'del', key: votesKey(before.hash) },
        ...changes.decided(before, state, clock.now()),
      ];
    });
    if (!isCurrent) return false;
    roster.take({ state, start, certificate: bytes }, NO_VOTES);
    log.info(
      { epoch: state.roster.epoch, hash: bytesToHex(state.hash), start, members: state.roster.members.length },
      'roster changed',
    );
    deps.onEvent({ type: 'roster-changed', epoch: state.roster.epoch, hash: bytesToHex(state.hash), start });
    return true;
  }

  return {
    take,
    offered: () => (offered !== undefined && offered.epoch > roster.present.state.roster.epoch ? offered : undefined),
    second: () => (second === undefined ? undefined : decodeRosterCertificate(second).roster.epoch),
  };
}
