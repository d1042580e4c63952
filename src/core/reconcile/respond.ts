import type { MerkleTree } from '../merkle/index.ts';
import { equalBytes, LEAF_LIST_LIMIT, MAX_SYNC_BYTES } from '../types/index.ts';
import type { Difference, SubtreeDigests, SyncMessage } from '../wire/index.ts';
import { childPrefix, expandDigests } from './prefix.ts';

/** Most bytes that one child takes in an answer that lists few leaves, and that the framing takes. */
const CHILD_BYTES = 832;
const FRAMING_BYTES = 64 * 1024;
/** Bytes of a leaf in a list: key hash and digest. */
const LEAF_BYTES = 48;

/**
 * Answers a request for digests from our tree (SPEC S4, S8). For every child that differs it tells the child's leaves,
 * when they are few or when the asker has none there and the answer has room, and else the digests of the child's own
 * sixteen children. It keeps no state: the asker compares the answer with the tree that it has when the answer arrives.
 * MAX_QUERIES and the count of the room keep every answer under MAX_SYNC_BYTES.
 */
export function answerDigests(queries: readonly SubtreeDigests[], tree: MerkleTree): SyncMessage {
  const differences: Difference[] = [];
  let room = MAX_SYNC_BYTES - FRAMING_BYTES - queries.length * 16 * CHILD_BYTES;
  for (const query of queries) {
    const mine = tree.childDigests(query.prefix, query.bits);
    const ours = expandDigests(mine.bitmap, mine.digests);
    const theirs = expandDigests(query.bitmap, query.digests);
    for (let i = 0; i < 16; i++) {
      const a = ours[i];
      const b = theirs[i];
      if (a === undefined ? b === undefined : b !== undefined && equalBytes(a, b)) continue;
      const prefix = childPrefix(query.prefix, query.bits, i);
      const bits = query.bits + 4;
      const count = tree.countUnder(prefix, bits);
      const wanted = b === undefined && count * LEAF_BYTES <= room;
      if (bits >= 256 || count <= LEAF_LIST_LIMIT || wanted) {
        if (count > LEAF_LIST_LIMIT) room -= count * LEAF_BYTES;
        differences.push({ kind: 'leaves', prefix, bits, leaves: tree.leavesUnder(prefix, bits, Math.max(count, 1)) });
      } else differences.push({ kind: 'children', prefix, bits, ...tree.childDigests(prefix, bits) });
    }
  }
  return { type: 'differences', differences };
}
