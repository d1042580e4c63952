import { nodeHasher } from '../../../../src/adapters/system/index.ts';
import { type Cut, CutTracker } from '../../../../src/core/cut/index.ts';
import { createMerkleTree, leafHash, type MerkleTree } from '../../../../src/core/merkle/index.ts';
import { LiveCells } from '../../../../src/core/reconcile/index.ts';
import { contextOf, mergeSiblings, supersedes, type Versioned } from '../../../../src/core/state/index.ts';
import { type Author, bytesToHex, type Entry, type Hlc, type Sibling } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';

export const hasher = nodeHasher();
export const PERIOD_MS = 100;
const NETWORK = 'test/cut';

export interface Op {
  readonly key: string;
  readonly operation: Versioned;
}

export const msOf = (op: Op): number => Number(op.operation.hlc >> 16n);

/** Somebody who writes, having seen what reached it: contexts are honest, clocks are hybrid. */
export class Writer {
  readonly author: Author;
  readonly #entries = new Map<string, readonly Versioned[]>();
  #last = 0n;

  constructor(id: number) {
    this.author = bytesToHex(new Uint8Array(32).fill(id)) as Author;
  }

  see(op: Op): void {
    if (op.operation.hlc > this.#last) this.#last = op.operation.hlc;
    this.#entries.set(op.key, mergeSiblings(this.#entries.get(op.key) ?? [], op.operation).siblings);
  }

  write(key: string, nowMs: number): Op {
    const now = BigInt(nowMs) << 16n;
    const hlc = (now > this.#last ? now : this.#last + 1n) as Hlc;
    const siblings = this.#entries.get(key);
    const entry =
      siblings === undefined
        ? undefined
        : ({ key, siblings: siblings as unknown as readonly Sibling[] } satisfies Entry);
    const context = contextOf(entry, this.author, () => true);
    const commit = hasher.hash(new TextEncoder().encode(`${this.author} ${hlc}`));
    const op: Op = { key, operation: { commit, index: 0, author: this.author, hlc, operation: { context } } };
    this.see(op);
    return op;
  }
}

/** The root of the register of all operations given, by its definition: what no other supersedes stands. */
export function rootOf(ops: readonly Op[]): {
  readonly root: string;
  readonly entries: number;
  readonly tree: MerkleTree;
} {
  const byKey = new Map<string, Set<Op>>();
  for (const op of ops) byKey.set(op.key, (byKey.get(op.key) ?? new Set()).add(op));
  const tree = createMerkleTree(hasher);
  for (const [key, set] of byKey) {
    const all = [...set];
    const standing = all
      .filter((b) => !all.some((a) => a !== b && supersedes(a.operation, b.operation)))
      .map((op) => op.operation);
    const hash = keyHash(key, hasher);
    tree.set(hash, leafHash(hash, standing, hasher));
  }
  return { root: bytesToHex(tree.root()), entries: tree.size, tree };
}

/** A node's live state, with a tracker beside it that is fed step by step. */
export class Node {
  readonly held: Op[] = [];
  readonly live = new Map<string, readonly Versioned[]>();
  readonly tree = createMerkleTree(hasher);
  readonly cells = new LiveCells({ hasher, network: NETWORK });
  tracker: CutTracker;

  constructor(at = 0) {
    this.tracker = this.#begin(at);
  }

  #begin(at: number): CutTracker {
    return new CutTracker({ hasher, periodMs: PERIOD_MS, tree: this.tree.copy(), cells: this.cells.copy(), at });
  }

  /** As after a start: no operation held is later than `at`. */
  restart(at: number): void {
    this.tracker = this.#begin(at);
  }

  step(ops: readonly Op[]): void {
    const before = new Map<string, readonly Versioned[]>();
    const applied: Op[] = [];
    for (const op of ops) {
      const siblings = this.live.get(op.key) ?? [];
      const merged = mergeSiblings(siblings, op.operation);
      this.held.push(op);
      if (merged.outcome === 'held') continue;
      applied.push(op);
      if (merged.outcome === 'superseded') continue;
      if (!before.has(op.key)) before.set(op.key, siblings);
      this.live.set(op.key, merged.siblings);
    }
    for (const key of before.keys()) {
      const hash = keyHash(key, hasher);
      const old = this.tree.get(hash);
      const leaf = leafHash(hash, this.live.get(key) ?? [], hasher);
      this.tree.set(hash, leaf);
      this.cells.replace(hash, old, leaf);
    }
    this.tracker.apply({
      operations: applied,
      changed: Array.from(before, ([key, siblings]) => ({
        key,
        keyHash: keyHash(key, hasher),
        before: siblings,
        after: this.live.get(key) ?? [],
      })),
    });
  }

  upTo(at: number): readonly Op[] {
    return this.held.filter((op) => msOf(op) <= at);
  }
}

/** Moves to `at` in slices of `slice` keys, with what happens between them. */
export function move(tracker: CutTracker, at: number, slice: number, between: () => void = () => undefined): Cut {
  tracker.begin(at);
  for (;;) {
    const cut = tracker.advance(slice);
    if (cut !== undefined) return cut;
    between();
  }
}

export function cellsOf(tree: MerkleTree): Int32Array {
  const cells = new LiveCells({ hasher, network: NETWORK });
  for (const { keyHash: hash, digest } of tree.eachLeaf(new Uint8Array(0), 0)) cells.replace(hash, undefined, digest);
  return cells.version(tree, new Uint8Array(0))?.cells ?? new Int32Array(0);
}
