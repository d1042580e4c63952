import { base58btc } from 'multiformats/bases/base58';
import { type Author, bytesToHex, concatBytes, equalBytes, hexToBytes } from '../types/index.ts';

/**
 * What stands before the 32 key bytes in the libp2p peer id of an Ed25519 key (libp2p specification "Peer Ids and
 * Keys"): the identity multihash (0x00) of 36 bytes (0x24), which are the protobuf {Type: 1 = Ed25519 (08 01), Data: 32
 * bytes (12 20)}. In base58btc it always begins with 12D3KooW.
 */
const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
const KEY_BYTES = 32;
/** Characters of every Ed25519 peer id: 38 bytes whose first is zero, in base58btc. */
const PEER_ID_LENGTH = 52;

/** The author behind a peer id (12D3KooW…), or undefined when it is not the base58btc peer id of an Ed25519 key. */
export function peerIdToAuthor(peerId: string): Author | undefined {
  if (peerId.length !== PEER_ID_LENGTH) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = base58btc.baseDecode(peerId);
  } catch {
    return undefined; // a character outside the alphabet
  }
  if (bytes.length !== PREFIX.length + KEY_BYTES || !equalBytes(bytes.subarray(0, PREFIX.length), PREFIX))
    return undefined;
  return bytesToHex(bytes.subarray(PREFIX.length)) as Author;
}

/** The libp2p peer id (12D3KooW…) of an author. RangeError for anything that is not 64 hex digits. */
export function authorToPeerId(author: Author): string {
  const key = hexToBytes(author);
  if (key?.length !== KEY_BYTES) throw new RangeError('an author is 64 hex digits');
  return base58btc.baseEncode(concatBytes(PREFIX, key));
}
