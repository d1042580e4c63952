import { createMerkleTree, type MerkleTree } from '../../../../../src/core/merkle/index.ts';
import { type CellSearch, createCellServer, findByCells, LiveCells } from '../../../../../src/core/reconcile/index.ts';
import { type Bytes, bytesToHex, LatticeError } from '../../../../../src/core/types/index.ts';
import type { CellsAnswer, CellsRequest, SyncMessage } from '../../../../../src/core/wire/index.ts';
import { hasher, text } from '../../merkle/reference.ts';

export const NETWORK = 'test/cells';

/** A tree and its cells, without a replica. */
export interface State {
  readonly tree: MerkleTree;
  readonly cells: LiveCells;
  /** Sets the leaf of a key to that of a version of it. */
  set(key: string, version: number): void;
}

const keyHashOf = (key: string): Bytes => hasher.hash(text(key));
const leafOf = (key: string, version: number): Bytes => hasher.hash(text(`${key}@${version}`));

export function createState(): State {
  const tree = createMerkleTree(hasher);
  const cells = new LiveCells({ hasher, network: NETWORK });
  return {
    tree,
    cells,
    set(key, version) {
      const keyHash = keyHashOf(key);
      const leaf = leafOf(key, version);
      cells.replace(keyHash, tree.get(keyHash), leaf);
      tree.set(keyHash, leaf);
    },
  };
}

export function fill(state: State, prefix: string, n: number, version = 0): void {
  for (let i = 0; i < n; i++) state.set(`${prefix}${i}`, version);
}

/** Two states of `shared` equal keys. */
export function pair(shared: number): [State, State] {
  const both: [State, State] = [createState(), createState()];
  for (const state of both) fill(state, 'k', shared);
  return both;
}

export interface Run extends CellSearch {
  readonly requests: readonly CellsRequest[];
  /** Cells received. */
  readonly cells: number;
}

type Answer = (request: CellsRequest) => SyncMessage;

/** What the answering side of `state` says, errors as messages. */
export function serverOf(state: State, now: () => number = () => 0): Answer {
  const server = createCellServer({ state: () => state, now });
  return (request) => {
    try {
      return server.answer(request);
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      return { type: 'error', code: error.code, message: error.message };
    }
  };
}

/** One search of `own` against whatever answers. */
export function search(own: State, answer: Answer, salt: Bytes = new Uint8Array(0)): Run {
  const run = findByCells(own.tree, own.cells, salt);
  const requests: CellsRequest[] = [];
  let cells = 0;
  let step = run.next();
  while (step.done !== true) {
    if (step.value.type !== 'cells') throw new Error(`unexpected ${step.value.type}`);
    requests.push(step.value);
    const said = answer(step.value);
    if (said.type === 'coded') cells += said.cells.length / 21;
    step = run.next(said);
  }
  return { ...step.value, requests, cells };
}

/** Changes an answer's cells on their way. */
export function tampered(answer: Answer, change: (coded: CellsAnswer, request: CellsRequest) => SyncMessage): Answer {
  return (request) => {
    const said = answer(request);
    return said.type === 'coded'
      ? change({ ...said, cells: said.cells.slice(), counts: said.counts.slice() }, request)
      : said;
  };
}

/** `key prefix:theirs:mine` of each difference found, sorted. */
export function namesOf(result: CellSearch): string[] {
  const hex = (bytes: Bytes | undefined): string => (bytes === undefined ? '' : bytesToHex(bytes.subarray(0, 8)));
  return result.keys.map((k) => `${hex(k.keyHash)}:${hex(k.theirs)}:${hex(k.mine)}`).sort();
}

/** The true difference of two states in the form of `namesOf`. */
export function differenceOf(mine: Pick<State, 'tree'>, theirs: Pick<State, 'tree'>): string[] {
  const leaves = (state: Pick<State, 'tree'>): Map<string, string> =>
    new Map(
      Array.from(state.tree.eachLeaf(new Uint8Array(0), 0), (leaf) => [
        bytesToHex(leaf.keyHash.subarray(0, 8)),
        bytesToHex(leaf.digest.subarray(0, 8)),
      ]),
    );
  const [a, b] = [leaves(mine), leaves(theirs)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => a.get(key) !== b.get(key))
    .map((key) => `${key}:${b.get(key) ?? ''}:${a.get(key) ?? ''}`)
    .sort();
}
