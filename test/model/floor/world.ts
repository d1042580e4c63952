import { hlcMs } from '../../../src/core/clock/index.ts';
import {
  collect,
  type FloorClaim,
  isDead,
  isSameClaim,
  type Mortal,
  siblingsOf,
} from '../../../src/core/floor/index.ts';
import { counts, memberOf, type RosterState } from '../../../src/core/roster/index.ts';
import { supersedes } from '../../../src/core/state/index.ts';
import { type Author, type Bytes, bytesToHex } from '../../../src/core/types/index.ts';
import type { Rng } from '../../sim/rng.ts';
import { hasher } from '../node.ts';
import { namesOf, timeOf } from './lines.ts';
import type { Mistake } from './mistakes.ts';
import type { FloorNode } from './node.ts';

export const EPOCH_MS = 1_700_000_000_000;
export const PERIOD_MS = 10_000;
export const FIX_AFTER_MS = 5_000;
/** Collection floors of the model stand closer than an hour, so that a short case has some. */
export const GRID_MS = 30_000;
export const KEYS = ['k0', 'k1', 'k2'] as const;

/** What a case broke, in one line. */
export class Broken extends Error {}

/** One operation, whole: every node that has it has this very object. */
export interface Op extends Mortal {
  readonly key: string;
  readonly name: string;
  /** The epoch of the roster that its writer had. */
  readonly epoch: number;
  /** Writers that took it in before they fixed a cut that it belongs to, and whose stores still have it. */
  readonly holders: Set<number>;
}

export type State = ReadonlyMap<string, readonly Op[]>;

const ENCODER = new TextEncoder();

export function rootOf(state: State): Bytes {
  let text = '';
  for (const key of KEYS) {
    const siblings = state.get(key) ?? [];
    if (siblings.length > 0) text += `${key}:${siblings.map(({ name }) => name).join(',')};`;
  }
  return hasher.hash(ENCODER.encode(text));
}

export const authorAt = (name: string): Author => bytesToHex(hasher.hash(ENCODER.encode(name))) as Author;

/** A cut that some nodes fixed alike. */
interface Fixed {
  readonly claim: FloorClaim;
  readonly state: State;
  /** What it was made of: what is collected at the cut has replaced something before. */
  readonly made: Set<Op>;
}

/** A cut of which some node knew that it is complete. */
interface Complete {
  readonly roster: RosterState;
  readonly fixed: Fixed;
}

const nodeOf = ({ name }: Op): number => Number(name.split('.')[0]);

/** What is true whatever the nodes believe, and what has to hold of it. */
export class World {
  readonly rng: Rng;
  readonly mistake: Mistake;
  now = EPOCH_MS;
  nodes: FloorNode[] = [];
  readonly ops: Op[] = [];
  /** When who stops was to stop, by what the proposer's clock said, by author and the end that its roster names. */
  readonly #ends = new Map<string, number>();
  /** What some node let go for want of room, and has listed. */
  readonly listed = new Set<Op>();
  /**
   * The cuts that were fixed, by all that a claim says. The root alone would not do: what one roster has collected at a
   * cut may leave the root that another, whose retention is longer, has of a state without it.
   */
  readonly #fixed: Fixed[] = [];
  /** What some node knows to be complete, in the order of time. */
  readonly #complete: Complete[] = [];
  /** The newest T that each node has fixed, with whatever store it had. */
  readonly newest = new Map<number, number>();
  /** The nodes whose stores were lost once. */
  readonly lostStores = new Set<number>();
  /** The epochs of rosters, by hash, and what was decided for each epoch. */
  readonly rosters = new Map<string, RosterState>();
  readonly decided = new Map<string, string>();
  /** For each roster the least start that any quorum of votes can name. */
  readonly leastStart = new Map<string, number>();

  readonly #trace: ((line: string) => void) | undefined;

  constructor(rng: Rng, mistake: Mistake, trace: ((line: string) => void) | undefined) {
    this.rng = rng;
    this.mistake = mistake;
    this.#trace = trace;
  }

  /** Says what happens, where somebody wants to read it. */
  tell(line: () => string): void {
    this.#trace?.(`${timeOf(this.now)} ${line()}`);
  }

  addRoster(state: RosterState): void {
    this.rosters.set(bytesToHex(state.hash), state);
  }

  /** A proposer names an end, which should be `end`. */
  noteEnd(author: Author, named: number, end: number): void {
    const key = `${author}/${named}`;
    this.#ends.set(key, Math.min(this.#ends.get(key) ?? Number.POSITIVE_INFINITY, end));
  }

