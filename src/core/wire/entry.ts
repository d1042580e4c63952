import {
  ARRAY,
  expectArray,
  malformed,
  type Reader,
  readBytes,
  readBytesOf,
  readHead,
  readUint,
} from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead } from '../cbor/writer.ts';
import { type Bytes, type Entry, equalBytes, type Hasher, MAX_SIBLINGS, type Sibling } from '../types/index.ts';
import { isOfCommit } from './checked-paths.ts';
import { decodeHeader } from './header.ts';
import { type KnownCommit, knownCommit } from './known-commits.ts';
import { decodeOperation } from './operation.ts';
import { singleRootInto } from './ops-tree.ts';

const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SIBLING_ITEMS = 6;
/** At least the bytes that commit id, signature, index and all CBOR heads of a sibling take. */
const SIBLING_BYTES = 128;

/** The bytes of an entry: [[commit, index, header, signature, operation, proof] …], in the order of its siblings. */
export function encodeEntry(entry: Entry): Bytes {
  let expected = 4;
  for (const sibling of entry.siblings) expected += siblingSize(sibling);
  const writer = createWriter(expected);
  writeArray(writer, entry.siblings.length);
  for (const sibling of entry.siblings) {
    writeArray(writer, SIBLING_ITEMS);
    writeBytes(writer, sibling.commit);
    writeHead(writer, 0, sibling.index);
    writeBytes(writer, sibling.headerBytes);
    writeBytes(writer, sibling.signature);
    writeBytes(writer, sibling.operationBytes);
    writeBytes(writer, sibling.proof);
  }
  return finish(writer);
}

/** The root that an operation leads to, overwritten by every call. */
const ROOT = new Uint8Array(HASH_BYTES);

/** Throws LatticeError `malformed` unless operation and proof lead to the header. */
function checkOperation(
  { index, operationBytes, proof }: Pick<Sibling, 'index' | 'operationBytes' | 'proof'>,
  { header: { count, opsRoot }, paths }: KnownCommit,
  hasher: Hasher,
): void {
  if (paths === undefined) singleRootInto(count, index, operationBytes, proof, hasher, ROOT);
  const leads =
    paths === undefined ? equalBytes(ROOT, opsRoot) : isOfCommit(paths, index, operationBytes, proof, hasher);
  if (!leads) throw malformed("an operation does not lead to its header's root");
}

function readSibling(reader: Reader, hasher: Hasher | undefined): Sibling {
  expectArray(reader, SIBLING_ITEMS);
  const id = readBytesOf(reader, HASH_BYTES);
  const index = readUint(reader);
  const bytes = readBytes(reader);
  const signature = readBytesOf(reader, SIGNATURE_BYTES);
  const operationBytes = readBytes(reader);
  const proof = readBytes(reader);
  if (proof.length % HASH_BYTES !== 0) throw malformed(`a proof of ${proof.length} bytes is not made of hashes`);
  const of =
    hasher === undefined
      ? { commit: id, headerBytes: bytes, header: decodeHeader(bytes), paths: undefined }
      : knownCommit(id, bytes, hasher);
  const { commit, headerBytes, header } = of;
  const { author, hlc, count } = header;
  if (index >= count) throw malformed(`index ${index} of a commit with ${count} operations`);
  if (hasher !== undefined) checkOperation({ index, operationBytes, proof }, of, hasher);
  return {
    commit,
    index,
    author,
    hlc,
    operation: decodeOperation(operationBytes, header.version),
    operationBytes,
    headerBytes,
    signature,
    proof,
  };
}

/** About the bytes that a sibling takes in an encoded entry. */
export const siblingSize = ({ headerBytes, operationBytes, proof }: Sibling): number =>
  SIBLING_BYTES + headerBytes.length + operationBytes.length + proof.length;

/**
 * The entry in the value of a row. With `hasher`, each operation must lead through its proof to its header, and the
 * header to the commit id, which is what the leaf in the tree is made of; without it only the form is checked. The
 * signature is checked neither way. With `key`, all siblings must be about that key. Byte fields are views of `bytes`, or
 * of what is known of the commit. LatticeError `damaged-row`.
 */
export function decodeEntry(bytes: Bytes, key?: string, hasher?: Hasher): Entry {
  return decodeStored('an entry', bytes, (reader) => {
    const count = readHead(reader, ARRAY);
    if (count === 0 || count > MAX_SIBLINGS)
      throw malformed(`an entry has 1 to ${MAX_SIBLINGS} siblings, not ${count}`);
    const siblings: Sibling[] = [];
    for (let i = 0; i < count; i++) siblings.push(readSibling(reader, hasher));
    const own = key ?? (siblings[0] as Sibling).operation.key;
    if (siblings.some((sibling) => sibling.operation.key !== own)) throw malformed('a sibling is about another key');
    return { key: own, siblings };
  });
}
