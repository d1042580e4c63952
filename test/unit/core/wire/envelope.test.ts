import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, MAX_SYNC_BYTES } from '../../../../src/core/types/index.ts';
import {
  decodeIdentity,
  decodeRequest,
  decodeResponse,
  encodeIdentity,
  encodeRequest,
  encodeResponse,
  type IdentityAnswer,
  identitySigningBytes,
  MAX_ENVELOPE_BYTES,
  MAX_IDENTITY_BYTES,
  requestSigningBytes,
  responseSigningBytes,
  type SyncRequest,
  type SyncResponse,
} from '../../../../src/core/wire/envelope.ts';
import { encodeCbor } from '../cbor/reference.ts';
import {
  alice,
  arbitraryAuthor,
  arbitraryBytes,
  arbitraryText,
  bob,
  codeOf,
  expectRobust,
  filled,
  hasher,
} from './support.ts';

const identity: IdentityAnswer = {
  askerNonce: filled(16, 1),
  url: 'http://127.0.0.1:8000',
  author: alice.author,
  incarnation: filled(8, 2),
  sessionNonce: filled(16, 3),
  signature: filled(64, 4),
};
const request: SyncRequest = {
  sessionNonce: filled(16, 3),
  counter: 1,
  author: bob.author,
  signature: filled(64, 4),
  message: filled(40, 5),
};
const response: SyncResponse = { author: alice.author, signature: filled(64, 4), message: filled(40, 5) };
const tagged = (tag: string, value: unknown) => new Uint8Array(Buffer.concat([Buffer.from(tag), encodeCbor(value)]));

