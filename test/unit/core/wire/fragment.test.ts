import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Fragment,
  type Hlc,
  LatticeError,
  type Operation,
  type Sibling,
} from '../../../../src/core/types/index.ts';
import {
  commitId,
  commitSigningBytes,
  createCommit,
  decodeFragment,
  encodeFragment,
  encodeOperation,
  fragmentToSiblings,
  pickOperations,
  siblingsToFragments,
} from '../../../../src/core/wire/index.ts';
import { encodeCbor } from '../cbor/reference.ts';
import { codeOf, commitAndSubset, commitOf, hasher, KEY, signatureHolds } from './commits.ts';

const put = (key: string, value: string | number = 1): Operation => ({ kind: 'put', key, value, context: [] });
const puts = (n: number, value: string | number = 1): Operation[] =>
  Array.from({ length: n }, (_, i) => put(`key/${i}`, value));

function verified(fragment: Fragment): boolean {
  return signatureHolds(fragment.header.author, commitSigningBytes(fragment.headerBytes), fragment.signature);
}

/** Decodes damaged bytes: refused, or no longer the author's. Anything else would be a forgery. */
function expectNoForgery(bytes: Bytes): void {
  let fragment: Fragment;
  try {
    fragment = decodeFragment(bytes, hasher);
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    expect(['malformed', 'unknown-version']).toContain(error.code);
    return;
  }
  expect(bytesToHex(commitId(fragment.headerBytes, hasher))).toBe(fragment.id);
  expect(verified(fragment)).toBe(false);
}

describe('commit', () => {
  it('is signed over the domain and the header, and decodes to itself [H4, H5]', () => {
    const fragment = commitOf([
      put('a'),
      { kind: 'delete', key: 'b', context: [{ author: 'ff'.repeat(32) as Author, hlc: 7n as Hlc }] },
    ]);
    expect(verified(fragment)).toBe(true);
    expect(fragment.proof).toHaveLength(0);
    expect(decodeFragment(encodeFragment(fragment), hasher)).toEqual(fragment);
  });

  it.each<[string, readonly Operation[], string]>([
    ['no operation', [], 'empty-commit'],
    ['257 operations', puts(257), 'commit-too-large'],
    ['operations over 64 KiB', puts(5, 'x'.repeat(16_000)), 'commit-too-large'],
    ['a repeated key', [put('a'), put('b'), put('a')], 'duplicate-key'],
    [
      "the author's own dot in a context",
      [{ ...put('a'), context: [{ author: KEY.author, hlc: 1n as Hlc }] }],
      'invalid-context',
    ],
    ['a bad key', [put('')], 'invalid-key'],
    ['a bad value', [put('a', Number.NaN)], 'invalid-value'],
  ])('is refused with %s', (_, operations, code) => {
    expect(codeOf(() => commitOf(operations))).toBe(code);
  });

  it('is not signed for a bad network or clock [H1, H2]', () => {
    expect(codeOf(() => commitOf([put('a')], { network: '' }))).toBe('invalid-header');
    expect(codeOf(() => commitOf([put('a')], { hlc: 0n as Hlc }))).toBe('invalid-header');
  });

  it('holds operations of exactly 64 KiB in all, and no byte more [O4, L1]', () => {
    const sized = (last: number) => [
      ...puts(3, 'x'.repeat(16_000)),
      put('key/3', 'x'.repeat(16_000)),
      put('key/4', 'x'.repeat(last)),
    ];
    const total = (fragment: Fragment) => fragment.operations.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const slack = 65_536 - total(commitOf(sized(1000)));
    const fragment = commitOf(sized(1000 + slack));
    expect(total(fragment)).toBe(65_536);
    expect(decodeFragment(encodeFragment(fragment), hasher)).toEqual(fragment);
    expect(codeOf(() => commitOf(sized(1001 + slack)))).toBe('commit-too-large');
  });

  it('says what peers will read: -0 as 0 [B7]', () => {
    expect(Object.is(commitOf([put('a', -0)]).operations[0]?.operation.value, 0)).toBe(true);
  });
});

