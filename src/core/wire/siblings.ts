import {
  type Bytes,
  bytesToHex,
  type CommitId,
  equalBytes,
  type Fragment,
  type FragmentOperation,
  type Hasher,
  type Header,
  LatticeError,
  MAX_COMMIT_BYTES,
  type Sibling,
} from '../types/index.ts';
import { fragmentTree } from './fragment.ts';
import { commitId, decodeHeader } from './header.ts';
import {
  emptyTree,
  putSingleProof,
  singleProofs,
  singleRootInto,
  treeFromOperations,
  treeProof,
  treeRoot,
} from './ops-tree.ts';

/**
 * Every operation of `fragment` as a sibling of its own, with the proof that it needs to stand alone. Hashes are
 * computed once for all of them.
 */
export function fragmentToSiblings(fragment: Fragment, hasher: Hasher): Sibling[] {
  const { header, headerBytes, signature, operations, idBytes } = fragment;
  const tree = fragmentTree(fragment, hasher);
  const proofs = singleProofs(
    tree,
    operations.map(({ index }) => index),
  );
  return operations.map(({ index, bytes, operation }, i) => ({
    commit: idBytes,
    index,
    author: header.author,
    hlc: header.hlc,
    operation,
    operationBytes: bytes,
    headerBytes,
    signature,
    proof: proofs[i] as Bytes,
  }));
}

/** Siblings of one commit that fit into one fragment. */
interface Part {
  readonly commit: Bytes;
  readonly siblings: Sibling[];
  /** The indices and keys of the siblings, once there is more than one sibling. */
  names: Set<number | string> | undefined;
  bytes: number;
}

function holds({ siblings: [first], names }: Part, name: number | string): boolean {
  return names === undefined ? first?.index === name || first?.operation.key === name : names.has(name);
}

function addTo(part: Part, sibling: Sibling): void {
  const [first] = part.siblings;
  if (first !== undefined) {
    part.names ??= new Set<number | string>([first.index, first.operation.key]);
    part.names.add(sibling.index).add(sibling.operation.key);
  }
  part.siblings.push(sibling);
  part.bytes += sibling.operationBytes.length;
}

function partsOf(siblings: readonly Sibling[]): Part[] {
  const parts: Part[] = [];
  const byCommit = new Map<string, Part[]>();
  for (const sibling of siblings) {
    const id = bytesToHex(sibling.commit);
    let ofCommit = byCommit.get(id);
    if (ofCommit === undefined) byCommit.set(id, (ofCommit = []));
    if (ofCommit.some((part) => holds(part, sibling.index))) continue;
    const { key } = sibling.operation;
    const size = sibling.operationBytes.length;
    // An author can sign a commit that is too large or repeats a key, and send its operations one by one. In one
    // fragment these would be malformed, so they go into several.
    let part = ofCommit.find((p) => p.bytes + size <= MAX_COMMIT_BYTES && !holds(p, key));
    if (part === undefined) {
      part = { commit: sibling.commit, siblings: [], names: undefined, bytes: 0 };
      ofCommit.push(part);
      parts.push(part);
    }
    addTo(part, sibling);
  }
  return parts;
}

function damaged(part: Part, problem: string, cause?: unknown): LatticeError {
  return new LatticeError('damaged-row', `stored operations of commit ${bytesToHex(part.commit)}: ${problem}`, {
    cause,
  });
}

/** The root that a single operation leads to, overwritten by every call. */
const ROOT = new Uint8Array(32);

/** A single operation keeps the very proof with which it was stored. */
function fragmentOf(
  sibling: Sibling,
  header: Header,
  hasher: Hasher,
): Pick<Fragment, 'operations' | 'proof'> & { readonly root: Bytes } {
  const { index, operationBytes, operation, proof } = sibling;
  singleRootInto(header.count, index, operationBytes, proof, hasher, ROOT);
  return { operations: [{ index, bytes: operationBytes, operation }], proof, root: ROOT };
}

function fragmentOfMany(siblings: readonly Sibling[], header: Header, hasher: Hasher): ReturnType<typeof fragmentOf> {
  const known = emptyTree(header.count);
  for (const { index, proof } of siblings) putSingleProof(known, index, proof);
  const indices = siblings.map(({ index }) => index);
  // Each maximal subtree without these operations lies beside the path of one of them, so the proof of that one has
  // told its hash.
  const proof = treeProof(known, indices);
  const operations = siblings.map(
    ({ index, operationBytes, operation }): FragmentOperation => ({ index, bytes: operationBytes, operation }),
  );
  const bytes = operations.map((operation) => operation.bytes);
  return { operations, proof, root: treeRoot(treeFromOperations(header.count, indices, bytes, proof, hasher)) };
}

function mergePart(part: Part, hasher: Hasher): Fragment {
  const siblings = part.siblings.sort((a, b) => a.index - b.index);
  const first = siblings[0] as Sibling;
  const { headerBytes, signature, commit } = first;
  try {
    const header = decodeHeader(headerBytes);
    const { operations, proof, root } =
      siblings.length === 1 ? fragmentOf(first, header, hasher) : fragmentOfMany(siblings, header, hasher);
    if (!equalBytes(root, header.opsRoot)) throw damaged(part, "they do not lead to the header's root");
    if (!equalBytes(commitId(headerBytes, hasher), commit))
      throw damaged(part, 'the header does not hash to the commit id');
    return { id: bytesToHex(commit) as CommitId, idBytes: commit, header, headerBytes, signature, operations, proof };
  } catch (error) {
    if (error instanceof LatticeError && error.code !== 'damaged-row') throw damaged(part, error.message, error);
    throw error;
  }
}

/**
 * The siblings as fragments, those of one commit together, in the order of their first appearance; repeated ones stand
 * once. Each fragment is checked against its header's root and commit id, so that bytes which went bad on disk never
 * leave the node: LatticeError `damaged-row`. The signature is not checked.
 */
export function siblingsToFragments(siblings: readonly Sibling[], hasher: Hasher): Fragment[] {
  return partsOf(siblings).map((part) => mergePart(part, hasher));
}
