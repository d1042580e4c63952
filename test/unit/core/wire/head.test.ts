import { createHash, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Author, Bytes, Hlc } from '../../../../src/core/types/index.ts';
import {
  createSignedHead,
  decodeSignedHead,
  encodeHeadPayload,
  headSigningBytes,
  MAX_HEAD_BYTES,
  trustHash,
} from '../../../../src/core/wire/head.ts';
import { encodeCbor } from '../cbor/reference.ts';
import {
  alice,
  arbitraryHead,
  bob,
  codeOf,
  expectRobust,
  filled,
  hasher,
  sampleHead,
  sampleSigned,
} from './support.ts';

const payload = (changes: Record<number, unknown> = {}): unknown[] => {
  const fields: unknown[] = [
    1,
    'lattice-test',
    alice.publicKey,
    filled(8, 7),
    300,
    filled(8, 1),
    filled(32, 9),
    70_000,
    filled(32, 5),
    1_700_000_000_123,
  ];
  for (const [i, value] of Object.entries(changes)) fields[Number(i)] = value;
  return fields;
};
const signed = (fields: unknown[]): Bytes => encodeCbor([encodeCbor(fields), filled(64, 3)]);
const decoded = (fields: unknown[]) => codeOf(() => decodeSignedHead(signed(fields)));

