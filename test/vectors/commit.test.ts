import { readFileSync, writeFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Context,
  concatBytes,
  type Fragment,
  type Hlc,
  type Operation,
} from '../../src/core/types/index.ts';
import {
  commitId,
  commitSigningBytes,
  createCommit,
  decodeFragment,
  decodeHeader,
  decodeOperation,
  encodeFragment,
  encodeHeader,
  encodeOperation,
  operationLeafHash,
  opsRoot,
  pickOperations,
  proveOperations,
} from '../../src/core/wire/index.ts';
import { encodeCbor } from '../unit/core/cbor/reference.ts';
import { bytesOf, codeOf, hasher, testKey } from '../unit/core/wire/commits.ts';

const FILE = new URL('./commit.json', import.meta.url);

/** The hashes of a proof, each of them in hex. */
const hashesOf = (proof: Bytes): string[] => bytesToHex(proof).match(/.{64}/g) ?? [];

interface InvalidVector {
  readonly name: string;
  readonly hex: string;
  readonly code: string;
}

interface CommitVector {
  readonly name: string;
  readonly hlc: string;
  readonly operations: readonly { readonly json: unknown; readonly hex: string; readonly leafHash: string }[];
  readonly opsRoot: string;
  readonly header: string;
  readonly id: string;
  readonly signature: string;
  readonly fragment: string;
  /** The operation at index 1 alone, where there is one. */
  readonly proofOf1?: readonly string[];
  readonly fragmentOf1?: string;
}

interface Vectors {
  readonly note: string;
  readonly testSeed: string;
  readonly author: string;
  readonly network: string;
  readonly domain: string;
  readonly commits: readonly CommitVector[];
  readonly invalidOperations: readonly InvalidVector[];
  readonly invalidHeaders: readonly InvalidVector[];
  readonly invalidFragments: readonly InvalidVector[];
}

const KEY = testKey(1);
const NETWORK = 'lattice/test-vectors';
const A = '11'.repeat(32) as Author;
const B = 'ee'.repeat(32) as Author;
const CONTEXT: Context = [
  { author: A, hlc: 0x0190_0000_0000_0000n as Hlc },
  { author: B, hlc: 0x0190_0000_0000_ffffn as Hlc },
];
const VALUE = {
  text: 'é\u{1f600}\ufeff',
  numbers: [
    0, -1, 23, 24, -25, 255, 256, 65_535, 65_536, 4_294_967_296, 9_007_199_254_740_991, -9_007_199_254_740_991, 0.1,
    -2.5, 5e-324,
  ],
  empty: [null, true, false, '', [], {}],
  link: { '/': 'x', bytes: 'x' },
  aa: 1,
  b: 2,
};

const SOURCES: readonly { name: string; hlc: bigint; operations: readonly Operation[] }[] = [
  { name: 'one put', hlc: 0x0190_0000_0000_0001n, operations: [{ kind: 'put', key: 'a', value: 1, context: [] }] },
  {
    name: 'three operations with context',
    hlc: 0x0190_0000_0001_0000n,
    operations: [
      { kind: 'put', key: 'clés/1', value: VALUE, context: CONTEXT },
      { kind: 'put', key: 'b', value: 'two', context: [] },
      { kind: 'delete', key: 'c', context: CONTEXT.slice(0, 1) },
    ],
  },
  { name: 'one delete', hlc: 0xffff_ffff_ffff_ffffn, operations: [{ kind: 'delete', key: 'a', context: CONTEXT }] },
];

const jsonOf = (operation: Operation): unknown => ({
  ...operation,
  context: operation.context.map(({ author, hlc }) => ({ author, hlc: hlc.toString(16).padStart(16, '0') })),
});

