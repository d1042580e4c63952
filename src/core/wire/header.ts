import {
  ARRAY,
  createReader,
  expectEnd,
  malformed,
  readBytesOf,
  readHead,
  readTextWithin,
  readUint,
} from '../cbor/reader.ts';
import { textToBytes, utf8Length } from '../cbor/text.ts';
import { createWriter, finish, writeArray, writeBytes, writeHead, writeText } from '../cbor/writer.ts';
import { bytesToHlc, hlcToBytes, MAX_HLC } from '../clock/hlc.ts';
import {
  type Bytes,
  concatBytes,
  EXPIRY_VERSION,
  type Hasher,
  type Header,
  LatticeError,
  MAX_NETWORK_BYTES,
  MAX_OPERATIONS,
  PROTOCOL_VERSION,
} from '../types/index.ts';
import { authorAt } from './author.ts';
import { authorToBytes } from './operation.ts';

/**
 * The domain that stands before a header in what is signed and hashed, so that signature and hash mean nothing
 * elsewhere.
 */
export const COMMIT_DOMAIN: Bytes = textToBytes('diotec360/lattice/commit/v1:');

const ITEMS = 6;
/**
 * At least the bytes of a header without its network: two 32-byte strings, an 8-byte one, two numbers and all CBOR
 * heads.
 */
const FIXED_BYTES = 96;

function invalid(rule: string): LatticeError {
  return new LatticeError('invalid-header', rule);
}

/**
 * The bytes of a header (SPEC H1): [version, network, author, hlc, count, opsRoot]. LatticeError `invalid-header` or
 * `invalid-author`.
 */
export function encodeHeader(header: Header): Bytes {
  const network = utf8Length(header.network);
  if (header.version !== PROTOCOL_VERSION && header.version !== EXPIRY_VERSION)
    throw invalid(`this program writes headers of versions ${PROTOCOL_VERSION} and ${EXPIRY_VERSION} only`);
  if (network < 1 || network > MAX_NETWORK_BYTES)
    throw invalid(`a network name has 1 to ${MAX_NETWORK_BYTES} bytes of well-formed UTF-8`);
  if (header.hlc <= 0n || header.hlc > MAX_HLC) throw invalid('an HLC lies between 1 and 2^64-1');
  if (!Number.isInteger(header.count) || header.count < 1 || header.count > MAX_OPERATIONS) {
    throw invalid(`a commit has 1 to ${MAX_OPERATIONS} operations, not ${header.count}`);
  }
  if (header.opsRoot.length !== 32) throw invalid('a root has 32 bytes');
  const writer = createWriter(FIXED_BYTES + network);
  writeArray(writer, ITEMS);
  writeHead(writer, 0, header.version);
  writeText(writer, header.network);
  writeBytes(writer, authorToBytes(header.author));
  writeBytes(writer, hlcToBytes(header.hlc));
  writeHead(writer, 0, header.count);
  writeBytes(writer, header.opsRoot);
  return finish(writer);
}

/**
 * The header that `bytes` are. `opsRoot` is a view of `bytes`. LatticeError `unknown-version` when `bytes` are an array
 * that begins with another version, whatever follows; otherwise `malformed`. `newest` is the latest version that the
 * caller reads.
 */
export function decodeHeader(bytes: Bytes, newest: number = EXPIRY_VERSION): Header {
  const reader = createReader(bytes);
  const items = readHead(reader, ARRAY);
  const version = readUint(reader);
  if (version < PROTOCOL_VERSION || version > newest)
    throw new LatticeError('unknown-version', `header version ${version} is not known here`, { details: { version } });
  if (items !== ITEMS) throw malformed(`a header has ${ITEMS} items, not ${items}`);
  const network = readTextWithin(reader, MAX_NETWORK_BYTES);
  const author = authorAt(readBytesOf(reader, 32), 0);
  const hlc = bytesToHlc(readBytesOf(reader, 8));
  if (hlc === 0n) throw malformed('the HLC of a commit is zero');
  const count = readUint(reader);
  if (count < 1 || count > MAX_OPERATIONS)
    throw malformed(`a commit has 1 to ${MAX_OPERATIONS} operations, not ${count}`);
  const opsRoot = readBytesOf(reader, 32);
  expectEnd(reader);
  return { version, network, author, hlc, count, opsRoot };
}

/** What the author signs: COMMIT_DOMAIN ‖ header. */
export function commitSigningBytes(headerBytes: Bytes): Bytes {
  return concatBytes(COMMIT_DOMAIN, headerBytes);
}

/** A commit's id (SPEC H4): SHA-256 of the very bytes that are signed. */
export function commitId(headerBytes: Bytes, hasher: Hasher): Bytes {
  return hasher.hash(commitSigningBytes(headerBytes));
}
