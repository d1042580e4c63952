import { type CborItem, encodeCbor, encodeCborBefore } from '../cbor/cbor.ts';
import { textToBytes } from '../cbor/text.ts';
import { type Author, type Bytes, concatBytes, type Hasher, MAX_SYNC_BYTES, MAX_URL_BYTES } from '../types/index.ts';
import { authorBytes, checked, createWireReader, encodeChecked, wellFormed } from './fields.ts';

/** (wire) Most bytes of an identity answer: the URL and 200 bytes of fixed fields fit. */
export const MAX_IDENTITY_BYTES = MAX_URL_BYTES + 256;
/** (wire) Most bytes of a request or response over HTTP: the largest sync message and 150 bytes of fixed fields fit. */
export const MAX_ENVELOPE_BYTES = MAX_SYNC_BYTES + 256;

const IDENTITY_DOMAIN = textToBytes('diotec360/lattice/identity/v1:');
const REQUEST_DOMAIN = textToBytes('diotec360/lattice/sync-request/v1:');
const RESPONSE_DOMAIN = textToBytes('diotec360/lattice/sync-response/v1:');
const ENVELOPE_VERSION = 1;

/** What a node signs to prove that it answers at a URL (SPEC X1). */
export interface IdentityClaim {
  /** 16 random bytes of whoever asks, so that the answer cannot be a recording. */
  readonly askerNonce: Bytes;
  /** The URL that the asker used. */
  readonly url: string;
  readonly author: Author;
  /** The incarnation of the answering node, 8 bytes. */
  readonly incarnation: Bytes;
  /** The request nonce: 16 bytes of the answering node, which later requests name. */
  readonly sessionNonce: Bytes;
}

/** An identity claim with its signature. */
export interface IdentityAnswer extends IdentityClaim {
  /** 64 bytes, by `author` over `identitySigningBytes`. */
  readonly signature: Bytes;
}

const identityFields = (claim: IdentityClaim): CborItem[] => [
  ENVELOPE_VERSION,
  claim.askerNonce,
  wellFormed(claim.url),
  authorBytes(claim.author),
  claim.incarnation,
  claim.sessionNonce,
];

/** The bytes that an identity answer's signature covers. */
export function identitySigningBytes(claim: IdentityClaim): Bytes {
  return concatBytes(IDENTITY_DOMAIN, encodeCbor(identityFields(claim)));
}

/** The bytes of an identity answer. RangeError when a field is out of bounds. */
export function encodeIdentity(answer: IdentityAnswer): Bytes {
  return encodeChecked([...identityFields(answer), answer.signature], decodeIdentity);
}

/** Checks structure and bounds, but not the signature. LatticeError `malformed` or `unknown-version`. */
export function decodeIdentity(bytes: Bytes): IdentityAnswer {
  const reader = createWireReader('identity answer', bytes, MAX_IDENTITY_BYTES);
  reader.open({ [ENVELOPE_VERSION]: 7 });
  const answer: IdentityAnswer = {
    askerNonce: reader.bytes('asker nonce', 16),
    url: reader.text('url', 0, MAX_URL_BYTES),
    author: reader.author('author'),
    incarnation: reader.bytes('incarnation', 8),
    sessionNonce: reader.bytes('session nonce', 16),
    signature: reader.bytes('signature', 64),
  };
  reader.end();
  return answer;
}

/** A sync message from `author` (SPEC X3). The pair of request nonce and counter shows that it is no recording. */
export interface SyncRequest {
  /** The request nonce from the server's identity answer, 16 bytes. */
  readonly sessionNonce: Bytes;
  /** From 1 on; each number is used once with a request nonce. */
  readonly counter: number;
  readonly author: Author;
  /** 64 bytes, by `author` over `requestSigningBytes`. */
  readonly signature: Bytes;
  /** An encoded sync message, or what a push stream is opened with. When decoded, it is a view of the input. */
  readonly message: Bytes;
}

