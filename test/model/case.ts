import { makeHlc } from '../../src/core/clock/index.ts';
import { leafHash } from '../../src/core/merkle/index.ts';
import { compareSiblings, supersedes, type Versioned } from '../../src/core/state/index.ts';
import {
  type Author,
  type Context,
  type Dot,
  type Entry,
  type Fragment,
  type Hlc,
  LatticeError,
  type Operation,
} from '../../src/core/types/index.ts';
import { createCommit, keyHash, pickOperations } from '../../src/core/wire/index.ts';
import { createRng, type Rng } from '../sim/rng.ts';
import { session } from '../unit/core/reconcile/support.ts';
import { authorOf, faultOfSnapshot, hasher, ModelNode, NETWORK, nameOf, PERIOD_MS, sign } from './node.ts';

/**
 * `honest`: nobody lies and no trust list changes. `lying`: one trusted author signs whatever it likes. `flipping`:
 * nobody lies, but nodes take authors off their trust lists and put them back.
 */
export const MODES = ['honest', 'lying', 'flipping'] as const;
export type Mode = (typeof MODES)[number];

/**
 * What happens at one moment. `to` has a bit for each node that gets the commit at once; the others may be given it
 * later: `back` counts back from the newest commit.
 * Numbers are taken modulo what there is, so any list of actions is a case.
 */
export type Action =
  | {
      readonly type: 'write';
      readonly node: number;
      readonly key: number;
      readonly deletes: boolean;
      readonly to: number;
    }
  | {
      readonly type: 'lie';
      readonly keys: readonly number[];
      readonly shape: number;
      readonly draw: number;
      readonly to: number;
    }
  | { readonly type: 'give'; readonly node: number; readonly back: number; readonly part: number }
  | { readonly type: 'sync'; readonly from: number; readonly to: number; readonly cells: boolean }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'cut'; readonly node: number }
  | { readonly type: 'restart'; readonly node: number }
  | { readonly type: 'flip'; readonly node: number; readonly author: number };

export interface Case {
  readonly seed: string;
  readonly mode: Mode;
  readonly nodes: number;
  readonly actions: readonly Action[];
}

const KEYS = 3;
const LIAR = 9;
const EPOCH_MS = 1_700_000_000_000;
/** The last exchange: more rounds of sessions than there are nodes and covering writes to spread. */
const MAX_ROUNDS = 16;

/** The case of a seed. */
export function caseOf(seed: string): Case {
  const rng = createRng(seed);
  const mode = rng.pick(MODES);
  const nodes = 2 + rng.int(3);
  const actions = Array.from({ length: 8 + rng.int(28) }, () => actionOf(rng, mode));
  return { seed, mode, nodes, actions };
}

function actionOf(rng: Rng, mode: Mode): Action {
  const lot = rng.next();
  if (mode === 'lying' && lot < 0.25) {
    const keys = [rng.int(KEYS), ...(rng.chance(0.3) ? [rng.int(KEYS)] : [])];
    return { type: 'lie', keys, shape: rng.int(6), draw: rng.int(2 ** 30), to: rng.int(16) };
  }
  if (mode === 'flipping' && lot < 0.12) return { type: 'flip', node: rng.int(4), author: rng.int(4) };
  const kind = rng.next();
  if (kind < 0.35)
    return { type: 'write', node: rng.int(4), key: rng.int(KEYS), deletes: rng.chance(0.2), to: rng.int(16) };
  if (kind < 0.6) {
    const back = rng.chance(0.6) ? rng.int(4) : rng.int(2 ** 30);
    return { type: 'give', node: rng.int(4), back, part: rng.int(4) };
  }
  if (kind < 0.74) return { type: 'sync', from: rng.int(4), to: rng.int(4), cells: rng.chance(0.2) };
  if (kind < 0.86) return { type: 'wait', ms: rng.pick([0, 1, 40, 400, 1_100]) };
  if (kind < 0.97) return { type: 'cut', node: rng.int(4) };
  return { type: 'restart', node: rng.int(4) };
}