const arbitraryIdentity: fc.Arbitrary<IdentityAnswer> = fc.record({
  askerNonce: arbitraryBytes(16),
  url: arbitraryText(2048),
  author: arbitraryAuthor,
  incarnation: arbitraryBytes(8),
  sessionNonce: arbitraryBytes(16),
  signature: arbitraryBytes(64),
});
const arbitraryResponse: fc.Arbitrary<SyncResponse> = fc.record({
  author: arbitraryAuthor,
  signature: arbitraryBytes(64),
  message: arbitraryBytes(0, 500),
});
const arbitraryRequest: fc.Arbitrary<SyncRequest> = fc
  .tuple(arbitraryResponse, arbitraryBytes(16), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
  .map(([rest, sessionNonce, counter]) => ({ ...rest, sessionNonce, counter }));

describe('HTTP envelopes', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(arbitraryIdentity, arbitraryRequest, arbitraryResponse, (i, q, a) => {
        expect(decodeIdentity(encodeIdentity(i))).toEqual(i);
        expect(decodeRequest(encodeRequest(q))).toEqual(q);
        expect(decodeResponse(encodeResponse(a))).toEqual(a);
      }),
      { numRuns: 200 },
    );
  });

  it('refuse or reproduce any other bytes', () => {
    expectRobust({ decode: decodeIdentity, encode: encodeIdentity }, encodeIdentity(identity));
    expectRobust({ decode: decodeRequest, encode: encodeRequest }, encodeRequest(request));
    expectRobust({ decode: decodeResponse, encode: encodeResponse }, encodeResponse(response));
  });

  it('identity: the signature covers every field before it [X1]', () => {
    const fields = [1, filled(16, 1), 'http://127.0.0.1:8000', alice.publicKey, filled(8, 2), filled(16, 3)];
    expect(identitySigningBytes(identity)).toEqual(tagged('diotec360/lattice/identity/v1:', fields));
    expect(encodeIdentity(identity)).toEqual(encodeCbor([...fields, filled(64, 4)]));
  });

  it('request: the signature covers server, session nonce, counter and message [X3]', () => {
    const signing = requestSigningBytes({ server: alice.author, ...request }, hasher);
    const fields = [alice.publicKey, filled(16, 3), 1, hasher.hash(filled(40, 5))];
    expect(signing).toEqual(tagged('diotec360/lattice/sync-request/v1:', fields));
    expect(encodeRequest(request)).toEqual(
      encodeCbor([1, filled(16, 3), 1, bob.publicKey, filled(64, 4), filled(40, 5)]),
    );
  });

  it('response: the signature covers the request it answers and the message [X4]', () => {
    const signing = requestSigningBytes({ server: alice.author, ...request }, hasher);
    const fields = [hasher.hash(signing), hasher.hash(response.message)];
    expect(responseSigningBytes(signing, response.message, hasher)).toEqual(
      tagged('diotec360/lattice/sync-response/v1:', fields),
    );
    expect(encodeResponse(response)).toEqual(encodeCbor([1, alice.publicKey, filled(64, 4), filled(40, 5)]));
  });

  const identityWith = (changes: Record<number, unknown>) => {
    const fields = Object.assign(
      [1, filled(16, 1), 'u', alice.publicKey, filled(8, 2), filled(16, 3), filled(64, 4)],
      changes,
    );
    return codeOf(() => decodeIdentity(encodeCbor(fields)));
  };
  const requestWith = (changes: Record<number, unknown>) => {
    const fields = Object.assign([1, filled(16, 3), 1, bob.publicKey, filled(64, 4), filled(4, 5)], changes);
    return codeOf(() => decodeRequest(encodeCbor(fields)));
  };
  const responseWith = (changes: Record<number, unknown>) => {
    const fields = Object.assign([1, alice.publicKey, filled(64, 4), filled(4, 5)], changes);
    return codeOf(() => decodeResponse(encodeCbor(fields)));
  };

  it('bound every field one over and one under [X1, X3, X4, L1]', () => {
    const sizes: [(changes: Record<number, unknown>) => string, number, number][] = [
      [identityWith, 1, 16],
      [identityWith, 3, 32],
      [identityWith, 4, 8],
      [identityWith, 5, 16],
      [identityWith, 6, 64],
      [requestWith, 1, 16],
      [requestWith, 3, 32],
      [requestWith, 4, 64],
      [responseWith, 1, 32],
      [responseWith, 2, 64],
    ];
    for (const [decodeWith, field, size] of sizes) {
      expect(decodeWith({ [field]: filled(size, 1) })).toBe('accepted');
      expect(decodeWith({ [field]: filled(size - 1, 1) })).toBe('malformed');
      expect(decodeWith({ [field]: filled(size + 1, 1) })).toBe('malformed');
    }
    expect(identityWith({ 2: 'u'.repeat(2048) })).toBe('accepted');
    expect(identityWith({ 2: 'u'.repeat(2049) })).toBe('malformed');
    expect(requestWith({ 2: 0 })).toBe('malformed');
    expect(requestWith({ 2: Number.MAX_SAFE_INTEGER })).toBe('accepted');
    expect(requestWith({ 2: 2n ** 53n })).toBe('malformed');
    for (const [decodeWith, field] of [
      [requestWith, 5],
      [responseWith, 3],
    ] as const) {
      expect(decodeWith({ [field]: filled(0, 0) })).toBe('accepted');
      expect(decodeWith({ [field]: filled(MAX_SYNC_BYTES, 0) })).toBe('accepted');
      expect(decodeWith({ [field]: filled(MAX_SYNC_BYTES + 1, 0) })).toBe('malformed');
    }
  });

  it('ignore versions of tomorrow [B8]', () => {
    for (const [decodeWith, length] of [
      [identityWith, 7],
      [requestWith, 6],
      [responseWith, 4],
    ] as const) {
      expect(decodeWith({ 0: 2 })).toBe('unknown-version');
      expect(decodeWith({ 0: 0 })).toBe('unknown-version');
      expect(decodeWith({ 0: 2, [length]: 'more' })).toBe('unknown-version');
      expect(decodeWith({ [length]: 'more' })).toBe('malformed');
    }
  });

  it('bound the whole before reading it', () => {
    const over = (decode: (bytes: Bytes) => unknown, max: number) => {
      const tomorrow = (pad: number) => encodeCbor([2, filled(pad, 0)]);
      const pad = max - tomorrow(max - 20).length + max - 20;
      expect(tomorrow(pad).length).toBe(max);
      expect(codeOf(() => decode(tomorrow(pad)))).toBe('unknown-version');
      expect(codeOf(() => decode(tomorrow(pad + 1)))).toBe('malformed');
    };
    over(decodeIdentity, MAX_IDENTITY_BYTES);
    over(decodeRequest, MAX_ENVELOPE_BYTES);
    over(decodeResponse, MAX_ENVELOPE_BYTES);
  });

  it('are never made out of bounds', () => {
    expect(() => encodeIdentity({ ...identity, url: 'u'.repeat(2049) })).toThrow(RangeError);
    expect(() => encodeIdentity({ ...identity, url: '\ud800' })).toThrow(RangeError);
    expect(() => encodeRequest({ ...request, counter: 0 })).toThrow(RangeError);
    expect(() => encodeResponse({ ...response, message: filled(MAX_SYNC_BYTES + 1, 0) })).toThrow(RangeError);
  });
});