function commitVector(source: (typeof SOURCES)[number]): CommitVector {
  const fragment = createCommit(
    { network: NETWORK, author: KEY.author, hlc: source.hlc as Hlc, operations: source.operations },
    hasher,
    KEY.sign,
  );
  const part = fragment.operations.length > 1 ? pickOperations(fragment, [1], hasher) : undefined;
  return {
    name: source.name,
    hlc: source.hlc.toString(16).padStart(16, '0'),
    operations: fragment.operations.map(({ bytes, operation }) => ({
      json: jsonOf(operation),
      hex: bytesToHex(bytes),
      leafHash: bytesToHex(operationLeafHash(bytes, hasher)),
    })),
    opsRoot: bytesToHex(fragment.header.opsRoot),
    header: bytesToHex(fragment.headerBytes),
    id: fragment.id,
    signature: bytesToHex(fragment.signature),
    fragment: bytesToHex(encodeFragment(fragment)),
    ...(part && { proofOf1: hashesOf(part.proof), fragmentOf1: bytesToHex(encodeFragment(part)) }),
  };
}

/** A put of key "k" whose value is the CBOR `value` and whose context is `context`, both in hex. */
const putHex = (value: string, context = '40') => `8400616b${value}${context}`;
const contextHex = (...dots: readonly (readonly [author: string, hlc: string])[]): string =>
  bytesToHex(encodeCbor(bytesOf(dots.map(([author, hlc]) => author + hlc).join(''))));

function invalidOperations(): InvalidVector[] {
  const one = '0000000000000001';
  const cases: [string, string][] = [
    ['map keys out of order', putHex('a2616201616102')],
    ['longer map key before a shorter one', putHex('a262616101616202')],
    ['duplicate map key', putHex('a2616101616102')],
    ['integer as map key', putHex('a10101')],
    ['__proto__ as map key', putHex('a1695f5f70726f746f5f5f01')],
    ['half float 1.5', putHex('f93e00')],
    ['single float 1.5', putHex('fa3fc00000')],
    ['1.0 as double', putHex('fb3ff0000000000000')],
    ['0.0 as double', putHex('fb0000000000000000')],
    ['-0 as double', putHex('fb8000000000000000')],
    ['NaN', putHex('fb7ff8000000000000')],
    ['Infinity', putHex('fb7ff0000000000000')],
    ['1e300 as double', putHex('fb7e37e43c8800759c')],
    ['2^53 as double', putHex('fb4340000000000000')],
    ['integer 2^53', putHex('1b0020000000000000')],
    ['integer -2^53', putHex('3b001fffffffffffff')],
    ['integer 2^64-1', putHex('1bffffffffffffffff')],
    ['integer 1 in two bytes', putHex('1801')],
    ['integer 1 in nine bytes', putHex('1b0000000000000001')],
    ['text length in two bytes', putHex('780161')],
    ['invalid UTF-8', putHex('61ff')],
    ['overlong UTF-8', putHex('62c0af')],
    ['lone surrogate in UTF-8', putHex('63eda080')],
    ['invalid UTF-8 in a map key', putHex('a161ff01')],
    ['indefinite array', putHex('9f01ff')],
    ['indefinite map', putHex('bf616101ff')],
    ['indefinite text', putHex('7f6161ff')],
    ['break alone', putHex('ff')],
    ['undefined', putHex('f7')],
    ['simple value 255', putHex('f8ff')],
    ['tag', putHex('c101')],
    ['link', putHex('d82a450001550000')],
    ['bytes as value', putHex('4101')],
    ['nesting 33 deep', putHex(`${'81'.repeat(33)}00`)],
    ['array longer than the bytes', putHex('9affffffff')],
    ['trailing byte', `${putHex('01')}00`],
    ['missing context', '8400616b01'],
    ['context as text', putHex('01', '60')],
    ['context of 39 bytes', putHex('01', `5827${'11'.repeat(39)}`)],
    ['context with authors out of order', putHex('01', contextHex([B, one], [A, one]))],
    ['context with an author twice', putHex('01', contextHex([A, one], [A, one]))],
    ['context with a zero HLC', putHex('01', contextHex([A, '0000000000000000']))],
    ['empty key', '8400600140'],
    ['key of 1,025 bytes', `8400790401${'61'.repeat(1025)}0140`],
    ['key as bytes', '8400416b0140'],
    ['kind 2', '8402616b0140'],
    ['put of three items', '8300616b01'],
    ['delete of four items', '8401616b0140'],
    ['not an array', 'a0'],
    ['no bytes', ''],
  ];
  return cases.map(([name, hex]) => ({ name, hex, code: 'malformed' }));
}