  /** Whether an operation has to count by a roster, had its author's end been decided rightly. */
  #hasToCount({ author, hlc }: Op, { roster }: RosterState): boolean {
    const member = memberOf(roster, author);
    const end = member?.role === 'retired' ? this.#ends.get(`${author}/${member.until}`) : undefined;
    if (end !== undefined) return hlcMs(hlc) <= end;
    return counts(roster, author, hlcMs(hlc));
  }

  /** Whether every complete cut of this roster that the operation belongs to has it, or what superseded it. */
  #isGuaranteed(op: Op, state: RosterState): boolean {
    if (!this.#hasToCount(op, state)) return false;
    return [...op.holders].some((at) => this.nodes[at]?.isWriterOf(state) === true);
  }

  /** A node has fixed a cut; `before` is its state at it before anything was collected. */
  noteFixed(claim: FloorClaim, state: State, before: State): void {
    let fixed = this.#fixed.find((one) => isSameClaim(one.claim, claim));
    if (fixed === undefined) {
      fixed = { claim, state, made: new Set() };
      this.#fixed.push(fixed);
    }
    for (const siblings of before.values()) for (const op of siblings) fixed.made.add(op);
  }

  /** Some node knows that a cut is complete. From then on it is final, whoever forgets it. */
  noteComplete(claim: FloorClaim, roster: RosterState): void {
    const { at } = claim;
    const known = this.#complete.find(({ fixed }) => fixed.claim.at === at);
    if (known !== undefined) {
      if (!isSameClaim(known.fixed.claim, claim)) throw new Broken(`the cut at ${timeOf(at)} is complete in two ways`);
      return;
    }
    for (const [hash, next] of this.rosters) {
      const start = this.leastStart.get(hash) ?? Number.POSITIVE_INFINITY;
      if (next.roster.epoch === roster.roster.epoch + 1 && at > start)
        throw new Broken(`a cut of epoch ${roster.roster.epoch} is complete above the start of the next`);
    }
    const fixed = this.#fixed.find((one) => isSameClaim(one.claim, claim));
    if (fixed === undefined) throw new Error('a complete cut was fixed by nobody');
    const complete: Complete = { roster, fixed };
    const place = this.#complete.findIndex((one) => one.fixed.claim.at > at);
    this.#complete.splice(place === -1 ? this.#complete.length : place, 0, complete);
    const here = this.#complete.indexOf(complete);
    this.#checkAfter(this.#complete[here - 1], complete);
    const next = this.#complete[here + 1];
    if (next !== undefined) this.#checkAfter(complete, next);
  }

  /** A complete cut is what the one before it and all operations in between make. */
  #checkAfter(before: Complete | undefined, { fixed, roster }: Complete): void {
    const { at, collection } = fixed.claim;
    for (const key of KEYS) {
      const siblings = fixed.state.get(key) ?? [];
      const earlier = before?.fixed.state.get(key) ?? [];
      // A write under a later roster belongs to no cut of the one before it.
      const isBetween = ({ hlc, epoch }: Op): boolean =>
        hlcMs(hlc) <= at && (hlcMs(hlc) > (before?.fixed.claim.at ?? 0) || epoch > (before?.roster.roster.epoch ?? 0));
      // What was let go for want of room is listed, and what it had replaced may be back.
      if ([...this.listed].some((op) => op.key === key && (isBetween(op) || earlier.includes(op)))) continue;
      const all = new Set<Op>([...siblings, ...earlier]);
      for (const op of fixed.made) if (op.key === key) all.add(op);
      for (const op of this.ops) if (op.key === key && isBetween(op) && this.#isGuaranteed(op, roster)) all.add(op);
      const expected = collect(siblingsOf([...all]), collection);
      if (namesOf(expected) !== namesOf(siblings)) {
        const [is, has] = [namesOf(siblings), namesOf(expected)];
        throw new Broken(`${key} of the complete cut at ${timeOf(at)} is ${is}, and all operations make ${has}`);
      }
      const last = siblings.at(-1);
      if (last !== undefined && isDead(last, collection)) throw new Broken(`${key} has a dead sibling that stays`);
      // A store that was restored may write without having seen what it had seen before.
      for (const one of siblings) {
        const by = [...all].find((other) => supersedes(other, one));
        if (by !== undefined && !this.lostStores.has(nodeOf(by)))
          throw new Broken(`${one.name} of ${key} is back at ${timeOf(at)}, and ${by.name} had replaced it`);
      }
    }
  }

  /** The store of a node is another one from here on. */
  noteLoss(node: FloorNode, has: (op: Op) => boolean): void {
    for (const op of this.ops) if (!has(op)) op.holders.delete(node.index);
    this.lostStores.add(node.index);
  }
}
