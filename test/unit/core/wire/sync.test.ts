import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Bytes,
  compareBytes,
  type Hlc,
  MAX_FRAGMENT_BYTES,
  MAX_OPERATIONS,
  MAX_QUERIES,
  MAX_SYNC_BYTES,
  MAX_WANTS,
  REFUSALS,
} from '../../../../src/core/types/index.ts';
import type { About } from '../../../../src/core/wire/about.ts';
import { MAX_CELLS, PREFIX_CELLS } from '../../../../src/core/wire/cells.ts';
import type { Difference } from '../../../../src/core/wire/differences.ts';
import { createSignedHead } from '../../../../src/core/wire/head.ts';
import { decodeSync, encodeSync, MAX_DIFFERENCES, type SyncMessage } from '../../../../src/core/wire/sync.ts';
import { encodeCbor } from '../cbor/reference.ts';
import {
  alice,
  arbitraryBytes,
  arbitraryHead,
  arbitraryHlc,
  arbitraryText,
  codeOf,
  expectRobust,
  filled,
  sampleSigned,
} from './support.ts';

const arbitraryPrefix = (minBits: number, maxBits: number) =>
  fc.tuple(fc.integer({ min: minBits / 4, max: maxBits / 4 }), arbitraryBytes(32)).map(([nibbles, hash]) => {
    const prefix = hash.slice(0, Math.ceil(nibbles / 2));
    if (nibbles % 2 === 1) prefix[prefix.length - 1] = (prefix.at(-1) as number) & 0xf0;
    return { prefix, bits: nibbles * 4 };
  });
const arbitraryChildren = fc.tuple(fc.nat(0xffff), arbitraryBytes(256)).map(([bitmap, bytes]) => ({
  bitmap,
  digests: bytes.subarray(0, 16 * bitmap.toString(2).replaceAll('0', '').length),
}));
const increasing = (hashes: Bytes[]) =>
  hashes.sort(compareBytes).filter((hash, i) => i === 0 || compareBytes(hashes[i - 1] as Bytes, hash) !== 0);
const arbitraryLeaves = fc
  .tuple(arbitraryPrefix(4, 256), fc.array(arbitraryBytes(32), { maxLength: 20 }))
  .map(([under, hashes]) => {
    const keyHashes = hashes.map((hash) => {
      const out = new Uint8Array(hash);
      out.set(under.prefix.subarray(0, under.bits >> 3));
      if (under.bits % 8 === 4)
        out[under.bits >> 3] = (under.prefix.at(-1) as number) | ((hash[under.bits >> 3] as number) & 0x0f);
      return out;
    });
    return {
      kind: 'leaves' as const,
      ...under,
      leaves: increasing(keyHashes).map((keyHash) => ({ keyHash, digest: keyHash.slice(16) })),
    };
  });
