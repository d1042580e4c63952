import {
  type Bytes,
  bytesToHex,
  type CommitId,
  equalBytes,
  type Fragment,
  type FragmentOperation,
  type Hasher,
  LatticeError,
  MAX_COMMIT_BYTES,
  type Sibling,
} from '../types/index.ts';
import { fragmentTree } from './fragment.ts';
import { commitId, decodeHeader } from './header.ts';
import { emptyTree, putSingleProof, treeFromOperations, treeProof, treeRoot } from './ops-tree.ts';

/** Every operation of `fragment` on its own, with the proof that it needs to stand alone. Hashes are computed once for all of them. */
export function fragmentToSiblings(fragment: Fragment, hasher: Hasher): Sibling[] {
  const { header, headerBytes, signature, operations, idBytes } = fragment;
  const tree = fragmentTree(fragment, hasher);
  return operations.map(({ index, bytes, operation }) => ({
    commit: idBytes,
    index,
    author: header.author,
    hlc: header.hlc,
    operation,
    operationBytes: bytes,
    headerBytes,
    signature,
    proof: treeProof(tree, [index]),
  }));
}

/** Siblings of one commit that fit into one fragment. */
interface Part {
  readonly commit: Bytes;
  readonly siblings: Sibling[];
  readonly indices: Set<number>;
  readonly keys: Set<string>;
  bytes: number;
}

function partsOf(siblings: readonly Sibling[]): Part[] {
  const parts: Part[] = [];
  const byCommit = new Map<string, Part[]>();
  for (const sibling of siblings) {
    const id = bytesToHex(sibling.commit);
    let ofCommit = byCommit.get(id);
    if (ofCommit === undefined) byCommit.set(id, (ofCommit = []));
    if (ofCommit.some((part) => part.indices.has(sibling.index))) continue;
    const { key } = sibling.operation;
    const size = sibling.operationBytes.length;
    // An author can sign a commit that is too large or repeats a key, and send its operations one by one: together they would be malformed.
    let part = ofCommit.find((p) => p.bytes + size <= MAX_COMMIT_BYTES && !p.keys.has(key));
    if (part === undefined) {
      part = { commit: sibling.commit, siblings: [], indices: new Set(), keys: new Set(), bytes: 0 };
      ofCommit.push(part);
      parts.push(part);
    }
    part.siblings.push(sibling);
    part.indices.add(sibling.index);
    part.keys.add(key);
    part.bytes += size;
  }
  return parts;
}

function damaged(part: Part, problem: string, cause?: unknown): LatticeError {
  return new LatticeError('damaged-row', `stored operations of commit ${bytesToHex(part.commit)}: ${problem}`, { cause });
}

function mergePart(part: Part, hasher: Hasher): Fragment {
  const siblings = part.siblings.sort((a, b) => a.index - b.index);
  const { headerBytes, signature, commit } = siblings[0] as Sibling;
  try {
    const header = decodeHeader(headerBytes);
    const known = emptyTree(header.count);
    for (const { index, proof } of siblings) putSingleProof(known, index, proof);
    const indices = siblings.map(({ index }) => index);
    // Each maximal subtree without these operations lies beside the path of one of them, so its proof has told the hash.
    const proof = treeProof(known, indices);
    const operations = siblings.map(
      ({ index, operationBytes, operation }): FragmentOperation => ({ index, bytes: operationBytes, operation }),
    );
    const tree = treeFromOperations(
      header.count,
      indices,
      operations.map(({ bytes }) => bytes),
      proof,
      hasher,
    );
    if (!equalBytes(treeRoot(tree), header.opsRoot)) throw damaged(part, "they do not lead to the header's root");
    if (!equalBytes(commitId(headerBytes, hasher), commit)) throw damaged(part, 'the header does not hash to the commit id');
    return { id: bytesToHex(commit) as CommitId, idBytes: commit, header, headerBytes, signature, operations, proof };
  } catch (error) {
    if (error instanceof LatticeError && error.code !== 'damaged-row') throw damaged(part, error.message, error);
    throw error;
  }
}

/**
 * The siblings as fragments, those of one commit together, in order of first appearance; repeated ones once. Each result is checked against
 * its header's root and id, so that bytes which went bad on disk never leave the node: LatticeError `damaged-row`. The signature is not.
 */
export function siblingsToFragments(siblings: readonly Sibling[], hasher: Hasher): Fragment[] {
  return partsOf(siblings).map((part) => mergePart(part, hasher));
}