/** What a case broke, in one line each. */
class Broken extends Error {}

class World {
  readonly mode: Mode;
  readonly nodes: readonly ModelNode[];
  /** Every commit that was made, whole. */
  readonly commits: Fragment[] = [];
  now = EPOCH_MS;
  #liarLast = 0n as Hlc;

  constructor({ mode, nodes }: Case) {
    this.mode = mode;
    const ids = Array.from({ length: nodes }, (_, i) => i + 1);
    const trusted = [...ids, ...(mode === 'lying' ? [LIAR] : [])].map(authorOf);
    this.nodes = ids.map((id) => new ModelNode({ id, trusted, now: () => this.now }));
  }

  node(at: number): ModelNode {
    return this.nodes[at % this.nodes.length] as ModelNode;
  }

  run(action: Action): void {
    switch (action.type) {
      case 'write': {
        this.now++;
        const value = action.deletes ? undefined : this.commits.length;
        const commit = this.node(action.node).write(`k${action.key}`, value);
        if (commit !== undefined) this.#spread(commit, action.to);
        return;
      }
      case 'lie':
        this.now++;
        return this.#lie(action);
      case 'give': {
        const commit = this.commits[this.commits.length - 1 - (action.back % Math.max(1, this.commits.length))];
        if (commit === undefined) return;
        const { length } = commit.operations;
        const part =
          length > 1 && action.part < 2
            ? pickOperations(commit, [(commit.operations[action.part % length] as { index: number }).index], hasher)
            : commit;
        return this.node(action.node).take(part);
      }
      case 'sync':
        return this.sync(this.node(action.from), this.node(action.to), action.cells);
      case 'wait':
        this.now += action.ms;
        return;
      case 'cut':
        return this.cut(this.node(action.node));
      case 'restart':
        return this.node(action.node).restart();
      case 'flip': {
        const node = this.node(action.node);
        const { author } = this.node(action.author);
        // A node that leaves its own list is read-only, which is of no interest here.
        if (author === node.author) return;
        if (!node.trusted.delete(author)) node.trusted.add(author);
        // Trust lists are read at a start.
        return node.restart();
      }
    }
  }

  sync(a: ModelNode, b: ModelNode, cells: boolean): void {
    if (a === b) return;
    session(a, b, {
      doorA: doorOf(a),
      doorB: doorOf(b),
      ...(cells ? { cells: new Uint8Array(0) } : {}),
    });
    for (const node of [a, b]) {
      const commit = node.cover();
      if (commit !== undefined) this.commits.push(commit);
    }
  }

  cut(node: ModelNode): void {
    node.fix(Math.floor(this.now / PERIOD_MS) * PERIOD_MS);
    this.checkCut(node);
  }

  checkCut(node: ModelNode): void {
    const { cut } = node;
    if (cut === undefined) return;
    if (!node.agrees) throw new Broken(`node ${name(node)}: the tree of the cuts is not what the state makes it`);
    if (!node.holdsLaterThan(cut.at)) {
      const trailing = Buffer.from(node.tracker.tree.root()).toString('hex');
      if (trailing !== node.root)
        throw new Broken(`node ${name(node)} holds nothing later than the cut, but the root of the cut is another`);
    }
    for (const taker of this.nodes) {
      const fault = faultOfSnapshot(node, taker);
      if (fault !== undefined)
        throw new Broken(`node ${name(taker)} blames node ${name(node)} for its snapshot: ${fault}`);
    }
  }

  checkFaults(): void {
    for (const node of this.nodes) {
      const [fault] = node.faults;
      if (fault !== undefined) throw new Broken(`node ${name(node)}: a stage threw: ${fault}`);
      if (node.forgetful !== undefined)
        throw new Broken(`node ${name(node)} wrote ${node.forgetful} and left out what it had seen replaced`);
      for (const { author } of this.mode === 'flipping' ? [] : this.nodes)
        if (node.accused.has(author)) throw new Broken(`node ${name(node)} accuses an honest author`);
      if (node.guard.has('clone')) throw new Broken(`node ${name(node)} believes in a clone, and there is none`);
    }
  }

