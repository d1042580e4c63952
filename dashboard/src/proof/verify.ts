import { bundledCrypto, type Check, examineProof, type Proven } from '../../../src/audit/index.ts';
import { decodeProof, leafHash } from '../../../src/core/merkle/index.ts';
import { type Author, type Bytes, bytesToHex, concatBytes } from '../../../src/core/types/index.ts';

const deps = bundledCrypto();

/** One inner node of the tree on the path from the leaf to the root. */
export interface PathStep {
  readonly bit: number;
  /** The child of this node through which the path goes. */
  readonly from: 'left' | 'right';
  readonly sibling: string;
  /** The hash of this node, computed from its children. */
  readonly hash: string;
}

export interface PathView {
  readonly leaf: string;
  readonly steps: readonly PathStep[];
}

export type ProofResult = { readonly checks: readonly Check[]; readonly ms: number } & (
  | { readonly holds: true; readonly proven: Proven; readonly path: PathView | undefined }
  | { readonly holds: false }
);

/**
 * Runs in the browser every check that `lattice proof verify` runs, and asks nothing of the node. `document` is the JSON
 * text as the node sent it; `expected` is what the reader asked for, and whose signatures count.
 */
export async function verifyDocument(
  document: string,
  expected: { readonly key: string; readonly network: string | undefined; readonly trusted: readonly string[] },
): Promise<ProofResult> {
  const from = performance.now();
  const { key, network, trusted } = expected;
  const { checks, proven, error } = await examineProof(document, {
    ...deps,
    trusted: trusted as readonly Author[],
    asked: { key, network },
  });
  const ms = performance.now() - from;
  return error === undefined
    ? { holds: true, proven, checks, path: pathOf(document), ms }
    : { holds: false, checks, ms };
}

/** The path from leaf to root, for showing it only: the check itself is `verifyProof` of the core. */
function pathOf(document: string): PathView | undefined {
  const { merkle } = JSON.parse(document.replace(/^\uFEFF/, '')) as { readonly merkle: string };
  const proof = decodeProof(
    Uint8Array.from(atob(merkle.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)),
  );
  if (proof.kind === 'empty') return undefined;
  let hash: Bytes = leafHash(proof.keyHash, proof.refs, deps.hasher);
  const leaf = bytesToHex(hash);
  const steps = proof.steps.map(({ bit, sibling }): PathStep => {
    const side = ((proof.keyHash[bit >>> 3] as number) >>> (7 - (bit & 7))) & 1;
    const head = Uint8Array.of(0x01, bit >>> 8, bit & 0xff);
    hash = deps.hasher.hash(side === 0 ? concatBytes(head, hash, sibling) : concatBytes(head, sibling, hash));
    return { bit, from: side === 0 ? 'left' : 'right', sibling: bytesToHex(sibling), hash: bytesToHex(hash) };
  });
  return { leaf, steps };
}
