import type { MerkleTree } from '../../merkle/index.ts';
import { type Bytes, equalBytes, LatticeError } from '../../types/index.ts';
import type { CellsAnswer, CellsRequest } from '../../wire/index.ts';
import type { CellVersion, LiveCells } from './live.ts';
import { encodeCells } from './wire.ts';

/** Cell sets kept for askers that are not done, 3 MiB each, and how long each is kept after the last question. */
const MAX_VERSIONS = 4;
const KEEP_MS = 60_000;
/** Least time between two computations of salted cells, which take every leaf. */
const SALT_EVERY_MS = 10_000;

export interface CellServerDeps {
  /** The present state. Tree and cells are of one version. */
  readonly state: () => { readonly tree: MerkleTree; readonly cells: LiveCells };
  /** The time in ms, which never goes back. */
  readonly now: () => number;
}

/** The answering side of coded symbols. */
export interface CellServer {
  /**
   * Answers with cells of the cell set asked for, by default that of the present state, which is then kept for a while
   * (SPEC Y5). Throws LatticeError `gone` for a cell set that is not kept, and `overloaded` for a salt that came too
   * soon or to too large a state.
   */
  answer(request: CellsRequest): CellsAnswer;
}

/** Serves coded symbols of the state that `deps` gives. */
export function createCellServer(deps: CellServerDeps): CellServer {
  /** The cell sets that are kept, least recently used first. */
  let kept: { readonly version: CellVersion; usedAt: number }[] = [];
  let saltedAt = -Infinity;

  function find(root: Bytes, salt: Bytes): CellVersion | undefined {
    const now = deps.now();
    kept = kept.filter(({ usedAt }) => now - usedAt < KEEP_MS);
    const at = kept.findIndex(({ version }) => equalBytes(version.root, root) && equalBytes(version.salt, salt));
    const found = kept[at];
    if (found === undefined) return undefined;
    kept.splice(at, 1);
    found.usedAt = now;
    kept.push(found);
    return found.version;
  }

  function take(salt: Bytes): CellVersion {
    const { tree, cells } = deps.state();
    const now = deps.now();
    if (salt.length > 0) {
      if (now - saltedAt < SALT_EVERY_MS) throw new LatticeError('overloaded', 'salted cells were made a moment ago');
      saltedAt = now;
    }
    const version = cells.version(tree, salt);
    if (version === undefined) throw new LatticeError('overloaded', 'the state is too large for salted cells');
    kept.push({ version, usedAt: now });
    if (kept.length > MAX_VERSIONS) kept.shift();
    return version;
  }

  return {
    answer({ root, mine, salt, from, count }) {
      if (root.length > 0) {
        const version = find(root, salt);
        if (version === undefined) throw new LatticeError('gone', 'the cells of that root are no longer kept');
        return encodeCells(version, from, count);
      }
      const { tree } = deps.state();
      const present = tree.root();
      if (equalBytes(present, mine)) {
        return {
          type: 'coded',
          root: present,
          entries: tree.size,
          from,
          counts: new Uint8Array(0),
          cells: new Uint8Array(0),
        };
      }
      return encodeCells(find(present, salt) ?? take(salt), from, count);
    },
  };
}
