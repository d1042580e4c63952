import { encodeCbor } from '../cbor/cbor.ts';
import { ARRAY, expectArray, type Reader, readHead, readText } from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';

/** The key of the row of the peers that operators added. */
export const ADDED_PEERS = metaKey('added-peers');

/** The peers that operators added (SPEC A24), as they wrote them. */
export interface AddedPeers {
  readonly urls: readonly string[];
  readonly multiaddrs: readonly string[];
}

/** The bytes of the row: [[url…], [multiaddr…]]. */
export function encodeAddedPeers({ urls, multiaddrs }: AddedPeers): Bytes {
  return encodeCbor([urls, multiaddrs]);
}

function readTexts(reader: Reader): string[] {
  const count = readHead(reader, ARRAY);
  const texts: string[] = [];
  // The loop ends with the bytes, whatever `count` claims.
  for (let i = 0; i < count; i++) texts.push(readText(reader));
  return texts;
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeAddedPeers(bytes: Bytes): AddedPeers {
  return decodeStored('the row of added peers', bytes, (reader) => {
    expectArray(reader, 2);
    const urls = readTexts(reader);
    return { urls, multiaddrs: readTexts(reader) };
  });
}
