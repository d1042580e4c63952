import type { MerkleTree } from '../merkle/index.ts';
import { itemOf, type LiveCells } from '../reconcile/index.ts';
import { equalBytes } from '../types/index.ts';
import type { CutTracker } from './tracker.ts';

/** Most pending keys for which the trees are compared: two look-ups a key, so some milliseconds. */
export const MAX_COMPARED = 4_096;

/**
 * Whether a tracker's tree is what it has to be beside the live tree: the same but for the pending keys. `live` must be
 * the state after the last step that the tracker was told of. With no pending key the roots are compared; else the XOR
 * of all items of either tree, less those of the pending keys (SPEC Z2), which a single wrong leaf changes.
 *
 * Undefined while the tree is moving, or when more than MAX_COMPARED keys are pending.
 */
export function agreesWithLive(
  tracker: CutTracker,
  live: { readonly tree: MerkleTree; readonly cells: Pick<LiveCells, 'total'> },
): boolean | undefined {
  if (tracker.moving) return undefined;
  const { tree } = tracker;
  const [ours, theirs] = [tracker.cells.total(), live.cells.total()];
  let [a, b, c, d] = [ours.a ^ theirs.a, ours.b ^ theirs.b, ours.c ^ theirs.c, ours.d ^ theirs.d];
  let pending = 0;
  let more = live.tree.size - tree.size;
  for (const keyHash of tracker.pendingKeys()) {
    if (++pending > MAX_COMPARED) return undefined;
    for (const [leaf, by] of [
      [tree.get(keyHash), 1],
      [live.tree.get(keyHash), -1],
    ] as const) {
      if (leaf === undefined) continue;
      const item = itemOf(keyHash, leaf);
      [a, b, c, d] = [a ^ item.a, b ^ item.b, c ^ item.c, d ^ item.d];
      more += by;
    }
  }
  if (pending === 0) return equalBytes(tree.root(), live.tree.root());
  return more === 0 && (a | b | c | d) === 0;
}