function invalidHeaders(): InvalidVector[] {
  const good: readonly unknown[] = [1, 'n', bytesOf(A), bytesOf('0000000000000001'), 1, new Uint8Array(32)];
  const withItem = (at: number, item: unknown) => bytesToHex(encodeCbor(good.map((old, i) => (i === at ? item : old))));
  const goodHex = bytesToHex(encodeCbor(good));
  return [
    { name: 'version 3', hex: withItem(0, 3), code: 'unknown-version' },
    { name: 'version 0', hex: withItem(0, 0), code: 'unknown-version' },
    {
      name: 'version 3 of another form',
      hex: bytesToHex(encodeCbor([3, { anything: [1.5] }])),
      code: 'unknown-version',
    },
    { name: 'version as text', hex: withItem(0, '1'), code: 'malformed' },
    { name: 'version in two bytes', hex: goodHex.replace(/^8601/, '861801'), code: 'malformed' },
    { name: 'empty network', hex: withItem(1, ''), code: 'malformed' },
    { name: 'network of 129 bytes', hex: withItem(1, 'x'.repeat(129)), code: 'malformed' },
    { name: 'author of 31 bytes', hex: withItem(2, new Uint8Array(31)), code: 'malformed' },
    { name: 'HLC of 7 bytes', hex: withItem(3, new Uint8Array(7).fill(1)), code: 'malformed' },
    { name: 'HLC zero', hex: withItem(3, new Uint8Array(8)), code: 'malformed' },
    { name: 'HLC as integer', hex: withItem(3, 1), code: 'malformed' },
    { name: 'count 0', hex: withItem(4, 0), code: 'malformed' },
    { name: 'count 257', hex: withItem(4, 257), code: 'malformed' },
    { name: 'root of 33 bytes', hex: withItem(5, new Uint8Array(33)), code: 'malformed' },
    { name: 'seven items', hex: bytesToHex(encodeCbor([...good, 0])), code: 'malformed' },
    { name: 'five items', hex: bytesToHex(encodeCbor(good.slice(0, 5))), code: 'malformed' },
    { name: 'trailing byte', hex: `${goodHex}00`, code: 'malformed' },
  ];
}

