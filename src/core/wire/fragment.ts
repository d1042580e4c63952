import {
  ARRAY,
  createReader,
  expectArray,
  expectEnd,
  malformed,
  readBytes,
  readBytesOf,
  readHead,
} from '../cbor/reader.ts';
import { quoted } from '../cbor/text.ts';
import { createWriter, finish, writeArray, writeBytes } from '../cbor/writer.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type CommitId,
  type Context,
  EXPIRY_VERSION,
  equalBytes,
  type Fragment,
  type FragmentOperation,
  type Hasher,
  type Header,
  type Hlc,
  LatticeError,
  MAX_COMMIT_BYTES,
  MAX_FRAGMENT_BYTES,
  MAX_OPERATIONS,
  type Operation,
  PROTOCOL_VERSION,
} from '../types/index.ts';
import { commitId, commitSigningBytes, decodeHeader, encodeHeader } from './header.ts';
import { decodeOperation, type PreparedOperation, prepareOperation } from './operation.ts';
import { NO_PROOF, type OpsTree, treeFromOperations, treeProof, treeRoot } from './ops-tree.ts';

const ITEMS = 5;
const SIGNATURE_BYTES = 64;
const INDEX_BYTES = 2;
/** At least the bytes that the CBOR heads of a fragment and its five items take. */
const FRAMING_BYTES = 24;
/** At least the bytes that an operation takes besides its own: its CBOR head and its index. */
const BYTES_PER_OPERATION = 8;

/**
 * The trees with which the roots of fragments were computed. Whoever decodes or creates a fragment goes on to split it
 * into siblings, which needs the same tree; keeping it saves about a third of the cost of decoding. A tree goes with
 * its fragment, and it has nothing that could not be computed again.
 */
const trees = new WeakMap<Fragment, OpsTree>();

function buildTree(count: number, operations: readonly FragmentOperation[], proof: Bytes, hasher: Hasher): OpsTree {
  const indices = operations.map(({ index }) => index);
  const bytes = operations.map((operation) => operation.bytes);
  return treeFromOperations(count, indices, bytes, proof, hasher);
}

/** The tree that a fragment's operations and proof determine. */
export function fragmentTree(fragment: Fragment, hasher: Hasher): OpsTree {
  return trees.get(fragment) ?? buildTree(fragment.header.count, fragment.operations, fragment.proof, hasher);
}

function identify(parts: Omit<Fragment, 'id' | 'idBytes'>, tree: OpsTree, hasher: Hasher): Fragment {
  const idBytes = commitId(parts.headerBytes, hasher);
  const fragment: Fragment = { id: bytesToHex(idBytes) as CommitId, idBytes, ...parts };
  trees.set(fragment, tree);
  return fragment;
}

/**
 * The bytes of a fragment (SPEC F1): [header, signature, indices, [operation …], proof]. Indices are u16 and the proof
 * is 32-byte hashes, each list as one byte string.
 */
export function encodeFragment(fragment: Fragment): Bytes {
  const { headerBytes, signature, operations, proof } = fragment;
  let expected = FRAMING_BYTES + headerBytes.length + signature.length + proof.length;
  const indices = new Uint8Array(INDEX_BYTES * operations.length);
  operations.forEach(({ index, bytes }, i) => {
    indices[2 * i] = index >> 8;
    indices[2 * i + 1] = index & 0xff;
    expected += bytes.length + BYTES_PER_OPERATION;
  });
  const writer = createWriter(expected);
  writeArray(writer, ITEMS);
  writeBytes(writer, headerBytes);
  writeBytes(writer, signature);
  writeBytes(writer, indices);
  writeArray(writer, operations.length);
  for (const { bytes } of operations) writeBytes(writer, bytes);
  writeBytes(writer, proof);
  return finish(writer);
}

