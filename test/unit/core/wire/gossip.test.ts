import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, MAX_FRAGMENT_BYTES, MAX_GOSSIP_BYTES } from '../../../../src/core/types/index.ts';
import { decodeGossip, encodeGossip, type GossipMessage } from '../../../../src/core/wire/gossip.ts';
import { createSignedHead } from '../../../../src/core/wire/head.ts';
import { encodeCbor } from '../cbor/reference.ts';
import {
  alice,
  arbitraryBytes,
  arbitraryHead,
  arbitraryText,
  codeOf,
  expectRobust,
  filled,
  sampleSigned,
} from './support.ts';

const arbitraryGossip: fc.Arbitrary<GossipMessage> = fc.oneof(
  fc
    .array(arbitraryBytes(1, 300), { minLength: 1, maxLength: 256 })
    .map((fragments) => ({ type: 'commits' as const, fragments })),
  arbitraryHead.map((head) => ({ type: 'head' as const, head: createSignedHead(head, alice.sign) })),
  arbitraryText(128).map((cursor) => ({ type: 'cursor' as const, cursor })),
  arbitraryText(256).map((reason) => ({ type: 'reset' as const, reason })),
);
const stream = (bytes: Bytes) => decodeGossip(bytes, { stream: true });
const gossip = (bytes: Bytes) => decodeGossip(bytes, { stream: false });
const code = (value: unknown, decode = stream) => codeOf(() => decode(encodeCbor(value)));

describe('gossip messages', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(arbitraryGossip, (message) => {
        expect(stream(encodeGossip(message))).toEqual(message);
      }),
      { numRuns: 200 },
    );
  });

  it('encode to their numbered arrays [G2]', () => {
    expect(encodeGossip({ type: 'commits', fragments: [filled(2, 1)] })).toEqual(encodeCbor([1, [filled(2, 1)]]));
    expect(encodeGossip({ type: 'head', head: sampleSigned })).toEqual(encodeCbor([2, sampleSigned.bytes]));
    expect(encodeGossip({ type: 'cursor', cursor: 'c' })).toEqual(encodeCbor([3, 'c']));
    expect(encodeGossip({ type: 'reset', reason: 'r' })).toEqual(encodeCbor([4, 'r']));
  });

  it.each<GossipMessage>([
    { type: 'commits', fragments: [filled(30, 1), filled(3, 2), filled(256, 3)] },
    { type: 'head', head: sampleSigned },
    { type: 'cursor', cursor: 'aé😀:12' },
    { type: 'reset', reason: 'the journal does not go back that far' },
  ])('refuse or reproduce any other bytes ($type)', (message) => {
    expectRobust({ decode: stream, encode: encodeGossip }, encodeGossip(message));
  });

  it('allow cursor and reset on push streams only [G2]', () => {
    for (const message of [
      [3, 'c'],
      [4, 'r'],
    ]) {
      expect(code(message, stream)).toBe('accepted');
      expect(code(message, gossip)).toBe('malformed');
    }
    expect(code([1, [filled(1, 1)]], gossip)).toBe('accepted');
    expect(code([2, sampleSigned.bytes], gossip)).toBe('accepted');
  });

  it.each<[string, unknown, string]>([
    ['no fragment', [1, []], 'malformed'],
    ['256 fragments', [1, Array.from({ length: 256 }, () => filled(1, 1))], 'accepted'],
    ['257 fragments', [1, Array.from({ length: 257 }, () => filled(1, 1))], 'malformed'],
    ['an empty fragment', [1, [filled(0, 1)]], 'malformed'],
    ['a fragment of the largest size', [1, [filled(MAX_FRAGMENT_BYTES, 1)]], 'accepted'],
    ['a fragment one byte larger', [1, [filled(MAX_FRAGMENT_BYTES + 1, 1)]], 'malformed'],
    ['fragments that are no bytes', [1, ['x']], 'malformed'],
    ['a cursor of 128 bytes', [3, 'x'.repeat(128)], 'accepted'],
    ['a cursor of 129 bytes', [3, 'x'.repeat(129)], 'malformed'],
    ['a reason of 256 bytes', [4, 'x'.repeat(256)], 'accepted'],
    ['a reason of 257 bytes', [4, 'x'.repeat(257)], 'malformed'],
    ['a type of tomorrow', [8, { any: 'thing' }], 'unknown-version'],
    ['a large type of tomorrow', [1000], 'unknown-version'],
    ['type 0', [0, 1], 'unknown-version'],
    ['a head of tomorrow', [2, encodeCbor([encodeCbor([2, 'x']), filled(64, 1)])], 'unknown-version'],
    ['a known type with more fields', [1, [filled(1, 1)], 0], 'malformed'],
    ['a known type without fields', [1], 'malformed'],
    ['an empty array', [], 'malformed'],
    ['a type that is no number', ['commits', []], 'malformed'],
    ['a map', { a: 1 }, 'malformed'],
    ['text', 'commits', 'malformed'],
  ])('with %s: %s', (_name, value, expected) => {
    expect(code(value)).toBe(expected);
  });

  it('have at most MAX_GOSSIP_BYTES [G1, L1]', () => {
    const large = filled(MAX_FRAGMENT_BYTES, 1);
    const rest = MAX_GOSSIP_BYTES - encodeCbor([1, [large, filled(1000, 1)]]).length + 1000;
    expect(encodeCbor([1, [large, filled(rest, 1)]]).length).toBe(MAX_GOSSIP_BYTES);
    expect(code([1, [large, filled(rest, 1)]])).toBe('accepted');
    expect(code([1, [large, filled(rest + 1, 1)]])).toBe('malformed');
    expect(codeOf(() => gossip(filled(MAX_GOSSIP_BYTES + 1, 0x81)))).toBe('malformed');
  });

  it('are never made out of bounds, and a long reason is cut', () => {
    expect(() => encodeGossip({ type: 'commits', fragments: [] })).toThrow(RangeError);
    expect(() => encodeGossip({ type: 'commits', fragments: [filled(80_000, 1), filled(80_000, 1)] })).toThrow(
      RangeError,
    );
    expect(() => encodeGossip({ type: 'cursor', cursor: 'x'.repeat(129) })).toThrow(RangeError);
    expect(() => encodeGossip({ type: 'cursor', cursor: '\udc00' })).toThrow(RangeError);
    expect(stream(encodeGossip({ type: 'reset', reason: `${'x'.repeat(255)}é` }))).toEqual({
      type: 'reset',
      reason: 'x'.repeat(255),
    });
  });

  it('take fragments that are Buffers', () => {
    expect(encodeGossip({ type: 'commits', fragments: [Buffer.from('ab')] })).toEqual(
      encodeCbor([1, [Uint8Array.of(0x61, 0x62)]]),
    );
  });
});
