import { type CellVersion, publishedBytes, publishedLength } from '../../core/reconcile/index.ts';
import { bytesToHex, equalBytes } from '../../core/types/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { CutCells } from '../facade/index.ts';
import type { CurrentCut } from './current.ts';

/** How many certified cuts keep their cells: those of half a minute while everything changes, with 3 MiB each. */
const MAX_KEPT = 3;

export interface CutCellsDeps {
  readonly writer: Pick<Writer, 'read'>;
  readonly cut: () => CurrentCut | undefined;
}

/**
 * The coded symbols of the newest certified cuts. Those of one root never change, so any cache on the way may serve
 * them.
 */
export interface CutCellsKeeper {
  /** To be called when a cut has been certified: keeps its cells, unless they are kept already. */
  keep(): void;
  /** The cells of the cut with this root (64 hex digits); undefined when they are not kept. */
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
      // A read fails only when the node ends.
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