function invalidFragments(): InvalidVector[] {
  const whole = createCommit(
    {
      network: NETWORK,
      author: KEY.author,
      hlc: 0x0190_0000_0000_0001n as Hlc,
      operations: ['a', 'b', 'c'].map((key) => ({ kind: 'put', key, value: 1, context: [] })),
    },
    hasher,
    KEY.sign,
  );
  const part = pickOperations(whole, [1], hasher);
  interface Raw {
    header: Bytes;
    signature: Bytes;
    indices: readonly number[];
    operations: readonly Bytes[];
    proof: Bytes;
  }
  const rawOf = (fragment: Fragment): Raw => ({
    header: fragment.headerBytes,
    signature: fragment.signature,
    indices: fragment.operations.map(({ index }) => index),
    operations: fragment.operations.map(({ bytes }) => bytes),
    proof: fragment.proof,
  });
  const hex = (fragment: Fragment, change: Partial<Raw> = {}): string => {
    const raw = { ...rawOf(fragment), ...change };
    const indices = Uint8Array.from(raw.indices.flatMap((i) => [i >> 8, i & 255]));
    return bytesToHex(encodeCbor([raw.header, raw.signature, indices, raw.operations, raw.proof]));
  };
  const { operations, proof } = rawOf(part);
  const [a, b, c] = rawOf(whole).operations as [Bytes, Bytes, Bytes];
  const flipped = proof.slice();
  flipped[0] = (flipped[0] as number) ^ 1;
  /** Whatever the operations are, header and root fit them. */
  const forged = (ops: readonly Bytes[]): string => {
    const header = encodeHeader({ ...whole.header, count: ops.length, opsRoot: opsRoot(ops, hasher) });
    return hex(whole, {
      header,
      signature: KEY.sign(commitSigningBytes(header)),
      indices: ops.map((_, i) => i),
      operations: ops,
    });
  };
  const ownContext = bytesOf(putHex('01', contextHex([KEY.author, '0000000000000001'])));
  const cases: [string, string][] = [
    ['wrong proof hash', hex(part, { proof: flipped })],
    ['proof hash missing', hex(part, { proof: proof.slice(32) })],
    ['proof hash left over', hex(part, { proof: concatBytes(proof, new Uint8Array(32)) })],
    ['proof of 63 bytes', hex(part, { proof: proof.slice(1) })],
    ['proof of a whole commit', hex(whole, { proof: new Uint8Array(32) })],
    ['another index', hex(part, { indices: [0] })],
    ['index beyond the count', hex(part, { indices: [3] })],
    ['indices out of order', hex(whole, { indices: [1, 0, 2] })],
    ['index twice', hex(whole, { indices: [0, 0, 2] })],
    ['more indices than operations', hex(whole, { operations: [a, b] })],
    ['more operations than indices', hex(whole, { indices: [0, 1] })],
    ['operations out of order', hex(whole, { operations: [b, a, c] })],
    ['no operations', hex(part, { indices: [], operations: [], proof: whole.header.opsRoot })],
    ['operation replaced', hex(part, { operations: [a] })],
    ['operation that is malformed', forged([bytesOf(putHex('f7'))])],
    ['key twice', forged([a, bytesOf('840061610240')])],
    ["author's own dot in a context", forged([ownContext])],
    ['dot as new as the commit in a context', forged([bytesOf(putHex('01', contextHex([A, '0190000000000001'])))])],
    ['signature of 63 bytes', hex(part, { signature: part.signature.slice(1) })],
    [
      'indices of 3 bytes',
      bytesToHex(encodeCbor([part.headerBytes, part.signature, new Uint8Array(3), operations, proof])),
    ],
    [
      'six items',
      bytesToHex(encodeCbor([part.headerBytes, part.signature, Uint8Array.of(0, 1), operations, proof, 0])),
    ],
    ['four items', bytesToHex(encodeCbor([part.headerBytes, part.signature, Uint8Array.of(0, 1), operations]))],
    [
      'signature length in three bytes',
      hex(part).replace(`5840${bytesToHex(part.signature)}`, `590040${bytesToHex(part.signature)}`),
    ],
    [
      'indefinite list of operations',
      hex(part).replace(`81${bytesToHex(encodeCbor(b))}`, `9f${bytesToHex(encodeCbor(b))}ff`),
    ],
    ['trailing byte', `${hex(part)}00`],
  ];
  const later = encodeCbor([3, NETWORK, bytesOf(A), 'of another form']);
  return [
    ...cases.map(([name, bytes]) => ({ name, hex: bytes, code: 'malformed' })),
    { name: 'header of version 3', hex: hex(part, { header: later }), code: 'unknown-version' },
    {
      name: 'header of version 3 in another form of fragment',
      hex: bytesToHex(encodeCbor([later, 'more'])),
      code: 'unknown-version',
    },
  ];
}

