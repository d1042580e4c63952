import {
  ARRAY,
  expectArray,
  malformed,
  type Reader,
  readBytes,
  readBytesOf,
  readHead,
  readUint,
  splitBytes,
} from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead, writeParts } from '../cbor/writer.ts';
import { type Bytes, type Entry, MAX_SIBLINGS, type Sibling } from '../types/index.ts';
import { decodeHeader } from './header.ts';
import { decodeOperation } from './operation.ts';

const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SIBLING_ITEMS = 6;
/** At least the bytes that commit id, signature, index and all CBOR heads of a sibling take. */
const SIBLING_BYTES = 128;

/** The bytes of an entry: [[commit, index, header, signature, operation, proof] …], in the order of its siblings. */
export function encodeEntry(entry: Entry): Bytes {
  let expected = 1;
  for (const { headerBytes, operationBytes, proof } of entry.siblings) {
    expected += SIBLING_BYTES + headerBytes.length + operationBytes.length + HASH_BYTES * proof.length;
  }
  const writer = createWriter(expected);
  writeArray(writer, entry.siblings.length);
  for (const sibling of entry.siblings) {
    writeArray(writer, SIBLING_ITEMS);
    writeBytes(writer, sibling.commit);
    writeHead(writer, 0, sibling.index);
    writeBytes(writer, sibling.headerBytes);
    writeBytes(writer, sibling.signature);
    writeBytes(writer, sibling.operationBytes);
    writeParts(writer, sibling.proof, HASH_BYTES);
  }
  return finish(writer);
}

function readSibling(reader: Reader): Sibling {
  expectArray(reader, SIBLING_ITEMS);
  const commit = readBytesOf(reader, HASH_BYTES);
  const index = readUint(reader);
  const headerBytes = readBytes(reader);
  const signature = readBytesOf(reader, SIGNATURE_BYTES);
  const operationBytes = readBytes(reader);
  const proof = splitBytes(readBytes(reader), HASH_BYTES);
  const { author, hlc, count } = decodeHeader(headerBytes);
  if (index >= count) throw malformed(`index ${index} of a commit with ${count} operations`);
  return {
    commit,
    index,
    author,
    hlc,
    operation: decodeOperation(operationBytes),
    operationBytes,
    headerBytes,
    signature,
    proof,
  };
}

/**
 * The entry in the value of a row. Only its form is checked, not its hashes and signatures, because the root of the
 * tree vouches for a node's own rows. With `key`, which comes from the row's own key, all siblings must be about that
 * key. Byte fields are views of `bytes`. LatticeError `damaged-row`.
 */
export function decodeEntry(bytes: Bytes, key?: string): Entry {
  return decodeStored('an entry', bytes, (reader) => {
    const count = readHead(reader, ARRAY);
    if (count === 0 || count > MAX_SIBLINGS)
      throw malformed(`an entry has 1 to ${MAX_SIBLINGS} siblings, not ${count}`);
    const siblings: Sibling[] = [];
    for (let i = 0; i < count; i++) siblings.push(readSibling(reader));
    const own = key ?? (siblings[0] as Sibling).operation.key;
    if (siblings.some((sibling) => sibling.operation.key !== own)) throw malformed('a sibling is about another key');
    return { key: own, siblings };
  });
}
