import { type Bytes, concatBytes, equalBytes, type Hasher, LatticeError } from '../types/index.ts';
import {
  bitAt,
  compareRefs,
  emptyRoot,
  HASH_BYTES,
  KEY_BITS,
  type LeafRef,
  leafHash,
  MAX_REFS,
  REF_BYTES,
  sortRefs,
  writeRefs,
} from './leaf.ts';

/** One step from a leaf to the root: the branch bit of the node above and the hash of its other child. */
export interface ProofStep {
  readonly bit: number;
  readonly sibling: Bytes;
}

/** What the tree knows of a proof: the leaf that a key hash leads to, and the steps from that leaf to the root. */
export type MerklePath =
  | { readonly kind: 'empty' }
  | { readonly kind: 'leaf'; readonly keyHash: Bytes; readonly leafHash: Bytes; readonly steps: readonly ProofStep[] };

/**
 * A proof about one key hash against one root. `empty` says that the tree has no leaves. `leaf` is the leaf that the
 * key hash leads to, with its own key hash and siblings, and the steps from it to the root (branch bits strictly
 * decreasing). Either it is the asked key's own leaf, which proves that the key is there, or it is another one, which
 * proves that the key is absent, because its leaf would have to be where this one is.
 *
 * The siblings are part of the proof because a leaf hash alone does not say whose leaf it is: with the bare hash, the
 * proof that a key is there would, under a slightly changed key hash, pass as the proof that the key is absent.
 */
export type MerkleProof =
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'leaf';
      readonly keyHash: Bytes;
      readonly refs: readonly LeafRef[];
      readonly steps: readonly ProofStep[];
    };

const PROOF_VERSION = 1;
const KIND_EMPTY = 0;
const KIND_LEAF = 1;
const STEP_BYTES = 2 + HASH_BYTES;
const INNER_TAG = 0x01;

/**
 * Makes a proof of a path and the siblings of the leaf that it starts from (`path.keyHash`; none for an empty tree).
 * Throws LatticeError `stale` when the leaf was not made of these siblings, which means that the key has changed since
 * the path was taken.
 */
export function pathToProof(path: MerklePath, refs: readonly LeafRef[], hasher: Hasher): MerkleProof {
  if (path.kind === 'empty') return path;
  const sorted = sortRefs(refs);
  if (!equalBytes(leafHash(path.keyHash, sorted, hasher), path.leafHash)) {
    throw new LatticeError('stale', 'The siblings given are not those of the leaf in the tree.', {
      next: 'Take the path again.',
    });
  }
  return {
    kind: 'leaf',
    keyHash: path.keyHash,
    refs: sorted.map(({ commit, index }) => ({ commit, index })),
    steps: path.steps,
  };
}

/**
 * What a proof shows about `keyHash` in the state with this root (SPEC P3): `present` (with exactly the siblings
 * `proof.refs`), `absent`, or false when it shows nothing. It never throws, whatever the proof's content.
 *
 * It is sound because a node's hash binds the node's branch bit and the order of its children. A walk from the root
 * along the bits of the asked key hash passes exactly the nodes of the proof when that key hash and the reached one
 * agree at every branch bit, and so it ends at the reached leaf and nowhere else.
 */
export function verifyProof(
  proof: MerkleProof,
  keyHash: Bytes,
  root: Bytes,
  hasher: Hasher,
): 'present' | 'absent' | false {
  if (keyHash.length !== HASH_BYTES || root.length !== HASH_BYTES) return false;
  if (proof.kind === 'empty') return equalBytes(root, emptyRoot(hasher)) ? 'absent' : false;
  const reached = proof.keyHash;
  if (reached.length !== HASH_BYTES || !areRefs(proof.refs) || !areSteps(proof.steps)) return false;
  let hash = leafHash(reached, proof.refs, hasher);
  for (const { bit, sibling } of proof.steps) {
    const side = bitAt(reached, bit);
    if (bitAt(keyHash, bit) !== side) return false;
    const head = Uint8Array.of(INNER_TAG, bit >>> 8, bit & 0xff);
    hash = hasher.hash(side === 0 ? concatBytes(head, hash, sibling) : concatBytes(head, sibling, hash));
  }
  if (!equalBytes(hash, root)) return false;
  return equalBytes(reached, keyHash) ? 'present' : 'absent';
}

