import { type CellVersion, publishedBytes, publishedLength } from '../../core/reconcile/index.ts';
import { bytesToHex, equalBytes } from '../../core/types/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { CutCells } from '../facade/index.ts';
import type { CurrentCut } from './current.ts';

/** Certified cuts whose cells are kept: half a minute of them while everything changes, 3 MiB each. */
const MAX_KEPT = 3;

export interface CutCellsDeps {
  readonly writer: Pick<Writer, 'read'>;
  readonly cut: () => CurrentCut | undefined;
}

/**
 * The coded symbols of the newest certified cuts: of one root they never change, so that any cache between may serve
 * them.
 */
export interface CutCellsKeeper {
  /** A cut has been certified: keeps its cells, unless they are there already. */
  keep(): void;
  /** `root`: 64 hex digits. */
  find(root: string): CutCells | undefined;
}

export function createCutCells({ writer, cut }: CutCellsDeps): CutCellsKeeper {
  /** Oldest first. */
  const kept: CellVersion[] = [];

  function take(): void {
    const current = cut();
    if (current?.certificate === undefined || kept.some(({ root }) => equalBytes(root, current.root))) return;
    const version = current.cells.version(current.tree, new Uint8Array(0));
    if (version === undefined) return;
    kept.push(version);
    if (kept.length > MAX_KEPT) kept.shift();
  }

  return {
    keep() {
      // A read fails only on a node that ends.
      writer.read(take).catch(() => undefined);
    },
    find(root) {
      const version = kept.find((one) => bytesToHex(one.root) === root);
      if (version === undefined) return undefined;
      return {
        entries: version.entries,
        cells: version.count,
        length: publishedLength(version),
        read: (from, to) => publishedBytes(version, from, to),
      };
    },
  };
}
