import { hlcMs, lastHlcAt, makeHlc, observe, tick, ZERO_HLC } from '../../../src/core/clock/index.ts';
import {
  admit,
  beyondBudget,
  contextAbove,
  type FloorRules,
  isOpen,
  type KeptKey,
  lateOnArrival,
  NOTHING_KEPT,
  type Reign,
  type StartGate,
} from '../../../src/core/floor/index.ts';
import { counts, isWriter, memberOf, type RosterState } from '../../../src/core/roster/index.ts';
import { type Author, type Context, type Hlc, MAX_AHEAD_MS } from '../../../src/core/types/index.ts';
import { type Disk, emptyDisk } from './disk.ts';
import { heldLine, opLine } from './lines.ts';
import { Broken, KEYS, type Op, PERIOD_MS, type State, type World } from './world.ts';

/** The limit of clock errors beyond which a node neither writes nor attests (SPEC C6). */
const MAX_CLOCK_ERROR_MS = 10_000;

/** Who a node is, what time it has, and the operations that it writes and takes in. */
export class KeyedNode {
  readonly index: number;
  readonly world: World;
  /** The node's keys, newest last. */
  authors: readonly Author[];
  disk: Disk;
  offset = 0;
  down = false;
  group = 0;
  readonly lies: boolean;
  /** Lost by a restart. */
  gate: StartGate = { heard: true, notBefore: 0, givesUpAt: undefined };

  constructor(world: World, index: number, author: Author, first: RosterState, lies: boolean) {
    this.world = world;
    this.index = index;
    this.authors = [author];
    this.lies = lies;
    this.disk = emptyDisk(first);
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

  reaches(other: KeyedNode): boolean {
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

  setKey(key: string, kept: KeptKey<Op>): void {
    this.disk.keys = new Map(this.disk.keys).set(key, kept);
  }

  /** Observes the last HLC of a cut. */
  observeCut(last: Hlc): void {
    const { mistake } = this.world;
    if (mistake !== 'no observing') this.observe(mistake === 'observe (T, 0)' ? makeHlc(hlcMs(last), 0) : last);
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
    const author = this.writerOf(this.state) ?? this.retiring();
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
  retiring(): Author | undefined {
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
    if (mistake === 'contexts forget the floor state')
      return contextAbove({ siblings: kept.siblings, hidden: kept.hidden.filter(({ hlc }) => hlc > floor) }, author, {
        floor,
        isOfRoster,
      });
    return contextAbove(kept, author, { floor, isOfRoster });
  }

  /** Takes in one operation, from wherever it comes. */
  take(op: Op): string {
    const ms = hlcMs(op.hlc);
    const { world, disk } = this;
    if (ms - this.clock >= MAX_AHEAD_MS) return 'future';
    const kept = this.keyOf(op.key);
    const late = lateOnArrival(kept, op, disk.own.newest);
    if (late > 0) disk.late = new Map(disk.late).set(op, late);
    const isOfFloorState = (one: Op): boolean => world.mistake !== 'no floor-state exemption' && disk.gone.has(one);
    const { held, outcome } = admit(kept, op, this.rules, isOfFloorState);
    world.tell(() => `${this.index} takes ${op.name}: ${outcome}${late > 0 ? ' late' : ''}, has ${heldLine(held)}`);
    if (late > 0 && !this.has({ ...held, aside: [] }, op)) this.#forgetLate(op);
    if (held !== kept) {
      const hidden = world.mistake === 'drop superseded at once' ? [] : held.hidden;
      this.setKey(op.key, { siblings: held.siblings, hidden, aside: kept.aside });
      if (disk.gone.has(op)) disk.gone = new Set([...disk.gone].filter((one) => one !== op));
    }
    if (outcome === 'added' || (outcome === 'superseded' && ms > this.floorAt)) {
      this.observe(op.hlc);
      const known = disk.heard.get(op.author);
      if ((known?.committed ?? 0n) < op.hlc)
        disk.heard = new Map(disk.heard).set(op.author, { attested: known?.attested ?? 0, committed: op.hlc });
      // What a lost store attested before the operation came is no promise of this one.
      if (ms > (world.newest.get(this.index) ?? 0) && this.isWriterOf(this.state)) op.holders.add(this.index);
    }
    return outcome;
  }

  has({ siblings, hidden, aside }: KeptKey<Op>, op: Op): boolean {
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
      this.setKey(op.key, { ...kept, hidden: kept.hidden.filter((one) => one !== op) });
      if (op.hlc <= this.rules.floor) this.disk.gone = new Set(this.disk.gone).add(op);
      this.world.tell(() => `${this.index} lets go of ${op.name}`);
      this.world.listed.add(op);
    }
  }
}
