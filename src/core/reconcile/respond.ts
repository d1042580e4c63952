import type { Difference, SubtreeDigests, SyncMessage } from '../codec/index.ts';
import type { MerkleTree } from '../merkle/index.ts';
import { type Bytes, equalBytes, LEAF_LIST_LIMIT } from '../types/index.ts';
import { childPrefix, expandDigests } from './prefix.ts';

/**
 * Answers a digest request from our tree: for every child that differs, its leaves when they are few, else the digests
 * of its own sixteen children. Stateless: the asker compares with what it holds when the answer arrives. MAX_QUERIES
 * keeps every answer under MAX_SYNC_BYTES.
 */
export function answerDigests(queries: readonly SubtreeDigests[], tree: MerkleTree): SyncMessage {
  const differences: Difference[] = [];
  for (const query of queries) {
    const mine = tree.childDigests(query.prefix, query.bits);
    const ours = expandDigests(mine.bitmap, mine.digests);
    const theirs = expandDigests(query.bitmap, query.digests);
    for (let i = 0; i < 16; i++) {
      const a = ours[i];
      const b = theirs[i];
      if (a === undefined ? b === undefined : b !== undefined && equalBytes(a, b)) continue;
      differences.push(describe(tree, childPrefix(query.prefix, query.bits, i), query.bits + 4));
    }
  }
  return { type: 'differences', differences };
}

function describe(tree: MerkleTree, prefix: Bytes, bits: number): Difference {
  if (bits >= 256 || tree.countUnder(prefix, bits) <= LEAF_LIST_LIMIT) {
    return { kind: 'leaves', prefix, bits, leaves: tree.leavesUnder(prefix, bits, LEAF_LIST_LIMIT) };
  }
  return { kind: 'children', prefix, bits, ...tree.childDigests(prefix, bits) };
}
