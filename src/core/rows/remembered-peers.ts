import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, malformed, readBytes, readHead, readText, readUint } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Author, Bytes } from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { authorBytes } from '../wire/fields.ts';
import { metaKey } from './keys.ts';

const AUTHOR_BYTES = 32;

/** The key of the row of the peers that earlier runs of the node heard. */
export const REMEMBERED_PEERS = metaKey('remembered-peers');

/** What is kept of a peer across restarts (SPEC J5), so that a silent one is named and dated by the next run, too. */
export interface RememberedPeer {
  readonly author: Author;
  /** What it told that it is called; '' when it told nothing. */
  readonly name: string;
  /** The base URL at which it proved who it is; '' when there is none. */
  readonly url: string;
  /** When its newest head came, Unix ms. */
  readonly lastHeardAt: number;
}

/** The bytes of the row: [[[author, name, url, lastHeardAt]…]]. */
export function encodeRememberedPeers(peers: readonly RememberedPeer[]): Bytes {
  return encodeCbor([peers.map(({ author, name, url, lastHeardAt }) => [authorBytes(author), name, url, lastHeardAt])]);
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeRememberedPeers(bytes: Bytes): RememberedPeer[] {
  return decodeStored('the row of remembered peers', bytes, (reader) => {
    expectArray(reader, 1);
    const count = readHead(reader, ARRAY);
    const peers: RememberedPeer[] = [];
    // The loop ends with the bytes, whatever `count` claims.
    for (let i = 0; i < count; i++) {
      expectArray(reader, 4);
      const author = readBytes(reader);
      if (author.length !== AUTHOR_BYTES) throw malformed('an author has 32 bytes');
      const name = readText(reader);
      peers.push({ author: authorAt(author, 0), name, url: readText(reader), lastHeardAt: readUint(reader) });
    }
    return peers;
  });
}