function decodeIndices(bytes: Bytes): number[] {
  if (bytes.length % INDEX_BYTES !== 0) throw malformed('indices are 16-bit numbers');
  const indices: number[] = [];
  for (let at = 0; at < bytes.length; at += INDEX_BYTES)
    indices.push(((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  return indices;
}

/**
 * Which rule a context breaks (SPEC O3), if any. An author's own dots are implied. A node's clock runs ahead of all
 * that the node has seen, so a dot that is not older than the commit was never seen: it would suppress another author's
 * future writes.
 */
export function contextFault(context: Context, { author, hlc }: Pick<Header, 'author' | 'hlc'>): string | undefined {
  for (const dot of context) {
    if (dot.author === author) return "names the commit's own author, whose dots are implied";
    if (dot.hlc >= hlc) return 'names a dot that is not older than the commit itself';
  }
  return undefined;
}

function decodeOperations(items: readonly Bytes[], indices: readonly number[], header: Header): FragmentOperation[] {
  const keys = new Set<string>();
  return items.map((bytes, i) => {
    const operation = decodeOperation(bytes, header.version);
    if (keys.has(operation.key)) throw malformed(`the key ${quoted(operation.key)} stands twice in a commit`);
    keys.add(operation.key);
    const fault = contextFault(operation.context, header);
    if (fault !== undefined) throw malformed(`a context ${fault}`);
    return { index: indices[i] as number, bytes, operation };
  });
}

/**
 * The fragment that `bytes` are: canonical, within every limit, with each key once, no context that breaks SPEC O3, and
 * a proof that leads to the header's root. Signature, network, trust and time are checked elsewhere. Byte fields are
 * views of `bytes`. LatticeError `unknown-version` when the header has another version, otherwise `malformed`. `newest`
 * is the latest header version that the caller reads.
 */
export function decodeFragment(bytes: Bytes, hasher: Hasher, newest: number = EXPIRY_VERSION): Fragment {
  if (bytes.length > MAX_FRAGMENT_BYTES)
    throw malformed(`a fragment has at most ${MAX_FRAGMENT_BYTES} bytes, not ${bytes.length}`);
  const reader = createReader(bytes);
  const items = readHead(reader, ARRAY);
  // The header comes first, so that a fragment of a later version is recognised as such, whatever else that version
  // changes.
  const headerBytes = readBytes(reader);
  const header = decodeHeader(headerBytes, newest);
  if (items !== ITEMS) throw malformed(`a fragment has ${ITEMS} items, not ${items}`);
  const signature = readBytesOf(reader, SIGNATURE_BYTES);
  const indices = decodeIndices(readBytes(reader));
  // There is one operation for each index, which also bounds the loop that reads them.
  expectArray(reader, indices.length);
  if (indices.length > header.count) throw malformed('a fragment has more operations than its commit');
  let total = 0;
  const operationBytes = indices.map(() => {
    const operation = readBytes(reader);
    total += operation.length;
    return operation;
  });
  if (total > MAX_COMMIT_BYTES)
    throw malformed(`operations of a commit take at most ${MAX_COMMIT_BYTES} bytes, not ${total}`);
  const proof = readBytes(reader);
  expectEnd(reader);
  const operations = decodeOperations(operationBytes, indices, header);
  const tree = buildTree(header.count, operations, proof, hasher);
  if (!equalBytes(treeRoot(tree), header.opsRoot)) throw malformed("the proof does not lead to the header's root");
  return identify({ header, headerBytes, signature, operations, proof }, tree, hasher);
}

/** What a commit is made of. */
export interface CommitRequest {
  readonly network: string;
  /** The author whose node key `sign` signs with. */
  readonly author: Author;
  readonly hlc: Hlc;
  /**
   * 1 to MAX_OPERATIONS, each key once. An operation may also be given as `prepareOperation` made it, or as its bytes.
   */
  readonly operations: readonly (Operation | PreparedOperation | Bytes)[];
  /** The header's version, PROTOCOL_VERSION where it is left out. Puts that end need EXPIRY_VERSION. */
  readonly version?: number;
}

/** An operation with its bytes, as every peer will read it from them, so that this is what is acknowledged. */
function prepared(operation: Operation | PreparedOperation | Bytes, version: number): PreparedOperation {
  if (operation instanceof Uint8Array) return { operation: decodeOperation(operation, version), bytes: operation };
  return 'bytes' in operation ? operation : prepareOperation(operation);
}

/**
 * Makes a signed commit. `sign` is Ed25519 and returns 64 bytes, else RangeError. LatticeError `empty-commit`,
 * `commit-too-large`, `duplicate-key`, `invalid-context` (a context names the author's own dot, or one as new as the
 * commit, among others), or what `encodeOperation` and `encodeHeader` throw.
 */
export function createCommit(request: CommitRequest, hasher: Hasher, sign: (message: Bytes) => Bytes): Fragment {
  const { network, author, hlc, version = PROTOCOL_VERSION } = request;
  const count = request.operations.length;
  if (count === 0) throw new LatticeError('empty-commit', 'a commit has at least one operation');
  if (count > MAX_OPERATIONS) {
    throw new LatticeError('commit-too-large', `a commit has at most ${MAX_OPERATIONS} operations, not ${count}`, {
      next: 'split it into several commits',
      details: { limit: MAX_OPERATIONS, operations: count },
    });
  }
  const keys = new Set<string>();
  let total = 0;
  const operations = request.operations.map((operation, index): FragmentOperation => {
    const { bytes, operation: decoded } = prepared(operation, version);
    if (decoded.expires !== undefined && version < EXPIRY_VERSION)
      throw new LatticeError('invalid-header', `a put that ends needs a header of version ${EXPIRY_VERSION}`);
    if (keys.has(decoded.key)) {
      throw new LatticeError('duplicate-key', `the key ${quoted(decoded.key)} stands twice in a commit`, {
        details: { key: decoded.key },
      });
    }
    keys.add(decoded.key);
    const fault = contextFault(decoded.context, { author, hlc });
    if (fault !== undefined) throw new LatticeError('invalid-context', `a context ${fault}`);
    total += bytes.length;
    return { index, bytes, operation: decoded };
  });
  if (total > MAX_COMMIT_BYTES) {
    throw new LatticeError(
      'commit-too-large',
      `operations of a commit take at most ${MAX_COMMIT_BYTES} bytes, not ${total}`,
      {
        next: 'split it into several commits',
        details: { limit: MAX_COMMIT_BYTES, bytes: total },
      },
    );
  }
  const tree = buildTree(count, operations, NO_PROOF, hasher);
  const header: Header = { version, network, author, hlc, count, opsRoot: treeRoot(tree) };
  const headerBytes = encodeHeader(header);
  const signature = sign(commitSigningBytes(headerBytes));
  if (signature.length !== SIGNATURE_BYTES)
    throw new RangeError(`a signature has ${SIGNATURE_BYTES} bytes, not ${signature.length}`);
  return identify({ header, headerBytes, signature, operations, proof: NO_PROOF }, tree, hasher);
}

/**
 * The part of `fragment` with the operations at `indices`, which strictly increase. RangeError for an index that the
 * fragment does not have.
 */
export function pickOperations(fragment: Fragment, indices: readonly number[], hasher: Hasher): Fragment {
  const byIndex = new Map(fragment.operations.map((operation) => [operation.index, operation]));
  const operations = indices.map((index) => {
    const operation = byIndex.get(index);
    if (operation === undefined) throw new RangeError(`operation ${index} is not in the fragment`);
    return operation;
  });
  return { ...fragment, operations, proof: treeProof(fragmentTree(fragment, hasher), indices) };
}
