import { type Acceptance, encodeNotice, type Notice, type Signed } from '../../../../src/core/roster/index.ts';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import type { LatticeEvent } from '../../../../src/runtime/facade/index.ts';
import type { MembershipService } from '../../../../src/runtime/facade/members.ts';
import { createRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import { createDoubt, type Doubt, hasNoPast } from '../../../../src/runtime/membership/doubt.ts';
import { lockedBy } from '../../../../src/runtime/membership/lock.ts';
import {
  createMembership,
  type Membership,
  type MembershipDeps,
} from '../../../../src/runtime/membership/membership.ts';
import { loadMembership } from '../../../../src/runtime/membership/saved.ts';
import { createMembershipService } from '../../../../src/runtime/membership/service.ts';
import {
  createAuthor,
  createRandom,
  type GatedStore,
  gateStore,
  type HandClock,
  hasher,
  type LogLine,
  NETWORK,
  openTestState,
  put,
  recordingLog,
  type TestState,
  verifier,
} from '../support.ts';

/** A member of a fleet of which only what is decided about rosters runs. */
export interface Party {
  readonly id: number;
  readonly author: Author;
  readonly state: TestState;
  readonly roster: RosterOwner;
  readonly membership: Membership;
  readonly service: MembershipService;
  readonly log: LogLine[];
  readonly events: LatticeEvent[];
  readonly stopped: number[];
  readonly doubt: Doubt;
  /** The votes that it saw. */
  readonly votes: readonly Signed<Acceptance>[];
  /** The newest T that it attested, and its floor. */
  attested: number;
  floor: number | undefined;
}

export interface TestFleet {
  readonly parties: Party[];
  readonly clock: HandClock;
  /** Whether a notice from one party reaches another; all do by default. */
  reaches: (from: number, to: number, notice: Notice) => boolean;
  /** Whether one party hears an author at present; it does by default. */
  hears: (from: number, to: Author) => boolean;
  /** Everything that was told, in order. */
  readonly told: { readonly from: number; readonly notice: Notice }[];
  /** Starts a party, again over the same store where it had run. */
  start(id: number, store?: GatedStore): Promise<Party>;
  stop(id: number): void;
  /** Gives every party what another one has, as exchanges between them do. */
  exchange(): Promise<void>;
  /** Lets time pass, exchanging now and then. */
  pass(ms: number): Promise<void>;
}

export const authorOf = (id: number): Author => createAuthor(id).author;

/** Parties 1 … n, all on each other's lists. Their stores have an entry, so they are not new. */
export async function createTestFleet(
  clock: HandClock,
  founders: readonly number[],
  others: readonly number[] = [],
): Promise<TestFleet> {
  const parties: Party[] = [];
  const told: { readonly from: number; readonly notice: Notice }[] = [];
  const fleet: TestFleet = {
    parties,
    clock,
    reaches: () => true,
    hears: () => true,
    told,
    async start(id, given) {
      const party = await open(id, given ?? parties.find((one) => one.id === id)?.state.store);
      fleet.stop(id);
      parties.push(party);
      party.membership.start();
      return party;
    },
    stop(id) {
      const at = parties.findIndex((one) => one.id === id);
      if (at < 0) return;
      parties[at]?.membership.stop();
      parties.splice(at, 1);
    },
    async exchange() {
      for (const from of parties)
        for (const to of parties) {
          if (from === to) continue;
          const chain = from.service.chain(to.roster.present.state.roster.epoch, 16);
          const notices = [
            ...chain.map((certificate): Notice => ({ kind: 'certificate', certificate })),
            ...from.membership.notices(),
          ].filter((notice) => fleet.reaches(from.id, to.id, notice));
          for (const notice of notices) await to.membership.hear(encodeNotice(notice), 'http', from.author);
          if (fleet.reaches(from.id, to.id, { kind: 'certificate', certificate: new Uint8Array(1) }))
            to.doubt.heardAllOf(from.author);
        }
    },
    async pass(ms) {
      for (let left = ms; left > 0; left -= 500) {
        await clock.advance(Math.min(left, 500));
        await fleet.exchange();
      }
    },
  };

  async function open(id: number, given: GatedStore | undefined): Promise<Party> {
    const store = given ?? gateStore();
    const log: LogLine[] = [];
    const events: LatticeEvent[] = [];
    const stopped: number[] = [];
    const logger = recordingLog(log);
    const state = await openTestState({ id, clock, store, log: logger });
    if (given === undefined) await state.writer.write(put(`from/${id}`, id));
    const saved = await loadMembership({ store, hasher, verifier, network: NETWORK, log: logger });
    const roster = createRoster(founders.map(authorOf), state.self.author, hasher, saved.roster);
    const votes: Signed<Acceptance>[] = [];
    const doubt = createDoubt({
      self: state.self.author,
      roster,
      clock,
      log: logger,
      wayTo: () => 'direct',
      nameOf: (author) => author.slice(0, 4),
      saved: saved.doubt,
      isNew: hasNoPast({ sequence: state.replica.meta.sequence, attested: 0, votes: saved.roster.votes }),
      isShort: false,
      keep: state.writer.keep,
      passed: (at) => void (whole.attested = at),
    });
    const party = {
      id,
      author: state.self.author,
      state,
      roster,
      log,
      events,
      stopped,
      votes,
      doubt,
      attested: 0,
      floor: undefined,
    };
    const listeners = new Set<() => void>();
    const locks: MembershipDeps['locks'] = (next, action) =>
      lockedBy(
        {
          self: state.self.author,
          isHeard: (author) => fleet.hears(id, author),
          labelOf: (author) => author.slice(0, 4),
        },
        roster.present.state.roster,
        next,
        action,
      );
    const membership = createMembership({
      network: NETWORK,
      self: state.self.author,
      hasher,
      signer: state.self,
      verifier,
      clock,
      random: createRandom(),
      log: logger,
      roster,
      saved,
      replica: state.replica,
      keep: state.writer.keep,
      attested: {
        get newest() {
          return whole.attested;
        },
        close: () => whole.attested,
        heard: (at) => void (whole.attested = at),
      },
      doubt,
      onEvidence: () => Promise.resolve(true),
      onVote: (signed) => votes.push(signed),
      floor: () => whole.floor,
      locks,
      isSettled: () => true,
      know: () => Promise.resolve(),
      nameOf: (author) => `name of ${author.slice(0, 4)}`,
      spread(notice, bytes, _lung, from) {
        told.push({ from: id, notice });
        for (const to of parties)
          if (to.id !== id && to.author !== from && fleet.reaches(id, to.id, notice)) void deliver(to, bytes, id);
      },
      onStopped: (until) => stopped.push(until ?? 0),
      onEvent: (event) => events.push(event),
      onChange: () => {
        for (const listener of listeners) listener();
      },
    });
    const service = createMembershipService({
      network: NETWORK,
      self: state.self.author,
      hasher,
      signer: state.self,
      clock,
      random: {
        bytes: (length) => hasher.hash(Uint8Array.of(id, told.length & 255, told.length >> 8)).slice(0, length),
      },
      roster,
      membership,
      floor: () => whole.floor,
      locks,
      peerIdOf: (author) => `peer of ${author.slice(0, 4)}`,
      nameOf: () => undefined,
      labelOf: (author) => author.slice(0, 4),
      addressesOf: () => ({ urls: [], multiaddrs: [] }),
      warnings: () => [],
      onChange(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    });
    const whole: Party = { ...party, membership, service };
    return whole;
  }

  async function deliver(to: Party, bytes: Bytes, from: number): Promise<void> {
    await to.membership.hear(bytes, 'p2p', authorOf(from)).catch((error: unknown) => to.log.push(failed(error)));
  }

  for (const id of [...founders, ...others]) await fleet.start(id);
  return fleet;
}

const failed = (error: unknown): LogLine => ({ level: 'error', fields: {}, message: String(error) });

export const epochs = (fleet: TestFleet): readonly number[] =>
  [...fleet.parties].sort((a, b) => a.id - b.id).map(({ roster }) => roster.present.state.roster.epoch);
