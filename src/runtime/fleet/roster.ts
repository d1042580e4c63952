import {
  initialRoster,
  laterStart,
  type Member,
  memberCounts,
  NO_VOTES,
  type RosterState,
  stateOf,
  type VoteState,
  writersOf,
} from '../../core/roster/index.ts';
import { type Author, type Bytes, bytesToHex, type Hasher } from '../../core/types/index.ts';

/** One epoch that this node knows: of the chain from the configured list to the present roster. */
export interface KnownRoster {
  readonly state: RosterState;
  /** Unix ms: it certifies cuts after this time. 0 in epoch 0. */
  readonly start: number;
  /** Unix ms: it certifies cuts up to this time. Undefined for the present roster. */
  readonly end: number | undefined;
  /** The certificate that decided it, encoded. Undefined in epoch 0. */
  readonly certificate: Bytes | undefined;
}

/**
 * The roster that the node goes by, read by all parts (SPEC RO). It changes while the node runs, so whoever needs it
 * asks each time. In epoch 0 it is the configured trust list.
 */
export interface Roster {
  readonly present: KnownRoster;
  /** This node's own votes in the decision of the next roster: durable. */
  readonly votes: VoteState;
  /** The hash of the present roster, 32 bytes: heads and attestations carry it. */
  readonly hash: Bytes;
  /** All members in order: writers, mirrors and retired ones. */
  readonly authors: readonly Author[];
  /** Those who vote and attest, in order. */
  readonly writers: readonly Author[];
  /** Whether the author is a member of the present roster. */
  has(author: Author): boolean;
  isWriter(author: Author): boolean;
  /** Whether a commit of `author` with an HLC of the millisecond `ms` counts. */
  counts(author: Author, ms: number): boolean;
  /** Unix ms, of a retired member: its commits up to here count. Undefined for everybody else. */
  endOf(author: Author): number | undefined;
  /** The ends, Unix ms, of all retired members, and of those that were retired and have left the roster since. */
  readonly ends: ReadonlyMap<Author, number>;
  /** The roster of the chain that has this hash. */
  withHash(hash: Bytes): KnownRoster | undefined;
  /** The rosters from `epoch` on, in order. */
  from(epoch: number): readonly KnownRoster[];
  /** Called after another roster has taken effect, until the returned function is called. */
  onChange(listener: (present: KnownRoster) => void): () => void;
}

/** The roster that certifies the cut at `at`, Unix ms: every time has just one (SPEC RO5). */
export function rosterAt(roster: Pick<Roster, 'present' | 'from'>, at: number): KnownRoster {
  const { present } = roster;
  return at > present.start ? present : (roster.from(0).findLast(({ start }) => at > start) ?? present);
}

/** Whether the author is a member, or was one under an earlier roster. A certified state keeps what it wrote. */
export function everStood(roster: Pick<Roster, 'has' | 'present'>, author: Author): boolean {
  return roster.has(author) || roster.present.state.departed.has(author);
}

/** The roster and the ways to change it. Its owner is the node; only what is durable is put here. */
export interface RosterOwner extends Roster {
  /**
   * Takes another configured list. In epoch 0 that is another epoch 0; later the decided roster goes on, and `differs`
   * tells whether the list names others than the members that write (SPEC N18, RO2).
   */
  replace(configured: readonly Author[]): ConfiguredList;
  /**
   * To be called when the rows of the next roster go to the disk, before `take`: the chain begins with the present list
   * from there on, and a list that is replaced meanwhile changes nothing.
   */
  fix(): void;
  /** Takes the roster that was decided after the present one, with votes of its own for the decision after it. */
  take(decided: DecidedRoster, votes: VoteState): void;
  /** Takes this node's own votes in the present decision. */
  vote(votes: VoteState): void;
}

export interface ConfiguredList {
  readonly added: readonly Author[];
  readonly removed: readonly Author[];
  readonly differs: boolean;
}

/** A roster that a certificate decided, whose signatures have been verified. */
export interface DecidedRoster {
  readonly state: RosterState;
  readonly start: number;
  readonly certificate: Bytes;
}

/** What an earlier run kept: the chain from its epoch 0, and its votes. */
export interface SavedRoster {
  readonly first: readonly Author[];
  readonly decided: readonly DecidedRoster[];
  /** By the hash (hex) of the roster in whose decision they were given: a configured list may be put back. */
  readonly votes: ReadonlyMap<string, VoteState>;
}