describe('signed head', () => {
  it('round trips every field [E1]', () => {
    fc.assert(
      fc.property(arbitraryHead, (head) => {
        const made = createSignedHead(head, alice.sign);
        expect(made.head).toEqual(head);
        expect(decodeSignedHead(made.bytes)).toEqual(made);
      }),
      { numRuns: 100 },
    );
  });

  it('is signed over the domain tag and the payload [E2]', () => {
    const message = Buffer.concat([Buffer.from('diotec360/lattice/head/v1:'), encodeHeadPayload(sampleHead)]);
    expect(Buffer.from(headSigningBytes(sampleSigned.payloadBytes))).toEqual(message);
    expect(verify(null, message, alice.keyObject, sampleSigned.signature)).toBe(true);
  });

  it('refuses or reproduces any other bytes', () => {
    expectRobust(
      {
        decode: decodeSignedHead,
        encode: (head: typeof sampleSigned) => createSignedHead(head.head, () => head.signature).bytes,
      },
      sampleSigned.bytes,
    );
  });

  it.each<[string, Record<number, unknown>, string]>([
    ['as it should be', {}, 'accepted'],
    ['another version', { 0: 2 }, 'unknown-version'],
    ['another version with more fields', { 0: 2, 10: 'more' }, 'unknown-version'],
    ['a version that is no number', { 0: 'one' }, 'malformed'],
    ['a field too many', { 10: 0 }, 'malformed'],
    ['network of 128 bytes', { 1: 'é'.repeat(64) }, 'accepted'],
    ['network of 129 bytes', { 1: `${'é'.repeat(64)}x` }, 'malformed'],
    ['no network', { 1: '' }, 'malformed'],
    ['author of 31 bytes', { 2: filled(31, 1) }, 'malformed'],
    ['author of 33 bytes', { 2: filled(33, 1) }, 'malformed'],
    ['incarnation of 7 bytes', { 3: filled(7, 1) }, 'malformed'],
    ['incarnation of 9 bytes', { 3: filled(9, 1) }, 'malformed'],
    ['sequence 0', { 4: 0 }, 'accepted'],
    ['sequence 2^53 − 1', { 4: Number.MAX_SAFE_INTEGER }, 'accepted'],
    ['sequence 2^53', { 4: 2n ** 53n }, 'malformed'],
    ['sequence −1', { 4: -1 }, 'malformed'],
    ['sequence 0.5', { 4: 0.5 }, 'malformed'],
    ['hlc zero', { 5: filled(8, 0) }, 'accepted'],
    ['hlc of 7 bytes', { 5: filled(7, 0) }, 'malformed'],
    ['hlc as a number', { 5: 5 }, 'malformed'],
    ['root of 31 bytes', { 6: filled(31, 0) }, 'malformed'],
    ['root of 33 bytes', { 6: filled(33, 0) }, 'malformed'],
    ['entries −1', { 7: -1 }, 'malformed'],
    ['trust hash of 31 bytes', { 8: filled(31, 0) }, 'malformed'],
    ['trust hash of 33 bytes', { 8: filled(33, 0) }, 'malformed'],
    ['wall time −1', { 9: -1 }, 'malformed'],
  ])('payload with %s: %s', (_name, changes, code) => {
    expect(decoded(payload(changes))).toBe(code);
  });

  it('refuses signatures of 63 and 65 bytes, and what is not a pair', () => {
    const bytes = encodeCbor(payload());
    for (const length of [63, 65])
      expect(codeOf(() => decodeSignedHead(encodeCbor([bytes, filled(length, 1)])))).toBe('malformed');
    expect(codeOf(() => decodeSignedHead(encodeCbor([bytes])))).toBe('malformed');
    expect(codeOf(() => decodeSignedHead(encodeCbor([bytes, filled(64, 1), 0])))).toBe('malformed');
    expect(codeOf(() => decodeSignedHead(encodeCbor({ a: 1 })))).toBe('malformed');
  });

  it('reads an unknown version up to 512 bytes and nothing longer [E2, B8, L1]', () => {
    const padded = (pad: number) => signed([2, filled(pad, 0)]);
    const atLimit = padded(MAX_HEAD_BYTES - padded(300).length + 300);
    expect(atLimit.length).toBe(MAX_HEAD_BYTES);
    expect(codeOf(() => decodeSignedHead(atLimit))).toBe('unknown-version');
    const over = padded(MAX_HEAD_BYTES - padded(300).length + 301);
    expect(over.length).toBe(MAX_HEAD_BYTES + 1);
    expect(codeOf(() => decodeSignedHead(over))).toBe('malformed');
  });

  it('does not hold on to the message it came in', () => {
    const message = new Uint8Array(10_000);
    message.set(sampleSigned.bytes, 100);
    const head = decodeSignedHead(message.subarray(100, 100 + sampleSigned.bytes.length));
    message.fill(0);
    expect(head).toEqual(sampleSigned);
    expect(head.head.root.buffer.byteLength).toBeLessThanOrEqual(MAX_HEAD_BYTES);
  });

  it('is never made out of bounds', () => {
    expect(() => encodeHeadPayload({ ...sampleHead, network: 'x'.repeat(129) })).toThrow(RangeError);
    expect(() => encodeHeadPayload({ ...sampleHead, network: 'x\ud800' })).toThrow(RangeError);
    expect(() => encodeHeadPayload({ ...sampleHead, author: 'ab' as Author })).toThrow(RangeError);
    expect(() => encodeHeadPayload({ ...sampleHead, root: filled(31, 0) })).toThrow(RangeError);
    expect(() => encodeHeadPayload({ ...sampleHead, sequence: 1.5 })).toThrow(RangeError);
    expect(() => encodeHeadPayload({ ...sampleHead, hlc: (2n ** 64n) as Hlc })).toThrow(RangeError);
    expect(() => createSignedHead(sampleHead, () => filled(63, 0))).toThrow(RangeError);
  });
});

describe('trust hash', () => {
  const expected = (...keys: Bytes[]) =>
    new Uint8Array(createHash('sha256').update('diotec360/lattice/trust/v1:').update(Buffer.concat(keys)).digest());

  it('covers the keys in byte order, whatever the order of the list [E3]', () => {
    const sorted = [alice.publicKey, bob.publicKey].sort((a, b) => Buffer.compare(a, b));
    expect(trustHash([alice.author, bob.author], hasher)).toEqual(expected(...sorted));
    expect(trustHash([bob.author, alice.author], hasher)).toEqual(expected(...sorted));
  });

  it('counts an author once and knows the empty list [E3]', () => {
    expect(trustHash([alice.author, alice.author], hasher)).toEqual(expected(alice.publicKey));
    expect(trustHash([], hasher)).toEqual(expected());
  });
});