  /** The commit of an author who lies about what it has seen of the keys. */
  #lie({ keys, shape, draw, to }: Extract<Action, { type: 'lie' }>): void {
    const rng = createRng(`lie ${draw}`);
    const author = authorOf(LIAR);
    const mine = this.commits.filter((commit) => commit.header.author === author);
    let hlc = makeHlc(this.now, rng.int(3));
    if (hlc <= this.#liarLast) hlc = (this.#liarLast + 1n) as Hlc;
    // Two commits with one time; or one of a time gone by.
    if (shape === 0 && mine.length > 0) hlc = rng.pick(mine).header.hlc;
    else if (shape === 1) hlc = makeHlc(this.now - rng.int(3_000), rng.int(3));
    if (hlc > this.#liarLast) this.#liarLast = hlc;
    const operations = [...new Set(keys)].map((at): Operation => {
      const key = `k${at}`;
      const context = this.#liarContext(key, hlc, rng);
      return rng.chance(0.2)
        ? { kind: 'delete', key, context }
        : { kind: 'put', key, value: `lie ${this.commits.length}`, context };
    });
    this.#spread(createCommit({ network: NETWORK, author, hlc, operations }, hasher, sign), to);
  }

  #spread(commit: Fragment, to: number): void {
    this.commits.push(commit);
    this.nodes.forEach((node, i) => {
      if ((to & (1 << i)) !== 0 && node.author !== commit.header.author) node.take(commit);
    });
  }

  #liarContext(key: string, hlc: Hlc, rng: Rng): Context {
    const seen = new Map<Author, Hlc>();
    const note = ({ author, hlc: at }: Dot): void => {
      if (author !== authorOf(LIAR) && at < hlc && at > (seen.get(author) ?? 0n)) seen.set(author, at);
    };
    for (const { header, operations } of this.commits)
      for (const { operation } of operations)
        if (operation.key === key) for (const dot of [header, ...operation.context]) note(dot);
    // A dot that nobody has written yet, of a time before the commit's.
    if (rng.chance(0.15)) note({ author: this.node(rng.int(4)).author, hlc: (hlc - 1n) as Hlc });
    const forgets = rng.pick([0, 0.5, 1]);
    return [...seen]
      .filter(() => !rng.chance(forgets))
      .map(([author, at]) => ({ author, hlc: at }))
      .sort((a, b) => (a.author < b.author ? -1 : 1));
  }

  /** Every list trusts everybody again, and sessions run until all nodes have one root. */
  exchange(): void {
    const all = this.nodes.map(({ author }) => author);
    for (const node of this.nodes) {
      if (all.every((author) => node.trusted.has(author))) continue;
      for (const author of all) node.trusted.add(author);
      node.restart();
    }
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (new Set(this.nodes.map(({ root }) => root)).size === 1) return;
      this.now += 10 * PERIOD_MS;
      for (const a of this.nodes) for (const b of this.nodes) if (a !== b) this.sync(a, b, round % 2 === 1);
    }
    throw new Broken(`after ${MAX_ROUNDS} rounds of sessions the live roots differ`);
  }

  /** What must be so once all has been exchanged. */
  checkEnd(): void {
    this.checkFaults();
    this.#checkStates();
    this.now += 3 * PERIOD_MS;
    for (const node of this.nodes) {
      this.cut(node);
      if (node.cut === undefined || node.holdsLaterThan(node.cut.at)) throw new Error('the last cut is not the last');
    }
    if (new Set(this.nodes.map((node) => Buffer.from(node.tracker.tree.root()).toString('hex'))).size > 1)
      throw new Broken('nodes with one live root attest different roots');
  }

  #checkStates(): void {
    const [node] = this.nodes as readonly [ModelNode];
    for (const one of this.nodes)
      if (one.revenant !== undefined)
        throw new Broken(`what node ${name(one)} had written and seen replaced has come back`);
    for (const { key, siblings } of node.entries()) {
      const all = this.#operationsOf(key);
      for (const one of siblings)
        if (siblings.some((other) => other !== one && supersedes(other, one)))
          throw new Broken(`${key} has a sibling that another supersedes`);
      if (new Set(siblings.map(({ author }) => author)).size < siblings.length)
        throw new Broken(`${key} has two siblings by one author`);
      // Superseded by what stands, or by what is itself replaced by what stands.
      const gone = new Set(siblings.map(nameOf));
      for (const one of [...all].sort(compareSiblings)) {
        if (gone.has(nameOf(one))) continue;
        if (all.some((other) => gone.has(nameOf(other)) && supersedes(other, one))) gone.add(nameOf(one));
        else if (one.author !== authorOf(LIAR))
          throw new Broken(`a write of ${key} by node ${one.author.slice(0, 2)} is lost`);
      }
      if (this.mode === 'honest') this.#checkFromScratch(key, siblings, all);
    }
    for (const { operations } of this.commits.filter(({ header }) => header.author !== authorOf(LIAR)))
      for (const { operation } of operations)
        if (node.entry(operation.key) === undefined) throw new Broken(`${operation.key} is lost`);
  }

  /** Where all authors are honest, the siblings are all operations that no other one supersedes. */
  #checkFromScratch(key: string, siblings: Entry['siblings'], all: readonly Versioned[]): void {
    const standing = all.filter((one) => !all.some((other) => other !== one && supersedes(other, one)));
    const hash = keyHash(key, hasher);
    if (!Buffer.from(leafHash(hash, standing, hasher)).equals(leafHash(hash, siblings, hasher)))
      throw new Broken(`the siblings of ${key} are not those of all its operations`);
  }

  #operationsOf(key: string): readonly Versioned[] {
    return this.commits.flatMap(({ idBytes, header, operations }) =>
      operations
        .filter(({ operation }) => operation.key === key)
        .map(({ index, operation }) => ({
          commit: idBytes,
          index,
          author: header.author,
          hlc: header.hlc,
          operation,
        })),
    );
  }
}