/**
 * Makes the roster. An empty configured list means that only the node's own key is trusted (SPEC N3). A saved chain
 * beats the configured list from epoch 1 on.
 */
export function createRoster(
  configured: readonly Author[],
  self: Author,
  hasher: Hasher,
  saved?: SavedRoster,
): RosterOwner {
  const listOf = (given: readonly Author[]): readonly Author[] => (given.length > 0 ? given : [self]);
  const firstOf = (list: readonly Author[]): KnownRoster => ({
    state: stateOf(initialRoster(list), new Set(), hasher),
    start: 0,
    end: undefined,
    certificate: undefined,
  });
  const listeners = new Set<(present: KnownRoster) => void>();
  /** From epoch 0 on, each at its epoch. */
  let chain: KnownRoster[] = [];
  let byHash = new Map<string, KnownRoster>();
  const votes = new Map(saved?.votes);
  let isFixed = false;
  let present = firstOf(saved === undefined || saved.decided.length === 0 ? listOf(configured) : saved.first);
  let members: ReadonlyMap<Author, Member> = new Map();
  let authors: readonly Author[] = [];
  let writers: readonly Author[] = [];
  let ends = new Map<Author, number>();

  function add(known: KnownRoster): void {
    chain.push(known);
    byHash.set(bytesToHex(known.state.hash), known);
    present = known;
    members = new Map(known.state.roster.members.map((member) => [member.author, member]));
    authors = [...members.keys()];
    writers = writersOf(known.state.roster);
    // Who was dropped keeps its end: what it wrote until then counts, and nothing later (SPEC RO10).
    ends = new Map(ends);
    for (const { author, role, until } of members.values()) if (role === 'retired') ends.set(author, until);
  }

  function begin(first: KnownRoster): void {
    chain = [];
    byHash = new Map();
    ends = new Map();
    add(first);
  }

  function append({ state, start: voted, certificate }: DecidedRoster): void {
    const start = laterStart(present.start, voted);
    const ended = { ...present, end: start };
    chain[chain.length - 1] = ended;
    byHash.set(bytesToHex(ended.state.hash), ended);
    add({ state, start, end: undefined, certificate });
  }

  const tell = (): void => {
    for (const listener of listeners) listener(present);
  };

  begin(present);
  for (const one of saved?.decided ?? []) append(one);

  return {
    get present() {
      return present;
    },
    get votes() {
      return votes.get(bytesToHex(present.state.hash)) ?? NO_VOTES;
    },
    get hash() {
      return present.state.hash;
    },
    get authors() {
      return authors;
    },
    get writers() {
      return writers;
    },
    has: (author) => members.has(author),
    isWriter: (author) => members.get(author)?.role === 'writer',
    counts(author, ms) {
      const member = members.get(author);
      return member === undefined ? ms <= (ends.get(author) ?? -Infinity) : memberCounts(member, ms);
    },
    get ends() {
      return ends;
    },
    endOf(author) {
      const member = members.get(author);
      return member?.role === 'retired' ? member.until : undefined;
    },
    withHash: (hash) => byHash.get(bytesToHex(hash)),
    from: (epoch) => chain.slice(epoch),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    replace(next) {
      const list = listOf(next);
      if (isFixed || chain.length > 1) return { added: [], removed: [], differs: differs(list) };
      const before = new Set(authors);
      const isNew = new Set(list);
      const added = [...isNew].filter((author) => !before.has(author));
      const removed = [...before].filter((author) => !isNew.has(author));
      if (added.length + removed.length > 0) {
        begin(firstOf(list));
        tell();
      }
      return { added, removed, differs: false };
    },
    fix() {
      isFixed = true;
    },
    take(decided, next) {
      if (decided.state.roster.epoch !== chain.length) throw new RangeError('rosters are taken epoch by epoch');
      append(decided);
      votes.clear();
      votes.set(bytesToHex(decided.state.hash), next);
      tell();
    },
    vote(next) {
      votes.set(bytesToHex(present.state.hash), next);
    },
  };

  function differs(list: readonly Author[]): boolean {
    const named = new Set(list);
    return named.size !== writers.length || writers.some((author) => !named.has(author));
  }
}