function generate(): Vectors {
  return {
    note: 'Everything in hex. testSeed is an Ed25519 seed for tests only. id = SHA-256(domain ‖ header); signature = Ed25519 over (domain ‖ header). fragmentOf1 holds the operation at index 1 alone. Decoding each invalid entry must fail with its code.',
    testSeed: bytesToHex(KEY.seed),
    author: KEY.author,
    network: NETWORK,
    domain: 'diotec360/lattice/commit/v1:',
    commits: SOURCES.map(commitVector),
    invalidOperations: invalidOperations(),
    invalidHeaders: invalidHeaders(),
    invalidFragments: invalidFragments(),
  };
}

if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(FILE, `${JSON.stringify(generate(), null, 2)}\n`);
const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;

describe('golden vectors: commits', () => {
  it('are what this code generates', () => {
    expect(JSON.parse(JSON.stringify(generate()))).toEqual(vectors);
  });

  it.each(vectors.commits.map((vector) => [vector.name, vector] as const))(
    '%s: bytes, hashes, id and signature agree [O1, H1, H3, H4, H5, F1]',
    (_, vector) => {
      const message = concatBytes(new TextEncoder().encode(vectors.domain), bytesOf(vector.header));
      expect(bytesToHex(hasher.hash(message))).toBe(vector.id);
      expect(bytesToHex(commitId(bytesOf(vector.header), hasher))).toBe(vector.id);
      const seed = bytesOf(vectors.testSeed);
      expect(bytesToHex(ed25519.getPublicKey(seed))).toBe(vectors.author);
      expect(bytesToHex(ed25519.sign(message, seed))).toBe(vector.signature);
      expect(bytesToHex(KEY.sign(message))).toBe(vector.signature);

      const operations = vector.operations.map(({ hex }) => bytesOf(hex));
      for (const { json, hex, leafHash } of vector.operations) {
        expect(jsonOf(decodeOperation(bytesOf(hex)))).toEqual(json);
        expect(bytesToHex(encodeOperation(decodeOperation(bytesOf(hex))))).toBe(hex);
        expect(bytesToHex(hasher.hash(bytesOf(`00${hex}`)))).toBe(leafHash);
      }
      expect(bytesToHex(opsRoot(operations, hasher))).toBe(vector.opsRoot);
      expect(bytesToHex(encodeHeader(decodeHeader(bytesOf(vector.header))))).toBe(vector.header);

      const whole = decodeFragment(bytesOf(vector.fragment), hasher);
      expect(whole.id).toBe(vector.id);
      expect(bytesToHex(encodeFragment(whole))).toBe(vector.fragment);
      if (vector.proofOf1 === undefined || vector.fragmentOf1 === undefined) return;
      const leaves = vector.operations.map(({ leafHash }) => bytesOf(leafHash));
      expect(hashesOf(proveOperations(leaves, [1], hasher))).toEqual(vector.proofOf1);
      const part = decodeFragment(bytesOf(vector.fragmentOf1), hasher);
      expect(part.operations.map(({ index }) => index)).toEqual([1]);
      expect(part.id).toBe(vector.id);
      expect(bytesToHex(encodeFragment(part))).toBe(vector.fragmentOf1);
    },
  );
});

describe('golden vectors: what must be refused', () => {
  it.each(vectors.invalidOperations.map(({ name, hex, code }) => [name, hex, code] as const))(
    'operation: %s [O1, O2, V1, V4, V5]',
    (_, hex, code) => {
      expect(codeOf(() => decodeOperation(bytesOf(hex)))).toBe(code);
    },
  );
  it.each(vectors.invalidHeaders.map(({ name, hex, code }) => [name, hex, code] as const))(
    'header: %s [H1, H2, H6]',
    (_, hex, code) => {
      expect(codeOf(() => decodeHeader(bytesOf(hex)))).toBe(code);
    },
  );
  it.each(vectors.invalidFragments.map(({ name, hex, code }) => [name, hex, code] as const))(
    'fragment: %s [F1, F2, F3, O3, O4]',
    (_, hex, code) => {
      expect(codeOf(() => decodeFragment(bytesOf(hex), hasher))).toBe(code);
    },
  );
});
