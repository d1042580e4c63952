import type { RowWrite } from '../../core/replica/index.ts';
import { decidersOf, isWriter } from '../../core/roster/index.ts';
import { DOUBT, encodeDoubt, type KeptDoubt } from '../../core/rows/index.ts';
import { type Author, joined, MAX_AHEAD_MS } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { Roster } from '../fleet/roster.ts';

/**
 * How much later than a restore a roster begins under which the lost store cannot have voted, and until when what that
 * store had sent may be on its way: no two clocks of a fleet that go are further apart.
 */
const LATER_MS = MAX_AHEAD_MS;
/** A restored store is shown its own commits by the thousand. One sign a second is enough. */
const AGAIN_MS = 1_000;
/**
 * For how long a writer can neither be asked nor asks before what others tell stands for what it would: twice the time
 * after which members ask each other at the latest, so that they have asked it and were asked by this node. A spoke of
 * a hub hears other spokes through the hub, or over HTTP not even so.
 */
const APART_MS = 60_000;

/** How a node hears a member: it can ask it, it hears it through others alone, or not at all. */
export type Way = 'direct' | 'relayed' | 'away';

/** Why a store may lack what its key has signed. `unasked`: nobody has been asked since the start. */
export type DoubtKind = 'unasked' | KeptDoubt['kind'];

/** What people are told of it. */
const DOUBT_TEXTS: Readonly<Record<DoubtKind, string>> = {
  unasked: 'since its start this node has not been told by a majority of the writers what they heard of its key',
  new: 'this store is new and waits until every writer has told what it heard of this key',
  restored:
    'this store lacks what its key has signed, as a restored one does; it waits until every writer has told what it ' +
    'heard of this key, or for the next roster that is decided',
};

/** Whether a store has nothing that its key signed. Who has never written may have attested and voted all the same. */
export const hasNoPast = (store: {
  readonly sequence: number;
  readonly attested: number;
  readonly votes: { readonly size: number };
}): boolean => store.sequence === 0 && store.attested === 0 && store.votes.size === 0;

export interface DoubtDeps {
  readonly self: Author;
  readonly roster: Pick<Roster, 'present' | 'authors' | 'writers' | 'endOf' | 'from' | 'onChange'>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly log: Log;
  readonly wayTo: (member: Author) => Way;
  /** What people read in place of an author. */
  readonly nameOf: (author: Author) => string;
  /** What an earlier run has kept. */
  readonly saved: KeptDoubt | undefined;
  /** Whether there was nothing in the store when the node started. */
  readonly isNew: boolean;
  /** Whether the store ends before what the witness saw. */
  readonly isShort: boolean;
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  /** The time up to which the lost store may have attested: nothing is attested up to there. */
  readonly passed: (at: number) => void;
}

/**
 * Whether this store may lack votes and attestations of its own key: it is new, or a copy of an earlier one was put
 * back (SPEC RO11). As long as it may, the node signs neither, because it could contradict itself.
 */
export interface Doubt {
  /** Why this node gives no votes; undefined where it may. */
  why(): DoubtKind | undefined;
  mayAttest(): boolean;
  /** The same for people, with the names of the writers that have not told; undefined where it may vote. */
  text(): string | undefined;
  /** For how many ms it has been so; 0 where it may vote. */
  lastsMs(): number;
  /** To be called when something comes from elsewhere that this node's key signed, and that this store never had. */
  sawLost(what: string): void;
  /** Notes that a member has told which notices it has and has been understood, since this node started. */
  heard(peer: Author): void;
  /** Notes that a member that goes by the same roster has told everything that it knows of this decision. */
  heardAllOf(peer: Author): void;
  /** Ends the doubt where its time has come, and makes durable what changed. */
  look(): Promise<void>;
}