/**
 * The bytes that a request's signature covers. They name the `server` that it is meant for, so that no node can pass
 * a request on to another in its author's name.
 */
export function requestSigningBytes(
  request: { readonly server: Author; readonly sessionNonce: Bytes; readonly counter: number; readonly message: Bytes },
  hasher: Hasher,
): Bytes {
  const { server, sessionNonce, counter, message } = request;
  return concatBytes(REQUEST_DOMAIN, encodeCbor([authorBytes(server), sessionNonce, counter, hasher.hash(message)]));
}

/** The bytes of a request. RangeError when a field is out of bounds. */
export function encodeRequest(request: SyncRequest): Bytes {
  const { sessionNonce, counter, author, signature, message } = request;
  return encodeChecked(
    [ENVELOPE_VERSION, sessionNonce, counter, authorBytes(author), signature, message],
    decodeRequest,
  );
}

/** Checks structure and bounds, but not the signature. LatticeError `malformed` or `unknown-version`. */
export function decodeRequest(bytes: Bytes): SyncRequest {
  const reader = createWireReader('sync request', bytes, MAX_ENVELOPE_BYTES);
  reader.open({ [ENVELOPE_VERSION]: 6 });
  const request: SyncRequest = {
    sessionNonce: reader.bytes('session nonce', 16),
    counter: reader.uint('counter', 1),
    author: reader.author('author'),
    signature: reader.bytes('signature', 64),
    message: reader.bytes('message', 0, MAX_SYNC_BYTES),
  };
  reader.end();
  return request;
}

/** (wire) Most bytes that `decodeRequestHead` reads. */
export const MAX_REQUEST_HEAD_BYTES = 64;

/**
 * Who claims to send a request, and under which request nonce. It reads the first MAX_REQUEST_HEAD_BYTES of a request,
 * or all of a shorter one. LatticeError `malformed` or `unknown-version`.
 */
export function decodeRequestHead(bytes: Bytes): Pick<SyncRequest, 'sessionNonce' | 'counter' | 'author'> {
  const reader = createWireReader('sync request', bytes, MAX_ENVELOPE_BYTES);
  reader.open({ [ENVELOPE_VERSION]: 6 });
  return {
    sessionNonce: reader.bytes('session nonce', 16),
    counter: reader.uint('counter', 1),
    author: reader.author('author'),
  };
}

/** The answer to one request (SPEC X4). */
export interface SyncResponse {
  readonly author: Author;
  /** 64 bytes, by `author` over `responseSigningBytes`. */
  readonly signature: Bytes;
  /** An encoded sync message. When decoded, it is a view of the input. */
  readonly message: Bytes;
}

/**
 * The bytes that a response's signature covers: the hash of the message, and the hash of what the request's signature
 * is over, so that a response answers one request only.
 */
export function responseSigningBytes(requestSigning: Bytes, message: Bytes, hasher: Hasher): Bytes {
  return concatBytes(RESPONSE_DOMAIN, encodeCbor([hasher.hash(requestSigning), hasher.hash(message)]));
}

/** The bytes of a response. RangeError when a field is out of bounds. */
export function encodeResponse(response: SyncResponse): Bytes {
  const { author, signature, message } = response;
  return checked(encodeCborBefore([ENVELOPE_VERSION, authorBytes(author), signature], message), decodeResponse);
}

/** Checks structure and bounds, but not the signature. LatticeError `malformed` or `unknown-version`. */
export function decodeResponse(bytes: Bytes): SyncResponse {
  const reader = createWireReader('sync response', bytes, MAX_ENVELOPE_BYTES);
  reader.open({ [ENVELOPE_VERSION]: 4 });
  const response: SyncResponse = {
    author: reader.author('author'),
    signature: reader.bytes('signature', 64),
    message: reader.bytes('message', 0, MAX_SYNC_BYTES),
  };
  reader.end();
  return response;
}