describe('fragment', () => {
  it('round trips, whole and in part (property) [F1, B7]', () => {
    fc.assert(
      fc.property(commitAndSubset(), ([fragment, indices]) => {
        expect(decodeFragment(encodeFragment(fragment), hasher)).toEqual(fragment);
        const part = pickOperations(fragment, indices, hasher);
        expect(part.operations.map(({ index }) => index)).toEqual(indices);
        expect(part.id).toBe(fragment.id);
        expect(decodeFragment(encodeFragment(part), hasher)).toEqual(part);
      }),
      { numRuns: 300 },
    );
  });

  it('has the bytes that the DAG-CBOR library gives to the same array [F1]', () => {
    const whole = commitOf(puts(5));
    const { headerBytes, signature, operations, proof } = pickOperations(whole, [1, 4], hasher);
    const raw = [headerBytes, signature, Uint8Array.of(0, 1, 0, 4), operations.map(({ bytes }) => bytes), proof];
    expect(proof).toHaveLength(2 * 32);
    expect(bytesToHex(encodeFragment(pickOperations(whole, [1, 4], hasher)))).toBe(bytesToHex(encodeCbor(raw)));
  });

  it('can be picked from again, to the same bytes as from the whole (property) [F5]', () => {
    fc.assert(
      fc.property(
        commitAndSubset().chain(([fragment, indices]) =>
          fc.tuple(fc.constant(fragment), fc.constant(indices), fc.subarray(indices, { minLength: 1 })),
        ),
        ([fragment, indices, fewer]) => {
          const direct = pickOperations(fragment, fewer, hasher);
          expect(pickOperations(pickOperations(fragment, indices, hasher), fewer, hasher)).toEqual(direct);
        },
      ),
      { numRuns: 100 },
    );
    expect(() => pickOperations(pickOperations(commitOf(puts(3)), [0, 1], hasher), [2], hasher)).toThrow(RangeError);
  });

  it('with any single bit flipped is refused or no longer signed [F3, H5]', () => {
    const fragment = pickOperations(
      commitOf([
        put('a', 'one'),
        put('b', 2.5),
        { kind: 'delete', key: 'c', context: [{ author: 'ff'.repeat(32) as Author, hlc: 7n as Hlc }] },
      ]),
      [0, 2],
      hasher,
    );
    const bytes = encodeFragment(fragment);
    expect(fragment.proof).toHaveLength(32);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expectNoForgery(damaged);
    }
  });

  it('with a bit flipped, a byte set, cut or lengthened is refused or no longer signed (property)', () => {
    const damage = fc.record({
      place: fc.nat(),
      kind: fc.constantFrom('flip', 'set', 'cut', 'lengthen'),
      byte: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(commitAndSubset(6), damage, ([fragment, indices], { place, kind, byte }) => {
        const bytes = encodeFragment(pickOperations(fragment, indices, hasher));
        const at = place % bytes.length;
        if (kind === 'cut') return expectNoForgery(bytes.slice(0, at));
        if (kind === 'lengthen') return expectNoForgery(Buffer.concat([bytes, Uint8Array.of(byte)]));
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] as number) ^ (kind === 'flip' ? 1 << (byte & 7) : byte);
        return expectNoForgery(damaged);
      }),
      { numRuns: 300 },
    );
  });

  it('from random bytes never throws anything but LatticeError (property) [B6]', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['malformed', 'unknown-version']).toContain(codeOf(() => decodeFragment(bytes, hasher)));
      }),
      { numRuns: 300 },
    );
  });

  it('beyond 80 KiB is refused before it is read [F4, L1]', () => {
    expect(() => decodeFragment(new Uint8Array(80 * 1024 + 1), hasher)).toThrow(/at most 81920 bytes/);
  });

  it('whose operations take more than 64 KiB is refused although it is signed [F4]', () => {
    const operations = puts(5, 'x'.repeat(14_000));
    const bytes = operations.map((operation) => encodeOperation(operation));
    expect(() => decodeFragment(encodeFragment(forgeCommit(bytes, operations)), hasher)).toThrow(/at most 65536 bytes/);
    expect(
      decodeFragment(encodeFragment(forgeCommit(bytes.slice(1), operations.slice(1))), hasher).operations,
    ).toHaveLength(4);
  });

  it('with a header of another version is unknown, however else its form has changed [F6, B8]', () => {
    const header = encodeCbor([3, { anything: true }]);
    expect(codeOf(() => decodeFragment(encodeCbor([header]), hasher))).toBe('unknown-version');
    expect(codeOf(() => decodeFragment(encodeCbor([header, 1, 'x', [], {}, null]), hasher))).toBe('unknown-version');
  });

  it('decodes from a Node Buffer to plain bytes', () => {
    const fragment = commitOf(puts(2));
    const decoded = decodeFragment(Buffer.from(encodeFragment(fragment)), hasher);
    expect(decoded).toEqual(fragment);
    expect(decoded.signature.constructor).toBe(Uint8Array);
  });
});