/**
 * The bytes of a proof (SPEC P1): version (1) ‖ kind (0 empty, 1 leaf). A leaf proof goes on with: reached key hash
 * (32) ‖ u16 number of siblings ‖ for each: commit id (32), u16 index ‖ u16 number of steps ‖ for each: u16 branch bit,
 * sibling hash (32). Integers are big-endian. Throws LatticeError `malformed` for a proof that could not be decoded
 * again.
 */
export function encodeProof(proof: MerkleProof): Bytes {
  if (proof.kind === 'empty') return Uint8Array.of(PROOF_VERSION, KIND_EMPTY);
  const { keyHash, refs, steps } = proof;
  if (keyHash.length !== HASH_BYTES || !areRefs(refs) || !areSteps(steps))
    throw malformed('its key hash, siblings or steps break a rule');
  const out = new Uint8Array(2 + HASH_BYTES + 2 + refs.length * REF_BYTES + 2 + steps.length * STEP_BYTES);
  const view = new DataView(out.buffer);
  out[0] = PROOF_VERSION;
  out[1] = KIND_LEAF;
  out.set(keyHash, 2);
  view.setUint16(2 + HASH_BYTES, refs.length);
  let at = writeRefs(refs, out, 4 + HASH_BYTES);
  view.setUint16(at, steps.length);
  at += 2;
  for (const { bit, sibling } of steps) {
    view.setUint16(at, bit);
    out.set(sibling, at + 2);
    at += STEP_BYTES;
  }
  return out;
}

/**
 * The proof in `bytes`, which must be exactly one. Throws LatticeError `malformed`. What is decoded is not yet
 * verified.
 */
export function decodeProof(bytes: Bytes): MerkleProof {
  if (bytes[0] !== PROOF_VERSION) throw malformed('its version is unknown');
  if (bytes[1] === KIND_EMPTY && bytes.length === 2) return { kind: 'empty' };
  if (bytes[1] !== KIND_LEAF) throw malformed('its kind is unknown or bytes follow an empty one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refsAt = 4 + HASH_BYTES;
  if (bytes.length < refsAt) throw malformed('it is cut short');
  const refCount = view.getUint16(refsAt - 2);
  const stepsAt = refsAt + refCount * REF_BYTES + 2;
  if (bytes.length < stepsAt) throw malformed('it is cut short');
  const stepCount = view.getUint16(stepsAt - 2);
  if (bytes.length !== stepsAt + stepCount * STEP_BYTES) throw malformed('its length is not that of its parts');
  const refs = Array.from({ length: refCount }, (_, i): LeafRef => {
    const at = refsAt + i * REF_BYTES;
    return { commit: bytes.slice(at, at + HASH_BYTES), index: view.getUint16(at + HASH_BYTES) };
  });
  const steps = Array.from({ length: stepCount }, (_, i): ProofStep => {
    const at = stepsAt + i * STEP_BYTES;
    return { bit: view.getUint16(at), sibling: bytes.slice(at + 2, at + STEP_BYTES) };
  });
  if (!areRefs(refs)) throw malformed('its siblings are none, too many or out of order');
  if (!areSteps(steps)) throw malformed('its branch bits do not decrease');
  return { kind: 'leaf', keyHash: bytes.slice(2, 2 + HASH_BYTES), refs, steps };
}

/** Whether these are one to MAX_REFS well-formed siblings, strictly ascending. */
function areRefs(refs: readonly LeafRef[]): boolean {
  return (
    refs.length > 0 &&
    refs.length <= MAX_REFS &&
    refs.every(
      (ref, i) =>
        ref.commit.length === HASH_BYTES &&
        Number.isInteger(ref.index) &&
        ref.index >= 0 &&
        ref.index <= 0xffff &&
        (i === 0 || compareRefs(refs[i - 1] as LeafRef, ref) < 0),
    )
  );
}

/**
 * Whether the branch bits lie within a key hash and strictly decrease from the leaf to the root, so that there are at
 * most KEY_BITS steps.
 */
function areSteps(steps: readonly ProofStep[]): boolean {
  let below = KEY_BITS;
  for (const { bit, sibling } of steps) {
    if (!Number.isInteger(bit) || bit < 0 || bit >= below || sibling.length !== HASH_BYTES) return false;
    below = bit;
  }
  return true;
}

function malformed(why: string): LatticeError {
  return new LatticeError('malformed', `This is not a Merkle proof: ${why}.`);
}
