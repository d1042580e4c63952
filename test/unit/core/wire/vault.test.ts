import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, compareBytes, MAX_SYNC_BYTES } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync, type SyncMessage } from '../../../../src/core/wire/sync.ts';
import {
  type BlocksRequest,
  MAX_BLOCKS_ANSWER,
  MAX_HAVE,
  MAX_LEAVES,
  type VaultMessage,
} from '../../../../src/core/wire/vault.ts';
import { encodeCbor } from '../cbor/reference.ts';
import { arbitraryBytes, codeOf, expectRobust, filled } from './support.ts';

const BLOCK = 65_536;
const hash = filled(32, 7);
const codec = { decode: decodeSync, encode: (message: SyncMessage) => encodeSync(message) };
const increasing = (hashes: readonly Bytes[]): Bytes[] =>
  hashes.toSorted(compareBytes).filter((one, i, all) => i === 0 || compareBytes(all[i - 1] as Bytes, one) !== 0);
const part = (type: 'leaves' | 'blocks', most: number): fc.Arbitrary<SyncMessage> =>
  fc
    .record({ hash: arbitraryBytes(32), first: fc.nat(2 ** 20 - 1), count: fc.integer({ min: 1, max: most }) })
    .map((fields) => ({ type, ...fields }));

const arbitrary: fc.Arbitrary<SyncMessage> = fc.oneof(
  fc
    .array(arbitraryBytes(32), { minLength: 1, maxLength: 20 })
    .map((hashes) => ({ type: 'have' as const, hashes: increasing(hashes) })),
  fc
    .array(fc.constantFrom('none' as const, 'partly' as const, 'whole' as const), { minLength: 1, maxLength: 40 })
    .map((holdings) => ({ type: 'held' as const, holdings })),
  part('leaves', MAX_LEAVES),
  part('blocks', MAX_BLOCKS_ANSWER),
  fc.integer({ min: 1, max: 9 }).map((count) => ({ type: 'leaf-hashes' as const, leaves: filled(32 * count, 5) })),
  fc.integer({ min: 1, max: 300 }).map((length) => ({ type: 'block-bytes' as const, bytes: filled(length, 3) })),
);

describe('messages of the vault', () => {
  it('come back as they were [S1, U7, U8, U9]', () => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        expect(decodeSync(encodeSync(message))).toEqual(message);
      }),
    );
  });

  it.each<VaultMessage>([
    { type: 'have', hashes: [filled(32, 1), filled(32, 2)] },
    { type: 'held', holdings: ['none', 'partly', 'whole'] },
    { type: 'leaves', hash, first: 3, count: 5 },
    { type: 'leaf-hashes', leaves: filled(64, 9) },
    { type: 'blocks', hash, first: 0, count: 15 },
    { type: 'block-bytes', bytes: filled(100, 1) },
  ])('$type is read exactly or refused', (message) => {
    expectRobust(codec, encodeSync(message));
  });

  it('fit into one message at their greatest', () => {
    const hashes = Array.from({ length: MAX_HAVE }, (_, i) => {
      const out = filled(32, 0);
      new DataView(out.buffer).setUint32(0, i);
      return out;
    });
    for (const message of [
      { type: 'have', hashes },
      { type: 'leaf-hashes', leaves: filled(32 * MAX_LEAVES, 1) },
      { type: 'block-bytes', bytes: filled(MAX_BLOCKS_ANSWER * BLOCK, 1) },
    ] as const)
      expect(encodeSync(message).length).toBeLessThanOrEqual(MAX_SYNC_BYTES);
  });

  it.each<[string, readonly unknown[]]>([
    ['no hash', [17, new Uint8Array(0)]],
    ['part of a hash', [17, filled(33, 1)]],
    ['one hash twice', [17, filled(64, 1)]],
    ['too many hashes', [17, filled(32 * (MAX_HAVE + 1), 1)]],
    ['no holding', [18, new Uint8Array(0)]],
    ['an unknown holding', [18, Uint8Array.of(3)]],
    ['a short hash', [19, filled(31, 1), 0, 1]],
    ['no leaves', [19, hash, 0, 0]],
    ['too many leaves', [19, hash, 0, MAX_LEAVES + 1]],
    ['a leaf beyond the largest content', [19, hash, 2 ** 20, 1]],
    ['part of a leaf', [20, filled(33, 1)]],
    ['no leaf', [20, new Uint8Array(0)]],
    ['no blocks', [21, hash, 0, 0]],
    ['too many blocks', [21, hash, 0, MAX_BLOCKS_ANSWER + 1]],
    ['no bytes', [22, new Uint8Array(0)]],
    ['too many bytes', [22, filled(MAX_BLOCKS_ANSWER * BLOCK + 1, 1)]],
    ['one element too many', [21, hash, 0, 1, 0]],
  ])('with %s are malformed', (_, items) => {
    expect(codeOf(() => decodeSync(encodeCbor(items as never)))).toBe('malformed');
  });

  it('beyond their bounds are not made', () => {
    const request: BlocksRequest = { type: 'blocks', hash, first: 0, count: MAX_BLOCKS_ANSWER + 1 };
    expect(() => encodeSync(request)).toThrow(RangeError);
    expect(() => encodeSync({ type: 'have', hashes: [filled(31, 1)] })).toThrow(RangeError);
  });
});
