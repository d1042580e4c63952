import type { Bytes } from '../types/index.ts';
import { bitAt, KEY_BITS } from './leaf.ts';
import { BIT, BIT_MASK, COUNT, DIRTY, LEFT, type Nodes, type Ref, STRIDE } from './nodes.ts';

/**
 * Takes the leaf of a key hash out of the tree; false when there is none. The nodes above it are marked dirty. `route`
 * has room for KEY_BITS nodes.
 *
 * Leaf i must still lie under inner node i afterwards (see `Ref`). Leaf x goes, and with it its parent p, whose other
 * child moves up. If inner node x is another node than p, it lies above p, and leaf p lies below it, so node x can take
 * the number p. The number that is then free goes to the last leaf and inner node.
 */
export function removeLeaf(nodes: Nodes, keyHash: Bytes, route: Int32Array): boolean {
  if (nodes.size === 0) return false;
  const { leaf, depth } = nodes.walk(nodes.root, keyHash, route);
  if (nodes.firstDifference(keyHash, leaf) !== KEY_BITS) return false;
  if (depth === 0) {
    nodes.size = 0;
    nodes.root = -1;
    return true;
  }
  const { links } = nodes;
  const parent = route[depth - 1] as number;
  const at = parent * STRIDE;
  const other = links[at + LEFT + 1 - bitAt(keyHash, (links[at + BIT] as number) & BIT_MASK)] as number;
  for (let i = 0; i < depth - 1; i++) {
    const above = (route[i] as number) * STRIDE;
    links[above + COUNT] = (links[above + COUNT] as number) - 1;
    links[above + BIT] = (links[above + BIT] as number) | DIRTY;
  }
  point(nodes, route, depth - 1, keyHash, other);

  let free = leaf;
  if (leaf === 0) {
    // The first leaf has no inner node, so the leaf whose inner node goes takes its place.
    moveLeaf(nodes, parent, 0);
    free = parent;
  } else if (parent !== leaf) moveInner(nodes, leaf, parent);
  const last = nodes.size - 1;
  if (free !== last) {
    moveInner(nodes, last, free);
    moveLeaf(nodes, last, free);
  }
  nodes.size--;
  return true;

  /** Makes `ref` the child that the first `length` nodes of the route lead to. */
  function point(into: Nodes, path: Int32Array, length: number, key: Bytes, ref: Ref): void {
    if (length === 0) {
      into.root = ref;
      return;
    }
    const above = (path[length - 1] as number) * STRIDE;
    into.links[above + LEFT + bitAt(key, (into.links[above + BIT] as number) & BIT_MASK)] = ref;
  }

  /** Renumbers an inner node: moves its record and its hash, and changes the link that leads to it. */
  function moveInner(into: Nodes, from: number, to: number): void {
    const key = into.keyOf(into.leafUnder(into.links[from * STRIDE + LEFT] as number));
    const { depth: below } = into.walk(into.root, key, route);
    for (let i = 0; i < below; i++) if (route[i] === from) point(into, route, i, key, to);
    into.moveInner(from, to);
  }

  function moveLeaf(into: Nodes, from: number, to: number): void {
    const key = into.keyOf(from);
    const { depth: below } = into.walk(into.root, key, route);
    point(into, route, below, key, ~to);
    into.moveLeaf(from, to);
  }
}
