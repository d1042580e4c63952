import { lastHlcAt, ZERO_HLC } from '../../../src/core/clock/index.ts';
import { observedOfPast, type Past, recount, startGate } from '../../../src/core/floor/index.ts';
import {
  type Ballot,
  NO_VOTES,
  type Promise1b,
  type Proposed,
  type RosterState,
  type Signed,
} from '../../../src/core/roster/index.ts';
import { equalBytes, type Hlc, MAX_AHEAD_MS } from '../../../src/core/types/index.ts';
import { CutNode } from './cuts.ts';
import type { Disk } from './disk.ts';
import { rosterLine, timeOf } from './lines.ts';
import { mistakenRecount } from './planted.ts';

/** The rosters that a node learns, and what becomes of its store. */
export class FloorNode extends CutNode {
  /** Its open ballot; a restart loses it. */
  open:
    | {
        readonly ballot: Ballot;
        readonly hlcMs: number;
        readonly promises: readonly Signed<Promise1b>[];
        readonly proposals: ReadonlyMap<string, Proposed>;
      }
    | undefined;

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
    if (world.mistake !== 'newcomer that does not observe start') this.observeCut(lastHlcAt(start));
    const { rules } = this;
    disk.keys = new Map(
      [...disk.keys].map(([key, kept]) => [
        key,
        { ...(mistakenRecount(world.mistake, kept, rules) ?? recount(kept, rules)), aside: kept.aside },
      ]),
    );
    for (const at of this.claims.keys()) this.lookForComplete(at);
  }

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
      world.noteLoss(this, (op) => this.has({ ...this.keyOf(op.key), aside: [] }, op));
    }
    this.claims = new Map();
    this.known = this.disk.floor;
    this.#tellAgain();
    this.open = undefined;
    this.gate = startGate(restored === undefined ? 'kept' : 'new', world.now);
  }

  /** What it attested later than the floor is durable, and others need it: a cut that nobody refutes may be complete. */
  #tellAgain(): void {
    for (const claim of this.disk.own.fixed) {
      const reign = this.disk.reigns.find(({ state }) => equalBytes(state.hash, claim.roster));
      const author = reign === undefined ? undefined : this.writerOf(reign.state);
      if (author !== undefined) this.hearClaim(author, claim);
    }
  }
}
