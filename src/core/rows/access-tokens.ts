import { encodeCbor } from '../cbor/cbor.ts';
import {
  ARRAY,
  expectArray,
  malformed,
  readBytesOf,
  readHead,
  readText,
  readTextWithin,
  readUint,
} from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import type { Bytes } from '../types/index.ts';
import { metaKey } from './keys.ts';

/** The key of the row of access tokens. */
export const ACCESS_TOKENS = metaKey('access-tokens');

/** What the holder of a token may do. Each right includes those before it. */
export const RIGHTS = ['read', 'write', 'operate'] as const;
export type Right = (typeof RIGHTS)[number];

/** (TK) Most bytes of the name and of the prefix of a token. A prefix is the beginning of a key, so it is as long as one. */
export const MAX_TOKEN_NAME_BYTES = 64;
export const MAX_TOKEN_PREFIX_BYTES = 1024;
/** Tokens of one node: one for each program and person that uses it. All of them stand in one row. */
export const MAX_ACCESS_TOKENS = 256;

const ID_BYTES = 8;
const HASH_BYTES = 32;

/** One token as it is stored. Its secret is nowhere. */
export interface StoredToken {
  /** 8 bytes, which stand in the token and name it. */
  readonly id: Bytes;
  readonly name: string;
  readonly right: Right;
  /** The beginning of the keys that it may write; '' for all. Of use to the right `write` only. */
  readonly prefix: string;
  /** SHA-256 of the whole token. Its secret has 256 random bits, so that no slower hash is needed. */
  readonly hash: Bytes;
  /** Unix ms. */
  readonly created: number;
  /** Unix ms; 0 where it has no end. */
  readonly expires: number;
}

/** The bytes of the row: one array for each token. */
export function encodeAccessTokens(tokens: readonly StoredToken[]): Bytes {
  return encodeCbor(
    tokens.map(({ id, name, right, prefix, hash, created, expires }) => [
      id,
      name,
      RIGHTS.indexOf(right),
      prefix,
      hash,
      created,
      expires,
    ]),
  );
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeAccessTokens(bytes: Bytes): readonly StoredToken[] {
  return decodeStored('the row of access tokens', bytes, (reader) => {
    const count = readHead(reader, ARRAY);
    if (count > MAX_ACCESS_TOKENS) throw malformed(`it has ${count} tokens`);
    return Array.from({ length: count }, (): StoredToken => {
      expectArray(reader, 7);
      const id = readBytesOf(reader, ID_BYTES);
      const name = readTextWithin(reader, MAX_TOKEN_NAME_BYTES);
      const right = RIGHTS[readUint(reader)];
      if (right === undefined) throw malformed('a token has a right that is not known');
      const prefix = readText(reader);
      const hash = readBytesOf(reader, HASH_BYTES);
      return { id, name, right, prefix, hash, created: readUint(reader), expires: readUint(reader) };
    });
  });
}
