import {
  hlcMs,
  INITIAL_HLC_STATE,
  lastHlcAt,
  makeHlc,
  observe,
  tick,
  ZERO_HLC,
} from '../../../src/core/clock/index.ts';
import {
  aboveFloor,
  admit,
  beyondBudget,
  type CutRules,
  carryOver,
  collectionFloorOf,
  completeOf,
  contextAbove,
  type FloorClaim,
  type FloorRules,
  fixCut,
  floorStateOf,
  heardCut,
  isOpen,
  isRefuted,
  isSameClaim,
  type KeptKey,
  NO_CUTS,
  NOTHING_KEPT,
  type OwnCuts,
  observedOfPast,
  type Past,
  type Reign,
  recount,
  type StartGate,
  settle,
  startGate,
  stateAt,
} from '../../../src/core/floor/index.ts';
import {
  type Ballot,
  counts,
  isWriter,
  mayAttest,
  memberOf,
  NO_VOTES,
  type Promise1b,
  type Proposed,
  type RosterState,
  type Signed,
  type VoteState,
} from '../../../src/core/roster/index.ts';
import { type Author, type Context, equalBytes, type Hlc, MAX_AHEAD_MS } from '../../../src/core/types/index.ts';
import { heldLine, opLine, rosterLine, stateLine, timeOf } from './lines.ts';
import { mistakenCollect, mistakenRecount } from './planted.ts';
import { Broken, FIX_AFTER_MS, GRID_MS, KEYS, type Op, PERIOD_MS, rootOf, type State, type World } from './world.ts';

/** What a node has durably. A restart keeps it, and a backup is a copy of it. */
interface Disk {
  keys: ReadonlyMap<string, KeptKey<Op>>;
  late: ReadonlyMap<Op, number>;
  /** Operations of the floor state that were let go for want of room. */
  gone: ReadonlySet<Op>;
  hlc: Hlc;
  floor: { readonly claim: FloorClaim; readonly epoch: number } | undefined;
  own: OwnCuts;
  reigns: readonly Reign[];
  votes: VoteState;
  /** The newest T that each author is known to have attested, and its greatest HLC seen. */
  heard: ReadonlyMap<Author, { readonly attested: number; readonly committed: Hlc }>;
  /** By the node's own clock; from when on it has its present store. */
  since: number;
}

/** The limit of clock errors beyond which a node neither writes nor attests (SPEC C6). */
const MAX_CLOCK_ERROR_MS = 10_000;

export class FloorNode {
  readonly index: number;
  readonly world: World;
  /** The node's keys, newest last. */
  authors: readonly Author[];
  disk: Disk;
  offset = 0;
  down = false;
  group = 0;
  readonly lies: boolean;
  // What a restart loses:
  gate: StartGate;
  claims = new Map<number, Map<Author, FloorClaim>>();
  known: { readonly claim: FloorClaim; readonly epoch: number } | undefined;
  open:
    | {
        readonly ballot: Ballot;
        readonly hlcMs: number;
        readonly promises: readonly Signed<Promise1b>[];
        readonly proposals: ReadonlyMap<string, Proposed>;
      }
    | undefined;

  constructor(world: World, index: number, author: Author, first: RosterState, lies: boolean) {
    this.world = world;
    this.index = index;
    this.authors = [author];
    this.lies = lies;
    this.disk = {
      keys: new Map(),
      late: new Map(),
      gone: new Set(),
      hlc: INITIAL_HLC_STATE.last,
      floor: undefined,
      own: NO_CUTS,
      reigns: [{ state: first, start: 0, end: undefined }],
      votes: NO_VOTES,
      heard: new Map(),
      since: Number.NEGATIVE_INFINITY,
    };
    this.gate = { heard: true, notBefore: 0, givesUpAt: undefined };
  }

  // ---- who it is, and what time it is

  get reign(): Reign {
    return this.disk.reigns.at(-1) as Reign;
  }

  get state(): RosterState {
    return this.reign.state;
  }

  get floorAt(): number {
    return this.disk.floor?.claim.at ?? 0;
  }

  get isRight(): boolean {
    return Math.abs(this.offset) <= MAX_CLOCK_ERROR_MS;
  }

  /** What times are judged by: the own clock while it is right, else the middle one of the fleet. */
  get clock(): number {
    return this.world.now + (this.isRight ? this.offset : 0);
  }