describe('siblings of a fragment', () => {
  it('stand alone: each is a valid fragment of one operation (property) [F5]', () => {
    fc.assert(
      fc.property(commitAndSubset(), ([fragment, indices]) => {
        const siblings = fragmentToSiblings(pickOperations(fragment, indices, hasher), hasher);
        expect(siblings).toEqual(fragmentToSiblings(fragment, hasher).filter(({ index }) => indices.includes(index)));
        for (const sibling of siblings) {
          const [alone] = siblingsToFragments([sibling], hasher);
          expect(alone).toEqual(pickOperations(fragment, [sibling.index], hasher));
          expect(decodeFragment(encodeFragment(alone as Fragment), hasher)).toEqual(alone);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('come back together as the same fragment, in any order and repeated (property) [F5]', () => {
    fc.assert(
      fc.property(commitAndSubset(40), fc.infiniteStream(fc.nat()), ([fragment, indices], random) => {
        const part = pickOperations(fragment, indices, hasher);
        const siblings = fragmentToSiblings(part, hasher);
        const ranked = [...siblings, ...siblings.slice(0, 2)].map((sibling) => ({
          sibling,
          rank: random.next().value,
        }));
        const shuffled = ranked.sort((a, b) => a.rank - b.rank).map(({ sibling }) => sibling);
        expect(siblingsToFragments(shuffled, hasher)).toEqual([part]);
      }),
      { numRuns: 300 },
    );
  });

  it('of several commits are grouped in order of first appearance', () => {
    const [a, b] = [commitOf(puts(3), { hlc: 5n as Hlc }), commitOf(puts(2), { hlc: 6n as Hlc })];
    const [a0, , a2] = fragmentToSiblings(a, hasher) as [Sibling, Sibling, Sibling];
    const [b0, b1] = fragmentToSiblings(b, hasher) as [Sibling, Sibling];
    const fragments = siblingsToFragments([b1, a2, b0, a0], hasher);
    expect(fragments).toEqual([b, pickOperations(a, [0, 2], hasher)]);
    expect(siblingsToFragments([], hasher)).toEqual([]);
  });

  it('whose author signed too large a commit, or a key twice, are split so that each fragment is valid [F5, O4]', () => {
    const honest = fragmentToSiblings(commitOf(puts(6, 'x'.repeat(9_000))), hasher);
    // The operations are not in the signed bytes: nothing but honesty keeps a commit within its limit when its
    // operations travel alone.
    const forge = (operations: readonly Operation[]): Sibling[] =>
      fragmentToSiblings(
        forgeCommit(
          operations.map((operation) => encodeOperation(operation)),
          operations,
        ),
        hasher,
      );
    const large = siblingsToFragments(forge(puts(10, 'x'.repeat(16_000))), hasher);
    expect(large.map(({ operations }) => operations.map(({ index }) => index))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    const twice = siblingsToFragments(forge([put('a', 1), put('a', 2), put('b')]), hasher);
    expect(twice.map(({ operations }) => operations.map(({ index }) => index))).toEqual([[0, 2], [1]]);
    for (const fragment of [...large, ...twice])
      expect(decodeFragment(encodeFragment(fragment), hasher)).toEqual(fragment);
    expect(siblingsToFragments(honest, hasher)).toHaveLength(1);
  });

  it('that went bad on disk are not sent: damaged-row', () => {
    const siblings = fragmentToSiblings(commitOf(puts(5)), hasher);
    const [first] = siblings as [Sibling];
    const flipped = (bytes: Bytes) => {
      const out = bytes.slice();
      out[out.length - 1] = (out[out.length - 1] as number) ^ 1;
      return out;
    };
    const cases: Partial<Sibling>[] = [
      { operationBytes: flipped(first.operationBytes) },
      { proof: flipped(first.proof) },
      { proof: first.proof.slice(32) },
      { proof: first.proof.slice(1) },
      { index: 1 },
      { index: 9 },
      { commit: flipped(first.commit) },
      { headerBytes: flipped(first.headerBytes) },
      { headerBytes: new Uint8Array(3) },
    ];
    for (const damage of cases)
      expect(codeOf(() => siblingsToFragments([{ ...first, ...damage }], hasher))).toBe('damaged-row');
  });
});

/** A commit that `createCommit` would refuse, as its author could sign it. */
function forgeCommit(bytes: readonly Bytes[], operations: readonly Operation[]): Fragment {
  const small = createCommit(
    { network: 'n', author: KEY.author, hlc: 9n as Hlc, operations: operations.map((_, i) => put(`${i}`)) },
    hasher,
    KEY.sign,
  );
  const ops = operations.map((operation, index) => ({ index, bytes: bytes[index] as Bytes, operation }));
  const opsRootOf = rootOf(bytes);
  const headerBytes = encodeCbor([
    1,
    'n',
    Buffer.from(KEY.author, 'hex'),
    new Uint8Array([0, 0, 0, 0, 0, 0, 0, 9]),
    bytes.length,
    opsRootOf,
  ]);
  const idBytes = commitId(headerBytes, hasher);
  return {
    ...small,
    id: bytesToHex(idBytes) as Fragment['id'],
    idBytes,
    header: { ...small.header, opsRoot: opsRootOf },
    headerBytes,
    signature: KEY.sign(commitSigningBytes(headerBytes)),
    operations: ops,
  };
}

function rootOf(bytes: readonly Bytes[]): Bytes {
  let level = bytes.map((op) => hasher.hash(Buffer.concat([Uint8Array.of(0), op])));
  // Pairing neighbours and carrying an odd last one up gives the same tree as splitting at powers of two.
  while (level.length > 1) {
    const next: Bytes[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i] as Bytes, level[i + 1]];
      next.push(right === undefined ? left : hasher.hash(Buffer.concat([Uint8Array.of(1), left, right])));
    }
    level = next;
  }
  return level[0] as Bytes;
}