export function createDoubt(deps: DoubtDeps): Doubt {
  const { self, roster, clock, log } = deps;
  let doubt = deps.saved;
  let kept = deps.saved;
  /** Writers that were asked since the start, whatever they go by, or for which others told. */
  const asked = new Set<Author>();
  /** Monotonic: when a member told last what it has. */
  const heardAt = new Map<Author, number>();
  /** Monotonic: when a member last told all it knows of the present decision, with what the lost store had sent. */
  const told = new Map<Author, number>();
  /** Monotonic: since when a writer can neither be asked nor asks. */
  const apartSince = new Map<Author, number>();
  /** Monotonic: when this node last knew itself to be in no doubt, or started. */
  let goodAt = clock.monotonic();
  function forget(): void {
    told.clear();
    apartSince.clear();
  }
  roster.onChange(forget);
  if (doubt === undefined && deps.isNew) doubt = { kind: 'new', since: signTime() };
  if (deps.isShort) sawLost('the end of the store');

  /** What the lost store signed may be of the present roster, also where this clock is behind its start. */
  function signTime(): number {
    return Math.max(clock.now(), roster.present.start);
  }

  function sawLost(what: string): void {
    const since = signTime();
    // A clock that was set back leaves a sign in the future.
    if (doubt?.kind === 'restored' && Math.abs(since - doubt.since) < AGAIN_MS) return;
    if (doubt?.kind !== 'restored')
      log.warn(
        { what },
        'this store lacks what its key has signed: it votes and attests no more until that is settled',
      );
    doubt = { kind: 'restored', since };
    forget();
    save().catch((error: unknown) => log.debug({ error: String(error) }, 'not saved'));
  }

  async function save(): Promise<void> {
    if (kept === doubt) return;
    await deps.keep(() => {
      kept = doubt;
      return [
        doubt === undefined ? { type: 'del', key: DOUBT } : { type: 'put', key: DOUBT, value: encodeDoubt(doubt) },
      ];
    });
  }

  const others = (): readonly Author[] => roster.writers.filter((author) => author !== self);

  /** Whether what the lost store had sent may still be on its way. */
  const isEarly = (): boolean => doubt?.kind === 'restored' && clock.now() <= doubt.since + LATER_MS;

  /** The members that can be asked, and bring what those have heard that cannot be. */
  const relays = (): readonly Author[] =>
    roster.authors.filter(
      (author) => author !== self && roster.endOf(author) === undefined && deps.wayTo(author) === 'direct',
    );

  /** Since when (monotonic) a writer can neither be asked nor asks, once that is long enough. */
  function apartFor(author: Author): number | undefined {
    const since = apartSince.get(author);
    const isLong = since !== undefined && clock.monotonic() - since >= APART_MS;
    return isLong && deps.wayTo(author) !== 'direct' ? since : undefined;
  }

  function lookAtApart(): void {
    const now = clock.monotonic();
    for (const author of others()) {
      const way = deps.wayTo(author);
      const asksUs = now - (heardAt.get(author) ?? -Infinity) < APART_MS;
      if (way === 'direct' || asksUs || isEarly()) apartSince.delete(author);
      else if (!apartSince.has(author)) apartSince.set(author, now);
      const since = apartFor(author);
      if (since === undefined) continue;
      const tellers = relays();
      // Where nobody can be asked, it is brought by members of earlier versions, since others would have asked.
      const isTold = tellers.length > 0 || way === 'relayed';
      if (isTold && tellers.every((relay) => (heardAt.get(relay) ?? -Infinity) >= since)) asked.add(author);
    }
  }

  function hasTold(author: Author): boolean {
    if (told.has(author)) return true;
    const since = apartFor(author);
    if (since === undefined) return false;
    // A restored key has a past for certain, of which one that is away may be the only witness.
    if (doubt?.kind === 'restored' && deps.wayTo(author) === 'away') return false;
    const tellers = relays();
    return tellers.length > 0 && tellers.every((relay) => (told.get(relay) ?? -Infinity) >= since + APART_MS);
  }

  const isMajority = (writers: readonly Author[]): boolean =>
    writers.length + 1 >= decidersOf(roster.present.state.roster);

  /** Whether the roster in force was the first to name this key as a writer: it has voted and attested under no other. */
  function isFirstNamed(): boolean {
    const chain = roster.from(0);
    return chain.length > 1 && chain.slice(0, -1).every(({ state }) => !isWriter(state.roster, self));
  }

  function isOver({ kind, since }: KeptDoubt): boolean {
    if (roster.present.start > since + LATER_MS) return true;
    if (isEarly()) return false;
    const tellers = others().filter(hasTold);
    if (tellers.length === others().length) return true;
    return kind === 'new' && isFirstNamed() && isMajority(tellers);
  }

  /** Without a majority nothing is decided nor certified, so that waiting for one costs nothing. */
  const isUnasked = (): boolean => !isMajority(others().filter((author) => asked.has(author)));

  function heard(peer: Author): void {
    asked.add(peer);
    heardAt.set(peer, clock.monotonic());
  }

  const why = (): DoubtKind | undefined => doubt?.kind ?? (isUnasked() ? 'unasked' : undefined);

  return {
    why,
    mayAttest() {
      const reason = isUnasked() ? 'unasked' : why();
      // A fleet that begins has nothing behind it, and would else certify nothing until its last node has come.
      return reason === undefined || (reason === 'new' && roster.present.state.roster.epoch === 0);
    },
    text() {
      const kind = why();
      if (kind === undefined) return undefined;
      const missing = others().filter((author) => !(kind === 'unasked' ? asked.has(author) : hasTold(author)));
      const text = DOUBT_TEXTS[kind];
      return missing.length === 0 ? text : `${text}; now it waits for ${joined(missing.map(deps.nameOf).sort())}`;
    },
    lastsMs: () => (why() === undefined ? 0 : clock.monotonic() - goodAt),
    sawLost,
    heard,
    heardAllOf(peer) {
      heard(peer);
      if (doubt !== undefined && !isEarly()) told.set(peer, clock.monotonic());
    },
    async look() {
      // No clock of the fleet was so far ahead, but this one's was and has been set back.
      if (doubt !== undefined && doubt.since > signTime() + LATER_MS) doubt = { ...doubt, since: signTime() };
      lookAtApart();
      if (doubt !== undefined && isOver(doubt)) {
        log.info({ kind: doubt.kind }, 'nothing that this key signed is missing any more: this node votes and attests');
        if (doubt.kind === 'restored') deps.passed(doubt.since + LATER_MS);
        doubt = undefined;
        forget();
      }
      if (why() === undefined) goodAt = clock.monotonic();
      await save();
    },
  };
}