  /** The key by which the node writes under a roster. */
  writerOf({ roster }: RosterState): Author | undefined {
    return this.authors.findLast((author) => isWriter(roster, author));
  }

  isWriterOf = (state: RosterState): boolean => this.writerOf(state) !== undefined;

  get isMember(): boolean {
    return this.authors.some((author) => memberOf(this.state.roster, author) !== undefined);
  }

  reaches(other: FloorNode): boolean {
    return this !== other && !this.down && !other.down && this.group === other.group;
  }

  // ---- the rules by which it judges

  rulesOf(floor: number, { roster }: RosterState): FloorRules {
    return {
      floor: floor === 0 ? ZERO_HLC : lastHlcAt(floor),
      counts: (author, hlc) => counts(roster, author, hlcMs(hlc)),
      periodMs: PERIOD_MS,
      lateFor: (op) => this.disk.late.get(op as Op) ?? 0,
    };
  }

  get rules(): FloorRules {
    return this.rulesOf(this.floorAt, this.state);
  }

  keyOf(key: string): KeptKey<Op> {
    return this.disk.keys.get(key) ?? NOTHING_KEPT;
  }

  #setKey(key: string, kept: KeptKey<Op>): void {
    this.disk.keys = new Map(this.disk.keys).set(key, kept);
  }

  observe(hlc: Hlc): void {
    this.disk.hlc = observe({ last: this.disk.hlc }, hlc).last;
  }

  get live(): State {
    return new Map(KEYS.map((key) => [key, this.keyOf(key).siblings]));
  }

  // ---- operations

  /** Makes a commit, or refuses to: then undefined. */
  write(key: string, kind: 'put' | 'delete', ttlMs: number | undefined): Op | undefined {
    const { world } = this;
    const author = this.writerOf(this.state) ?? this.#retiring();
    if (author === undefined || this.down || !this.isRight || !isOpen(this.gate, world.now)) return undefined;
    const ticked = tick({ last: this.disk.hlc }, this.clock);
    if (!ticked.ok) return undefined;
    const { hlc } = ticked;
    const ends = !counts(this.state.roster, author, hlcMs(hlc));
    if (ends && world.mistake !== 'old key never stops') return undefined;
    if (ends) throw new Broken('a write is acknowledged that does not count by the roster of its writer');
    this.disk.hlc = hlc;
    if (hlcMs(hlc) <= this.disk.own.newest) throw new Broken('an own write belongs to a cut that the node had fixed');
    if (hlcMs(hlc) <= this.floorAt) throw new Broken('an own write is at or below the own floor');
    const expires = ttlMs === undefined ? {} : { expires: this.clock + ttlMs };
    const op: Op = {
      key,
      name: `${this.index}.${world.ops.length}`,
      commit: Uint8Array.of(world.ops.length >>> 8, world.ops.length & 0xff),
      index: 0,
      author,
      hlc,
      operation: { kind, context: this.#context(key, author), ...(kind === 'put' ? expires : {}) },
      epoch: this.state.roster.epoch,
      holders: new Set(),
    };
    world.ops.push(op);
    world.tell(() => `${this.index} writes ${opLine(op)}`);
    if (this.take(op) !== 'added') throw new Broken('an own write is not taken');
    return op;
  }

  /** The key of a retired node, which may write until its end. */
  #retiring(): Author | undefined {
    return this.authors.findLast((author) => memberOf(this.state.roster, author)?.role === 'retired');
  }

  #context(key: string, author: Author): Context {
    const floor = this.rules.floor;
    const { mistake } = this.world;
    const isOfRoster = (one: Author): boolean => memberOf(this.state.roster, one) !== undefined;
    const kept = this.keyOf(key);
    if (mistake === 'R5 drops all dots of authors that left')
      return contextAbove(kept, author, { floor: lastHlcAt(2 ** 47), isOfRoster: () => false }).filter(
        (dot) => isOfRoster(dot.author) || kept.siblings.some((one) => one.author === dot.author),
      );
    return contextAbove(kept, author, { floor, isOfRoster });
  }

  /** Takes in one operation, from wherever it comes. */
  take(op: Op): string {
    const ms = hlcMs(op.hlc);
    const { world, disk } = this;
    if (ms - this.clock >= MAX_AHEAD_MS) return 'future';
    const kept = this.keyOf(op.key);
    // What the node has had in time does not come too late when it comes again.
    const late = ms <= disk.own.newest && !this.#has(kept, op);
    if (late) disk.late = new Map(disk.late).set(op, disk.own.newest);
    const isOfFloorState = (one: Op): boolean => world.mistake !== 'no floor-state exemption' && disk.gone.has(one);
    const { held, outcome } = admit(kept, op, this.rules, isOfFloorState);
    world.tell(() => `${this.index} takes ${op.name}: ${outcome}${late ? ' late' : ''}, has ${heldLine(held)}`);
    if (late && !this.#has({ ...held, aside: [] }, op)) this.#forgetLate(op);
    if (held !== kept) {
      const hidden = world.mistake === 'drop superseded at once' ? [] : held.hidden;
      this.#setKey(op.key, { siblings: held.siblings, hidden, aside: kept.aside });
      if (disk.gone.has(op)) disk.gone = new Set([...disk.gone].filter((one) => one !== op));
    }
    if (outcome === 'added' || (outcome === 'superseded' && ms > this.floorAt)) {
      this.observe(op.hlc);
      const known = disk.heard.get(op.author);
      if ((known?.committed ?? 0n) < op.hlc)
        disk.heard = new Map(disk.heard).set(op.author, { attested: known?.attested ?? 0, committed: op.hlc });
      if (!late && this.isWriterOf(this.state)) op.holders.add(this.index);
    }
    return outcome;
  }

  #has({ siblings, hidden, aside }: KeptKey<Op>, op: Op): boolean {
    return siblings.includes(op) || hidden.includes(op) || aside.some(({ operation }) => operation === op);
  }

  #forgetLate(op: Op): void {
    const late = new Map(this.disk.late);
    late.delete(op);
    this.disk.late = late;
  }

  /** The node has no room for more than `limit` hidden operations. */
  squeeze(limit: number): void {
    const hidden = KEYS.flatMap((key) => this.keyOf(key).hidden);
    const rows = hidden.map((op) => ({ op, hlc: op.hlc, bytes: 1 })).sort((a, b) => (a.hlc < b.hlc ? -1 : 1));
    for (const { op } of beyondBudget(rows, rows.length, limit)) {
      const kept = this.keyOf(op.key);
      this.#setKey(op.key, { ...kept, hidden: kept.hidden.filter((one) => one !== op) });
      if (op.hlc <= this.rules.floor) this.disk.gone = new Set(this.disk.gone).add(op);
      this.world.tell(() => `${this.index} lets go of ${op.name}`);
      this.world.listed.add(op);
    }
  }

  // ---- cuts and floors

  /** Fixes and attests the newest cut whose time has come. Returns what it attests. */
  fix(): { readonly author: Author; readonly claim: FloorClaim } | undefined {
    const { disk, world, reign } = this;
    if (this.down || !this.isRight || !isOpen(this.gate, world.now)) return undefined;
    const at = Math.floor((this.clock - FIX_AFTER_MS) / PERIOD_MS) * PERIOD_MS;
    if (at <= disk.own.newest || at <= this.floorAt || at <= reign.start) return undefined;
    const author = this.writerOf(reign.state);
    if (author !== undefined) {
      const own = { at, attested: disk.own.newest, start: reign.start };
      if (!mayAttest(author, reign.state, disk.votes, own)) return undefined;
    }
    const before = disk.floor?.claim.collection ?? 0;
    const collection = collectionFloorOf(at, reign.state.roster.retentionMs, before, GRID_MS);
    const undecided = this.#undecided;
    for (const [key, kept] of disk.keys) this.#setKey(key, carryOver(kept, this.rules, at, undecided));
    const state = this.#stateAt(at, collection, reign.state);
    const root = rootOf(state);
    world.noteFixed(at, root, state, this.#stateAt(at, 0, reign.state));
    const claim: FloorClaim = { at, root, roster: reign.state.hash, collection, previous: disk.own.newest };
    const fixed = fixCut(disk.own, claim);
    world.tell(() => `${this.index} fixes ${timeOf(at)} by epoch ${reign.state.roster.epoch}: ${stateLine(state)}`);
    disk.own = fixed.own;
    if (world.mistake === 'observe (T, 0)') this.observe(makeHlc(at, 0));
    else if (world.mistake !== 'no observing') this.observe(fixed.observe);
    if (author === undefined) return undefined;
    this.hearClaim(author, claim);
    return { author, claim };
  }

  #stateAt(at: number, collection: number, state: RosterState): State {
    const cut = { at, collection, counts: this.rulesOf(0, state).counts };
    return new Map(
      KEYS.map((key) => [
        key,
        mistakenCollect(this.world.mistake, this.keyOf(key), this.rules, cut) ??
          stateAt(this.keyOf(key), this.rules, cut),
      ]),
    );
  }

  /** The cuts that this node has fixed, and that may become complete for all that it knows. */
  get #undecided(): readonly CutRules[] {
    const { state } = this;
    const claims = [...this.claims.values()].flatMap((by) => [...by.values()]);
    return this.disk.own.fixed
      .filter(({ at, roster }) => at > this.floorAt && equalBytes(roster, state.hash))
      .filter((own) => !isRefuted(own, claims))
      .map(({ at, collection }) => ({ at, collection, counts: this.rulesOf(0, state).counts }));
  }

  hearClaim(author: Author, claim: FloorClaim): void {
    const { disk } = this;
    const by = this.claims.get(claim.at) ?? new Map<Author, FloorClaim>();
    this.claims.set(claim.at, by);
    if (by.has(author)) return;
    by.set(author, claim);
    const heard = disk.heard.get(author);
    if ((heard?.attested ?? 0) < claim.at)
      disk.heard = new Map(disk.heard).set(author, { attested: claim.at, committed: heard?.committed ?? ZERO_HLC });
    const hlc = this.world.mistake === 'ignore an attested T' ? undefined : heardCut(claim.at, this.clock);
    if (hlc !== undefined && this.world.mistake !== 'no observing') this.observe(hlc);
    this.#lookForComplete(claim.at);
  }

  #lookForComplete(at: number): void {
    const claims = this.claims.get(at);
    if (claims === undefined) return;
    this.disk.reigns.forEach((reign, epoch) => {
      const claim = completeOf(reign, claims);
      if (claim !== undefined) this.hearComplete(claim, epoch);
    });
  }

  /** Learns of a complete cut, from its own counting or from a peer's certificate. */
  hearComplete(claim: FloorClaim, epoch: number): void {
    const reign = this.disk.reigns[epoch];
    if (claim.at <= (this.known?.claim.at ?? 0) || reign === undefined) return;
    this.known = { claim, epoch };
    this.world.noteComplete(claim, reign.state);
    this.tryOwn();
  }

  /** Takes the newest complete cut where the node has attested it, or fixed the same root, and can make it again. */
  tryOwn(): boolean {
    const { known, disk } = this;
    if (known === undefined || known.claim.at <= this.floorAt) return true;
    const { claim, epoch } = known;
    const own = disk.own.fixed.find(({ at }) => at === claim.at);
    if (own === undefined || !isSameClaim(own, claim)) return false;
    const { state } = disk.reigns[epoch] as Reign;
    const made = this.#stateAt(claim.at, claim.collection, state);
    if (!equalBytes(rootOf(made), claim.root)) return false;
    this.#moveFloor(claim, epoch, made, false);
    return true;
  }

  /** What the node serves as the snapshot of its floor. */
  get floorState(): State {
    const { floor } = this.rules;
    return new Map(KEYS.map((key) => [key, floorStateOf(this.keyOf(key), floor)]));
  }

  /** Takes a complete cut from a peer, whatever it had itself. */
  takeSnapshot(from: FloorNode): boolean {
    const { floor } = from.disk;
    if (floor === undefined || floor.claim.at <= this.floorAt || this.disk.reigns[floor.epoch] === undefined)
      return false;
    const state = from.lies ? new Map(KEYS.map((key) => [key, []])) : from.floorState;
    if (!equalBytes(rootOf(state), floor.claim.root)) return false;
    this.#moveFloor(floor.claim, floor.epoch, state, true);
    return true;
  }

  #moveFloor(claim: FloorClaim, epoch: number, state: State, bySnapshot: boolean): void {
    const { disk, world } = this;
    const rules = this.rulesOf(claim.at, this.state);
    const how = bySnapshot ? 'from a peer' : 'by itself';
    world.tell(() => `${this.index} takes the floor ${timeOf(claim.at)} of epoch ${epoch} ${how}: ${stateLine(state)}`);
    const keys = new Map<string, KeptKey<Op>>();
    for (const key of KEYS) {
      const before = this.keyOf(key);
      const base = state.get(key) ?? [];
      const { key: after } = settle(before, base, rules, disk.own.newest);
      const aside = world.mistake === 'forget what was set aside' ? [] : after.aside;
      if (bySnapshot ? world.mistake === 'take a floor without replacing' : world.mistake === 'keep late operations') {
        const merged = {
          siblings: [...after.siblings],
          hidden: [...after.hidden, ...aside.map(({ operation }) => operation)],
        };
        keys.set(key, { ...recount(merged, rules), aside: [] });
      } else keys.set(key, { ...(mistakenRecount(world.mistake, after, rules) ?? after), aside });
    }
    disk.keys = keys;
    disk.floor = { claim, epoch };
    disk.own = aboveFloor(disk.own, claim.at);
    disk.gone = new Set();
    if (world.mistake !== 'no observing') this.observe(lastHlcAt(claim.at));
    const kept = new Set(
      [...keys.values()].flatMap(({ siblings, hidden, aside }) => [
        ...siblings,
        ...hidden,
        ...aside.map(({ operation }) => operation),
      ]),
    );
    disk.late = new Map([...disk.late].filter(([op]) => kept.has(op)));
    if (world.mistake === 'drop superseded at once')
      for (const [key, one] of keys) this.#setKey(key, { ...one, hidden: [] });
  }

  /** The floor state never changes until there is another floor. */
  checkFloorState(): void {
    const { floor, gone } = this.disk;
    if (floor === undefined || gone.size > 0) return;
    if (!equalBytes(rootOf(this.floorState), floor.claim.root))
      throw new Broken(`the floor state of ${this.index} is not that of the floor: ${stateLine(this.floorState)}`);
  }

  // ---- rosters

  /** Learns the roster of the next epoch. */
  learn(state: RosterState, start: number): void {
    const { disk, world } = this;
    if (state.roster.epoch !== this.state.roster.epoch + 1) return;
    const ended = { ...this.reign, end: start };
    disk.reigns = [...disk.reigns.slice(0, -1), ended, { state, start, end: undefined }];
    // The lost store may have voted under any roster that began before it was lost.
    const lost = start <= disk.since + MAX_AHEAD_MS;
    disk.votes = { ...NO_VOTES, abstains: lost && world.mistake !== 'vote after a restore' };
    this.open = undefined;
    world.tell(() => `${this.index} learns epoch ${state.roster.epoch} from ${timeOf(start)}: ${rosterLine(state)}`);
    if (world.mistake !== 'newcomer that does not observe start') this.observe(lastHlcAt(start));
    const { rules } = this;
    disk.keys = new Map(
      [...disk.keys].map(([key, kept]) => [
        key,
        { ...(mistakenRecount(world.mistake, kept, rules) ?? recount(kept, rules)), aside: kept.aside },
      ]),
    );
    for (const at of this.claims.keys()) this.#lookForComplete(at);
  }

  // ---- its store

  /** What a peer knows of this node's past, from what it was told or has. */
  pastOf(other: FloorNode): Past {
    const heard = other.authors.map((author) => this.disk.heard.get(author));
    return {
      committed: heard.reduce<Hlc>(
        (most, one) => (one !== undefined && one.committed > most ? one.committed : most),
        ZERO_HLC,
      ),
      attested: Math.max(0, ...heard.map((one) => one?.attested ?? 0)),
      floor: this.floorAt,
    };
  }

  hearPast(past: Past): void {
    if (this.gate.heard) return;
    this.observe(observedOfPast(past));
    const { own } = this.disk;
    this.disk.own = { ...own, newest: Math.max(own.newest, past.attested) };
    this.gate = { ...this.gate, heard: true };
  }

  backup(): Disk {
    return { ...this.disk };
  }

  restart(restored?: Disk): void {
    const { world } = this;
    world.tell(() => `${this.index} restarts ${restored === undefined ? '' : 'with a backup'}`);
    if (restored !== undefined) {
      const abstains = world.mistake !== 'vote after a restore';
      this.disk = { ...restored, votes: { ...NO_VOTES, abstains }, since: this.world.now + this.offset };
      const has = (op: Op): boolean => {
        const { siblings, hidden } = this.keyOf(op.key);
        return siblings.includes(op) || hidden.includes(op);
      };
      world.noteLoss(this, has);
    }
    this.claims = new Map();
    this.known = this.disk.floor;
    this.open = undefined;
    this.gate = startGate(restored === undefined ? 'kept' : 'new', world.now);
  }
}
