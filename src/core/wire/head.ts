import { malformed } from '../cbor/reader.ts';
import { textToBytes } from '../cbor/text.ts';
import { hlcToBytes } from '../clock/hlc.ts';
import {
  type Author,
  type Bytes,
  compareBytes,
  concatBytes,
  type Hasher,
  type Hlc,
  MAX_NETWORK_BYTES,
} from '../types/index.ts';
import { authorBytes, createWireReader, encodeChecked, wellFormed } from './fields.ts';

/**
 * (wire) Most bytes of a signed head: 128 bytes of network, 200 of fixed fields and the signature fit. It is small
 * because a head travels once a second.
 */
export const MAX_HEAD_BYTES = 512;

/**
 * (wire) The domain that stands before a head in what its author signs, so that the signature means nothing elsewhere.
 */
export const HEAD_DOMAIN: Bytes = textToBytes('diotec360/lattice/head/v1:');

const TRUST_DOMAIN = textToBytes('diotec360/lattice/trust/v1:');
const HEAD_VERSION = 1;

/** What a node says about its own state at one moment (SPEC E1). */
export interface Head {
  readonly network: string;
  readonly author: Author;
  /** 8 bytes, drawn at random at each start of the node. */
  readonly incarnation: Bytes;
  /** Counts the heads of this incarnation from 1 on: the greater of two is that of the newer head. */
  readonly sequence: number;
  /** The greatest HLC of the author's own commits; zero when there are none. */
  readonly hlc: Hlc;
  /** The Merkle root of the author's state, 32 bytes. */
  readonly root: Bytes;
  /** Number of keys in the tree, tombstones included. */
  readonly entries: number;
  /** `trustHash` of the trust list that the author goes by, 32 bytes. */
  readonly trustHash: Bytes;
  /** The author's wall clock, Unix ms. */
  readonly wallMs: number;
}

/** A head with its signature and its bytes. */
export interface SignedHead {
  readonly head: Head;
  readonly payloadBytes: Bytes;
  /** 64 bytes, Ed25519 by `head.author` over `headSigningBytes(payloadBytes)`. */
  readonly signature: Bytes;
  /** The whole signed head, exactly as received. */
  readonly bytes: Bytes;
}

/** The payload that is signed. RangeError when a field is out of bounds. */
export function encodeHeadPayload(head: Head): Bytes {
  const { network, author, incarnation, sequence, hlc, root, entries, trustHash, wallMs } = head;
  return encodeChecked(
    [
      HEAD_VERSION,
      wellFormed(network),
      authorBytes(author),
      incarnation,
      sequence,
      hlcToBytes(hlc),
      root,
      entries,
      trustHash,
      wallMs,
    ],
    decodePayload,
  );
}

/** The bytes that a head's signature covers. */
export function headSigningBytes(payloadBytes: Bytes): Bytes {
  return concatBytes(HEAD_DOMAIN, payloadBytes);
}

/**
 * Encodes and signs `head`; `sign` is Ed25519 with the node key of `head.author`. RangeError when a field is out of
 * bounds.
 */
export function createSignedHead(head: Head, sign: (message: Bytes) => Bytes): SignedHead {
  const payloadBytes = encodeHeadPayload(head);
  return decodeSignedHead(encodeChecked([payloadBytes, sign(headSigningBytes(payloadBytes))], decodeSignedHead));
}

/**
 * Checks structure and bounds only; the caller checks signature, network and trust. The result keeps a copy of the
 * bytes, so that a head that is kept for hours does not keep the message in which it came. LatticeError `malformed` or
 * `unknown-version`.
 */
export function decodeSignedHead(input: Bytes): SignedHead {
  if (input.length > MAX_HEAD_BYTES)
    throw malformed(`signed head has ${input.length} bytes, more than ${MAX_HEAD_BYTES}`);
  const bytes = new Uint8Array(input);
  const reader = createWireReader('signed head', bytes, MAX_HEAD_BYTES);
  reader.array('signed head', 2, 2);
  const payloadBytes = reader.bytes('payload', 1, MAX_HEAD_BYTES);
  const signature = reader.bytes('signature', 64);
  reader.end();
  return { head: decodePayload(payloadBytes), payloadBytes, signature, bytes };
}

function decodePayload(payload: Bytes): Head {
  const reader = createWireReader('head', payload, MAX_HEAD_BYTES);
  reader.open({ [HEAD_VERSION]: 10 });
  const head: Head = {
    network: reader.text('network', 1, MAX_NETWORK_BYTES),
    author: reader.author('author'),
    incarnation: reader.bytes('incarnation', 8),
    sequence: reader.uint('sequence'),
    hlc: reader.hlc('hlc'),
    root: reader.bytes('root', 32),
    entries: reader.uint('entries'),
    trustHash: reader.bytes('trust hash', 32),
    wallMs: reader.uint('wall time'),
  };
  reader.end();
  return head;
}

/**
 * The hash of a trust list as a set (SPEC E3): SHA-256 over the domain and the raw keys in byte order, each once. Two
 * nodes that trust the same authors have the same hash, however their lists are written.
 */
export function trustHash(authors: readonly Author[], hasher: Hasher): Bytes {
  const keys = [...new Set(authors)].map(authorBytes).sort(compareBytes);
  return hasher.hash(concatBytes(TRUST_DOMAIN, ...keys));
}