const arbitraryDifference: fc.Arbitrary<Difference> = fc.oneof(
  arbitraryLeaves,
  fc.tuple(arbitraryPrefix(4, 252), arbitraryChildren).map(([p, c]) => ({ kind: 'children' as const, ...p, ...c })),
);
const fragments = (minLength: number) => fc.array(arbitraryBytes(1, 200), { minLength, maxLength: 60 });
const arbitraryAbout: fc.Arbitrary<About> = fc.record(
  {
    name: arbitraryText(64),
    condition: fc.record({
      serves: fc.boolean(),
      readOnly: fc.array(
        arbitraryText(32).filter((text) => text !== ''),
        { maxLength: 16 },
      ),
    }),
    reads: fc.integer({ min: 1, max: 2 ** 40 }),
  },
  { requiredKeys: ['name', 'condition'] },
);
const arbitrarySync: fc.Arbitrary<SyncMessage> = fc.oneof(
  fc
    .tuple(arbitraryText(64), arbitraryHead, arbitraryHlc, fc.option(arbitraryAbout, { nil: undefined }))
    .map(([software, head, yourHlc, about]) => ({
      type: 'hello' as const,
      software,
      head: createSignedHead(head, alice.sign),
      yourHlc,
      ...(about === undefined ? {} : { about }),
    })),
  fc
    .array(
      fc.tuple(arbitraryPrefix(0, 252), arbitraryChildren).map(([p, c]) => ({ ...p, ...c })),
      { minLength: 1, maxLength: 40 },
    )
    .map((queries) => ({ type: 'digests' as const, queries })),
  fc
    .array(arbitraryDifference, { maxLength: 40 })
    .map((differences) => ({ type: 'differences' as const, differences })),
  fc
    .array(arbitraryBytes(32), { minLength: 1, maxLength: 100 })
    .map((hashes) => ({ type: 'want' as const, keyHashes: increasing(hashes) })),
  fc.record({ type: fc.constant('entries' as const), answered: fc.nat(MAX_WANTS), fragments: fragments(0) }),
  fc.record({ type: fc.constant('push' as const), live: fc.boolean(), fragments: fragments(1) }),
  fc
    .array(fc.constantFrom('held' as const, 'superseded' as const, ...REFUSALS), { maxLength: 600 })
    .map((verdicts) => ({ type: 'pushed' as const, verdicts })),
  fc.record({
    type: fc.constant('cells' as const),
    root: fc.oneof(arbitraryBytes(0), arbitraryBytes(32)),
    mine: fc.oneof(arbitraryBytes(0), arbitraryBytes(32)),
    salt: fc.oneof(arbitraryBytes(0), arbitraryBytes(8)),
    from: fc.nat(PREFIX_CELLS - MAX_CELLS),
    count: fc.integer({ min: 1, max: MAX_CELLS }),
  }),
  fc
    .tuple(arbitraryBytes(32), fc.nat(), fc.nat(300), fc.nat(300), arbitraryBytes(21 * 300))
    .map(([root, entries, from, n, bytes]) => ({
      type: 'coded' as const,
      root,
      entries,
      from,
      counts: bytes.slice(0, 4 * Math.max(0, Math.min(128, from + n) - from)),
      cells: bytes.slice(0, 21 * n),
    })),
  fc.record({
    type: fc.constant('await' as const),
    waitMs: fc.nat(1_000),
    commits: fc.array(
      fc.record({
        commit: arbitraryBytes(32),
        author: fc.constantFrom(alice.author),
        hlc: arbitraryHlc,
        keyHashes: fc.array(arbitraryBytes(32), { minLength: 1, maxLength: 5 }).map(increasing),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  fc.record({
    type: fc.constant('awaited' as const),
    receipts: fc.array(fc.record({ commit: arbitraryBytes(32), signature: arbitraryBytes(64) }), { maxLength: 5 }),
  }),
  fc.record({ type: fc.constantFrom('complete' as const, 'completed' as const), certificate: arbitraryBytes(0, 300) }),
  fc.record({ type: fc.constant('error' as const), code: arbitraryText(64), message: arbitraryText(256) }),
);

const code = (...value: unknown[]) => codeOf(() => decodeSync(encodeCbor(value)));
const hash = (first: number, last = 0) => {
  const out = filled(32, 0);
  out[0] = first;
  out[31] = last;
  return out;
};
const hashes = (n: number) => Buffer.concat(Array.from({ length: n }, (_, i) => hash(i >> 8, i & 0xff)));
const leaf = (keyHash: Bytes) => Buffer.concat([keyHash, filled(16, 4)]);

it('a full key is told as overloaded, which nodes of every version know as a refusal [S6, R9]', () => {
  const told = decodeSync(encodeSync({ type: 'pushed', verdicts: ['held', 'key-full'] }));
  expect(told).toEqual({ type: 'pushed', verdicts: ['held', 'overloaded'] });
});

const sampleHello = [1, 1, 's', sampleSigned.bytes, filled(8, 0)];
const samples: SyncMessage[] = [
  { type: 'hello', software: 'lattice/0.1.0', head: sampleSigned, yourHlc: 5n as Hlc },
  {
    type: 'hello',
    software: 'lattice/0.1.0',
    head: sampleSigned,
    yourHlc: 5n as Hlc,
    about: { name: 'oslo', condition: { serves: false, readOnly: ['clone', 'disk'] } },
  },
  {
    type: 'hello',
    software: 'lattice/0.1.0',
    head: sampleSigned,
    yourHlc: 5n as Hlc,
    about: { name: 'oslo', condition: { serves: false, readOnly: ['clone', 'disk'] }, reads: 2 },
  },
  {
    type: 'digests',
    queries: [
      { prefix: filled(0, 0), bits: 0, bitmap: 0b101, digests: filled(32, 1) },
      { prefix: Uint8Array.of(0xa0), bits: 4, bitmap: 0x8000, digests: filled(16, 1) },
    ],
  },
  {
    type: 'differences',
    differences: [
      {
        kind: 'leaves',
        prefix: Uint8Array.of(0xa0),
        bits: 4,
        leaves: [{ keyHash: hash(0xa1), digest: filled(16, 2) }],
      },
      { kind: 'children', prefix: Uint8Array.of(0xab, 0xc0), bits: 12, bitmap: 2, digests: filled(16, 3) },
    ],
  },
  { type: 'want', keyHashes: [hash(1), hash(2)] },
  { type: 'entries', answered: 2, fragments: [filled(20, 1), filled(30, 2)] },
  { type: 'push', live: true, fragments: [filled(20, 1), filled(30, 2)] },
  { type: 'pushed', verdicts: ['held', 'superseded', ...REFUSALS] },
  { type: 'error', code: 'overloaded', message: 'too many sessions — try again' },
  { type: 'cells', root: filled(32, 3), mine: filled(0, 0), salt: filled(8, 4), from: 128, count: 300 },
  { type: 'coded', root: filled(32, 3), entries: 70_000, from: 126, counts: filled(8, 1), cells: filled(63, 2) },
];

describe('await', () => {
  const named = (...counts: readonly number[]) =>
    encodeSync({
      type: 'await',
      waitMs: 0,
      commits: counts.map((count, n) => ({
        commit: filled(32, n),
        author: alice.author,
        hlc: 1n as Hlc,
        keyHashes: Array.from({ length: count }, (_, i) => Uint8Array.of(i, ...filled(31, n))),
      })),
    });

  it('names 1,024 keys at most in all of its commits [RC2, L1]', () => {
    expect(decodeSync(named(256, 256, 256, 256)).type).toBe('await');
    expect(() => named(256, 256, 256, 256, 1)).toThrow('1024 keys');
  });
});

describe('sync messages', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(arbitrarySync, (message) => {
        expect(decodeSync(encodeSync(message))).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  it.each(samples)('refuse or reproduce any other bytes ($type)', (message) => {
    expectRobust({ decode: decodeSync, encode: encodeSync }, encodeSync(message));
  });

  it('encode to their numbered arrays [S1, S2, S3, S4, S5, S6, S7, Y6, Y7]', () => {
    expect(samples.map(encodeSync)).toEqual(
      [
        [1, 1, 'lattice/0.1.0', sampleSigned.bytes, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 5)],
        [
          1,
          1,
          'lattice/0.1.0',
          sampleSigned.bytes,
          Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 5),
          'oslo',
          [false, ['clone', 'disk']],
        ],
        [
          1,
          1,
          'lattice/0.1.0',
          sampleSigned.bytes,
          Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 5),
          'oslo',
          [false, ['clone', 'disk']],
          2,
        ],
        [
          2,
          [
            [filled(0, 0), 0, 5, filled(32, 1)],
            [Uint8Array.of(0xa0), 4, 0x8000, filled(16, 1)],
          ],
        ],
        [
          3,
          [
            [Uint8Array.of(0xa0), 4, 0, Buffer.concat([hash(0xa1), filled(16, 2)])],
            [Uint8Array.of(0xab, 0xc0), 12, 1, 2, filled(16, 3)],
          ],
        ],
        [4, 32, Buffer.concat([hash(1), hash(2)])],
        [5, 2, [filled(20, 1), filled(30, 2)]],
        [6, true, [filled(20, 1), filled(30, 2)]],
        [7, Uint8Array.from({ length: 2 + REFUSALS.length }, (_, i) => i)],
        [8, 'overloaded', 'too many sessions — try again'],
        [9, filled(32, 3), filled(0, 0), filled(8, 4), 128, 300],
        [10, filled(32, 3), 70_000, 126, filled(8, 1), filled(63, 2)],
      ].map(encodeCbor),
    );
  });

  it.each<[string, unknown[], string]>([
    ['another protocol', [1, 2, 's', sampleSigned.bytes, filled(8, 0)], 'unknown-version'],
    ['software of 64 bytes', [1, 1, 's'.repeat(64), sampleSigned.bytes, filled(8, 0)], 'accepted'],
    ['software of 65 bytes', [1, 1, 's'.repeat(65), sampleSigned.bytes, filled(8, 0)], 'malformed'],
    ['a name of 65 bytes', [...sampleHello, 'n'.repeat(65), [true, []]], 'malformed'],
    ['a name without a condition', [...sampleHello, 'n'], 'malformed'],
    ['a condition of one element', [...sampleHello, 'n', [true]], 'malformed'],
    ['a seventeenth reason', [...sampleHello, 'n', [true, Array(17).fill('disk')]], 'malformed'],
    ['an empty reason', [...sampleHello, 'n', [true, ['']]], 'malformed'],
    ['a reason of 33 bytes', [...sampleHello, 'n', [true, ['r'.repeat(33)]]], 'malformed'],
    ['an eighth element', [...sampleHello, 'n', [true, []], 0], 'malformed'],
    ['a head that is none', [1, 1, 's', filled(10, 0), filled(8, 0)], 'malformed'],
    ['an hlc of 7 bytes', [1, 1, 's', sampleSigned.bytes, filled(7, 0)], 'malformed'],
    ['an hlc of 9 bytes', [1, 1, 's', sampleSigned.bytes, filled(9, 0)], 'malformed'],
  ])('hello with %s: %s', (_name, value, expected) => {
    expect(code(...value)).toBe(expected);
  });

  it.each<[string, unknown[], string]>([
    ['no bits', [filled(0, 0), 0, 0, filled(0, 0)], 'accepted'],
    ['252 bits', [Uint8Array.of(...filled(31, 1), 0xf0), 252, 0, filled(0, 0)], 'accepted'],
    ['256 bits', [filled(32, 1), 256, 0, filled(0, 0)], 'malformed'],
    ['bits that are no multiple of 4', [filled(1, 0), 5, 0, filled(0, 0)], 'malformed'],
    ['a prefix byte too many', [filled(2, 0), 8, 0, filled(0, 0)], 'malformed'],
    ['a prefix byte too few', [filled(1, 0), 12, 0, filled(0, 0)], 'malformed'],
    ['an unused prefix bit', [Uint8Array.of(0xa1), 4, 0, filled(0, 0)], 'malformed'],
    ['all sixteen children', [filled(0, 0), 0, 0xffff, filled(256, 0)], 'accepted'],
    ['a seventeenth child', [filled(0, 0), 0, 0x1_0000, filled(16, 0)], 'malformed'],
    ['a digest byte too few', [filled(0, 0), 0, 3, filled(31, 0)], 'malformed'],
    ['a digest byte too many', [filled(0, 0), 0, 3, filled(33, 0)], 'malformed'],
  ])('digests with %s: %s', (_name, query, expected) => {
    expect(code(2, [query])).toBe(expected);
  });

  it.each<[string, unknown[], string]>([
    ['no bits', [filled(0, 0), 0, 0, filled(0, 0)], 'malformed'],
    ['no leaf', [Uint8Array.of(0xa0), 4, 0, filled(0, 0)], 'accepted'],
    ['the one leaf of 256 bits', [hash(1, 2), 256, 0, leaf(hash(1, 2))], 'accepted'],
    ['260 bits', [filled(33, 0), 260, 0, filled(0, 0)], 'malformed'],
    ['children of 252 bits', [filled(32, 0), 252, 1, 1, filled(16, 0)], 'accepted'],
    ['children of 256 bits', [filled(32, 0), 256, 1, 1, filled(16, 0)], 'malformed'],
    ['increasing leaves', [Uint8Array.of(0xa0), 4, 0, Buffer.concat([leaf(hash(0xa0)), leaf(hash(0xaf))])], 'accepted'],
    [
      'decreasing leaves',
      [Uint8Array.of(0xa0), 4, 0, Buffer.concat([leaf(hash(0xaf)), leaf(hash(0xa0))])],
      'malformed',
    ],
    ['a leaf twice', [Uint8Array.of(0xa0), 4, 0, Buffer.concat([leaf(hash(0xa0)), leaf(hash(0xa0))])], 'malformed'],
    ['a leaf below its prefix', [Uint8Array.of(0xa0), 4, 0, leaf(hash(0x9f))], 'malformed'],
    ['a leaf above its prefix', [Uint8Array.of(0xa0), 4, 0, leaf(hash(0xb0))], 'malformed'],
    ['a leaf of another first byte', [Uint8Array.of(0xa0, 0), 16, 0, leaf(hash(0xa1))], 'malformed'],
    ['a leaf of 47 bytes', [Uint8Array.of(0xa0), 4, 0, leaf(hash(0xa0)).subarray(1)], 'malformed'],
    ['form 2', [Uint8Array.of(0xa0), 4, 2, filled(0, 0)], 'malformed'],
    ['leaves and more', [Uint8Array.of(0xa0), 4, 0, filled(0, 0), 0], 'malformed'],
    ['children and less', [Uint8Array.of(0xa0), 4, 1, 0], 'malformed'],
  ])('differences with %s: %s', (_name, difference, expected) => {
    expect(code(3, [difference])).toBe(expected);
  });

  it('bound their numbers of queries and differences [S3, S4, L1]', () => {
    const query = [filled(0, 0), 0, 0, filled(0, 0)];
    const difference = [Uint8Array.of(0xa0), 4, 0, filled(0, 0)];
    const copies = (n: number, item: unknown) => Array.from({ length: n }, () => item);
    expect(code(2, [])).toBe('malformed');
    expect(code(2, copies(MAX_QUERIES, query))).toBe('accepted');
    expect(code(2, copies(MAX_QUERIES + 1, query))).toBe('malformed');
    expect(code(3, [])).toBe('accepted');
    expect(code(3, copies(MAX_DIFFERENCES, difference))).toBe('accepted');
    expect(code(3, copies(MAX_DIFFERENCES + 1, difference))).toBe('malformed');
  });

  it('bound and order wants, whole or by prefix [S5, L1]', () => {
    expect(code(4, 32, filled(0, 0))).toBe('malformed');
    expect(code(4, 32, hashes(1))).toBe('accepted');
    expect(code(4, 32, hashes(1).subarray(1))).toBe('malformed');
    expect(code(4, 32, Buffer.concat([hashes(1), filled(1, 1)]))).toBe('malformed');
    expect(code(4, 32, hashes(MAX_WANTS))).toBe('accepted');
    expect(code(4, 32, hashes(MAX_WANTS + 1))).toBe('malformed');
    expect(code(4, 32, Buffer.concat([hash(1), hash(1)]))).toBe('malformed');
    expect(code(4, 32, Buffer.concat([hash(2), hash(1)]))).toBe('malformed');
    expect(code(4, 8, filled(8, 1))).toBe('accepted');
    expect(code(4, 8, filled(16, 1))).toBe('malformed');
    expect(code(4, 8, hash(1))).toBe('malformed');
    expect(code(4, 16, hash(1))).toBe('malformed');
    expect(code(4, hashes(1))).toBe('malformed');
    expect(() => encodeSync({ type: 'want', keyHashes: [filled(8, 0), hash(1)] })).toThrow(RangeError);
  });

  it('bound requests for cells [Y6, L1]', () => {
    const none = filled(0, 0);
    const ask = (root: Bytes, mine: Bytes, salt: Bytes, from: number, count: number) =>
      code(9, root, mine, salt, from, count);
    expect(ask(none, none, none, 0, 1)).toBe('accepted');
    expect(ask(filled(32, 1), filled(32, 2), filled(8, 3), 128, MAX_CELLS)).toBe('accepted');
    expect(ask(filled(31, 1), none, none, 0, 1)).toBe('malformed');
    expect(ask(none, filled(1, 1), none, 0, 1)).toBe('malformed');
    expect(ask(none, none, filled(7, 1), 0, 1)).toBe('malformed');
    expect(ask(none, none, none, 0, 0)).toBe('malformed');
    expect(ask(none, none, none, 0, MAX_CELLS + 1)).toBe('malformed');
    expect(ask(none, none, none, PREFIX_CELLS - 1, 1)).toBe('accepted');
    expect(ask(none, none, none, PREFIX_CELLS - 1, 2)).toBe('malformed');
    expect(ask(none, none, none, PREFIX_CELLS, 1)).toBe('malformed');
  });

  it('bound cells, with full counts for exactly the first 128 [Y7, L1]', () => {
    const cells = (from: number, n: number, counted: number) =>
      code(10, filled(32, 1), 5, from, filled(4 * counted, 0), filled(21 * n, 0));
    expect(cells(0, 0, 0)).toBe('accepted');
    expect(cells(0, 128, 128)).toBe('accepted');
    expect(cells(0, 128, 127)).toBe('malformed');
    expect(cells(100, 50, 28)).toBe('accepted');
    expect(cells(100, 50, 50)).toBe('malformed');
    // A byte for each cell up to 832 that a first answer does not send.
    const told = (from: number, n: number, bytes: number) =>
      code(10, filled(32, 1), 5, from, filled(512 + bytes, 0), filled(21 * n, 0));
    expect(told(0, 128, 704)).toBe('accepted');
    expect(told(0, 128, 705)).toBe('malformed');
    expect(told(0, 832, 0)).toBe('accepted');
    expect(told(0, 832, 1)).toBe('malformed');
    expect(told(0, 127, 0)).toBe('malformed');
    expect(told(1, 200, 1)).toBe('malformed');
    expect(cells(128, MAX_CELLS, 0)).toBe('accepted');
    expect(cells(128, MAX_CELLS + 1, 0)).toBe('malformed');
    expect(cells(PREFIX_CELLS - 1, 2, 0)).toBe('malformed');
    expect(code(10, filled(32, 1), 5, 128, filled(0, 0), filled(20, 0))).toBe('malformed');
    expect(code(10, filled(31, 1), 5, 128, filled(0, 0), filled(21, 0))).toBe('malformed');
  });

  it('bound entries [S5]', () => {
    expect(code(5, 0, [])).toBe('accepted');
    expect(code(5, MAX_WANTS, [filled(1, 1)])).toBe('accepted');
    expect(code(5, MAX_WANTS + 1, [])).toBe('malformed');
    expect(code(5, 1, [filled(0, 0)])).toBe('malformed');
    expect(code(5, 1, [filled(MAX_FRAGMENT_BYTES, 0)])).toBe('accepted');
    expect(code(5, 1, [filled(MAX_FRAGMENT_BYTES + 1, 0)])).toBe('malformed');
    expect(
      code(
        5,
        1,
        Array.from({ length: 8192 }, () => filled(1, 1)),
      ),
    ).toBe('accepted');
    expect(
      code(
        5,
        1,
        Array.from({ length: 8193 }, () => filled(1, 1)),
      ),
    ).toBe('malformed');
  });

  it('bound pushes and verdicts [S6]', () => {
    const copies = (n: number) => Array.from({ length: n }, () => filled(1, 1));
    expect(code(6, false, [])).toBe('malformed');
    expect(code(6, false, copies(MAX_WANTS))).toBe('accepted');
    expect(code(6, false, copies(MAX_WANTS + 1))).toBe('malformed');
    expect(code(6, 1, copies(1))).toBe('malformed');
    expect(code(7, filled(0, 0))).toBe('accepted');
    expect(code(7, filled(MAX_WANTS * MAX_OPERATIONS, 0))).toBe('accepted');
    expect(code(7, filled(MAX_WANTS * MAX_OPERATIONS + 1, 0))).toBe('malformed');
    expect(code(7, Uint8Array.of(1 + REFUSALS.length))).toBe('accepted');
    expect(code(7, Uint8Array.of(2 + REFUSALS.length))).toBe('malformed');
  });

  it('bound errors, and cut a long message instead of failing on it [S7]', () => {
    expect(code(8, 'c'.repeat(64), 'm'.repeat(256))).toBe('accepted');
    expect(code(8, 'c'.repeat(65), 'm')).toBe('malformed');
    expect(code(8, 'c', 'm'.repeat(257))).toBe('malformed');
    const long = encodeSync({ type: 'error', code: 'c', message: '—'.repeat(1000) });
    expect(decodeSync(long)).toEqual({ type: 'error', code: 'c', message: '—'.repeat(85) });
    expect(() => encodeSync({ type: 'error', code: 'c'.repeat(65), message: 'm' })).toThrow(RangeError);
  });

  it('ignore types of tomorrow and refuse other lengths of today’s [S1, B8]', () => {
    expect(code(0)).toBe('unknown-version');
    expect(code(99, { any: ['thing'] })).toBe('unknown-version');
    expect(code(2 ** 40)).toBe('unknown-version');
    expect(code()).toBe('malformed');
    expect(code('hello')).toBe('malformed');
    expect(code(-1)).toBe('malformed');
    for (const message of samples) {
      const bytes = encodeSync(message);
      const head = bytes[0] as number;
      expect(codeOf(() => decodeSync(Uint8Array.of(head + 1, ...bytes.subarray(1), 0)))).toBe('malformed');
    }
  });

  it('have at most MAX_SYNC_BYTES [S1, L1]', () => {
    const parts = Array.from({ length: 12 }, () => filled(MAX_FRAGMENT_BYTES, 1));
    const rest = MAX_SYNC_BYTES - encodeCbor([5, 1, [...parts, filled(60_000, 1)]]).length + 60_000;
    const message = encodeCbor([5, 1, [...parts, filled(rest, 1)]]);
    expect(message.length).toBe(MAX_SYNC_BYTES);
    expect(codeOf(() => decodeSync(message))).toBe('accepted');
    expect(code(5, 1, [...parts, filled(rest + 1, 1)])).toBe('malformed');
    expect(() => encodeSync({ type: 'entries', answered: 1, fragments: [...parts, filled(rest + 1, 1)] })).toThrow(
      RangeError,
    );
  });

  it('refuse deep nesting and huge announced lengths without building them [B6]', () => {
    expect(codeOf(() => decodeSync(filled(MAX_SYNC_BYTES, 0x81)))).toBe('malformed');
    expect(codeOf(() => decodeSync(Uint8Array.of(0x82, 2, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0)))).toBe('malformed');
    expect(codeOf(() => decodeSync(Uint8Array.of(0x82, 4, 0x5b, 0, 0, 0, 1, 0, 0, 0, 0)))).toBe('malformed');
  });

  it('cut a name that is too long, and keep the first sixteen reasons [S16]', () => {
    const readOnly = Array.from({ length: 17 }, (_, i) => `reason-${i}`);
    const hello = decodeSync(
      encodeSync({
        type: 'hello',
        software: 's',
        head: sampleSigned,
        yourHlc: 0n as Hlc,
        about: { name: 'å'.repeat(40), condition: { serves: true, readOnly } },
      }),
    );
    expect(hello).toMatchObject({
      about: { name: 'å'.repeat(32), condition: { serves: true, readOnly: readOnly.slice(0, 16) } },
    });
  });

  it('are never made out of bounds', () => {
    const bad: SyncMessage[] = [
      { type: 'want', keyHashes: [hash(2), hash(1)] },
      { type: 'want', keyHashes: [] },
      { type: 'push', live: false, fragments: [] },
      { type: 'entries', answered: MAX_WANTS + 1, fragments: [] },
      { type: 'digests', queries: [{ prefix: filled(1, 0), bits: 4, bitmap: 1, digests: filled(15, 0) }] },
      { type: 'hello', software: 's'.repeat(65), head: sampleSigned, yourHlc: 0n as Hlc },
    ];
    for (const message of bad) expect(() => encodeSync(message)).toThrow(RangeError);
  });
});