const name = (node: ModelNode): string => node.author.slice(0, 2);
const doorOf = (node: ModelNode) => (author: string) =>
  node.trusted.has(author as Author) ? undefined : ('untrusted-author' as const);

/** Runs a case. Returns what it broke, or undefined. */
export function failureOf(one: Case): string | undefined {
  try {
    const world = new World(one);
    for (const action of one.actions) {
      world.run(action);
      world.checkFaults();
    }
    world.exchange();
    world.checkEnd();
    return undefined;
  } catch (error) {
    if (error instanceof Broken || error instanceof LatticeError) return error.message;
    throw error;
  }
}

/** The smallest case that can be found by leaving out actions, and that still breaks something. */
function shrink(one: Case): Case {
  let best = one;
  for (let size = best.actions.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.actions.length; ) {
      const smaller = { ...best, actions: best.actions.toSpliced(at, size) };
      if (failureOf(smaller) === undefined) at += size;
      else best = smaller;
    }
  }
  return best;
}

/**
 * Runs the cases of `count` seeds. Returns the first that breaks something, as small as it can be made, with what it
 * breaks and the line that replays it.
 */
export function firstFailure(seed: string, count: number): string | undefined {
  for (let i = 0; i < count; i++) {
    const one = caseOf(`${seed}/${i}`);
    if (failureOf(one) === undefined) continue;
    const small = shrink(one);
    return `${failureOf(small)}\nreplay: npm run model -- --replay '${lineOf(small)}'`;
  }
  return undefined;
}

/** A case as one line, which `parseCase` reads. */
export const lineOf = ({ seed, ...rest }: Case): string => JSON.stringify({ seed, ...rest });
export const parseCase = (line: string): Case => JSON.parse(line) as Case;
