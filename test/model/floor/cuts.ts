import { lastHlcAt, ZERO_HLC } from '../../../src/core/clock/index.ts';
import {
  aboveFloor,
  type CutRules,
  carryOver,
  collectionFloorOf,
  completeOf,
  type FloorClaim,
  fixCut,
  floorStateOf,
  heardCut,
  isOpen,
  isRefuted,
  isSameClaim,
  type KeptKey,
  passesOver,
  type Reign,
  recount,
  settle,
  stateAt,
} from '../../../src/core/floor/index.ts';
import { mayAttest, type RosterState } from '../../../src/core/roster/index.ts';
import { type Author, equalBytes } from '../../../src/core/types/index.ts';
import { KeyedNode } from './keys.ts';
import { stateLine, timeOf } from './lines.ts';
import { mistakenCollect, mistakenRecount } from './planted.ts';
import { Broken, FIX_AFTER_MS, GRID_MS, KEYS, type Op, PERIOD_MS, rootOf, type State } from './world.ts';

/** The cuts that a node fixes and attests, and the floors that it takes. */
export class CutNode extends KeyedNode {
  /** What it has heard; a restart loses it. */
  claims = new Map<number, Map<Author, FloorClaim>>();
  known: { readonly claim: FloorClaim; readonly epoch: number } | undefined;

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
    const undecided = world.mistake === 'carry nothing over' ? [] : this.#undecided;
    if (passesOver(disk.keys.values(), this.rules, at, undecided)) return undefined;
    for (const [key, kept] of disk.keys) this.setKey(key, carryOver(kept, this.rules, at, undecided));
    const state = this.#stateAt(at, collection, reign.state);
    const root = rootOf(state);
    const claim: FloorClaim = { at, root, roster: reign.state.hash, collection, previous: disk.own.newest };
    world.noteFixed(claim, state, this.#stateAt(at, 0, reign.state));
    const fixed = fixCut(disk.own, claim);
    world.tell(
      () =>
        `${this.index} fixes ${timeOf(at)} by epoch ${reign.state.roster.epoch}, collected up to ${timeOf(collection)}: ${stateLine(state)}`,
    );
    disk.own = fixed.own;
    world.newest.set(this.index, Math.max(at, world.newest.get(this.index) ?? 0));
    this.observeCut(fixed.observe);
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
    if (hlc !== undefined) this.observeCut(hlc);
    this.lookForComplete(claim.at);
  }

  lookForComplete(at: number): void {
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
  takeSnapshot(from: CutNode): boolean {
    const { floor } = from.disk;
    if (floor === undefined || floor.claim.at <= this.floorAt || this.disk.reigns[floor.epoch] === undefined)
      return false;
    const state = from.lies && this.world.rng.chance(0.5) ? new Map(KEYS.map((key) => [key, []])) : from.floorState;
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
    this.observeCut(lastHlcAt(claim.at));
    const kept = new Set(
      [...keys.values()].flatMap(({ siblings, hidden, aside }) => [
        ...siblings,
        ...hidden,
        ...aside.map(({ operation }) => operation),
      ]),
    );
    disk.late = new Map([...disk.late].filter(([op]) => kept.has(op)));
    if (world.mistake === 'drop superseded at once')
      for (const [key, one] of keys) this.setKey(key, { ...one, hidden: [] });
  }

  /** The floor state never changes until there is another floor. */
  checkFloorState(): void {
    const { floor, gone } = this.disk;
    if (floor === undefined || gone.size > 0) return;
    if (!equalBytes(rootOf(this.floorState), floor.claim.root))
      throw new Broken(`the floor state of ${this.index} is not that of the floor: ${stateLine(this.floorState)}`);
  }
}
